"""`Store`: jobs into one writer thread, a few readers beside it, whatever database lies below."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from bellgate.errors import StoreBusy, StoreError
from bellgate.store.base import Connection, Database, Tx
from bellgate.store.sqlite import SqliteDatabase
from bellgate.store.writer import Work, Writer

T = TypeVar("T")

# A district's bells all at once, ten times over, is 20 MB of waiting jobs on a Pi; beyond it the broker keeps them.
WAITING_MAX = 10_000
# Reads are short; two at a time keep the page live while a long list is read.
READERS = 2

_log = structlog.get_logger(__name__)


class Store:
    """One database. `start()` first; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._writer = Writer(database, self._group_over)
        self._follower: Callable[[], None] | None = None
        self._connection: Connection | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._local_lock = threading.Lock()
        self._read_connections: list[Connection] = []
        self._open = False
        self.refused = 0

    @property
    def path(self) -> Path:
        """The database's file. Raises StoreError if it is not one."""
        if isinstance(self.database, SqliteDatabase):
            return self.database.path
        raise StoreError(f"{self.database.where} is no file: use PostgreSQL's own tools for it (pg_dump, pg_restore)")

    def start(self) -> None:
        """Open, check and migrate the database, and start the writer. Raises StoreError and its kinds."""
        try:
            fresh = self.database.open()
            self._connection = self.database.writer()
        except BaseException:
            self._close()
            raise
        self._readers = ThreadPoolExecutor(READERS, "store-read")
        self._writer.start(self._connection)
        self._open = True
        first = self.database.first_job(fresh)
        if first is not None:
            self.write_now(first)

    def stop(self, deadline_s: float = 10.0) -> None:
        """Commit what is waiting, then close. Nothing can be submitted afterwards."""
        if not self._open:
            return
        self._open = False
        if not self._writer.stop(deadline_s):  # a disk that hangs: leave the handles to the end of the process
            _log.error("store_stop_late", deadline_s=deadline_s)
            return
        if self._readers is not None:
            self._readers.shutdown(wait=True, cancel_futures=True)
        self._close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def submit(
        self,
        job: Callable[[Tx], T],
        done: Callable[[T | Exception], None] | None = None,
        *,
        lazily: bool = False,
        pure: bool = False,
    ) -> None:
        """Run `job` in the next transaction; `done(result or exception)` follows the commit, in the writer thread.

        lazily: nobody waits for it, so it rides on the next commit, or goes by itself after 2 ms.
        pure: it changes nothing but the database, so it may be undone and run a second time.
        Raises StoreBusy when too much is waiting, StoreError when the store is stopped.
        """
        self._admit()
        self._writer.put(Work(job, done, lazily, pure))

    def submit_now(self, jobs: Iterable[tuple[Callable[[Tx], Any], Callable[[Any], None]]]) -> None:
        """As `submit` for each (job, done), all of them pure, for a thread that may be kept waiting as long as a commit
        takes: if nobody else writes, they are done and answered when this returns."""
        self._admit()
        self._writer.put_now([Work(job, done, lazily=False, pure=True) for job, done in jobs])

    def _admit(self) -> None:
        if not self._open:
            raise StoreError("the store is stopped")
        if self._writer.waiting() >= WAITING_MAX:
            self.refused += 1
            raise StoreBusy(f"{WAITING_MAX} jobs wait for the database: it is too slow or hangs")

    async def write(self, job: Callable[[Tx], T], deadline_s: float = 5.0) -> T:
        """Run `job` and wait for the commit. Raises what the job raised, StoreError, or StoreBusy at the deadline."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def done(result: T | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result)

        self.submit(job, done)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            raise StoreBusy(f"the database did not answer within {deadline_s:g} s") from None

    async def read(self, job: Callable[[Tx], T], deadline_s: float = 5.0) -> T:
        """Run `job` on one consistent picture, without the right to write. Raises StoreError, StoreBusy."""
        if self._readers is None or not self._open:
            raise StoreError("the store is stopped")
        try:
            reading = self._readers.submit(self.read_now, job)
        except RuntimeError as error:  # the pool was shut down meanwhile
            raise StoreError("the store is stopped") from error
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.wrap_future(reading)
        except TimeoutError:
            raise StoreBusy(f"the database did not answer within {deadline_s:g} s") from None

    def write_now(self, job: Callable[[Tx], T], deadline_s: float = 30.0) -> T:
        """`write` for code without an event loop."""
        future: Future[T] = Future()

        def done(result: T | Exception) -> None:
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.submit(job, done)
        try:
            return future.result(deadline_s)
        except TimeoutError:
            raise StoreBusy(f"the database did not answer within {deadline_s:g} s") from None

    def read_now(self, job: Callable[[Tx], T]) -> T:
        """`read` for code without an event loop."""
        if not self._open:
            raise StoreError("the store is stopped")
        connection: Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self.database.reader()
                self._local.connection = connection
                with self._local_lock:
                    self._read_connections.append(connection)
            connection.begin()
            try:
                return job(connection.tx)
            finally:
                connection.roll_back()
        except Exception as error:
            said = self.database.explained(error)
            if said is error:
                raise
            raise said from error

    def follow(self, told: Callable[[], None]) -> None:
        """Call this in the thread that writes whenever the jobs of a transaction have their answers: what they gave to
        do can be done for all of them at once."""
        self._follower = told

    def _group_over(self) -> None:
        if self._follower is not None:
            self._follower()

    def listen(self, told: Callable[[str], None]) -> None:
        """Hand over what other gateways on this database `tell`, from a thread of its own, until `stop`."""
        self.database.listen(told)

    def counters(self) -> dict[str, int]:
        """For /metrics: what the writer has done since the start, and how much is waiting."""
        writer = self._writer
        return {
            "commits": writer.commits,
            "commit_failures": writer.commit_failures,
            "jobs": writer.jobs,
            "largest_group": writer.largest_group,
            "refused": self.refused,
            "waiting": writer.waiting(),
        }

    def _close(self) -> None:
        for connection in (*self._read_connections, self._connection):
            if connection is not None:
                connection.close()
        self._read_connections.clear()
        self._connection = None
        self.database.close()


def _settle(future: "asyncio.Future[Any]", result: Any) -> None:
    if future.done():
        return  # the caller's deadline has passed
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
