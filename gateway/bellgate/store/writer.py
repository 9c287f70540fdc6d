"""One at a time writes: take what is waiting, commit it together, then answer all.

A commit costs one fdatasync however many jobs are in it, so under load the group grows and the rate with it, while a
lone press waits for nobody. A job that fails takes no other with it: each has a savepoint, or, where all may be run a
second time, the group is undone and run again with savepoints.

A thread of its own does it. Whoever has time to wait, and finds nobody writing, does it in its own thread instead
(`put_now`): handing a lone press from thread to thread takes as long as the press itself.
"""

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from bellgate.store.base import Connection, Database, Tx

# One group is one transaction: the first press in it waits for the last, and the marks of what was sent wait for the
# next. With more, the share of the fdatasync in each press hardly falls.
GROUP_MAX = 100
# Marks that nobody waits for ride on the next commit, or go by themselves after this: what they say was sent would be
# sent again by a gateway that is killed before.
LAZY_S = 0.002
QUIET_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Work:
    """One job, and who is told what became of it. pure: it changes nothing but the database, so it may be undone and
    run again."""

    job: Callable[[Tx], Any]
    done: Callable[[Any], None] | None
    lazily: bool
    pure: bool = False
    result: Any = None


class Writer:
    """The queue and the thread that empties it."""

    def __init__(self, database: Database, after_group: Callable[[], None]) -> None:
        """after_group is called in the writer's thread when every job of a transaction has its answer."""
        self._database = database
        self._after_group = after_group
        self._connection: Connection | None = None
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._some = threading.Event()  # set while something is in the queue, and when there is something lazy
        # Not in the queue: marks behind ten thousand presses would keep the targets waiting for all of them.
        self._lazy: deque[Work] = deque()
        self._lazy_until_s = 0.0
        self._thread: threading.Thread | None = None
        self._writing = threading.Lock()  # whoever holds it uses the connection
        self._ended = False
        self._failing = False
        self.commits = 0
        self.commit_failures = 0
        self.jobs = 0
        self.largest_group = 0

    def start(self, connection: Connection) -> None:
        """Begin to write on this connection."""
        self._connection = connection
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def put(self, work: Work) -> None:
        """Hand over one job; any thread."""
        if work.lazily:
            if not self._lazy:
                self._lazy_until_s = time.monotonic() + LAZY_S
            self._lazy.append(work)
        else:
            self._queue.put(work)
        self._some.set()

    def put_now(self, group: list[Work]) -> None:
        """Commit these in the caller's thread, if nobody else writes or waits; hand them over if somebody does."""
        if self._queue.empty() and self._writing.acquire(blocking=False):
            try:
                if not self._ended:
                    group = self._with_lazy(group)
                    while group:
                        group = self._commit(group)
                    return
            finally:
                self._writing.release()
        for work in group:
            self.put(work)

    def waiting(self) -> int:
        """How many jobs wait."""
        return self._queue.qsize() + len(self._lazy)

    def stop(self, deadline_s: float) -> bool:
        """Commit what waits, then end; False if that takes longer."""
        if self._thread is None:
            return True
        self._queue.put(None)
        self._some.set()
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    # From here on: the writer thread.

    def _run(self) -> None:
        more = True
        while more:
            self._wait()
            with self._writing:
                self._some.clear()  # before anything is taken: what comes from now on sets it again
                group, more = self._gather()
                while group:
                    group = self._commit(group)
                self._ended = not more

    def _wait(self) -> None:
        """Until there is a job, or the lazy ones have waited long enough. Takes none: whoever comes meanwhile with
        `put_now` sees that it is not the first."""
        assert self._connection is not None
        while True:
            if self._lazy:
                self._some.wait(max(0.0, self._lazy_until_s - time.monotonic()))
                return
            if not self._connection.wants_rest:
                self._some.wait()
                return
            if self._some.wait(QUIET_S):
                return
            with self._writing:
                self._connection.rest()

    def _gather(self) -> tuple[list[Work], bool]:
        """What goes into the next transaction, and whether there will be another one."""
        group: list[Work] = []
        while len(group) < GROUP_MAX:
            try:
                work = self._queue.get(block=False)
            except queue.Empty:
                break
            if work is None:
                return self._with_lazy(group), False
            group.append(work)
        else:
            self._some.set()  # there may be more
        if group or len(self._lazy) >= GROUP_MAX or time.monotonic() >= self._lazy_until_s:
            return self._with_lazy(group), True
        return [], True  # the lazy ones can wait a little longer for somebody to ride with

    # From here on: whoever holds `_writing`.

    def _with_lazy(self, group: list[Work]) -> list[Work]:
        # First: they say what has been sent, and a gateway that is killed repeats what it had not written down.
        lazy: list[Work] = []
        with contextlib.suppress(IndexError):
            while True:
                lazy.append(self._lazy.popleft())
        return lazy + group

    def _commit(self, group: list[Work]) -> list[Work]:
        """One transaction; what is left of the group for the next one, so that another gateway gets its turn."""
        assert self._connection is not None
        connection = self._connection
        group, left = group[:GROUP_MAX], group[GROUP_MAX:]
        try:
            connection.begin()
            count = self._run_jobs(connection, group, marked=len(group) > 1 and not all(work.pure for work in group))
            if not count:
                connection.roll_back()
                connection.begin()
                count = self._run_jobs(connection, group, marked=True)
            group, left = group[:count], group[count:] + left
            if connection.in_transaction:
                connection.commit()
                self.commits += 1
                if self._failing:
                    self._failing = False
                    _log.info("commits_again")
        except Exception as error:
            connection.roll_back()
            self.commit_failures += 1
            failed = self._database.failed(error)
            if not self._failing:  # once when lost, once when back
                self._failing = True
                _log.error("commit_failed", reason=str(failed), jobs=len(group))
            for work in group:
                work.result = failed
        self.jobs += len(group)
        self.largest_group = max(self.largest_group, len(group))
        for work in group:
            if work.done is not None:
                self._answer(partial(work.done, work.result))
        self._answer(self._after_group)
        return left

    def _run_jobs(self, connection: Connection, group: list[Work], marked: bool) -> int:
        """So many of the group, from its beginning, as there is time for. marked: each has a savepoint, and one that
        fails is undone by itself. Not marked: 0 if one of several failed; a lone one's failure is the transaction's."""
        until_s = time.monotonic() + connection.turn_s
        for number, work in enumerate(group, 1):
            if marked:
                connection.mark()
            try:
                work.result = work.job(connection.tx)
                connection.settle()
            except Exception as error:
                if not connection.in_transaction:
                    raise  # disk full, connection lost: the transaction is gone as a whole, and nobody's job counts
                work.result = self._database.explained(error)
                if marked:
                    connection.back_to_mark()
                elif len(group) > 1:
                    return 0
                else:
                    connection.roll_back()
            if marked:
                connection.unmark()
            if time.monotonic() > until_s:
                return number
        return len(group)

    def _answer(self, done: Callable[[], None]) -> None:
        try:
            done()
        except Exception:  # one caller's fault must not stop the writer for all
            _log.exception("done_failed")
