"""The report of a span of days: what the store counted, put beside what it means. Plain values, no database."""

import math
import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.duty import Calendar
from bellgate.errors import StoreBusy
from bellgate.store import Tx, reports
from bellgate.store.reports import Span

DAY_MS = 86_400_000
# A year and the days until somebody looks at it.
DAYS_MAX = 400


@frozen
class Question:
    """first, last: days of the calendar, both whole. now_ms: nothing after it is known."""

    first: date
    last: date
    span: Span
    now_ms: int


def midnights(calendar: Calendar, first: date, last: date) -> list[int]:
    """Unix ms of the beginning of each day, and of the day after the last one."""
    return [calendar.at_ms(first + timedelta(days=day), 0) for day in range((last - first).days + 2)]


def report(
    tx: Tx, asked: Question, starts: list[int], troubles_days: int, test_every_days: int, deadline_s: float
) -> dict[str, Any]:
    """Every figure, in one picture. test_every_days: how often a bell has to be pressed as a test, 0: nobody asks.
    Raises StoreBusy when the deadline has passed: the rest is not asked."""
    end_s = time.monotonic() + deadline_s

    def ask(job: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        if time.monotonic() > end_s:
            raise StoreBusy(f"the report took longer than {deadline_s:g} s: ask for fewer days, or for one area")
        return job()

    span = asked.span
    days = ask(lambda: reports.per_day(tx, span, starts))
    bells = ask(lambda: reports.bells(tx, span))
    known_from_ms = asked.now_ms - troubles_days * DAY_MS if troubles_days else 0
    return {
        "first": asked.first,
        "last": asked.last,
        "made_ms": asked.now_ms,
        "counts": ask(lambda: reports.counts(tx, span)),
        "days": [{**row, "day": asked.first + timedelta(days=row["day"]), "false": row["false_"]} for row in days],
        "response": ask(lambda: reports.response(tx, span)),
        "false_alarms": worst_first(ask(lambda: reports.false_alarms(tx, span))),
        "test_every_days": test_every_days,
        "bells": [_bell(row, span, known_from_ms, test_every_days) for row in bells],
        "gateway": _gateway(ask(lambda: reports.deaf(tx, span)), span, known_from_ms),
    }


def worst_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Bells by their false-alarm rate; `rate` is None where nothing was judged.

    In the order of the rate that is at least behind what was seen (Wilson, 95 %): one false alarm of one does not
    stand above nine of ten.
    """
    judged = [(row, row["genuine"] + row["false_"] + row["unknown"]) for row in rows]
    ordered = sorted(
        judged, key=lambda one: (-at_least(one[0]["false_"], one[1]), -one[0]["alarms"], one[0]["bell_id"])
    )
    return [
        {**row, "false": row["false_"], "judged": n, "rate": row["false_"] / n if n else None} for row, n in ordered
    ]


def at_least(hits: int, of: int) -> float:
    """The lower end of the 95 % interval of a share (Wilson); 0 where nothing was seen."""
    if not of:
        return 0.0
    z, p = 1.96, hits / of
    return max(0.0, (p + z * z / (2 * of) - z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))) / (1 + z * z / of))


def _bell(row: dict[str, Any], span: Span, known_from_ms: int, test_every_days: int) -> dict[str, Any]:
    """heard: the share of the time since it was enrolled in which it was not missing; None: nothing can be said."""
    watched_ms = max(0, span.until_ms - max(span.from_ms, row["enrolled_ms"], known_from_ms))
    silent_ms = min(row["silent_ms"], watched_ms)
    heard = 1 - silent_ms / watched_ms if watched_ms and row["last_seen_ms"] is not None else None
    last_ms = row["last_test_ms"]
    since_ms = max(last_ms or 0, row["enrolled_ms"])
    overdue = bool(test_every_days) and span.until_ms - since_ms > test_every_days * DAY_MS
    return {**row, "watched_ms": watched_ms, "silent_ms": silent_ms, "heard": heard, "overdue": overdue}


def _gateway(rows: list[dict[str, Any]], span: Span, known_from_ms: int) -> dict[str, Any]:
    """Several faults at once count once."""
    deaf_ms, covered_ms = 0, span.from_ms
    for row in rows:
        begin_ms = max(row["raised_ms"], covered_ms)
        deaf_ms += max(0, row["cleared_ms"] - begin_ms)
        covered_ms = max(covered_ms, row["cleared_ms"])
    watched_ms = max(0, span.until_ms - max(span.from_ms, known_from_ms))
    deaf_ms = min(deaf_ms, watched_ms)
    able = 1 - deaf_ms / watched_ms if watched_ms else None
    return {"watched_ms": watched_ms, "deaf_ms": deaf_ms, "able": able, "lines": rows}
