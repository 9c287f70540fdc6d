"""The gateway's store without threads: a job is written in a turn of the loop, with all that wait.

The database below is the real one. `Writer`'s transactions, groups and savepoints are the real ones too; replaced is
the thread that takes the jobs out of the queue, and each commit is a place where the gateway may die.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from bellgate.errors import StoreError
from bellgate.store import Store, Tx
from bellgate.store.base import Connection, Database, Row
from bellgate.store.writer import Work, Writer

T = TypeVar("T")


class Killed(BaseException):
    """The gateway died here."""


class _Breakable:
    """A connection whose commits can fail, or be the last thing that the gateway does."""

    def __init__(self, connection: Connection, faults: "Faults") -> None:
        self._connection, self._faults = connection, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        """The database's, unless it is the one at which something breaks."""
        self._faults.before_commit()
        self._connection.commit()
        self._faults.after_commit()


class Faults:
    """What is to break. full: the disk takes nothing. die_at: the gateway dies at the commit after so many; after: it
    dies when the commit is durable and nobody has been told, else just before it. die(): told of it."""

    def __init__(self, die: Callable[[], None]) -> None:
        self.full = False
        self.die_at: int | None = None
        self.after = False
        self._die = die

    def before_commit(self) -> None:
        """May raise."""
        if self.full:
            import sqlite3  # noqa: PLC0415 -- its error is what a full disk looks like

            fault = sqlite3.OperationalError("database or disk is full")
            fault.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise fault
        if self.die_at is not None:
            self.die_at -= 1
            if self.die_at < 0 and not self.after:
                self._end()

    def after_commit(self) -> None:
        """May raise."""
        if self.die_at is not None and self.die_at < 0:
            self._end()

    def _end(self) -> None:
        self.die_at = None
        self._die()
        raise Killed


class _Turns(Writer):
    """The writer's jobs, done in turns of the loop."""

    def __init__(
        self, database: Database, after_group: Callable[[], None], faults: Faults, wrote: Callable[[], None]
    ) -> None:
        super().__init__(database, after_group)
        self._wrote = wrote
        self._faults = faults
        self._jobs: list[Work] = []
        self._coming = False

    def start(self, connection: Connection) -> None:
        self._connection = _Breakable(connection, self._faults)

    def put(self, work: Work) -> None:
        self._jobs.append(work)
        if not self._coming:
            self._coming = True
            asyncio.get_running_loop().call_soon(self._turn)

    def put_now(self, group: list[Work]) -> None:
        for work in group:
            self.put(work)

    def waiting(self) -> int:
        return len(self._jobs)

    def stop(self, deadline_s: float) -> bool:
        self._turn()
        return True

    def drop(self) -> None:
        """The gateway is dead: what waits is gone, what was begun is not done."""
        self._jobs = []
        if self._connection is not None:
            self._connection.roll_back()

    def _turn(self) -> None:
        self._coming = False
        # Marks that nobody waits for go along, and go alone if nobody else comes: the loop has no 2 ms to spend.
        while self._jobs:
            group, self._jobs = self._jobs, []
            group.sort(key=lambda work: not work.lazily)
            while group:
                group = self._commit(group)
        if self._connection is not None and self._connection.wants_rest:
            self._connection.rest()
        self._wrote()


class TurnStore(Store):
    """`Store` for a virtual loop. faults: what breaks at its commits. wrote() is called after each turn's."""

    def __init__(self, database: Database, die: Callable[[], None], wrote: Callable[[], None]) -> None:
        super().__init__(database)
        self.faults = Faults(die)
        self._turns = _Turns(database, self._group_over, self.faults, wrote)
        self._writer = self._turns

    def start(self) -> None:
        """Open, check, migrate."""
        fresh = self.database.open()
        self._connection = self.database.writer()
        self._writer.start(self._connection)
        self._open = True
        first = self.database.first_job(fresh)
        if first is not None:
            self.submit(first)

    async def read(self, job: Callable[[Tx], T], deadline_s: float = 5.0) -> T:
        """At once."""
        return self.read_now(job)

    def glance(self, sql: str) -> Row | None:
        """One row that is asked for after each commit: a transaction for it would be two thirds of its time."""
        if not self._open or self._connection is None:
            raise StoreError("the store is stopped")
        return self._connection.tx.one(sql)

    def write_now(self, job: Callable[[Tx], T], deadline_s: float = 30.0) -> T:
        """There is nobody who could be waited for."""
        raise NotImplementedError

    def kill(self) -> None:
        """As SIGKILL: nothing is finished."""
        if self._open:
            self._open = False
            self._turns.drop()
            self._close()
