"""What is removed when its time is over, in portions that hold no alarm up.

Nothing of an open incident is touched, nor of one under legal hold. The record (`audit`) stays whole, so it can be
verified for ever. A signal's identity stays too, emptied of when and why: were it gone, whoever recorded that press
years ago could play it back as a new alarm.
"""

from bellgate.store import dues
from bellgate.store import press_tests as tests
from bellgate.store.base import Tx

PORTION = 200  # incidents or rows in one transaction: some milliseconds on a Pi
_FREE = "NOT EXISTS (SELECT 1 FROM legal_hold h WHERE h.incident_id = {0})"
_OVER = (
    "SELECT i.id FROM incident i WHERE i.handling = 'closed' AND i.test = ? AND i.closed_ms < ? AND "
    + _FREE.format("i.id")
    # Nor one that holds the signals of an incident that is held, because the two were merged.
    + " AND NOT EXISTS (SELECT 1 FROM legal_hold h JOIN incident m ON m.id = h.incident_id WHERE m.merged_into = i.id)"
    + " ORDER BY i.id LIMIT ?"
)


def incidents(tx: Tx, test: bool, before_ms: int) -> int:
    """Closed ones, with their deliveries; their signals are emptied. How many incidents of this portion."""
    numbers = [row["id"] for row in tx.all(_OVER, (int(test), before_ms, PORTION))]
    for number in numbers:
        tx.run("DELETE FROM delivery WHERE incident_id = ?", (number,))
        _empty_signals(tx, "incident_id = ?", number)
        for kind in ("escalation", "lease"):
            dues.remove(tx, kind, str(number))
        tx.run("DELETE FROM incident WHERE id = ?", (number,))
    return len(numbers)


def loose_signals(tx: Tx, before_ms: int) -> int:
    """Signals that no incident came from (a fault, a restored contact): emptied. How many of this portion."""
    rows = tx.all(
        "SELECT id FROM signal WHERE incident_id IS NULL AND received_ms > 0 AND received_ms < ? ORDER BY id LIMIT ?",
        (before_ms, PORTION),
    )
    for row in rows:
        _empty_signals(tx, "id = ?", row["id"])
    return len(rows)


def deliveries(tx: Tx, before_ms: int) -> int:
    """What was sent and has ended, about closed incidents and about troubles that are over. How many rows of this
    portion."""
    return tx.run(
        "DELETE FROM delivery WHERE number IN (SELECT d.number FROM delivery d "
        "LEFT JOIN incident i ON i.id = d.incident_id WHERE d.number < ? AND d.created_ms < ? "
        "AND d.state IN ('sent', 'delivered', 'displayed', 'dead') AND (i.handling = 'closed' OR "
        "(d.incident_id IS NULL AND NOT EXISTS (SELECT 1 FROM trouble t WHERE t.id = d.trouble_id "
        "AND t.cleared_ms IS NULL))) AND " + _FREE.format("d.incident_id") + " ORDER BY d.number LIMIT ?)",
        (_first_young(tx, before_ms), before_ms, PORTION),
    )


def _first_young(tx: Tx, before_ms: int) -> int:
    """The first delivery that was made since then. Those before it are few: without this every run would read the
    whole table, the largest of all, while alarms wait. What a clock dated later than the newest one is passed over."""
    newest = tx.one("SELECT number, created_ms FROM delivery ORDER BY number DESC LIMIT 1")
    if newest is None or newest["created_ms"] < before_ms:
        return 0 if newest is None else int(newest["number"]) + 1
    found = tx.one(
        "SELECT number FROM delivery WHERE created_ms >= ? AND created_ms <= ? ORDER BY number LIMIT 1",
        (before_ms, newest["created_ms"]),
    )
    assert found is not None  # the newest one fits
    return int(found["number"])


def troubles(tx: Tx, before_ms: int) -> int:
    """Cleared lines. How many of this portion."""
    return tx.run(
        "DELETE FROM trouble WHERE id IN (SELECT id FROM trouble WHERE cleared_ms < ? ORDER BY id LIMIT ?)",
        (before_ms, PORTION),
    )


def places(tx: Tx, before_ms: int = 0) -> int:
    """Where wiped bells hung, as soon as no incident is left that tells of it. How many of this portion."""
    rows = tx.all(
        "SELECT b.bell_id FROM bell b WHERE b.wiped_ms IS NOT NULL AND b.address <> '' "
        "AND NOT EXISTS (SELECT 1 FROM incident i WHERE i.bell_id = b.bell_id) "
        "AND NOT EXISTS (SELECT 1 FROM signal s WHERE s.bell_id = b.bell_id AND s.incident_id IS NOT NULL) "
        "ORDER BY b.bell_id LIMIT ?",
        (PORTION,),
    )
    for row in rows:
        name = str(row["bell_id"])
        tx.run("UPDATE bell SET name = bell_id, address = '', lat = NULL, lon = NULL WHERE bell_id = ?", (name,))
        # A certificate says where the bell hung and by whom it was proved: it goes with the place.
        tx.run("DELETE FROM commissioning WHERE bell_id = ?", (name,))
        tx.memo.pop(("bell", name), None)
    return len(rows)


def press_tests(tx: Tx, before_ms: int) -> int:
    """Those from a console that are over. How many of this portion."""
    return tests.remove(tx, before_ms, PORTION)


def refusals(tx: Tx, before_ms: int) -> int:
    """Reasons that no message was refused for since then."""
    return tx.run("DELETE FROM refusal WHERE last_ms < ?", (before_ms,))


def _empty_signals(tx: Tx, where: str, number: int) -> None:
    tx.run(
        "UPDATE signal SET incident_id = NULL, zone = NULL, age_ms = NULL, info = '{}', received_ms = 0, "
        f"occurred_ms = 0, occurred_err_ms = NULL WHERE {where}",
        (number,),
    )
