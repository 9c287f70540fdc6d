"""Who did what, append-only. Each row's hash covers the hash before it, so that a changed row is found."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from bellgate.core.frozen import frozen
from bellgate.errors import RecordError
from bellgate.store import audit_search
from bellgate.store.base import Row, Tx

_FIRST = ""  # the hash before the first row
# One way to write a row: the hash is over these bytes.
# `default`: a damaged row may hold bytes where text stood; such a row never fits its hash.
_written_out = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=repr).encode
_CONTENT = ("at_ms", "incident_id", "by", "act", "detail")
_PAGE = 1_000  # rows read at a time while verifying: the chain only grows


@frozen
class Entry:
    """One row: who did what. `detail` holds short scalars only."""

    at_ms: int
    incident_id: int | None
    by: str
    act: str
    detail: Mapping[str, str | int | bool | None]


@frozen
class Head:
    """The newest row: its number, moment and hash; 0, 0 and "" while there is none."""

    row: int
    at_ms: int
    hash: str


@frozen
class Break:
    """One place where the chain does not hold. kind: "changed" or "missing"; column: None if it cannot be told.

    at_ms: the moment that the row names, which may itself be what was changed.
    """

    row: int
    at_ms: int | None
    kind: str
    column: str | None
    text: str


def append(
    tx: Tx, at_ms: int, incident_id: int | None, by: str, act: str, detail: Mapping[str, str | int | bool | None]
) -> None:
    """Add one row."""
    append_all(tx, [Entry(at_ms, incident_id, by, act, detail)])


def demand(
    tx: Tx, at_ms: int, incident_id: int | None, by: str, act: str, detail: Mapping[str, str | int | bool | None]
) -> None:
    """Add one row, or refuse the change that it belongs to. Raises RecordError; for changes of settings, no alarms."""
    try:
        append(tx, at_ms, incident_id, by, act, detail)
        tx.one("SELECT 1 AS one")  # a question: if the row was only put, its refusal arrives with the answer
    except Exception as error:  # whatever keeps the record from taking it
        raise RecordError(
            f"the record takes no entry ({error}), so nothing was changed. `bellgate audit verify` and `bellgate "
            "doctor` say more"
        ) from error


def append_all(tx: Tx, entries: Iterable[Entry]) -> None:
    """Add rows in this order."""
    last = head(tx)
    for entry in entries:
        fields = (last.row + 1, entry.at_ms, entry.incident_id, entry.by, entry.act, _canonical(dict(entry.detail)))
        last = Head(last.row + 1, entry.at_ms, _hash(last.hash, *fields))
        tx.put(
            "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*fields, last.hash),
        )
        tx.memo["audit"] = last


def head(tx: Tx) -> Head:
    """The newest row."""
    last: Head | None = tx.memo.get("audit")
    if last is None:
        row = tx.one("SELECT id, at_ms, hash FROM audit ORDER BY id DESC LIMIT 1")
        last = Head(row["id"], row["at_ms"], row["hash"]) if row else Head(0, 0, _FIRST)
    return last


def hashes(tx: Tx, numbers: Sequence[int]) -> dict[int, str]:
    """{row: its hash} of those that exist."""
    found: dict[int, str] = {}
    for start in range(0, len(numbers), _PAGE // 2):
        some = numbers[start : start + _PAGE // 2]
        rows = tx.all(f"SELECT id, hash FROM audit WHERE id IN ({', '.join('?' * len(some))})", some)
        found |= {row["id"]: row["hash"] for row in rows}
    return found


def acts(tx: Tx, act: str) -> list[Row]:
    """The rows of one act: id, at_ms, by, detail (dict), in order."""
    rows = tx.all("SELECT id, at_ms, by, detail FROM audit WHERE act = ? ORDER BY id", (act,))
    return [{**row, "detail": json.loads(row["detail"])} for row in rows]


def verify(tx: Tx) -> int | None:
    """The number of the first row that does not fit the chain, or None if all do.

    Rows cut off at the end cannot be seen from inside: that takes a checkpoint kept elsewhere.
    """
    broken = breaks(tx, limit=1, closely=False)
    return broken[0].row if broken else None


def breaks(tx: Tx, limit: int = 20, closely: bool = True) -> list[Break]:
    """Where the chain does not hold, in order. closely: say which column, which takes up to seconds a row."""
    found: list[Break] = []
    before: str | None = _FIRST
    number = 0
    rows = _rows(tx)
    row = next(rows, None)
    while row is not None and len(found) < limit:
        following = next(rows, None)
        number += 1
        if row["id"] != number:
            missing = f"{number} to {row['id'] - 1}" if row["id"] - number > 1 else f"{number}"
            what = "" if row["id"] > number else f", and row {row['id']} stands where it does not belong"
            found.append(Break(row["id"], row["at_ms"], "missing", None, f"row {missing} was removed{what}"))
            before, number = None, row["id"]  # what stood before it is gone, so its own hash cannot be checked
        if "unreadable" in row:
            said = "holds bytes that are no text any more"
            found.append(Break(number, row["at_ms"], "changed", row["unreadable"], f"{row['unreadable']} {said}"))
            before = row["hash"]
        elif before is None:
            before = row["hash"]
        elif row["hash"] == (fits := _hash(before, *_fields(row))):
            before = fits
        elif following is not None and following["hash"] == _hash(fits, *_fields(following)):
            found.append(Break(number, row["at_ms"], "changed", "hash", "its hash was changed, its content was not"))
            before = fits
        else:
            column, text = _closely(before, row, fits) if closely else (None, "does not fit its hash")
            found.append(Break(number, row["at_ms"], "changed", column, text))
            before = row["hash"]
        row = following
    return found


def _closely(before: str, row: Row, fits: str) -> tuple[str | None, str]:
    number, *content = _fields(row)
    hit = audit_search.one_byte(tuple(content), lambda fields: _hash(before, number, *fields) == row["hash"])
    if hit is not None:
        place, said = hit
        return _CONTENT[place], f"{_CONTENT[place]} was changed: {said}"
    if isinstance(row["hash"], str) and sum(a != b for a, b in zip(row["hash"], fits, strict=False)) <= 1:
        return "hash", "its hash was changed, its content was not"
    return None, "more than one byte was changed, in one column or in several"


def _rows(tx: Tx) -> Iterator[Row]:
    """Every row in order; one whose text cannot be read any more has `unreadable`: the column."""
    number = 0
    while True:
        try:
            rows = tx.all("SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?", (number, _PAGE))
        except Exception:  # whichever way this database says that a text is no text: look at it column by column
            ids = tx.all("SELECT id FROM audit WHERE id > ? ORDER BY id LIMIT ?", (number, _PAGE))
            rows = [_piecemeal(tx, row["id"]) for row in ids]
        yield from rows
        if len(rows) < _PAGE:
            return
        number = rows[-1]["id"]


def _piecemeal(tx: Tx, number: int) -> Row:
    row: Row = {"id": number}
    for column in (*_CONTENT, "hash"):
        try:
            row |= tx.one(f"SELECT {column} FROM audit WHERE id = ?", (number,)) or {}
        except Exception:
            row |= {"unreadable": column, column: None}
    return row


def _fields(row: Row) -> tuple[Any, ...]:
    return (row["id"], *(row[name] for name in _CONTENT))


def timeline(tx: Tx, incident_id: int) -> list[Row]:
    """What happened in one incident: at_ms, by, act, detail (dict), in order."""
    rows = tx.all("SELECT at_ms, by, act, detail FROM audit WHERE incident_id = ? ORDER BY id", (incident_id,))
    return [{**row, "detail": json.loads(row["detail"])} for row in rows]


def links(tx: Tx, incident_id: int) -> list[Row]:
    """The rows of one incident as they are kept, each with the hash `before` it: enough to check each by itself."""
    return tx.all(
        "SELECT a.*, COALESCE((SELECT b.hash FROM audit b WHERE b.id = a.id - 1), '') AS before "
        "FROM audit a WHERE a.incident_id = ? ORDER BY a.id",
        (incident_id,),
    )


def broken_link(rows: Iterable[Row]) -> int | None:
    """The first of these rows that does not fit its hash, or None."""
    return next((row["id"] for row in rows if row["hash"] != _hash(row["before"], *_fields(row))), None)


def _canonical(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # half a character, a number beyond 64 bits, bytes: orjson has no word for it
        return _written_out(value)


def _hash(before: str, *fields: Any) -> str:
    return hashlib.sha256((before + _canonical(fields)).encode("utf-8", "surrogatepass")).hexdigest()
