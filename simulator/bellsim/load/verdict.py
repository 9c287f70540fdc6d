"""What counts as flat. Pure: samples in, figures and sentences out.

A slope is the median of the slopes between all pairs of samples (Theil and Sen): one sample in a backup, or a
quarter of them, does not move it.
"""

from collections.abc import Sequence
from statistics import median
from typing import Any

DAY_S = 86_400
# By so much a day, and in a run that is too short to tell what a day is: by so much in all. Reasons:
# 2 MB a day fill what a Pi with 1 GB has free in most of a year, and it is restarted for updates before that. One
# forgotten byte for each heartbeat of 2,000 bells is 3 MB, one forgotten object for each is a hundred. In a short run
# SQLite's page caches, 2 MB a connection, are still filling.
RSS_MB = (2.0, 4.0)
# Of some 90,000 that a gateway holds. What is forgotten with each of a day's presses is more.
OBJECTS = (3_000.0, 3_000.0)
# Counted things go up and down by one; what leaks them, with every heartbeat, press or backup, is at 24 or more.
ONES = (1.0, 1.0)
SPAN_MIN_S = DAY_S // 2
# A heartbeat changes rows and adds none: one byte of each would be 3 MB a day. Eight pages are the splits of an index.
HEARTBEAT_B = 1.0
SPLITS_B = 8 * 8_192
COUNTED = ("tasks", "threads", "files")
QUEUES = ("store", "intake", "lanes")


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """The median slope of (x, y) over all pairs with different x; 0 without such a pair."""
    slopes = [
        (after[1] - before[1]) / (after[0] - before[0])
        for number, before in enumerate(points)
        for after in points[number + 1 :]
        if after[0] != before[0]
    ]
    return median(slopes) if slopes else 0.0


def per_day(samples: Sequence[dict[str, Any]], name: str) -> float:
    """By how much this figure rises a day. Each sample has at_s."""
    return theil_sen([(one["at_s"], one[name]) for one in samples]) * DAY_S


def course(samples: Sequence[dict[str, Any]], name: str, digits: int = 2) -> dict[str, float]:
    """first, last, max and slope_per_day of one figure."""
    values = [one[name] for one in samples]
    said = {"first": values[0], "last": values[-1], "max": max(values), "slope_per_day": per_day(samples, name)}
    return {key: round(value, digits) for key, value in said.items()}


def at_most_per_day(limit: tuple[float, float], samples: Sequence[dict[str, Any]]) -> float:
    """The limit for a slope. limit: (a day, in all in a short run)."""
    span_s = samples[-1]["at_s"] - samples[0]["at_s"]
    return limit[0] if span_s >= SPAN_MIN_S else round(limit[1] * DAY_S / max(span_s, 1), 1)


def goals(samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    """{figure: at most} for `goals.judge`, of a result with `courses` in it."""
    limits = {"rss_mb": RSS_MB, "objects": OBJECTS, **{name: ONES for name in COUNTED}}
    most = {f"{name}.slope_per_day": at_most_per_day(limit, samples) for name, limit in limits.items()}
    return most | {f"queues_left.{name}": 0 for name in QUEUES}


def at_most_per_heartbeat(heartbeats: int) -> float:
    """The limit for the database's growth by a heartbeat, when so many were looked at."""
    return round(max(HEARTBEAT_B, SPLITS_B / max(heartbeats, 1)), 1)


def courses(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything that must keep its size: memory, objects, tasks, threads, files, and what is left in the queues when
    all is done."""
    return {
        "rss_mb": course(samples, "rss_mb"),
        "objects": course(samples, "objects", 0),
        **{name: course(samples, name) for name in COUNTED},
        "queues_left": {name: max(one["queues_left"][name] for one in samples) for name in QUEUES},
    }


def grown(before: dict[str, Any], after: dict[str, Any], span_s: float) -> dict[str, Any]:
    """What the database grew by between two looks, a day and table by table: {"mb_per_day", "tables"}.

    A look: {"bytes", "tables": {name: {"bytes", "rows"}}}. Tables that grew by nothing are left out.
    """
    days = span_s / DAY_S
    tables = {}
    for name, now in after["tables"].items():
        was = before["tables"].get(name, {"bytes": 0, "rows": 0})
        more, rows = now["bytes"] - was["bytes"], now["rows"] - was["rows"]
        if more or rows:
            tables[name] = {"mb_per_day": round(more / days / 1e6, 3), "rows_per_day": round(rows / days)}
    tables = dict(sorted(tables.items(), key=lambda one: -one[1]["mb_per_day"]))
    return {"mb_per_day": round((after["bytes"] - before["bytes"]) / days / 1e6, 3), "tables": tables}


def each(before: dict[str, Any], after: dict[str, Any], tables: Sequence[str] | None, count: int) -> float | None:
    """Bytes per one of `count`, in these tables (None: the whole file); None without a count."""
    if tables is None:
        more = after["bytes"] - before["bytes"]
    else:
        more = sum(after["tables"][name]["bytes"] - before["tables"][name]["bytes"] for name in tables)
    return round(more / count, 1) if count else None
