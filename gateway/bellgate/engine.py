"""What has to happen at a time, and what has to be sent. The tables are the truth; memory only makes it quick.

Due rows (escalation, lease, supervision …) are taken with a lease and carried out by the pipeline, one transaction
each. Deliveries are handed over in memory right after the commit that made them; each target has a lane of its own,
so that a slow one delays no other. After any crash `start` lets go of all leases, and everything goes on from the
tables: at most the deliveries in flight are sent again, under the same id.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import structlog

from bellgate.errors import StoreError, TargetError
from bellgate.pipeline import Pipeline
from bellgate.pipeline.flow import Timekeeper
from bellgate.store import Store, Tx, deliveries, dues, incidents, troubles
from bellgate.store.deliveries import Delivery, Mark

# How often the tables are asked. Nothing in them is due to a fraction of a second; presses do not wait for it.
TICK_S = 0.25
# Longer than any transaction may take; a due row that failed is tried again after it.
DUE_LEASE_MS = 30_000
DUE_AT_ONCE = 100  # one group of the writer; the rest follows in the next tick
# At once to one target: a station's server on a small line; two hundred presses are a dozen rounds.
SENDING_MAX = 16
# In memory for one target, 1.5 kB each; what is beyond it waits in the table.
LANE_MAX = 2_000
SEND_LEASE_MS = 120_000
RETRY_MAX_MS = 60_000
DEAD_AFTER_MS = 24 * 3_600_000  # a day: by then people have been told by other ways, and the trouble list says so
AUDIT_S = 10.0
# A due row is taken within a tick and carried out within a commit; this late means that the engine does not keep up.
LATE_MS = 15_000
# Heartbeats that were sent while the gateway was down are gone: give each bell one period before calling it missing.
START_GRACE_MS = 90_000
# A clock that is set back by less is a correction; by more, everything would wait too long.
CLOCK_BACK_MS = 2_000

_log = structlog.get_logger(__name__)


class Target(Protocol):
    """Somebody to whom messages are sent; see `bellgate.targets`."""

    @property
    def timeout_s(self) -> float:
        """How long one attempt may take."""
        ...

    async def send(self, delivery: Delivery) -> None:
        """Send it once. Raises TargetError."""
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
    failing: bool = False
    said_s: float = 0.0  # when the trouble list was last told


class Engine:
    """Runs in the event loop; `wake` may be called from any thread."""

    def __init__(self, store: Store, clock: Timekeeper, targets: Mapping[str, Target]) -> None:
        self._store = store
        self._clock = clock
        self._lanes = {name: _Lane(name, target) for name, target in targets.items()}
        self._held: set[str] = set()  # deliveries in memory, until what became of them is written down
        self._marks: list[Mark] = []
        self._writing_marks = False
        self._failed_dues: set[tuple[str, str]] = set()
        self._pipeline: Pipeline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False
        self._latest_ms = 0
        self._ticked_s = self._audited_s = time.monotonic()
        self.sent = 0
        self.failed = 0
        self.fired = 0

    async def start(self, pipeline: Pipeline) -> None:
        """Take over from whoever ran before, then run until `stop`. Raises StoreError."""
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()
        now_ms = self._latest_ms = self._clock.now_ms()

        def take_over(tx: Tx) -> tuple[set[str], dict[str, int]]:
            dues.release_all(tx)
            dues.postpone(tx, "supervision", now_ms + START_GRACE_MS)
            deliveries.release_all(tx)
            failing = {row["subject"] for row in troubles.open_troubles(tx) if row["kind"] == "target_failing"}
            return failing, deliveries.open_by_target(tx)

        failing, left = await self._store.write(take_over)
        for name in failing:
            if name in self._lanes:
                self._lanes[name].failing = True
            else:
                await pipeline.trouble("target_failing", name, None)
        for name, count in left.items():
            if name not in self._lanes:
                detail = f"{count} messages wait for a target that gateway.toml no longer names: put it back"
                await pipeline.trouble("target_removed", name, detail)
        for name in self._lanes:
            await pipeline.trouble("target_removed", name, None)
        self._ticked_s = self._audited_s = time.monotonic()
        self._loops = [
            asyncio.create_task(self._repeat(self.tick, TICK_S), name="engine-tick"),
            asyncio.create_task(self._repeat(self.audit, AUDIT_S), name="engine-audit"),
        ]

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Finish what is in flight, at most so long; what is left is in the table for the next start."""
        self._stopping = True
        await _end(self._loops, 0.0)
        await _end(self._tasks, deadline_s)
        if self._marks or self._writing_marks:
            # Written with the store's last commit; if even that fails, these are sent again under the same id.
            marks, self._marks = self._marks, []
            try:
                await self._store.write(lambda tx: deliveries.mark(tx, marks), deadline_s=max(deadline_s, 1.0))
            except StoreError as error:
                _log.error("marks_lost", count=len(marks), reason=str(error))
        for lane in self._lanes.values():
            await lane.target.close()

    def alive(self) -> bool:
        """True while both loops turn: for the watchdog."""
        now_s = time.monotonic()
        return now_s - self._ticked_s < 15 and now_s - self._audited_s < AUDIT_S + 20

    def counters(self) -> dict[str, int]:
        """For /metrics, since the start."""
        waiting = sum(len(lane.waiting) for lane in self._lanes.values())
        return {"sent": self.sent, "failed": self.failed, "fired": self.fired, "waiting": waiting}

    def wake(self, made: list[Delivery]) -> None:
        """These were just committed: send them without asking the table."""
        if self._loop is not None and not self._stopping:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the next start finds them in the table
                self._loop.call_soon_threadsafe(self._offer, made)

    # Due rows

    async def tick(self) -> None:
        """Do what is due now."""
        assert self._pipeline is not None
        now_ms = self._clock.now_ms()
        if now_ms < self._latest_ms - CLOCK_BACK_MS:
            await self._clock_set_back(now_ms)
        self._latest_ms = now_ms
        some, names = await self._store.read(lambda tx: (dues.waiting(tx, now_ms), deliveries.waiting(tx, now_ms)))
        if some:
            taken = await self._store.write(lambda tx: dues.take(tx, now_ms, DUE_LEASE_MS, DUE_AT_ONCE))
            await asyncio.gather(*(self._fire(due) for due in taken))
        for name in names:
            lane = self._lanes.get(name)
            if lane is not None and (room := LANE_MAX - len(lane.waiting)) > 0:
                take = partial(_take, name, now_ms, room)
                self._offer(await self._store.write(take))
        self._ticked_s = time.monotonic()

    async def _fire(self, due: dues.Due) -> None:
        assert self._pipeline is not None
        key = (due.kind, due.subject)
        try:
            await self._pipeline.fire(due)
            self.fired += 1
            if key in self._failed_dues:
                self._failed_dues.discard(key)
                await self._pipeline.trouble("due_failed", f"{due.kind}/{due.subject}", None)
        except StoreError as error:
            _log.error("due_failed", kind=due.kind, subject=due.subject, reason=str(error))
        except Exception as error:  # our own fault with one row must not stop the others
            _log.exception("due_failed", kind=due.kind, subject=due.subject)
            self._failed_dues.add(key)
            detail = f"could not be carried out ({type(error).__name__}: {error}), tried again: report this fault"
            self._spawn(self._pipeline.trouble("due_failed", f"{due.kind}/{due.subject}", detail))

    async def _clock_set_back(self, now_ms: int) -> None:
        assert self._pipeline is not None
        by_ms = now_ms - self._latest_ms
        _log.warning("clock_set_back", by_ms=by_ms)
        await self._store.write(lambda tx: dues.shift(tx, by_ms))
        detail = f"the gateway's clock was set back by {-by_ms // 1000} s: check its time source"
        await self._pipeline.trouble("clock_set_back", "clock", detail)

    async def audit(self) -> None:
        """Prove that nothing is late and that no alarm is forgotten; what is wrong becomes trouble."""
        assert self._pipeline is not None
        now_ms = self._clock.now_ms()

        late, forgotten = await self._store.read(lambda tx: (dues.late(tx, now_ms - LATE_MS), incidents.forgotten(tx)))
        detail = None
        if late:
            oldest = late[0]
            seconds = (now_ms - oldest["due_ms"]) // 1000
            detail = f"{oldest['kind']} of {oldest['subject']} is {seconds} s late, {len(late)} or more in all"
        await self._say("late_due", "engine", detail)
        for number in forgotten:
            await self._store.write(partial(_escalate_now, number, now_ms))
            await self._pipeline.trouble("no_escalation", f"incident {number}", "nothing would have told of it again")
        self._audited_s = time.monotonic()

    async def _say(self, kind: str, subject: str, detail: str | None) -> None:
        assert self._pipeline is not None
        is_open = await self._store.read(lambda tx: troubles.is_open(tx, kind, subject))
        if is_open or detail is not None:
            await self._pipeline.trouble(kind, subject, detail)

    async def _repeat(self, job: Any, every_s: float) -> None:
        said: str | None = None
        while True:
            try:
                await job()
            except Exception as error:  # the loop must turn whatever happens in it; `alive` tells if it does no good
                if str(error) != said:  # once, not four times a second
                    said = str(error)
                    fault = None if isinstance(error, StoreError) else error
                    _log.error("engine_failing", job=job.__name__, reason=said, exc_info=fault)
            else:
                if said is not None:
                    said = None
                    _log.info("engine_works_again", job=job.__name__)
            await asyncio.sleep(every_s)

    # Deliveries

    def _offer(self, made: list[Delivery]) -> None:
        """Give deliveries to their lanes; what has no room goes back to the table."""
        back: list[str] = []
        for delivery in made:
            lane = self._lanes.get(delivery.target)
            if lane is None or delivery.id in self._held:
                continue
            if self._stopping or len(lane.waiting) >= LANE_MAX:
                back.append(delivery.id)
                continue
            self._held.add(delivery.id)
            lane.waiting.append(delivery)
            if lane.workers < SENDING_MAX:
                lane.workers += 1
                self._spawn(self._work(lane))
        if back:
            try:
                self._store.submit(lambda tx: deliveries.release(tx, back), lazily=True)
            except StoreError as error:  # then they wait for the end of their lease
                _log.error("release_failed", count=len(back), reason=str(error))

    async def _work(self, lane: _Lane) -> None:
        try:
            while lane.waiting and not self._stopping:
                await self._attempt(lane, lane.waiting.popleft())
        finally:
            lane.workers -= 1

    async def _attempt(self, lane: _Lane, delivery: Delivery) -> None:
        fault: str | None = None
        try:
            async with asyncio.timeout(lane.target.timeout_s):
                await lane.target.send(delivery)
        except TimeoutError:
            fault = f"no answer within {lane.target.timeout_s:g} s"
        except TargetError as error:
            fault = str(error)
        except Exception as error:  # our own fault: the message is kept like any other that was not sent
            _log.exception("send_fault", target=lane.name)
            fault = f"{type(error).__name__}: {error}"
        now_ms = self._clock.now_ms()
        attempts = delivery.attempts + 1
        if fault is None:
            self.sent += 1
            self._mark(Mark(delivery.id, "delivered", attempts, now_ms))
            if lane.failing:
                lane.failing = False
                self._spawn(self._tell(lane, "target_failing", None))
            return
        self.failed += 1
        if now_ms - delivery.created_ms >= DEAD_AFTER_MS:
            self._mark(Mark(delivery.id, "dead", attempts, now_ms, error=fault))
            text = f"a message of incident {delivery.incident_id} was given up after a day: {fault}"
            self._spawn(self._tell(lane, "delivery_dead", text))
            return
        wait_ms = min(1_000 * 2 ** min(attempts - 1, 16), RETRY_MAX_MS)
        self._mark(Mark(delivery.id, "failed", attempts, now_ms, now_ms + wait_ms, fault))
        now_s = time.monotonic()
        if not lane.failing or now_s - lane.said_s >= AUDIT_S:  # a storm of failures is one line, counted now and then
            lane.failing = True
            lane.said_s = now_s
            self._spawn(self._tell(lane, "target_failing", fault))

    async def _tell(self, lane: _Lane, kind: str, detail: str | None) -> None:
        assert self._pipeline is not None
        try:
            await self._pipeline.trouble(kind, lane.name, detail)
        except StoreError as error:
            _log.error("trouble_not_written", kind=kind, target=lane.name, reason=str(error))

    def _mark(self, mark: Mark) -> None:
        self._marks.append(mark)
        if not self._writing_marks:
            self._write_marks()

    def _write_marks(self) -> None:
        """What became of the attempts rides on the next commit."""
        marks, self._marks = self._marks, []
        self._writing_marks = bool(marks)
        if not marks:
            return
        assert self._loop is not None
        loop = self._loop

        def done(result: Exception | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._marks_written, marks, result)

        try:
            self._store.submit(lambda tx: deliveries.mark(tx, marks), done, lazily=True)
        except StoreError as error:
            self._marks_written(marks, error)

    def _marks_written(self, marks: list[Mark], result: Exception | None) -> None:
        assert self._loop is not None
        if result is not None:
            _log.error("marks_failed", count=len(marks), reason=str(result))
            self._marks = marks + self._marks
            self._loop.call_later(1.0, self._write_marks)
            return
        self._held.difference_update(mark.id for mark in marks)
        self._write_marks()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _take(target: str, now_ms: int, room: int, tx: Tx) -> list[Delivery]:
    return deliveries.take(tx, target, now_ms, SEND_LEASE_MS, room)


def _escalate_now(incident_id: int, now_ms: int, tx: Tx) -> None:
    dues.put(tx, "escalation", str(incident_id), now_ms)


async def _end(tasks: "set[asyncio.Task[None]] | list[asyncio.Task[None]]", deadline_s: float) -> None:
    """Wait for the tasks so long, then cancel them; an ended task's fault was logged where it happened."""
    waiting = [task for task in tasks if not task.done()]
    if waiting and deadline_s > 0:
        await asyncio.wait(waiting, timeout=deadline_s)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
