"""The two databases on which every test of this folder runs, and how a test looks at them from outside."""

import threading

from bellgate.store import Store, Tx
from bellgate.store.postgresql import PostgresqlDatabase
from bellgate.store.sqlite import SqliteDatabase

WAIT_S = 20.0


def again(store: Store) -> Store:
    """The same database, opened once more, as another process would; not started yet."""
    if isinstance(store.database, SqliteDatabase):
        return Store(SqliteDatabase(store.database.path))
    assert isinstance(store.database, PostgresqlDatabase)
    return Store(PostgresqlDatabase(store.database.url))


class Gate:
    """Holds the writer inside a job, so that what follows gathers into one group."""

    def __init__(self, store: Store) -> None:
        self.inside, self.open = threading.Event(), threading.Event()
        store.submit(self._job)
        assert self.inside.wait(WAIT_S)

    def _job(self, tx: Tx) -> None:
        self.inside.set()
        assert self.open.wait(WAIT_S)


def outside(store: Store, sql: str) -> list[tuple[object, ...]]:
    """What another process sees."""
    with again(store) as other:
        return [tuple(row.values()) for row in other.read_now(lambda tx: tx.all(sql))]
