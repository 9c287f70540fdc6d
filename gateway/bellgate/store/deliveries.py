"""The outbox: one row per message to one target. Its id is the idempotency key, its body is sent unchanged each time.

pending → sending → sent → delivered → displayed, or failed (tried again) → dead. A webhook ends at delivered, a
console goes from sent (announced) to displayed (an attended screen showed it).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bellgate.store.base import Row, Tx

_COLUMNS = "id, target, type, incident_id, signal_id, round, body, attempts, created_ms, due_ms"
# What may still have to be sent; the same words as in the index delivery_open.
_OPEN = "state IN ('pending', 'sending', 'failed')"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one target. attempts: how often it was tried before."""

    id: str
    target: str
    type: str
    incident_id: int | None
    signal_id: int | None
    round: int
    body: str
    attempts: int
    created_ms: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of one attempt. due_ms: when a failed one is tried again."""

    id: str
    state: str
    attempts: int
    at_ms: int
    due_ms: int = 0
    error: str | None = None


def insert(tx: Tx, delivery: Delivery, state: str, lease_until_ms: int = 0) -> None:
    """Put it into the outbox. lease_until_ms: until then it belongs to the hand-over in memory."""
    tx.run(
        f"INSERT INTO delivery ({_COLUMNS}, state, lease_until_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            delivery.id,
            delivery.target,
            delivery.type,
            delivery.incident_id,
            delivery.signal_id,
            delivery.round,
            delivery.body,
            delivery.attempts,
            delivery.created_ms,
            delivery.due_ms,
            state,
            lease_until_ms,
        ),
    )


def take(tx: Tx, target: str, at_ms: int, lease_ms: int, limit: int) -> list[Delivery]:
    """Lease what this target should be sent now, in order of making."""
    rows = tx.all(
        "UPDATE delivery SET state = 'sending', lease_until_ms = ? WHERE id IN ("
        f"SELECT id FROM delivery WHERE target = ? AND {_OPEN} AND due_ms <= ? AND lease_until_ms <= ? "
        f"ORDER BY due_ms LIMIT ?) RETURNING {_COLUMNS}",
        (at_ms + lease_ms, target, at_ms, at_ms, limit),
    )
    return sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.created_ms)


def waiting(tx: Tx, at_ms: int) -> list[str]:
    """The targets that have something to be taken."""
    sql = f"SELECT DISTINCT target FROM delivery WHERE {_OPEN} AND due_ms <= ? AND lease_until_ms <= ?"
    return [row["target"] for row in tx.all(sql, (at_ms, at_ms))]


def mark(tx: Tx, marks: Iterable[Mark]) -> None:
    """Write down what became of the attempts."""
    for one in marks:
        ended = one.at_ms if one.state in ("delivered", "dead") else None
        tx.run(
            "UPDATE delivery SET state = ?, attempts = ?, due_ms = ?, lease_until_ms = 0, ended_ms = ?, last_error = ? "
            "WHERE id = ?",
            (one.state, one.attempts, one.due_ms, ended, one.error, one.id),
        )


def displayed(tx: Tx, incident_id: int, targets: Iterable[str], up_to_signal: int, at_ms: int) -> int:
    """A console showed the incident up to this signal; how many rows that settles."""
    return sum(
        tx.run(
            "UPDATE delivery SET state = 'displayed', ended_ms = ? WHERE incident_id = ? AND target = ? "
            "AND state = 'sent' AND (signal_id IS NULL OR signal_id <= ?)",
            (at_ms, incident_id, target, up_to_signal),
        )
        for target in targets
    )


def told(tx: Tx, incident_id: int) -> list[str]:
    """The targets that were sent anything about this incident."""
    sql = "SELECT DISTINCT target FROM delivery WHERE incident_id = ? ORDER BY target"
    return [row["target"] for row in tx.all(sql, (incident_id,))]


def of_incident(tx: Tx, incident_id: int) -> list[Row]:
    """For people and the API, in order of making."""
    return tx.all(
        "SELECT id, target, type, round, state, attempts, created_ms, ended_ms, last_error FROM delivery "
        "WHERE incident_id = ? ORDER BY created_ms, rowid",
        (incident_id,),
    )


def states(tx: Tx) -> dict[str, int]:
    """{state: how many} of what is not settled yet, for /metrics."""
    sql = f"SELECT state, COUNT(*) AS n FROM delivery WHERE {_OPEN} GROUP BY state"
    return {row["state"]: row["n"] for row in tx.all(sql)}


def release_all(tx: Tx) -> None:
    """At start: whoever was sending is dead; what was in flight is sent again under the same id."""
    tx.run(f"UPDATE delivery SET lease_until_ms = 0 WHERE {_OPEN} AND lease_until_ms > 0")


def release(tx: Tx, ids: Iterable[str]) -> None:
    """Give them back to the table: whoever was handed them has no room."""
    for name in ids:
        tx.run(f"UPDATE delivery SET lease_until_ms = 0 WHERE id = ? AND {_OPEN}", (name,))


def open_by_target(tx: Tx) -> dict[str, int]:
    """{target: how many messages are still to be sent}."""
    rows = tx.all(f"SELECT target, COUNT(*) AS n FROM delivery WHERE {_OPEN} GROUP BY target")
    return {row["target"]: row["n"] for row in rows}
