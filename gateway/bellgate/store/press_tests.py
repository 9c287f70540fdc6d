"""Press tests that were asked for at a console: who, when, which bell, and how each ended."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from bellgate.core.press_test import PressTest
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Row, Tx

_FIELDS = tuple(field.name for field in fields(PressTest))
_COLUMNS = ", ".join(_FIELDS)
_MEMO = "press_tests"


def insert(tx: Tx, test: PressTest) -> int:
    """Keep a new one (`test.id` is ignored); its number."""
    names = _FIELDS[1:]
    row = tx.one(
        f"INSERT INTO press_test ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) RETURNING id",
        [getattr(test, name) for name in names],
    )
    assert row is not None
    tx.memo.pop(_MEMO, None)
    return int(row["id"])


def save(tx: Tx, test: PressTest) -> None:
    """Keep what it has become."""
    names = _FIELDS[1:]
    tx.put(
        f"UPDATE press_test SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?",
        [*(getattr(test, name) for name in names), test.id],
    )
    tx.memo.pop(_MEMO, None)


def get(tx: Tx, number: int) -> PressTest | None:
    """The test of that number, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM press_test WHERE id = ?", (number,))
    return None if row is None else PressTest(**row)


def running(tx: Tx, bell_id: str) -> PressTest | None:
    """The one that is not over, or None. Nearly always none: a press must not pay for the question."""
    known: frozenset[str] | None = tx.memo.get(_MEMO)
    if known is None:
        rows = tx.all("SELECT bell_id FROM press_test WHERE ended_ms IS NULL")
        known = tx.memo[_MEMO] = frozenset(str(row["bell_id"]) for row in rows)
    if bell_id not in known:
        return None
    row = tx.one(f"SELECT {_COLUMNS} FROM press_test WHERE bell_id = ? AND ended_ms IS NULL", (bell_id,))
    return None if row is None else PressTest(**row)


def of_command(tx: Tx, bell_id: str, command: object) -> PressTest | None:
    """The test whose command, or whose end, this bell answers; None: it is none of ours."""
    if not isinstance(command, str) or not command:
        return None
    row = tx.one(
        f"SELECT {_COLUMNS} FROM press_test WHERE (command = ? OR end_command = ?) AND bell_id = ?",
        (command, command, bell_id),
    )
    return None if row is None else PressTest(**row)


def recent(tx: Tx, since_ms: int, limit: int, areas: Areas = EVERYWHERE) -> list[Row]:
    """For people: the newest of each bell in these areas that runs or began since then, the newest first."""
    inside, values = condition(areas, "b.site")
    return _shown(
        tx,
        f"(t.ended_ms IS NULL OR t.begun_ms >= ?) AND {inside} "
        "AND NOT EXISTS (SELECT 1 FROM press_test n WHERE n.bell_id = t.bell_id AND n.id > t.id)",
        (since_ms, *values),
        limit,
    )


def of_bell(tx: Tx, bell_id: str, limit: int) -> list[Row]:
    """The newest of one bell first."""
    return _shown(tx, "t.bell_id = ?", (bell_id,), limit)


def numbered(tx: Tx, numbers: Sequence[int]) -> list[Row]:
    """Those of these numbers, the newest first."""
    return _shown(tx, f"t.id IN ({', '.join('?' * len(numbers))})", tuple(numbers), len(numbers))


def _shown(tx: Tx, where: str, values: tuple[Any, ...], limit: int) -> list[Row]:
    """Each with the bell's name and whether it is heard now, and the press's signal: boot, seq, age_ms, stage,
    incident_id."""
    columns = ", ".join(f"t.{name}" for name in _FIELDS)
    rows = tx.all(
        f"SELECT {columns}, b.name, COALESCE(p.online, 0) AS online, s.boot, s.seq, s.age_ms, s.stage, s.incident_id "
        "FROM press_test t JOIN bell b ON b.bell_id = t.bell_id LEFT JOIN presence p ON p.bell_id = t.bell_id "
        f"LEFT JOIN signal s ON s.id = t.signal WHERE {where} ORDER BY t.id DESC LIMIT ?",
        (*values, limit),
    )
    for row in rows:
        test = PressTest(**{name: row[name] for name in _FIELDS})
        row |= {"verdict": test.verdict, "until_ms": test.until_ms, "online": bool(row["online"])}
    return rows


def remove(tx: Tx, before_ms: int, limit: int) -> int:
    """Those that are over and began before that time. How many of this portion."""
    return tx.run(
        "DELETE FROM press_test WHERE id IN (SELECT id FROM press_test WHERE ended_ms IS NOT NULL AND begun_ms < ? "
        "ORDER BY id LIMIT ?)",
        (before_ms, limit),
    )
