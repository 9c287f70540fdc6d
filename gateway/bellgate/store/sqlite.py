"""SQLite behind one writer thread: take what is waiting, commit it together, then answer all.

A commit costs one fdatasync however many jobs are in it, so under load the group grows and the rate with it, while a
lone press waits for nobody. Each job has a savepoint: one that fails takes no other with it.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import structlog

from bellgate.clock import now_ms
from bellgate.errors import StoreBusy, StoreError
from bellgate.store import opening, troubles
from bellgate.store.base import Row, Tx
from bellgate.store.migrate import migrate

T = TypeVar("T")

# A district's bells all at once, ten times over, is 20 MB of waiting jobs on a Pi; beyond it the broker keeps them.
WAITING_MAX = 10_000
# One group is one transaction: the first press in it waits for the last, at most about 0.1 s on a Pi.
GROUP_MAX = 500
# Marks that nobody waits for ride on the next commit, or go by themselves after this.
LAZY_S = 0.02
# The log is copied back in a quiet second, so that no press waits for it; the canary alone makes 50 in four minutes.
CHECKPOINT_COMMITS = 50
QUIET_S = 1.0
# Reads are short; two at a time keep the page live while a long list is read.
READERS = 2

_log = structlog.get_logger(__name__)


class SqliteTx:
    """A `Tx` on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row, each as {column: value}."""
        return self._connection.execute(sql, params).fetchall()

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        cursor = self._connection.execute(sql, params)
        row: Row | None = cursor.fetchone()
        cursor.close()  # an unfinished INSERT … RETURNING would keep the savepoint open
        return row

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """How many rows the statement changed."""
        return self._connection.execute(sql, params).rowcount


@dataclass(slots=True)
class _Work:
    job: Callable[[Tx], Any]
    done: Callable[[Any], None] | None
    lazily: bool
    result: Any = None


class Store:
    """One SQLite database. `start()` first; every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lazy: list[_Work] = []
        self._lazy_until_s = 0.0
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._held: IO[str] | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self._local_lock = threading.Lock()
        self._read_connections: list[sqlite3.Connection] = []
        self._since_checkpoint = 0
        self._open = False
        self._failing = False
        self.commits = 0
        self.commit_failures = 0
        self.jobs = 0
        self.largest_group = 0
        self.refused = 0

    def start(self) -> None:
        """Open, check and migrate the database, and start the writer. Raises StoreError and its kinds."""
        opening.prepare(self.path)
        self._held = opening.hold(self.path)
        try:
            opening.check_integrity(self.path, self._held)
            self._connection = opening.connect(self.path)
            fresh = migrate(self._connection, str(self.path)) > 0
            opening.grow_log(self._connection, self.path)
        except sqlite3.Error as error:
            self._close()
            raise opening.explained(error, self.path) from error
        except BaseException:
            self._close()
            raise
        self._readers = ThreadPoolExecutor(READERS, "store-read")
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._open = True
        self._thread.start()
        names = list(opening.set_aside_before(self.path))
        self.write_now(lambda tx: troubles.set_aside(tx, names, fresh, now_ms()))

    def stop(self, deadline_s: float = 10.0) -> None:
        """Commit what is waiting, then close. Nothing can be submitted afterwards."""
        if not self._open:
            return
        self._open = False
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(deadline_s)
            if self._thread.is_alive():  # a disk that hangs: leave the handles to the end of the process
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
        self, job: Callable[[Tx], T], done: Callable[[T | Exception], None] | None = None, *, lazily: bool = False
    ) -> None:
        """Run `job` in the next transaction; `done(result or exception)` follows the commit, in the writer thread.

        lazily: nobody waits for it, so it rides on the next commit, or goes by itself after 20 ms.
        Raises StoreBusy when too much is waiting, StoreError when the store is stopped.
        """
        if not self._open:
            raise StoreError("the store is stopped")
        if self._queue.qsize() >= WAITING_MAX:
            self.refused += 1
            raise StoreBusy(f"{WAITING_MAX} jobs wait for the database: the disk is too slow or hangs")
        self._queue.put(_Work(job, done, lazily))

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
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = opening.connect(self.path, readonly=True)
                self._local.connection = connection
                with self._local_lock:
                    self._read_connections.append(connection)
            connection.execute("BEGIN")
            try:
                return job(SqliteTx(connection))
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise opening.explained(error, self.path) from error

    def counters(self) -> dict[str, int]:
        """For /metrics: what the writer has done since the start, and how much is waiting."""
        return {
            "commits": self.commits,
            "commit_failures": self.commit_failures,
            "jobs": self.jobs,
            "largest_group": self.largest_group,
            "refused": self.refused,
            "waiting": self._queue.qsize(),
        }

    def _close(self) -> None:
        for connection in (*self._read_connections, self._connection):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
        self._read_connections.clear()
        self._connection = None
        if self._held is not None:
            self._held.close()
            self._held = None

    # From here on: the writer thread.

    def _run(self) -> None:
        more = True
        while more:
            group, more = self._gather()
            if group:
                self._commit(group)

    def _gather(self) -> tuple[list[_Work], bool]:
        """What goes into the next transaction, and whether there will be another one."""
        group: list[_Work] = []
        while True:
            try:
                work = self._queue.get(block=False) if group else self._wait()
            except queue.Empty:
                return self._with_lazy(group), True
            if work is None:
                return self._with_lazy(group), False
            if work.lazily:
                if not self._lazy:
                    self._lazy_until_s = time.monotonic() + LAZY_S
                self._lazy.append(work)
                if len(self._lazy) >= GROUP_MAX:
                    return self._with_lazy(group), True
                continue
            group.append(work)
            if len(group) >= GROUP_MAX:
                return self._with_lazy(group), True

    def _wait(self) -> _Work | None:
        """The next job. Raises queue.Empty when the lazy ones have waited long enough."""
        while True:
            if self._lazy:
                left_s = self._lazy_until_s - time.monotonic()
                if left_s <= 0:
                    return self._queue.get(block=False)
                return self._queue.get(timeout=left_s)
            if self._since_checkpoint < CHECKPOINT_COMMITS:
                return self._queue.get()
            try:
                return self._queue.get(timeout=QUIET_S)
            except queue.Empty:
                self._checkpoint()

    def _with_lazy(self, group: list[_Work]) -> list[_Work]:
        group += self._lazy
        self._lazy = []
        return group

    def _commit(self, group: list[_Work]) -> None:
        assert self._connection is not None
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            alone = len(group) == 1
            for work in group:
                _run_job(connection, work, alone, self.path)
            if connection.in_transaction:
                connection.execute("COMMIT")
                self.commits += 1
                self._since_checkpoint += 1
                if self._failing:
                    self._failing = False
                    _log.info("commits_again")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self.commit_failures += 1
            failed = opening.explained(error, self.path)
            if not self._failing:  # once when lost, once when back
                self._failing = True
                _log.error("commit_failed", reason=str(failed), jobs=len(group))
            for work in group:
                work.result = failed
        self.jobs += len(group)
        self.largest_group = max(self.largest_group, len(group))
        for work in group:
            if work.done is not None:
                try:
                    work.done(work.result)
                except Exception:  # one caller's fault must not stop the writer for all
                    _log.exception("done_failed")

    def _checkpoint(self) -> None:
        assert self._connection is not None
        self._since_checkpoint = 0
        with contextlib.suppress(sqlite3.Error):  # the next quiet moment tries again
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _run_job(connection: sqlite3.Connection, work: _Work, alone: bool, path: Path) -> None:
    """One job. A lone one needs no savepoint: its failure is the transaction's."""
    if not alone:
        connection.execute("SAVEPOINT job")
    try:
        work.result = work.job(SqliteTx(connection))
    except Exception as error:
        if not connection.in_transaction:
            raise  # disk full or an I/O error: SQLite has rolled the whole transaction back, and nobody's job counts
        work.result = opening.explained(error, path) if isinstance(error, sqlite3.OperationalError) else error
        connection.execute("ROLLBACK" if alone else "ROLLBACK TO job")
        if alone:
            return
    if not alone:
        connection.execute("RELEASE job")


def _settle(future: "asyncio.Future[T]", result: T | Exception) -> None:
    if future.done():
        return  # the caller's deadline has passed
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
