"""Consoles in somebody's watch; whether one is attended is decided in `core.attendance`."""

from dataclasses import fields
from operator import attrgetter

from bellgate.core.attendance import ATTENDED, Desk
from bellgate.store import areas
from bellgate.store.areas import Areas
from bellgate.store.base import Row, Tx

_FIELDS = tuple(field.name for field in fields(Desk))
_COLUMNS = ", ".join(_FIELDS)
_values = attrgetter(*_FIELDS)
_MEMO = "attended desks"


def get(tx: Tx, desk_id: str) -> Desk | None:
    """The watch, going on or over; or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM desk WHERE id = ?", (desk_id,))
    return None if row is None else _desk(row)


def of_operator(tx: Tx, operator: str) -> list[Desk]:
    """The watches of this person that go on."""
    return [
        _desk(row)
        for row in tx.all(f"SELECT {_COLUMNS} FROM desk WHERE operator = ? AND ended_ms IS NULL", (operator,))
    ]


def going_on(tx: Tx) -> list[Desk]:
    """Every watch that goes on, the newest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM desk WHERE ended_ms IS NULL ORDER BY begun_ms DESC, id")
    return [_desk(row) for row in rows]


def save(tx: Tx, desk: Desk) -> None:
    """Keep it, new or changed."""
    values = [
        areas.written(value) if name == "areas" else value for name, value in zip(_FIELDS, _values(desk), strict=True)
    ]
    changes = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS if name != "id")
    tx.put(
        f"INSERT INTO desk ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))}) "
        f"ON CONFLICT (id) DO UPDATE SET {changes}",
        values,
    )
    tx.memo.pop(_MEMO, None)


def forget(tx: Tx, ended_before_ms: int) -> int:
    """Remove watches that ended before that time: the record keeps who was there when. How many."""
    return tx.run("DELETE FROM desk WHERE ended_ms < ?", (ended_before_ms,))


def attended(tx: Tx) -> list[Areas]:
    """The areas of each console that is attended now."""
    known: list[Areas] | None = tx.memo.get(_MEMO)
    if known is None:
        rows = tx.all("SELECT areas FROM desk WHERE condition = ? AND ended_ms IS NULL", (ATTENDED,))
        known = tx.memo[_MEMO] = [areas.read(row["areas"]) for row in rows]
    return known


def nobody_attends(tx: Tx) -> bool:
    """Is nobody at any console? Never so where no watch has ever begun: nobody is missed there."""
    return not attended(tx) and tx.one("SELECT 1 AS one FROM desk LIMIT 1") is not None


def watched(tx: Tx, site: str) -> bool:
    """Does an attended console show this site?"""
    return any(areas.sees(some, site) for some in attended(tx))


def _desk(row: Row) -> Desk:
    return Desk(**{**row, "areas": areas.read(row["areas"])})
