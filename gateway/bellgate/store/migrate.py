"""Numbered schema changes: schema/0001_first.sql, 0002_….sql, the same files for every database.

Each file is one transaction together with its number, so a power cut leaves either the old version or the new one.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Protocol

from bellgate import __version__
from bellgate.errors import NewerDatabase, StoreError


class Schema(Protocol):
    """The tables of one database, as far as their version goes."""

    def version(self) -> int:
        """The number of the last change that is in; 0 for an empty database."""
        ...

    def apply(self, number: int, statements: Iterable[str]) -> bool:
        """Make change `number` in one transaction; False if another process has made it meanwhile."""
        ...


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


def migrate(schema: Schema, where: str, known: list[tuple[int, str, str]] | None = None) -> int:
    """Bring the database to the newest version; returns how many changes were made. Raises NewerDatabase.

    where: the database's name, for the message.
    """
    known = migrations() if known is None else known
    newest = len(known)
    made = 0
    while (has := schema.version()) != newest:
        if has > newest:
            raise NewerDatabase(
                f"{where} has schema version {has}, but this is bellgate {__version__}, which knows up to {newest}. "
                "Install the newer bellgate again, or restore a backup from before the update"
            )
        number, _, sql = known[has]
        made += schema.apply(number, statements(sql))
    return made


def statements(sql: str) -> Iterator[str]:
    """The single statements of a script. (A driver's own way to run a script would commit behind our back.)"""
    waiting = ""
    for line in sql.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""
    if waiting.strip() and not all(line.strip().startswith("--") or not line.strip() for line in waiting.splitlines()):
        raise StoreError(f"a schema file ends in the middle of a statement: {waiting.strip()[:80]}")
