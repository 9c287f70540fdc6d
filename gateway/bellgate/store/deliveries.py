"""The outbox: one row per message to one target. Its id is the idempotency key, its body is sent unchanged each time.

pending → sending → sent → delivered → displayed, or failed (tried again) → dead. A webhook ends at delivered, a
console goes from sent (announced) to displayed (an attended screen showed it).
"""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter

from bellgate.core.frozen import frozen
from bellgate.store.base import Row, Tx

_COLUMNS = (
    "id, target, type, incident_id, signal_id, round, body, attempts, created_ms, due_ms, kept, trouble_id, press"
)
_values = attrgetter(*_COLUMNS.split(", "))
# What may still have to be sent; the same words as in the index delivery_open.
_OPEN = "state IN ('pending', 'sending', 'failed')"


@frozen
class Delivery:
    """One message to one target. attempts: how often it was tried before. kept: what the target said to `keep`.

    press: of a message about a signal, its identity "BELL/BOOT/SEQ": the one id from press to delivery in the log.
    """

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
    kept: str | None = None
    trouble_id: int | None = None
    press: str | None = None


@frozen
class Mark:
    """What became of one attempt. due_ms: when a failed one is tried again. proof: what came back."""

    id: str
    state: str
    attempts: int
    at_ms: int
    due_ms: int = 0
    error: str | None = None
    proof: str | None = None


def insert(tx: Tx, delivery: Delivery, state: str, lease_until_ms: int = 0) -> None:
    """Put it into the outbox. lease_until_ms: until then it belongs to the hand-over in memory."""
    insert_all(tx, [(delivery, state, lease_until_ms)])


def insert_all(tx: Tx, made: Sequence[tuple[Delivery, str, int]]) -> None:
    """`insert` for each (delivery, state, lease_until_ms), in this order, in one statement."""
    holder = tx.holder
    values = [value for one, state, lease_ms in made for value in (*_values(one), state, lease_ms, holder)]
    if values:
        tx.put(_inserting(len(made)), values)


@lru_cache(64)  # as many as an installation has targets
def _inserting(rows: int) -> str:
    row = f"({', '.join('?' * (len(_COLUMNS.split(', ')) + 3))})"
    return f"INSERT INTO delivery ({_COLUMNS}, state, lease_until_ms, holder) VALUES {', '.join([row] * rows)}"


def take(tx: Tx, target: str, at_ms: int, lease_ms: int, limit: int) -> list[Delivery]:
    """Lease what this target should be sent now, in order of making."""
    rows = tx.all(
        "UPDATE delivery SET state = 'sending', lease_until_ms = ?, holder = ? WHERE id IN ("
        f"SELECT id FROM delivery WHERE target = ? AND {_OPEN} AND due_ms <= ? AND lease_until_ms <= ? "
        f"ORDER BY due_ms LIMIT ?) RETURNING {_COLUMNS}",
        (at_ms + lease_ms, tx.holder, target, at_ms, at_ms, limit),
    )
    return sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.created_ms)


def waiting(tx: Tx, at_ms: int) -> list[str]:
    """The targets that have something to be taken."""
    sql = f"SELECT DISTINCT target FROM delivery WHERE {_OPEN} AND due_ms <= ? AND lease_until_ms <= ?"
    return [row["target"] for row in tx.all(sql, (at_ms, at_ms))]


def mark(tx: Tx, marks: Iterable[Mark]) -> None:
    """Write down what became of our attempts; what another gateway has taken over meanwhile is its affair."""
    for one in marks:
        ended = one.at_ms if one.state in ("delivered", "dead") else None
        tx.put(
            "UPDATE delivery SET state = ?, attempts = ?, due_ms = ?, lease_until_ms = 0, ended_ms = ?, "
            "last_error = ?, proof = COALESCE(?, proof) WHERE id = ? AND holder = ?",
            (one.state, one.attempts, one.due_ms, ended, one.error, one.proof, one.id, tx.holder),
        )


def keep(tx: Tx, delivery_id: str, kept: str) -> None:
    """What the target needs again when it tries this one again, in this life of the gateway or the next."""
    tx.put("UPDATE delivery SET kept = ? WHERE id = ?", (kept, delivery_id))


def follows(tx: Tx, delivery: Delivery) -> bool:
    """True if an earlier message about the same incident or trouble is still on its way to the same target."""
    row = tx.one(
        f"SELECT 1 AS one FROM delivery WHERE target = ? AND {_OPEN} AND created_ms < ? AND id <> ? "
        "AND (incident_id = ? OR trouble_id = ?) LIMIT 1",
        (delivery.target, delivery.created_ms, delivery.id, delivery.incident_id, delivery.trouble_id),
    )
    return row is not None


def due_now(tx: Tx, target: str, at_ms: int) -> int:
    """The target is back: what failed before is tried at once. How many rows that moves."""
    return tx.run(
        "UPDATE delivery SET due_ms = ? WHERE target = ? AND state = 'failed' AND due_ms > ?", (at_ms, target, at_ms)
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


def of_target(tx: Tx, incident_id: int, target: str, newest: int) -> list[Row]:
    """What this target was or is to be sent about this incident, the first and the newest of it, in no order:
    id, type, round, body, state, created_ms."""
    sql = "SELECT id, type, round, body, state, created_ms FROM delivery WHERE incident_id = ? AND target = ? ORDER BY "
    rows = tx.all(f"{sql} created_ms DESC LIMIT ?", (incident_id, target, newest))
    if len(rows) == newest:
        rows += tx.all(f"{sql} created_ms LIMIT 1", (incident_id, target))
    return rows


def of_unattended(tx: Tx, target: str, after_ms: int, tests: bool, hushed: bool, newest: int) -> list[Row]:
    """What this target was told since then about incidents that nobody holds yet, the newest of it, with what those
    are now: type, round, body, created_ms, test, silent, duress. tests, hushed: of such incidents too."""
    return tx.all(
        "SELECT d.type, d.round, d.body, d.created_ms, i.test, i.silent, i.duress "
        "FROM incident i JOIN delivery d ON d.incident_id = i.id "
        "WHERE i.handling <> 'closed' AND i.handling IN ('received', 'presented') AND d.target = ? "
        "AND d.created_ms > ? AND i.test <= ? AND i.silent <= ? AND i.duress <= ? ORDER BY d.created_ms DESC LIMIT ?",
        (target, after_ms, int(tests), int(hushed), int(hushed), newest),
    )


def of_incident(tx: Tx, incident_id: int) -> list[Row]:
    """For people and the API, in order of making."""
    return tx.all(
        "SELECT id, target, type, round, state, attempts, created_ms, ended_ms, last_error, proof FROM delivery "
        "WHERE incident_id = ? ORDER BY number",
        (incident_id,),
    )


def states(tx: Tx) -> dict[str, int]:
    """{state: how many} of what is not settled yet, for /metrics."""
    sql = f"SELECT state, COUNT(*) AS n FROM delivery WHERE {_OPEN} GROUP BY state"
    return {row["state"]: row["n"] for row in tx.all(sql)}


def let_go(tx: Tx, living: Collection[int]) -> int:
    """Whoever was sending and is not among the living is dead: what it had in flight is sent again, under the same
    id. How many there were."""
    others = f" AND holder NOT IN ({', '.join('?' * len(living))})" if living else ""
    sql = f"UPDATE delivery SET lease_until_ms = 0 WHERE {_OPEN} AND lease_until_ms > 0{others}"
    return tx.run(sql, sorted(living))


def held(tx: Tx) -> list[str]:
    """The ids that this gateway has a lease on."""
    sql = f"SELECT id FROM delivery WHERE {_OPEN} AND lease_until_ms > 0 AND holder = ?"
    return [row["id"] for row in tx.all(sql, (tx.holder,))]


def release(tx: Tx, ids: Iterable[str]) -> None:
    """Give them back to the table: whoever was handed them has no room."""
    for name in ids:
        sql = f"UPDATE delivery SET lease_until_ms = 0 WHERE id = ? AND holder = ? AND {_OPEN}"
        tx.put(sql, (name, tx.holder))


def open_by_target(tx: Tx) -> dict[str, int]:
    """{target: how many messages are still to be sent}."""
    rows = tx.all(f"SELECT target, COUNT(*) AS n FROM delivery WHERE {_OPEN} GROUP BY target")
    return {row["target"]: row["n"] for row in rows}
