"""Counts for /metrics, the doctor and the growth of the database: each walks an index of what is open, or one table."""

import json

from bellgate.core.frozen import frozen
from bellgate.errors import StoreError
from bellgate.store import facts, refusals
from bellgate.store.base import Tx
from bellgate.store.store import Store

_SIZES_FACT = "database_bytes"
SIZES_MAX = 31  # days: a month shows a trend, and the row stays small
DAY_MS = 86_400_000
_TROUBLES = "SELECT kind AS k, COUNT(*) AS n FROM trouble WHERE cleared_ms IS NULL AND state <> 'rising'"


@frozen
class Figures:
    """What the database says of itself, now. deliveries: (target, state, how many) of what is not settled, and dead."""

    refused: dict[str, int]
    deliveries: list[tuple[str, str, int]]
    incidents_open: dict[str, int]
    troubles_open: dict[str, int]
    trouble_lines: dict[str, int]
    bells: dict[str, int]
    bells_online: int
    dues_waiting: int
    oldest_due_ms: int | None
    record_rows: int
    legal_holds: int


def read(tx: Tx) -> Figures:
    """All of them, in one picture."""
    return Figures(
        refused=refusals.counts(tx),
        deliveries=[
            (row["target"], row["state"], int(row["n"]))
            for row in tx.all(
                "SELECT target, state, COUNT(*) AS n FROM delivery WHERE state IN ('pending', 'sending', 'failed') "
                "GROUP BY target, state"
            )
        ],
        incidents_open=_by(
            tx, "SELECT handling AS k, COUNT(*) AS n FROM incident WHERE handling <> 'closed' GROUP BY 1"
        ),
        troubles_open=_by(tx, f"{_TROUBLES} AND gathers = 0 GROUP BY 1"),
        trouble_lines=_by(tx, f"{_TROUBLES} AND part_of IS NULL GROUP BY 1"),
        bells=_by(tx, "SELECT state AS k, COUNT(*) AS n FROM bell GROUP BY 1"),
        bells_online=_number(
            tx,
            "SELECT COUNT(*) AS n FROM presence p JOIN bell b ON b.bell_id = p.bell_id "
            "WHERE p.online = 1 AND b.state = 'active'",
        ),
        dues_waiting=_number(tx, "SELECT COUNT(*) AS n FROM due"),
        oldest_due_ms=_oldest_due(tx),
        record_rows=_number(tx, "SELECT COALESCE(MAX(id), 0) AS n FROM audit"),
        legal_holds=_number(tx, "SELECT COUNT(*) AS n FROM legal_hold"),
    )


def size_bytes(store: Store) -> int:
    """How large the database is now. Raises StoreError."""
    try:
        return store.path.stat().st_size
    except StoreError:
        return store.read_now(lambda tx: _number(tx, "SELECT pg_database_size(current_database()) AS n"))
    except OSError as error:
        raise StoreError(f"{store.path}: cannot be asked ({error.strerror})") from None


def note_size(tx: Tx, size: int, at_ms: int) -> None:
    """Write down today's size, once a day."""
    sizes = [one for one in _sizes(tx) if one[0] != at_ms // DAY_MS]
    sizes.append((at_ms // DAY_MS, size))
    facts.put(tx, _SIZES_FACT, json.dumps(sizes[-SIZES_MAX:]))


def growth_bytes(tx: Tx) -> int | None:
    """Per day, over the days that were noted (at most a month); None before the second day."""
    sizes = _sizes(tx)
    if len(sizes) < 2 or sizes[-1][0] == sizes[0][0]:
        return None
    return (sizes[-1][1] - sizes[0][1]) // (sizes[-1][0] - sizes[0][0])


def _sizes(tx: Tx) -> list[tuple[int, int]]:
    return [(int(day), int(size)) for day, size in json.loads(facts.get(tx, _SIZES_FACT) or "[]")]


def _by(tx: Tx, sql: str) -> dict[str, int]:
    return {str(row["k"]): int(row["n"]) for row in tx.all(sql)}


def _number(tx: Tx, sql: str) -> int:
    row = tx.one(sql)
    return int(row["n"]) if row else 0


def _oldest_due(tx: Tx) -> int | None:
    row = tx.one("SELECT MIN(due_ms) AS due_ms FROM due")
    return None if row is None or row["due_ms"] is None else int(row["due_ms"])
