"""The figures of the reports page: counts, response times, false alarms, availability, test presses.

Each figure is one statement that walks a table once; none needs an index, so no press pays for a report. A span is
half open, [from_ms, until_ms); what an incident counts for is when it was opened.
"""

from collections.abc import Sequence
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Row, Tx
from bellgate.store.bell_history import PRESSED

# How an incident ended, as seen from the bell's honesty. "duplicate" and "test" say nothing about it.
FALSE = ("accidental", "prank", "device_fault")
TRUE = ("genuine",)
UNKNOWN = ("nobody_found",)
STEPS = ("presented", "acknowledged", "dispatched", "closed")
PERCENTILES = (50, 90, 95, 99)
# While one of these lines was open, the gateway could not take an alarm.
DEAF = ("broker_down", "not_listening", "store_failing", "disk_readonly")
# A city has some thousand bells; more rows than this are no page any more, and a file of them is cut with a word.
BELLS_MAX = 5_000


@frozen
class Span:
    """Which incidents and bells. areas: of whoever asks; area: what they chose besides."""

    from_ms: int
    until_ms: int
    areas: Areas = EVERYWHERE
    area: Areas = EVERYWHERE

    def where(self, site: str, moment: str | None = None) -> tuple[str, list[Any]]:
        """SQL that is true for rows whose `site` (and `moment`) are in here, and its values."""
        parts: list[str] = []
        values: list[Any] = []
        for areas in (self.areas, self.area):
            part, more = condition(areas, site)
            parts.append(part)
            values += more
        if moment is not None:
            parts.append(f"{moment} >= ? AND {moment} < ?")
            values += [self.from_ms, self.until_ms]
        return " AND ".join(parts), values


def counts(tx: Tx, span: Span) -> list[Row]:
    """what, test, disposition (None: open), n."""
    where, values = span.where("site", "opened_ms")
    rows = tx.all(
        f"SELECT what, test, disposition, COUNT(*) AS n FROM incident WHERE {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        values,
    )
    return [row | {"test": bool(row["test"])} for row in rows]


def per_day(tx: Tx, span: Span, midnights: Sequence[int]) -> list[Row]:
    """day (its place among the midnights), real, tests, genuine, false, of each day; midnights: Unix ms, one more
    than days, because the days of a year are not all 24 hours long."""
    day, starts = _day(midnights)
    where, values = span.where("site", "opened_ms")
    rows = tx.all(
        f"SELECT {day} AS day, SUM(1 - test) AS real, SUM(test) AS tests, "
        f"SUM(CASE WHEN test = 0 AND disposition IN {_list(TRUE)} THEN 1 ELSE 0 END) AS genuine, "
        f"SUM(CASE WHEN test = 0 AND disposition IN {_list(FALSE)} THEN 1 ELSE 0 END) AS false_ "
        f"FROM incident WHERE {where} GROUP BY 1 ORDER BY 1",
        (*starts, *values),
    )
    found = {row["day"]: row for row in rows}
    nothing: Row = {"real": 0, "tests": 0, "genuine": 0, "false_": 0}
    return [nothing | {"day": number} | found.get(number, {}) for number in range(len(midnights) - 1)]


def _day(midnights: Sequence[int]) -> tuple[str, list[int]]:
    """SQL for the place of opened_ms among these midnights: one branch for each run of days of the same length."""
    branches: list[str] = []
    values: list[int] = []
    first = 0
    for number in range(len(midnights) - 1):
        length = midnights[number + 1] - midnights[number]
        if number + 2 < len(midnights) and midnights[number + 2] - midnights[number + 1] == length:
            continue
        branches.append("WHEN opened_ms < ? THEN ? + (opened_ms - ?) / ?")
        values += [midnights[number + 1], first, midnights[first], length]
        first = number + 1
    return f"CASE {' '.join(branches)} END", values


# The moment of the press, of a real incident that was not merged into another one; an emptied signal has no moment.
_PRESSED = "CASE WHEN s.received_ms > 0 THEN s.occurred_ms ELSE i.opened_ms END"
# When each step was first reached. Whoever sends help at once has taken it on.
_REACHED = (
    f"SELECT i.id, MIN({_PRESSED}) AS pressed_ms, MIN(i.closed_ms) AS closed_ms, "
    "MIN(CASE WHEN a.act = 'presented' THEN a.at_ms END) AS presented_ms, "
    "MIN(CASE WHEN a.act <> 'presented' THEN a.at_ms END) AS acknowledged_ms, "
    "MIN(CASE WHEN a.act = 'dispatch' THEN a.at_ms END) AS dispatched_ms "
    "FROM incident i LEFT JOIN signal s ON s.id = i.first_signal "
    "LEFT JOIN audit a ON a.incident_id = i.id AND a.act IN ('presented', 'acknowledge', 'dispatch') "
    "WHERE i.test = 0 AND i.merged_into IS NULL AND {where} GROUP BY i.id"
)


def response(tx: Tx, span: Span) -> list[dict[str, Any]]:
    """From the press to each of STEPS: step, total, reached, never, p50 … p99 (ms, None if none reached it) and
    curve: [[ms, how many reached it by then], …], at most 100 points.

    Percentiles are nearest-rank: a time that some incident really took. A clock that was set between press and step
    can make it negative: that counts as 0.
    """
    where, values = span.where("i.site", "i.opened_ms")
    taken = " UNION ALL ".join(
        f"SELECT {number} AS step, CASE WHEN {name}_ms < pressed_ms THEN 0 ELSE {name}_ms - pressed_ms END AS ms "
        f"FROM reached WHERE {name}_ms IS NOT NULL"
        for number, name in enumerate(STEPS)
    )
    rows = tx.all(
        f"WITH reached AS ({_REACHED.format(where=where)}), taken AS ({taken}), "
        "ranked AS (SELECT step, ms, ROW_NUMBER() OVER (PARTITION BY step ORDER BY ms) AS place, "
        "COUNT(*) OVER (PARTITION BY step) AS n FROM taken) "
        # Of each hundredth the one that stands there, and how many there are at all.
        "SELECT step, ms, place, n FROM ranked WHERE (100 * place / n) * n > 100 * (place - 1) "
        "UNION ALL SELECT -1, 0, 0, COUNT(*) FROM reached ORDER BY 1, 3",
        values,
    )
    total = next(row["n"] for row in rows if row["step"] == -1)
    return [
        _percentiles(name, total, [row for row in rows if row["step"] == number]) for number, name in enumerate(STEPS)
    ]


def _percentiles(name: str, total: int, rows: list[Row]) -> dict[str, Any]:
    reached = rows[0]["n"] if rows else 0
    at = {row["place"]: row["ms"] for row in rows}
    figures = {f"p{p}": at[-(-p * reached // 100)] if reached else None for p in PERCENTILES}
    curve = [[row["ms"], row["place"]] for row in rows]
    return {"step": name, "total": total, "reached": reached, "never": total - reached, **figures, "curve": curve}


def false_alarms(tx: Tx, span: Span) -> list[Row]:
    """Of each bell with a real incident: bell_id, site, name, alarms, genuine, false_, unknown (nobody was found)."""
    where, values = span.where("i.site", "i.opened_ms")
    sums = ", ".join(
        f"SUM(CASE WHEN i.disposition IN {_list(which)} THEN 1 ELSE 0 END) AS {name}"
        for name, which in (("genuine", TRUE), ("false_", FALSE), ("unknown", UNKNOWN))
    )
    return tx.all(
        f"SELECT c.*, b.site, b.name FROM (SELECT i.bell_id, COUNT(*) AS alarms, {sums} FROM incident i "
        f"WHERE i.test = 0 AND i.merged_into IS NULL AND {where} GROUP BY i.bell_id) c "
        f"JOIN bell b ON b.bell_id = c.bell_id ORDER BY c.false_ DESC, c.bell_id LIMIT {BELLS_MAX}",
        values,
    )


def bells(tx: Tx, span: Span) -> list[Row]:
    """Of each bell that may speak: bell_id, site, name, enrolled_ms, last_seen_ms (None: never), silences (how often
    it was missed), silent_ms (for how long together), tests (presses in the span), last_test_ms (ever, up to its end).

    A silence counts from when it was noticed to when it was over, or to the end of the span.
    """
    where, values = span.where("b.site")
    quiet, times = _overlap(span)
    return tx.all(
        "SELECT b.bell_id, b.site, b.name, b.enrolled_ms, p.last_seen_ms, COALESCE(q.silences, 0) AS silences, "
        "COALESCE(q.silent_ms, 0) AS silent_ms, COALESCE(t.tests, 0) AS tests, t.last_test_ms "
        "FROM bell b LEFT JOIN presence p ON p.bell_id = b.bell_id "
        f"LEFT JOIN (SELECT subject, COUNT(*) AS silences, SUM({quiet}) AS silent_ms FROM trouble "
        "WHERE kind = 'bell_missing' AND gathers = 0 AND state <> 'rising' AND raised_ms < ? "
        "AND (cleared_ms IS NULL OR cleared_ms > ?) GROUP BY subject) q ON q.subject = b.bell_id "
        "LEFT JOIN (SELECT bell_id, SUM(CASE WHEN received_ms >= ? THEN 1 ELSE 0 END) AS tests, "
        f"MAX(received_ms) AS last_test_ms FROM signal s WHERE {PRESSED} AND received_ms < ? GROUP BY bell_id) t "
        "ON t.bell_id = b.bell_id "
        f"WHERE b.state = 'active' AND b.enrolled_ms < ? AND {where} ORDER BY b.bell_id LIMIT {BELLS_MAX}",
        (*times, span.until_ms, span.from_ms, span.from_ms, span.until_ms, span.until_ms, *values),
    )


def deaf(tx: Tx, span: Span) -> list[Row]:
    """When the gateway could not take alarms: kind, raised_ms, cleared_ms (None: still), both cut to the span."""
    return tx.all(
        "SELECT kind, CASE WHEN raised_ms < ? THEN ? ELSE raised_ms END AS raised_ms, "
        "CASE WHEN cleared_ms IS NULL OR cleared_ms > ? THEN ? ELSE cleared_ms END AS cleared_ms FROM trouble "
        f"WHERE kind IN {_list(DEAF)} AND state <> 'rising' AND raised_ms < ? "
        "AND (cleared_ms IS NULL OR cleared_ms > ?) ORDER BY raised_ms, id",
        (*([span.from_ms] * 2), *([span.until_ms] * 2), span.until_ms, span.from_ms),
    )


def _overlap(span: Span) -> tuple[str, list[int]]:
    """SQL for how long a trouble was open within the span."""
    begin, end = "CASE WHEN raised_ms < ? THEN ? ELSE raised_ms END", "CASE WHEN {} THEN ? ELSE cleared_ms END"
    end = end.format("cleared_ms IS NULL OR cleared_ms > ?")
    return f"({end}) - ({begin})", [span.until_ms, span.until_ms, span.from_ms, span.from_ms]


def _list(words: Sequence[str]) -> str:
    return f"({', '.join(repr(word) for word in words)})"
