"""The way to each target: a lane of its own (see `lane`), so that a slow one delays no other.

A lane holds a bounded number of deliveries in memory; the table holds the rest. What became of an attempt is written
down with the next commit, and a killed gateway repeats at most what was sent and not yet written down.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

import structlog

from bellgate import log
from bellgate.clock import Clock
from bellgate.errors import StoreError, TargetError, TargetRefused, TargetWaits
from bellgate.lane import Lane, Target
from bellgate.store import Store, Tx, deliveries, troubles
from bellgate.store.deliveries import Delivery, Mark

# At once to one target, at most; a target may want fewer.
SENDING_MAX = 16
# In memory for one target, 1.5 kB each; what is beyond it waits in the table.
LANE_MAX = 2_000
SEND_LEASE_MS = 120_000
WAIT_MS = 1_000  # a message that waits for an earlier one asks again after this
DEAD_AFTER_MS = 24 * 3_600_000  # a day: by then people have been told by other ways, and the trouble list says so
# A storm of failures is one line of the trouble list, counted again at most this often.
SAID_S = 10.0

_log = structlog.get_logger(__name__)


class Lanes:
    """Sends deliveries, in the event loop. spawn(work) lets a task run; tell(kind, subject, detail) a trouble."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        targets: Mapping[str, Target],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        tell: Callable[[str, str, troubles.Said | None], Coroutine[Any, Any, None]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._spawn = spawn
        self._tell = tell
        self._lanes = {
            name: Lane(name, target, min(SENDING_MAX, target.at_once), spawn, self._over, self._hurry)
            for name, target in targets.items()
        }
        self._held: dict[str, Lane] = {}  # deliveries in memory, until what became of them is written down
        self._marks: deque[Mark] = deque()  # filled in the loop, taken by whoever writes
        self._notes: list[dict[str, Any]] = []  # for the log, written together with the marks
        self._hurried = False  # a job that takes the marks along has been handed in
        self._writing_marks = False
        self.stopping = False
        self.sent = 0
        self.failed = 0

    @property
    def names(self) -> Collection[str]:
        """Of the targets that something is sent to."""
        return self._lanes.keys()

    def was_failing(self, name: str) -> bool:
        """The trouble list says that this one fails; False if there is no such target any more."""
        lane = self._lanes.get(name)
        if lane is not None:
            lane.failing = True
        return lane is not None

    def holds(self, delivery_id: str) -> bool:
        """True while this delivery is in memory."""
        return delivery_id in self._held

    def counters(self) -> dict[str, int]:
        """For /metrics, since the start."""
        waiting = sum(len(lane.waiting) for lane in self._lanes.values())
        unwritten = len(self._held) - waiting  # or under way
        return {"sent": self.sent, "failed": self.failed, "waiting": waiting, "unwritten": unwritten}

    def watches(self) -> list[asyncio.Task[None]]:
        """What each target runs beside its deliveries."""
        return [asyncio.create_task(self._watch(lane), name=f"watch-{lane.name}") for lane in self._lanes.values()]

    async def fill(self, names: Iterable[str], now_ms: int) -> None:
        """Take what waits in the table for these targets, as far as there is room. Raises StoreError."""
        for name in names:
            lane = self._lanes.get(name)
            if lane is not None and (room := LANE_MAX - len(lane.waiting)) > 0:
                self.offer(await self._store.write(partial(_take, name, now_ms, room)))

    def stop(self) -> None:
        """Begin nothing more."""
        self.stopping = True
        for lane in self._lanes.values():
            lane.stopping = True

    async def finish(self, deadline_s: float) -> None:
        """Wait for what is under way, at most so long; what is not answered by then is in the table."""
        await asyncio.gather(*(lane.finish(deadline_s) for lane in self._lanes.values()))

    async def close(self, deadline_s: float) -> None:
        """Write down what is known and let go of the targets. Nothing is under way any more."""
        self._write_notes()
        if self._marks or self._writing_marks:
            # Written with the store's last commit; if even that fails, these are sent again under the same id.
            marks = list(self._marks)
            self._marks.clear()
            try:
                await self._store.write(lambda tx: deliveries.mark(tx, marks), deadline_s=max(deadline_s, 1.0))
            except StoreError as error:
                _log.error("marks_lost", count=len(marks), reason=str(error))
        for lane in self._lanes.values():
            await lane.target.close()

    def offer(self, made: list[Delivery]) -> None:
        """Give deliveries to their lanes; what has no room goes back to the table."""
        back: list[str] = []
        taken: dict[str, Lane] = {}
        for delivery in made:
            lane = self._lanes.get(delivery.target)
            if lane is None or delivery.id in self._held:
                continue
            if self.stopping or len(lane.waiting) >= LANE_MAX:
                back.append(delivery.id)
                continue
            self._held[delivery.id] = lane
            lane.waiting.append(delivery)
            taken[lane.name] = lane
        for lane in taken.values():
            lane.pump()
        if back:
            try:
                self._store.submit(lambda tx: deliveries.release(tx, back), lazily=True)
            except StoreError as error:  # then they wait for the end of their lease
                _log.error("release_failed", count=len(back), reason=str(error))

    def _hurry(self) -> None:
        if not self._hurried:
            self._hurried = True
            with contextlib.suppress(StoreError):
                self._store.submit(_nothing, pure=True)

    def _over(self, lane: Lane, delivery: Delivery, proof: str | None, error: Exception | None) -> None:
        """What became of an attempt."""
        fault = None if error is None else str(error)
        if isinstance(error, TargetWaits):
            now_ms = self._clock.now_ms()
            self._mark(Mark(delivery.id, "pending", delivery.attempts, now_ms, now_ms + WAIT_MS, fault))
            return
        if isinstance(error, TimeoutError):
            fault = f"no answer within {lane.target.timeout_s:g} s"
        elif error is not None and not isinstance(error, TargetError):
            # Our own fault: the message is kept like any other that was not sent.
            _log.error("send_fault", target=lane.name, exc_info=error)
            fault = f"{type(error).__name__}: {error}"
        now_ms = self._clock.now_ms()
        attempts = delivery.attempts + 1
        if fault is None:
            self.sent += 1
            took = {"attempts": attempts, "after_ms": now_ms - delivery.created_ms}
            self._notes.append({"event": "sent", **_about(delivery), **took})
            self._mark(Mark(delivery.id, "delivered", attempts, now_ms, proof=proof))
            if lane.failing:
                lane.failing = False
                self._spawn(self._tell("target_failing", lane.name, None))
                self._spawn(self._back(lane))
            return
        self.failed += 1
        _log.warning("not_sent", **_about(delivery), attempts=attempts, reason=fault)
        if isinstance(error, TargetRefused) or now_ms - delivery.created_ms >= DEAD_AFTER_MS:
            self._mark(Mark(delivery.id, "dead", attempts, now_ms, error=fault))
            about = "-" if delivery.incident_id is None else delivery.incident_id
            hours = (now_ms - delivery.created_ms) // 3_600_000
            said = {"incident": about, "hours": hours, "reason": fault}
            self._spawn(self._tell("delivery_dead", lane.name, said))
            return
        wait_ms = min(1_000 * 2 ** min(attempts - 1, 16), int(lane.target.retry_max_s * 1000))
        self._mark(Mark(delivery.id, "failed", attempts, now_ms, now_ms + wait_ms, fault))
        now_s = time.monotonic()
        if not lane.failing or now_s - lane.said_s >= SAID_S:
            lane.failing = True
            lane.said_s = now_s
            self._spawn(self._tell("target_failing", lane.name, fault))

    async def _back(self, lane: Lane) -> None:
        """It answers again: what failed meanwhile need not sit out its time."""
        now_ms = self._clock.now_ms()
        with contextlib.suppress(StoreError):  # then each is tried again when its own time comes
            await self._store.write(lambda tx: deliveries.due_now(tx, lane.name, now_ms))

    async def _watch(self, lane: Lane) -> None:
        try:
            await lane.target.watch(self._tell)
        except Exception as error:  # our own fault: deliveries go on, and the operator knows that nobody watches
            _log.exception("watch_fault", target=lane.name)
            await self._tell("target_unwatched", lane.name, f"{type(error).__name__}: {error}: report this fault")

    def _mark(self, mark: Mark) -> None:
        if (lane := self._held.get(mark.id)) is not None:
            lane.unwritten += 1
        self._marks.append(mark)
        if not self._writing_marks:
            self._write_marks()

    def _write_marks(self) -> None:
        """What became of the attempts rides on the next commit: all that is known by then."""
        self._write_notes()
        self._writing_marks = bool(self._marks)
        if not self._marks:
            return
        loop = asyncio.get_running_loop()
        marks: list[Mark] = []

        def job(tx: Tx) -> None:
            with contextlib.suppress(IndexError):
                while True:
                    marks.append(self._marks.popleft())
            deliveries.mark(tx, marks)

        def done(result: Exception | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._marks_written, marks, result)

        try:
            self._store.submit(job, done, lazily=True, pure=True)
        except StoreError as error:
            self._marks_written(marks, error)

    def _write_notes(self) -> None:
        notes, self._notes = self._notes, []
        if notes:
            log.info_all(notes)

    def _marks_written(self, marks: list[Mark], result: Exception | None) -> None:
        self._hurried = False
        if result is not None:
            _log.error("marks_failed", count=len(marks), reason=str(result))
            self._marks.extendleft(reversed(marks))
            asyncio.get_running_loop().call_later(1.0, self._write_marks)
        else:
            for mark in marks:
                if (lane_of := self._held.pop(mark.id, None)) is not None:
                    lane_of.unwritten -= 1
            self._write_marks()
        for lane in self._lanes.values():
            lane.written(failed=result is not None)


def _take(target: str, now_ms: int, room: int, tx: Tx) -> list[Delivery]:
    return deliveries.take(tx, target, now_ms, SEND_LEASE_MS, room)


def _nothing(tx: Tx) -> None:
    pass


def _about(delivery: Delivery) -> dict[str, Any]:
    """What a line of the log says of a delivery."""
    said = {"target": delivery.target, "delivery": delivery.id, "incident": delivery.incident_id}
    return said if delivery.press is None else said | {"press": delivery.press}
