"""What is removed when its time is over, in portions that hold no alarm up.

Nothing of an open incident is touched, nor of one under legal hold. The record (`audit`) stays whole, so it can be
verified for ever. A signal's identity stays too, emptied of when and why: were it gone, whoever recorded that press
years ago could play it back as a new alarm.
"""

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
        tx.run("DELETE FROM due WHERE kind IN ('escalation', 'lease') AND subject = ?", (str(number),))
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
    """What was sent and has ended, of closed incidents. How many rows of this portion."""
    return tx.run(
        "DELETE FROM delivery WHERE id IN (SELECT d.id FROM delivery d JOIN incident i ON i.id = d.incident_id "
        "WHERE d.state IN ('sent', 'delivered', 'displayed', 'dead') AND i.handling = 'closed' AND d.created_ms < ? "
        "AND " + _FREE.format("i.id") + " LIMIT ?)",
        (before_ms, PORTION),
    )


def troubles(tx: Tx, before_ms: int) -> int:
    """Cleared lines. How many of this portion."""
    return tx.run(
        "DELETE FROM trouble WHERE id IN (SELECT id FROM trouble WHERE cleared_ms < ? ORDER BY id LIMIT ?)",
        (before_ms, PORTION),
    )


def refusals(tx: Tx, before_ms: int) -> int:
    """Reasons that no message was refused for since then."""
    return tx.run("DELETE FROM refusal WHERE last_ms < ?", (before_ms,))


def _empty_signals(tx: Tx, where: str, number: int) -> None:
    tx.run(
        "UPDATE signal SET incident_id = NULL, zone = NULL, age_ms = NULL, info = '{}', received_ms = 0, "
        f"occurred_ms = 0, occurred_err_ms = NULL WHERE {where}",
        (number,),
    )
