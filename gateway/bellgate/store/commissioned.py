"""Certificates of bells that were proved on the wall: what the kit measured, and what the gateway found."""

import json
from collections.abc import Sequence
from typing import Any

from bellgate.store.base import Row, Tx

_SHORT = "id, bell_id, stored_ms, posted_by, by, made_ms, passed, lacks, kit_key"


def put(
    tx: Tx,
    summary: dict[str, Any],
    lacks: Sequence[str],
    document: dict[str, Any],
) -> None:
    """Keep one. summary: id, bell_id, stored_ms, made_ms, posted_by, by, passed, kit_key."""
    tx.run(
        "INSERT INTO commissioning (id, bell_id, stored_ms, made_ms, posted_by, by, passed, lacks, kit_key, document) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            summary["id"],
            summary["bell_id"],
            summary["stored_ms"],
            summary["made_ms"],
            summary["posted_by"],
            summary["by"],
            int(summary["passed"]),
            json.dumps(list(lacks)),
            summary["kit_key"],
            json.dumps(document, ensure_ascii=False),
        ),
    )


def one(tx: Tx, certificate_id: str) -> Row | None:
    """It with its `document`, or None."""
    row = tx.one(f"SELECT {_SHORT}, document FROM commissioning WHERE id = ?", (certificate_id,))
    return None if row is None else _shown(row) | {"document": json.loads(row["document"])}


def of_bell(tx: Tx, bell_id: str, limit: int) -> list[Row]:
    """The newest first, without the documents."""
    rows = tx.all(
        f"SELECT {_SHORT} FROM commissioning WHERE bell_id = ? ORDER BY stored_ms DESC, id DESC LIMIT ?",
        (bell_id, limit),
    )
    return [_shown(row) for row in rows]


def _shown(row: Row) -> Row:
    lacks = json.loads(row["lacks"])
    return row | {"passed": bool(row["passed"]), "lacks": lacks, "complete": not lacks}
