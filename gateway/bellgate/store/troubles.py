"""Things the operator must know; never mixed with alarms. One open line per kind and subject, counted."""

from collections.abc import Collection

from bellgate.store.base import Row, Tx

_COLUMNS = "id, kind, subject, detail, raised_ms, last_ms, count, cleared_ms"


def raise_(tx: Tx, kind: str, subject: str, detail: str, at_ms: int) -> Row:
    """Open the line, or count it again with the newest detail: the row; `count` is 1 if it is new."""
    row = tx.one(
        "INSERT INTO trouble (kind, subject, detail, raised_ms, last_ms, count) VALUES (?, ?, ?, ?, ?, 1) "
        "ON CONFLICT (kind, subject) WHERE cleared_ms IS NULL "
        "DO UPDATE SET detail = excluded.detail, last_ms = excluded.last_ms, count = trouble.count + 1 "
        f"RETURNING {_COLUMNS}",
        (kind, subject, detail, at_ms, at_ms),
    )
    assert row is not None
    return row


def clear(tx: Tx, kind: str, subject: str, at_ms: int) -> Row | None:
    """Close the open line: the row, or None if there was none."""
    return tx.one(
        f"UPDATE trouble SET cleared_ms = ? WHERE kind = ? AND subject = ? AND cleared_ms IS NULL RETURNING {_COLUMNS}",
        (at_ms, kind, subject),
    )


def open_count(tx: Tx, kind: str) -> int:
    """How many lines of this kind are open."""
    row = tx.one("SELECT COUNT(*) AS n FROM trouble WHERE kind = ? AND cleared_ms IS NULL", (kind,))
    return int(row["n"]) if row else 0


def is_open(tx: Tx, kind: str, subject: str) -> bool:
    """True if this line is open."""
    sql = "SELECT 1 AS one FROM trouble WHERE kind = ? AND subject = ? AND cleared_ms IS NULL"
    return tx.one(sql, (kind, subject)) is not None


def open_troubles(tx: Tx) -> list[Row]:
    """The open lines, newest first."""
    return tx.all(f"SELECT {_COLUMNS} FROM trouble WHERE cleared_ms IS NULL ORDER BY last_ms DESC, id DESC")


def all_troubles(tx: Tx, limit: int = 200) -> list[Row]:
    """Open and cleared lines, newest first."""
    return tx.all(f"SELECT {_COLUMNS} FROM trouble ORDER BY id DESC LIMIT ?", (limit,))


def set_aside(tx: Tx, names: Collection[str], fresh: bool, at_ms: int) -> None:
    """A fresh database beside damaged ones that were set aside: say so until somebody has moved them away."""
    kind = "database_set_aside"
    for row in tx.all("SELECT subject FROM trouble WHERE kind = ? AND cleared_ms IS NULL", (kind,)):
        if row["subject"] not in names:
            clear(tx, kind, row["subject"], at_ms)
    if fresh:
        for name in names:
            raise_(tx, kind, name, "the database was damaged and a new one was begun: restore a backup", at_ms)
