"""What must happen at a time. Rows, not timers: a gateway that was killed goes on where it was."""

from collections.abc import Collection

from bellgate.core.frozen import frozen
from bellgate.store.base import Row, Tx


@frozen
class Due:
    """One thing to do. lease_until_ms is part of what was taken: if the row has moved since, it is not ours."""

    kind: str
    subject: str
    due_ms: int
    lease_until_ms: int = 0


def put(tx: Tx, kind: str, subject: str, due_ms: int) -> None:
    """Set the one row of this kind and subject, free to be taken."""
    tx.put(
        "INSERT INTO due (kind, subject, due_ms) VALUES (?, ?, ?) "
        "ON CONFLICT (kind, subject) DO UPDATE SET due_ms = excluded.due_ms, lease_until_ms = 0",
        (kind, subject, due_ms),
    )
    tx.memo.pop(("due", kind, subject), None)


def remove(tx: Tx, kind: str, subject: str) -> None:
    """Remove the row, if any."""
    tx.put("DELETE FROM due WHERE kind = ? AND subject = ?", (kind, subject))
    tx.memo.pop(("due", kind, subject), None)


def take(tx: Tx, at_ms: int, lease_ms: int, limit: int) -> list[Due]:
    """Lease what is due, the oldest first. A holder that dies lets go when the lease ends."""
    rows = tx.all(
        "UPDATE due SET lease_until_ms = ?, holder = ? WHERE (kind, subject) IN ("
        "SELECT kind, subject FROM due WHERE due_ms <= ? AND lease_until_ms <= ? ORDER BY due_ms LIMIT ?) "
        "RETURNING kind, subject, due_ms, lease_until_ms",
        (at_ms + lease_ms, tx.holder, at_ms, at_ms, limit),
    )
    return sorted((Due(**row) for row in rows), key=lambda due: due.due_ms)


def finish(tx: Tx, due: Due) -> bool:
    """Remove the row that was taken; False if it was moved or removed meanwhile: then it must not be carried out."""
    tx.memo.pop(("due", due.kind, due.subject), None)
    return bool(
        tx.run(
            "DELETE FROM due WHERE kind = ? AND subject = ? AND due_ms = ? AND lease_until_ms = ?",
            (due.kind, due.subject, due.due_ms, due.lease_until_ms),
        )
    )


def waiting(tx: Tx, at_ms: int) -> bool:
    """True if something can be taken now."""
    sql = "SELECT 1 AS one FROM due WHERE due_ms <= ? AND lease_until_ms <= ? LIMIT 1"
    return tx.one(sql, (at_ms, at_ms)) is not None


def late(tx: Tx, before_ms: int) -> list[Row]:
    """The rows that should have been carried out before that time, the oldest first (at most 20)."""
    return tx.all("SELECT kind, subject, due_ms FROM due WHERE due_ms < ? ORDER BY due_ms LIMIT 20", (before_ms,))


def let_go(tx: Tx, living: Collection[int]) -> int:
    """Whoever held a lease and is not among the living is dead: others may take its rows. How many there were."""
    others = f" AND holder NOT IN ({', '.join('?' * len(living))})" if living else ""
    return tx.run(f"UPDATE due SET lease_until_ms = 0 WHERE lease_until_ms > 0{others}", sorted(living))


def postpone(tx: Tx, kind: str, until_ms: int) -> None:
    """Move the rows of this kind that are due earlier to that time."""
    tx.memo.clear()
    tx.put("UPDATE due SET due_ms = ? WHERE kind = ? AND due_ms < ?", (until_ms, kind, until_ms))


def next_ms(tx: Tx, kind: str, subject: str) -> int | None:
    """When the row is due, or None."""
    known: int | None = tx.memo.get(("due", kind, subject))
    if known is None:  # that there is none is not kept: so it is with every case that was ever closed
        row = tx.one("SELECT due_ms FROM due WHERE kind = ? AND subject = ?", (kind, subject))
        if row is not None:
            known = tx.memo["due", kind, subject] = int(row["due_ms"])
    return known


def shift(tx: Tx, by_ms: int) -> None:
    """The clock was set: move everything that waits for a time by as much, so that it waits as long as was meant.

    What was taken is let go: `finish` finds it moved, so it is carried out once, at its new time.
    """
    tx.memo.clear()
    tx.put("UPDATE due SET due_ms = due_ms + ?, lease_until_ms = 0", (by_ms,))
    tx.put(
        "UPDATE incident SET lease_until_ms = lease_until_ms + ?, escalation_from_ms = escalation_from_ms + ? "
        "WHERE handling <> 'closed'",
        (by_ms, by_ms),
    )
    tx.put(
        "UPDATE desk SET proved_ms = proved_ms + ?, signed_ms = signed_ms + ? WHERE ended_ms IS NULL", (by_ms, by_ms)
    )
    tx.put("UPDATE presence SET last_seen_ms = last_seen_ms + ?", (by_ms,))
    tx.put(
        "UPDATE delivery SET due_ms = due_ms + ?, "
        "lease_until_ms = CASE WHEN lease_until_ms + ? > 0 THEN lease_until_ms + ? ELSE 0 END "
        "WHERE state IN ('pending', 'sending', 'failed')",
        (by_ms, by_ms, by_ms),
    )
