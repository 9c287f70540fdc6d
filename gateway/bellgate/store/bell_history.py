"""What a bell's past says about it: its press tests, what its alarms turned out to be, its troubles.

A false-alarm history is shown to people and never used to suppress anything.
"""

from typing import Any

from bellgate.store import bells, troubles
from bellgate.store.areas import EVERYWHERE, Areas
from bellgate.store.base import Row, Tx

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
FALSE = ("accidental", "prank", "device_fault")
# A test that answers a command carries the command's id, and one of a door contact its zone: nobody pressed the button.
# Retention empties received_ms.
PRESSED = "s.what = 'test' AND s.received_ms > 0 AND s.zone IS NULL AND s.info NOT LIKE '%\"id\"%'"
# Real alarms, each counted once: a duplicate is counted where its signals went on.
_REAL = "handling = 'closed' AND test = 0 AND disposition NOT IN ('duplicate', 'test')"


def background(tx: Tx, bell_id: str, now_ms: int) -> dict[str, Any]:
    """In one glance, beside an incident: is the bell well, was it tested, how often was it a false alarm."""
    life = bells.presence(tx, bell_id)
    health = life.health or {}
    test = last_test(tx, bell_id)
    counts = dispositions(tx, bell_id, now_ms)
    return {
        "bell_id": bell_id,
        "last_seen_ms": life.last_seen_ms,
        "online": life.online,
        "last_test_ms": None if test is None else test["at_ms"],
        "battery_mv": health.get("bat_mv"),
        "mains": health.get("mains"),
        "rssi_dbm": health.get("rssi"),
        "firmware": health.get("fw"),
        "troubles": [row["kind"] for row in troubles.of_bell(tx, bell_id)],
        "closed_365d": sum(counts.values()),
        "false_365d": sum(counts.get(one, 0) for one in FALSE),
        "genuine_365d": counts.get("genuine", 0),
    }


def last_test(tx: Tx, bell_id: str) -> Row | None:
    """The newest press test: at_ms, stage (what the bell's lamp was told), and its incident's handling and
    disposition, None where that is gone. None: never pressed."""
    return tx.one(
        "SELECT s.received_ms AS at_ms, s.stage, s.incident_id, i.handling, i.disposition FROM signal s "
        f"LEFT JOIN incident i ON i.id = s.incident_id WHERE s.bell_id = ? AND {PRESSED} ORDER BY s.id DESC LIMIT 1",
        (bell_id,),
    )


def dispositions(tx: Tx, bell_id: str, now_ms: int) -> dict[str, int]:
    """{disposition: how many} of the alarms that were closed within a year, without tests and duplicates; those of
    the identities whose place it took among them."""
    names = bells.line(tx, bell_id)
    rows = tx.all(
        f"SELECT disposition, COUNT(*) AS n FROM incident WHERE bell_id IN ({', '.join('?' * len(names))}) "
        f"AND {_REAL} AND closed_ms > ? GROUP BY disposition",
        (*names, now_ms - YEAR_MS),
    )
    return {str(row["disposition"]): int(row["n"]) for row in rows}


def test_due_ms(row: Row, last_test_ms: int | None, every_days: int) -> int | None:
    """Until when somebody should press this bell (a row of `bells.listing`) as a test. None: nobody is asked to, by
    the settings (0 days) or because it is suspended or revoked."""
    if not every_days or row["state"] != bells.ACTIVE:
        return None
    return int(last_test_ms or row["enrolled_ms"]) + every_days * DAY_MS


def overdue(tx: Tx, now_ms: int, every_days: int) -> int:
    """How many bells nobody has pressed as a test for so many days; 0 days: nobody is asked to."""
    since_ms = now_ms - every_days * DAY_MS
    row = tx.one(
        "SELECT COUNT(*) AS n FROM bell b WHERE b.state = ? AND b.enrolled_ms < ? AND NOT EXISTS (SELECT 1 FROM "
        f"signal s WHERE s.bell_id = b.bell_id AND {PRESSED} AND s.received_ms >= ?)",
        (bells.ACTIVE, since_ms, since_ms),
    )
    return int(row["n"]) if row and every_days else 0


def listing(tx: Tx, every_days: int, areas: Areas = EVERYWHERE) -> list[dict[str, Any]]:
    """As `bells.listing`, each with its last press test (`last_test_ms`), when the next one is due (`test_due_ms`) and
    the kinds of its open `troubles`. every_days: how often a bell has to be pressed."""
    tested = {
        row["bell_id"]: row["at_ms"]
        for row in tx.all(
            "SELECT b.bell_id, (SELECT s.received_ms FROM signal s WHERE s.bell_id = b.bell_id "
            f"AND {PRESSED} ORDER BY s.id DESC LIMIT 1) AS at_ms FROM bell b"
        )
    }
    wrong = troubles.kinds_by_bell(tx)
    rows = bells.listing(tx, areas)
    for row in rows:
        row["last_test_ms"] = tested[row["bell_id"]]
        row["test_due_ms"] = test_due_ms(row, row["last_test_ms"], every_days)
        row["troubles"] = wrong.get(row["bell_id"], [])
    return rows


def cases(tx: Tx, bell_id: str, limit: int) -> list[Row]:
    """The newest incidents here, those of replaced identities and tests among them: id, bell_id, what, test, silent,
    handling, disposition, signals, opened_ms, closed_ms."""
    columns = "id, bell_id, what, test, silent, handling, disposition, signals, opened_ms, closed_ms"
    # Two questions, each along an index; one over all of a bell's incidents would cost each press an entry.
    rows: list[Row] = []
    for name in bells.line(tx, bell_id):
        rows += tx.all(f"SELECT {columns} FROM incident WHERE bell_id = ? AND handling <> 'closed'", (name,))
        rows += tx.all(
            f"SELECT {columns} FROM incident WHERE bell_id = ? AND handling = 'closed' ORDER BY closed_ms DESC LIMIT ?",
            (name, limit),
        )
    rows = sorted(rows, key=lambda row: int(row["id"]), reverse=True)[:limit]
    return [row | {"test": bool(row["test"]), "silent": bool(row["silent"])} for row in rows]
