"""The database: every press once, every case, every message still to be sent, everything that must happen at a time.

    base        what a transaction offers (`Tx`)
    sqlite      one writer thread with group commit, a few readers (`Store`)
    opening     open, check, set aside what is damaged
    migrate     numbered SQL files in schema/
    bells signals incidents deliveries dues troubles audit refusals facts people    SQL, one module a table group

A job is a function of a `Tx`. It runs in a savepoint of its own; what it returns is handed over after the commit.
"""

from pathlib import Path

from bellgate.errors import StoreError
from bellgate.store.base import Row, Tx
from bellgate.store.sqlite import Store

__all__ = ("Row", "Store", "Tx", "open_store")

_SQLITE = "sqlite:///"


def open_store(url: str, data_dir: Path) -> Store:
    """The store that `url` names; "sqlite:///name.db" is relative to data_dir, "sqlite:////path" absolute.

    Nothing is opened before `start()`. Raises StoreError for a URL of another kind.
    """
    name = url.removeprefix(_SQLITE)
    if name == url or not name:
        raise StoreError(f'{url!r} is not a database this version can use: write store.url = "sqlite:///ansimbell.db"')
    return Store(data_dir / name)
