"""One row per press, for ever. The identity (bell_id, boot, seq) is UNIQUE: that is the deduplication."""

import json
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.core.signal import Signal
from bellgate.store.base import Row, Tx
from bellwire import STAGES

# Of a start: what is known of it, and what stands in `signal`.
_BOOT = (
    "SELECT b.superseded, COUNT(s.seq) AS stored, COALESCE(MAX(s.seq), 0) AS highest_seq, b.claimed_seq, b.lost "
    "FROM bell_boot b LEFT JOIN signal s ON s.bell_id = b.bell_id AND s.boot = b.boot "
    "WHERE b.bell_id = ? AND b.boot = ? GROUP BY b.superseded, b.claimed_seq, b.lost"
)

# Kept in memory of one bell: the living start, and some whose events came late. A bell may invent any number of them.
BOOTS_MAX = 4


@frozen
class Boot:
    """What is known of one start of a bell. stored: its events that are kept; highest_seq: the highest number seen;
    claimed_seq: so many it says it has sent; lost: so many never arrived, as the trouble list was told."""

    superseded: bool
    stored: int
    highest_seq: int
    claimed_seq: int = 0
    lost: int = 0


def insert(tx: Tx, signal: Signal, incident_id: int | None) -> int | None:
    """Keep a new signal; its receipt number, or None if its identity is known (then only `arrivals` is counted)."""
    moment = signal.occurred
    row = tx.one(
        "INSERT INTO signal (bell_id, boot, seq, what, state, zone, age_ms, attempt, info, received_ms, occurred_ms, "
        "occurred_err_ms, occurred_source, late, clock_unsure, stage, incident_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'stored', ?) "
        "ON CONFLICT (bell_id, boot, seq) DO NOTHING RETURNING id",
        (
            signal.bell_id,
            signal.boot,
            signal.seq,
            signal.what,
            signal.state,
            signal.zone,
            signal.age_ms,
            signal.attempt,
            json.dumps(dict(signal.info), ensure_ascii=False) if signal.info else "{}",
            signal.received_ms,
            moment.at_ms,
            moment.err_ms,
            moment.source,
            int(signal.late),
            int(signal.clock_unsure),
            incident_id,
        ),
    )
    if row is not None:
        return int(row["id"])
    tx.put(
        "UPDATE signal SET arrivals = arrivals + 1 WHERE bell_id = ? AND boot = ? AND seq = ?",
        (signal.bell_id, signal.boot, signal.seq),
    )
    return None


def join(tx: Tx, number: int, incident_id: int) -> None:
    """Give a signal its incident."""
    tx.put("UPDATE signal SET incident_id = ? WHERE id = ?", (incident_id, number))


def incident_of(tx: Tx, number: int) -> int | None:
    """The case that the signal of this receipt number belongs to, or None."""
    row = tx.one("SELECT incident_id FROM signal WHERE id = ?", (number,))
    return None if row is None else row["incident_id"]


def stage(tx: Tx, bell_id: str, boot: str, seq: int) -> str | None:
    """What this event's receipts say, or None if it was never stored."""
    row = tx.one("SELECT stage FROM signal WHERE bell_id = ? AND boot = ? AND seq = ?", (bell_id, boot, seq))
    return None if row is None else str(row["stage"])


def one(tx: Tx, bell_id: str, boot: str, seq: int) -> Row | None:
    """A signal for people and the API with its `incident_id`, or None."""
    row = tx.one("SELECT * FROM signal WHERE bell_id = ? AND boot = ? AND seq = ?", (bell_id, boot, seq))
    return None if row is None else _shown(row) | {"incident_id": row["incident_id"]}


def newest_test(tx: Tx, bell_id: str, after: int) -> Row | None:
    """As `one`: the newest press as a test with a receipt number above `after`."""
    row = tx.one(
        "SELECT * FROM signal WHERE bell_id = ? AND what = 'test' AND id > ? ORDER BY id DESC LIMIT 1",
        (bell_id, after),
    )
    return None if row is None else _shown(row) | {"incident_id": row["incident_id"]}


def is_test(tx: Tx, bell_id: str, boot: str, seq: int) -> bool:
    """Is this a press as a test that is kept?"""
    row = one(tx, bell_id, boot, seq)
    return row is not None and row["what"] == "test"


def move(tx: Tx, from_incident: int, to_incident: int) -> None:
    """Two incidents were found to be one."""
    tx.put("UPDATE signal SET incident_id = ? WHERE incident_id = ?", (to_incident, from_incident))


def climb(tx: Tx, incident_id: int, stage: str, up_to: int | None) -> list[tuple[str, str, int]]:
    """Raise the stage of the signals up to receipt number `up_to` (None: all).

    (bell_id, boot, seq) of those that changed.
    """
    lower = STAGES[: STAGES.index(stage)]
    if not lower:
        return []
    rows = tx.all(
        f"UPDATE signal SET stage = ? WHERE incident_id = ? AND (CAST(? AS BIGINT) IS NULL OR id <= ?) "
        f"AND stage IN ({', '.join('?' * len(lower))}) RETURNING id, bell_id, boot, seq",
        (stage, incident_id, up_to, up_to, *lower),
    )
    return [(row["bell_id"], row["boot"], row["seq"]) for row in sorted(rows, key=lambda row: int(row["id"]))]


def open_stages(tx: Tx, bell_id: str, limit: int) -> list[tuple[str, int, str]]:
    """(boot, seq, stage) of the bell's newest events whose incident is open, the oldest of them first."""
    rows = tx.all(
        "SELECT s.boot, s.seq, s.stage FROM signal s JOIN incident i ON i.id = s.incident_id "
        "WHERE s.bell_id = ? AND i.handling <> 'closed' ORDER BY s.id DESC LIMIT ?",
        (bell_id, limit),
    )
    return [(row["boot"], row["seq"], row["stage"]) for row in reversed(rows)]


def of_incident(tx: Tx, incident_id: int) -> list[dict[str, Any]]:
    """The incident's signals for people and the API, in order of receipt."""
    rows = tx.all("SELECT * FROM signal WHERE incident_id = ? ORDER BY id", (incident_id,))
    return [_shown(row) for row in rows]


def _shown(row: Row) -> dict[str, Any]:
    return {
        "number": row["id"],
        "bell_id": row["bell_id"],
        "boot": row["boot"],
        "seq": row["seq"],
        "what": row["what"],
        "state": row["state"],
        "zone": row["zone"],
        "age_ms": row["age_ms"],
        "info": json.loads(row["info"]),
        "received_ms": row["received_ms"],
        "occurred": occurred(row),
        "late": bool(row["late"]),
        "clock_unsure": bool(row["clock_unsure"]),
        "stage": row["stage"],
        "arrivals": row["arrivals"],
    }


def occurred(row: Row) -> dict[str, Any]:
    """{at_ms, err_ms, source} of a row with the three columns."""
    return {"at_ms": row["occurred_ms"], "err_ms": row["occurred_err_ms"], "source": row["occurred_source"]}


def known_boot(tx: Tx, bell_id: str, boot: str) -> Boot | None:
    """What is known of this start, or None if it was never heard."""
    row = tx.one(_BOOT, (bell_id, boot))
    return None if row is None else Boot(**row | {"superseded": bool(row["superseded"])})


def note_loss(tx: Tx, bell_id: str, boot: str, claimed_seq: int, lost: int) -> None:
    """What the trouble list is told of this start now."""
    tx.put(
        "UPDATE bell_boot SET claimed_seq = ?, lost = ? WHERE bell_id = ? AND boot = ?",
        (claimed_seq, lost, bell_id, boot),
    )
    tx.memo.pop(("boots", bell_id), None)


def heard_event(tx: Tx, bell_id: str, boot: str, seq: int, at_ms: int, superseded: bool) -> Boot:
    """What is known of a start with this event, which was just kept. superseded: what to assume of a start that was
    never heard before."""
    known: dict[str, Boot] = tx.memo.setdefault(("boots", bell_id), {})
    before = known.get(boot)
    if before is not None:  # a storm need not count anew at each press
        highest_seq = max(before.highest_seq, seq)
        now = Boot(before.superseded, before.stored + 1, highest_seq, before.claimed_seq, before.lost)
    else:
        tx.put(
            "INSERT INTO bell_boot (bell_id, boot, first_heard_ms, superseded) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (bell_id, boot) DO NOTHING",
            (bell_id, boot, at_ms, int(superseded)),
        )
        counted = known_boot(tx, bell_id, boot)
        assert counted is not None
        now = counted
    if len(known) >= BOOTS_MAX:
        known.clear()
    known[boot] = now
    return now


def heard_alive(tx: Tx, bell_id: str, boot: str, at_ms: int) -> None:
    """This start of the bell is the living one: every other one that was heard is superseded by it."""
    tx.put(
        "INSERT INTO bell_boot (bell_id, boot, first_heard_ms) VALUES (?, ?, ?) ON CONFLICT (bell_id, boot) DO NOTHING",
        (bell_id, boot, at_ms),
    )
    tx.put("UPDATE bell_boot SET superseded = 1 WHERE bell_id = ? AND boot <> ? AND superseded = 0", (bell_id, boot))
    tx.memo.pop(("boots", bell_id), None)
