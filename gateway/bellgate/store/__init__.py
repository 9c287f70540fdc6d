"""The database: every press once, every case, every message still to be sent, everything that must happen at a time.

    base        what a transaction offers (`Tx`), what a database offers (`Database`), and the SQL that both take
    store       jobs in, results out (`Store`)
    writer      one writer thread with group commit
    sqlite      a file: `opening` checks it and sets aside what is damaged
    postgresql  a server, for one gateway or several at once; `dialect` holds all that differs in SQL
    migrate     numbered SQL files in schema/, the same for both
    bells signals incidents deliveries dues troubles audit refusals facts people members    SQL, a module a table group

A job is a function of a `Tx`. It runs in a savepoint of its own; what it returns is handed over after the commit.
"""

from pathlib import Path

from bellgate.errors import StoreError
from bellgate.store.base import Row, Tx
from bellgate.store.sqlite import SqliteDatabase
from bellgate.store.store import Store

__all__ = ("Row", "Store", "Tx", "open_store")

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql://", "postgres://")


def open_store(url: str, data_dir: Path) -> Store:
    """The store that `url` names; "sqlite:///name.db" is relative to data_dir, "sqlite:////path" absolute.

    Nothing is opened before `start()`. Raises StoreError for a URL of another kind.
    """
    if url.startswith(_POSTGRESQL):
        from bellgate.store.postgresql import PostgresqlDatabase  # noqa: PLC0415 - a Pi on SQLite need not load it

        return Store(PostgresqlDatabase(url))
    name = url.removeprefix(_SQLITE)
    if name == url or not name:
        raise StoreError(
            f'{url!r} is not a database this version can use: write store.url = "sqlite:///ansimbell.db", '
            'or "postgresql://user@host/database"'
        )
    return Store(SqliteDatabase(data_dir / name))
