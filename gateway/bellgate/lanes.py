"""The way to each target: a lane of its own, so that a slow one delays no other.

A lane holds a bounded number of deliveries in memory; the table holds the rest. What became of an attempt is written
down with the next commit, and a killed gateway repeats at most what was sent and not yet written down.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog

from bellgate.clock import Clock
from bellgate.errors import StoreError, TargetError, TargetRefused, TargetWaits
from bellgate.store import Store, Tx, deliveries, troubles
from bellgate.store.deliveries import Delivery, Mark

# At once to one target, at most; a target may want fewer.
SENDING_MAX = 16
# In memory for one target, 1.5 kB each; what is beyond it waits in the table.
LANE_MAX = 2_000
SEND_LEASE_MS = 120_000
# At least and at most so many of one target are under way or not written down yet: a gateway that is killed sends
# those again. In between an eighth of what waits, so that a storm is not held up.
UNWRITTEN = (2, 64)
# A target that takes longer than this to answer gets as many at once as it may: it is slow, not we.
ROOM_S = 0.5
WAIT_MS = 1_000  # a message that waits for an earlier one asks again after this
DEAD_AFTER_MS = 24 * 3_600_000  # a day: by then people have been told by other ways, and the trouble list says so
# A storm of failures is one line of the trouble list, counted again at most this often.
SAID_S = 10.0

_log = structlog.get_logger(__name__)


class Target(Protocol):
    """Somebody to whom messages are sent; see `bellgate.targets`."""

    timeout_s: float
    at_once: int
    retry_max_s: float

    async def send(self, delivery: Delivery) -> str | None:
        """Send it once; what came back. Raises TargetError."""
        ...

    async def watch(self, say: Callable[[str, str, str | None], Awaitable[None]]) -> None:
        """Runs beside the deliveries; say(kind, subject, detail) raises or (None) clears a line of the trouble list."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(slots=True)
class _Lane:
    """The way to one target."""

    name: str
    target: Target
    waiting: deque[Delivery] = field(default_factory=deque)
    workers: int = 0
    sending: int = 0
    unwritten: int = 0  # sent, and not written down yet: a gateway that is killed now repeats these
    room: asyncio.Event = field(default_factory=asyncio.Event)
    failing: bool = False
    said_s: float = 0.0  # when the trouble list was last told


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
        self._lanes = {name: _Lane(name, target) for name, target in targets.items()}
        self._held: dict[str, _Lane] = {}  # deliveries in memory, until what became of them is written down
        self._marks: list[Mark] = []
        self._marks_fail = False
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
        return {"sent": self.sent, "failed": self.failed, "waiting": waiting}

    def watches(self) -> list[asyncio.Task[None]]:
        """What each target runs beside its deliveries."""
        return [asyncio.create_task(self._watch(lane), name=f"watch-{lane.name}") for lane in self._lanes.values()]

    async def fill(self, names: Iterable[str], now_ms: int) -> None:
        """Take what waits in the table for these targets, as far as there is room. Raises StoreError."""
        for name in names:
            lane = self._lanes.get(name)
            if lane is not None and (room := LANE_MAX - len(lane.waiting)) > 0:
                self.offer(await self._store.write(partial(_take, name, now_ms, room)))

    async def close(self, deadline_s: float) -> None:
        """Write down what is known and let go of the targets. Nothing is under way any more."""
        if self._marks or self._writing_marks:
            # Written with the store's last commit; if even that fails, these are sent again under the same id.
            marks, self._marks = self._marks, []
            try:
                await self._store.write(lambda tx: deliveries.mark(tx, marks), deadline_s=max(deadline_s, 1.0))
            except StoreError as error:
                _log.error("marks_lost", count=len(marks), reason=str(error))
        for lane in self._lanes.values():
            await lane.target.close()

    def offer(self, made: list[Delivery]) -> None:
        """Give deliveries to their lanes; what has no room goes back to the table."""
        back: list[str] = []
        for delivery in made:
            lane = self._lanes.get(delivery.target)
            if lane is None or delivery.id in self._held:
                continue
            if self.stopping or len(lane.waiting) >= LANE_MAX:
                back.append(delivery.id)
                continue
            self._held[delivery.id] = lane
            lane.waiting.append(delivery)
            if lane.workers < min(SENDING_MAX, lane.target.at_once):
                lane.workers += 1
                self._spawn(self._work(lane))
        if back:
            try:
                self._store.submit(lambda tx: deliveries.release(tx, back), lazily=True)
            except StoreError as error:  # then they wait for the end of their lease
                _log.error("release_failed", count=len(back), reason=str(error))

    async def _work(self, lane: _Lane) -> None:
        try:
            while lane.waiting and not self.stopping:
                most = _unwritten_max(len(lane.waiting))
                full = lane.sending + lane.unwritten >= most and not self._marks_fail
                if full and (await self._make_room(lane) or not lane.waiting or lane.unwritten >= most):
                    continue
                lane.sending += 1
                try:
                    await self._attempt(lane, lane.waiting.popleft())
                finally:
                    lane.sending -= 1
        finally:
            lane.workers -= 1

    async def _make_room(self, lane: _Lane) -> bool:
        """Have it written down at once what was sent, not with the next commit; False if nothing came of it."""
        if lane.unwritten and not self._hurried:
            self._hurried = True
            with contextlib.suppress(StoreError):
                self._store.submit(_nothing)
        lane.room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROOM_S):
                await lane.room.wait()
                return True
        return False

    async def _attempt(self, lane: _Lane, delivery: Delivery) -> None:
        fault = proof = None
        final = False
        try:
            async with asyncio.timeout(lane.target.timeout_s):
                proof = await lane.target.send(delivery)
        except TimeoutError:
            fault = f"no answer within {lane.target.timeout_s:g} s"
        except TargetWaits as error:
            now_ms = self._clock.now_ms()
            mark = Mark(delivery.id, "pending", delivery.attempts, now_ms, now_ms + WAIT_MS, str(error))
            self._mark(mark)
            return
        except TargetRefused as error:
            fault = str(error)
            final = True
        except TargetError as error:
            fault = str(error)
        except Exception as error:  # our own fault: the message is kept like any other that was not sent
            _log.exception("send_fault", target=lane.name)
            fault = f"{type(error).__name__}: {error}"
        now_ms = self._clock.now_ms()
        attempts = delivery.attempts + 1
        if fault is None:
            self.sent += 1
            self._mark(Mark(delivery.id, "delivered", attempts, now_ms, proof=proof))
            _log.info("sent", **_about(delivery), attempts=attempts, after_ms=now_ms - delivery.created_ms)
            if lane.failing:
                lane.failing = False
                self._spawn(self._tell("target_failing", lane.name, None))
                self._spawn(self._back(lane))
            return
        self.failed += 1
        _log.warning("not_sent", **_about(delivery), attempts=attempts, reason=fault)
        if final or now_ms - delivery.created_ms >= DEAD_AFTER_MS:
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

    async def _back(self, lane: _Lane) -> None:
        """It answers again: what failed meanwhile need not sit out its time."""
        now_ms = self._clock.now_ms()
        with contextlib.suppress(StoreError):  # then each is tried again when its own time comes
            await self._store.write(lambda tx: deliveries.due_now(tx, lane.name, now_ms))

    async def _watch(self, lane: _Lane) -> None:
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
        """What became of the attempts rides on the next commit."""
        marks, self._marks = self._marks, []
        self._writing_marks = bool(marks)
        if not marks:
            return
        loop = asyncio.get_running_loop()

        def done(result: Exception | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._marks_written, marks, result)

        try:
            self._store.submit(lambda tx: deliveries.mark(tx, marks), done, lazily=True)
        except StoreError as error:
            self._marks_written(marks, error)

    def _marks_written(self, marks: list[Mark], result: Exception | None) -> None:
        self._hurried = False
        self._marks_fail = result is not None  # then sending goes before bookkeeping
        for lane in self._lanes.values():
            lane.room.set()
        if result is not None:
            _log.error("marks_failed", count=len(marks), reason=str(result))
            self._marks = marks + self._marks
            asyncio.get_running_loop().call_later(1.0, self._write_marks)
            return
        for mark in marks:
            if (lane_of := self._held.pop(mark.id, None)) is not None:
                lane_of.unwritten -= 1
        self._write_marks()


def _take(target: str, now_ms: int, room: int, tx: Tx) -> list[Delivery]:
    return deliveries.take(tx, target, now_ms, SEND_LEASE_MS, room)


def _unwritten_max(waiting: int) -> int:
    return max(UNWRITTEN[0], min(UNWRITTEN[1], waiting // 8))


def _nothing(tx: Tx) -> None:
    pass


def _about(delivery: Delivery) -> dict[str, Any]:
    """What a line of the log says of a delivery."""
    said = {"target": delivery.target, "delivery": delivery.id, "incident": delivery.incident_id}
    return said if delivery.press is None else said | {"press": delivery.press}
