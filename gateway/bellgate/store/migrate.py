"""Numbered schema changes: schema/0001_first.sql, 0002_….sql; `PRAGMA user_version` says which are in.

Each file is one transaction together with its number, so a power cut leaves either the old version or the new one.
"""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

from bellgate import __version__
from bellgate.errors import NewerDatabase, StoreError


def migrations() -> list[tuple[int, str, str]]:
    """(number, file name, SQL) of every schema change, in order. The numbers run from 1 without a gap."""
    found = []
    for entry in files("bellgate.store").joinpath("schema").iterdir():
        number, _, rest = entry.name.partition("_")
        if rest.endswith(".sql") and number.isdigit():
            found.append((int(number), entry.name, entry.read_text(encoding="utf-8")))
    found.sort()
    if [number for number, _, _ in found] != list(range(1, len(found) + 1)):
        raise StoreError(f"the schema files of this installation are not complete: {[name for _, name, _ in found]}")
    return found


def version(connection: sqlite3.Connection) -> int:
    """The schema version of the database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()["user_version"])


def migrate(connection: sqlite3.Connection, where: str, known: list[tuple[int, str, str]] | None = None) -> int:
    """Bring the database to the newest version; returns how many changes were made. Raises NewerDatabase.

    connection: in autocommit mode (isolation_level None). where: the file's name, for the message.
    """
    known = migrations() if known is None else known
    newest = len(known)
    made = 0
    while (has := version(connection)) != newest:
        if has > newest:
            raise NewerDatabase(
                f"{where} has schema version {has}, but this is bellgate {__version__}, which knows up to {newest}. "
                "Install the newer bellgate again, or restore a backup from before the update"
            )
        number, _, sql = known[has]
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) == has:  # another process may have done it while we waited for the lock
                for statement in statements(sql):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
                made += 1
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return made


def statements(sql: str) -> Iterator[str]:
    """The single statements of a script. (`executescript` would commit behind our back.)"""
    waiting = ""
    for line in sql.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""
    if waiting.strip() and not all(line.strip().startswith("--") or not line.strip() for line in waiting.splitlines()):
        raise StoreError(f"a schema file ends in the middle of a statement: {waiting.strip()[:80]}")
