"""Who did what, append-only. Each row's hash covers the hash before it, so that a changed row is found."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bellgate.store.base import Row, Tx

_FIRST = ""  # the hash before the first row
# One way to write a row: the hash is over these bytes.
_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_PAGE = 1_000  # rows read at a time while verifying: the chain only grows


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: who did what. `detail` holds short scalars only."""

    at_ms: int
    incident_id: int | None
    by: str
    act: str
    detail: Mapping[str, str | int | bool | None]


def append(
    tx: Tx, at_ms: int, incident_id: int | None, by: str, act: str, detail: Mapping[str, str | int | bool | None]
) -> None:
    """Add one row."""
    append_all(tx, [Entry(at_ms, incident_id, by, act, detail)])


def append_all(tx: Tx, entries: Iterable[Entry]) -> None:
    """Add rows in this order."""
    last = tx.one("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
    number, digest = (last["id"], last["hash"]) if last else (0, _FIRST)
    for entry in entries:
        number += 1
        fields = (number, entry.at_ms, entry.incident_id, entry.by, entry.act, _canonical(dict(entry.detail)))
        digest = _hash(digest, *fields)
        tx.run(
            "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*fields, digest),
        )


def verify(tx: Tx) -> int | None:
    """The number of the first row that does not fit the chain, or None if all do.

    Rows cut off at the end cannot be seen from inside: that takes a checkpoint kept elsewhere.
    """
    before, number = _FIRST, 0
    while True:
        rows = tx.all("SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?", (number, _PAGE))
        for row in rows:
            number += 1
            fields = (row["at_ms"], row["incident_id"], row["by"], row["act"], row["detail"])
            if row["id"] != number or row["hash"] != _hash(before, number, *fields):
                return int(row["id"])
            before = row["hash"]
        if len(rows) < _PAGE:
            return None


def timeline(tx: Tx, incident_id: int) -> list[Row]:
    """What happened in one incident: at_ms, by, act, detail (dict), in order."""
    rows = tx.all("SELECT at_ms, by, act, detail FROM audit WHERE incident_id = ? ORDER BY id", (incident_id,))
    return [{**row, "detail": json.loads(row["detail"])} for row in rows]


def _hash(before: str, *fields: Any) -> str:
    return hashlib.sha256((before + _canonical(fields)).encode("utf-8", "surrogatepass")).hexdigest()
