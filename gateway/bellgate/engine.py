"""What has to happen at a time, and what has to be sent. The tables are the truth; memory only makes it quick.

Due rows (escalation, lease, supervision …) are taken with a lease and carried out by the pipeline, one transaction
each. Deliveries are handed over in memory right after the commit that made them, to the `lanes`. What a killed gateway
held is taken over from the tables, by its own next start or within a tick by another gateway: at most the deliveries
in flight are sent again, under the same id.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog

from bellgate.clock import Clock, ClockMark
from bellgate.core.trouble import FALLING, kind_of
from bellgate.errors import StoreError
from bellgate.lane import Target
from bellgate.lanes import Lanes
from bellgate.pipeline import Pipeline
from bellgate.store import Store, Tx, deliveries, desks, dues, facts, incidents, members, troubles
from bellgate.store.base import Row
from bellgate.store.deliveries import Delivery

# How often the tables are asked. Nothing in them is due to a fraction of a second; presses do not wait for it.
TICK_S = 0.25
# Longer than any transaction may take; a due row that failed is tried again after it.
DUE_LEASE_MS = 30_000
DUE_AT_ONCE = 100  # one group of the writer; the rest follows in the next tick
AUDIT_S = 10.0
# A due row is taken within a tick and carried out within a commit; this late means that the engine does not keep up.
LATE_MS = 15_000
# Heartbeats that were sent while the gateway was down are gone: give each bell one period before calling it missing.
START_GRACE_MS = 90_000
# Steps of the clock that long ago are no trouble any more.
CLOCK_CALM_S = 3_600.0
CLOCK_FACT = "clock"

_log = structlog.get_logger(__name__)


class Engine:
    """Runs in the event loop; `wake` may be called from any thread."""

    def __init__(self, store: Store, clock: Clock, targets: Mapping[str, Target]) -> None:
        self._store = store
        self._clock = clock
        self._lanes = Lanes(store, clock, targets, self._spawn, self._tell)
        self._failed_dues: set[tuple[str, str]] = set()
        self._pipeline: Pipeline | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stepped_s = time.monotonic()
        self._living: frozenset[int] = frozenset()  # the gateways on this database, as far as known
        self._commit_failures = 0
        self._ticked_s = self._audited_s = time.monotonic()
        self.fired = 0

    async def start(self, pipeline: Pipeline, *, by_itself: bool = True) -> None:
        """Take over from whoever ran before, then run until `stop`. Raises StoreError.

        by_itself False: whoever made it calls `tick` and `audit`; a simulation has its own time.
        """
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()
        kept = await self._store.read(lambda tx: facts.get(tx, CLOCK_FACT))
        self._clock.resume(None if kept is None else ClockMark(**json.loads(kept)))
        now_ms = self._clock.now_ms()

        def take_over(tx: Tx) -> tuple[list[Row], dict[str, int]]:
            living = tx.living() or frozenset()
            members.take_over(tx, living)
            if len(living) <= 1:  # another one has heard the heartbeats meanwhile
                dues.postpone(tx, "supervision", now_ms + START_GRACE_MS)
            return troubles.live_lines(tx), deliveries.open_by_target(tx)

        lines, left = await self._store.write(take_over)
        for row in lines:
            if row["kind"] == "target_failing":
                self._lanes.was_failing(row["subject"])
        await pipeline.drop_troubles(lambda tx: [row for row in troubles.live_lines(tx) if self._is_past(row)])
        for name, count in left.items():
            if name not in self._lanes.names:
                await pipeline.trouble("target_removed", name, {"n": count})
        for name in self._lanes.names:
            await pipeline.trouble("target_removed", name, None)
        self._ticked_s = self._audited_s = time.monotonic()
        if not by_itself:
            return
        self._loops = [
            asyncio.create_task(self._repeat(self.tick, TICK_S), name="engine-tick"),
            asyncio.create_task(self._repeat(self.audit, AUDIT_S), name="engine-audit"),
            *self._lanes.watches(),
        ]

    def _is_past(self, row: Row) -> bool:
        """A line of an earlier life that nobody will clear: about a target that gateway.toml no longer names ("arc",
        "arc/1"), or about something that only that life could know."""
        if row["kind"] in ("target_unwatched", "due_failed"):
            return True
        names = {row["subject"], row["subject"].rpartition("/")[0]}
        return kind_of(row["kind"]).of_target and not names & set(self._lanes.names)

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Finish what is in flight, at most so long; what is left is in the table for the next start."""
        until_s = time.monotonic() + deadline_s
        self._lanes.stop()
        await _end(self._loops, 0.0)
        await self._lanes.finish(deadline_s)
        await _end(self._tasks, until_s - time.monotonic())
        await self._lanes.close(deadline_s)

    def alive(self) -> bool:
        """True while both loops turn: for the watchdog."""
        now_s = time.monotonic()
        return now_s - self._ticked_s < 15 and now_s - self._audited_s < AUDIT_S + 20

    def counters(self) -> dict[str, int]:
        """For /metrics, since the start."""
        return self._lanes.counters() | {"fired": self.fired}

    def wake(self, made: list[Delivery]) -> None:
        """These were just committed: send them without asking the table."""
        if self._loop is not None and not self._lanes.stopping:
            with contextlib.suppress(RuntimeError):  # the loop has ended: the next start finds them in the table
                self._loop.call_soon_threadsafe(self._lanes.offer, made)

    # Due rows

    async def tick(self) -> None:
        """Do what is due now."""
        assert self._pipeline is not None
        now_ms = self._clock.now_ms()
        if step_ms := self._clock.pending_ms():
            await self._clock_was_set(step_ms)
            now_ms = self._clock.now_ms()
        await self._look_for_the_dead()
        some, names = await self._store.read(lambda tx: (dues.waiting(tx, now_ms), deliveries.waiting(tx, now_ms)))
        if some:
            taken = await self._store.write(lambda tx: dues.take(tx, now_ms, DUE_LEASE_MS, DUE_AT_ONCE))
            await asyncio.gather(*(self._fire(due) for due in taken))
        await self._lanes.fill(names, now_ms)
        self._ticked_s = time.monotonic()

    async def _look_for_the_dead(self) -> None:
        """What a gateway held that is gone, and what we ourselves hold without knowing: a commit whose answer was
        lost on the way."""
        living = await self._store.read(lambda tx: tx.living())
        if living is not None and living != self._living:
            count = await self._store.write(partial(_take_over, living))
            if self._living - living or count:
                _log.info("taken_over", rows=count, gateways=len(living))
            self._living = living
        failures = self._store.counters()["commit_failures"]
        if failures != self._commit_failures:
            ours = await self._store.read(deliveries.held)
            lost = [name for name in ours if not self._lanes.holds(name)]
            await self._store.write(lambda tx: deliveries.release(tx, lost))
            self._commit_failures = failures

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
            detail = f"{type(error).__name__}: {error}"
            self._spawn(self._pipeline.trouble("due_failed", f"{due.kind}/{due.subject}", detail))

    async def _clock_was_set(self, step_ms: int) -> None:
        """Move what waits, and let the clock go on from there, both in one job of the writer: whatever is made due
        before it counts by the old time, whatever comes after it by the new. The mark for the next start goes along:
        a start that compared with an older one would move everything a second time."""
        assert self._pipeline is not None
        alone = len(self._living) <= 1  # else the rows also belong to the others, whose clocks are right

        def job(tx: Tx) -> None:
            if alone:
                dues.shift(tx, step_ms)
            self._clock.accept(step_ms)
            if alone:
                facts.put(tx, CLOCK_FACT, self._mark())

        try:
            await self._store.write(job)
        except StoreError:
            self._clock.accept(-step_ms)  # nothing was moved: the next tick tries again
            raise
        _log.warning("clock_was_set", by_ms=step_ms, moved=alone)
        self._stepped_s = time.monotonic()
        kind = "clock_set_back" if step_ms < 0 else "clock_set_forward"
        await self._pipeline.trouble(kind, "clock", {"by_s": abs(step_ms) // 1000})

    async def audit(self) -> None:
        """Prove that nothing is late and that no alarm is forgotten; what is wrong becomes trouble."""
        assert self._pipeline is not None
        now_ms = self._clock.now_ms()

        late, forgotten = await self._store.read(lambda tx: (dues.late(tx, now_ms - LATE_MS), incidents.forgotten(tx)))
        said: troubles.Said | None = None
        if late:
            oldest = late[0]
            seconds = (now_ms - oldest["due_ms"]) // 1000
            said = {"task": oldest["kind"], "of": oldest["subject"], "late_s": seconds, "n": len(late)}
        await self._say("late_due", "engine", said)
        for number in forgotten:
            await self._store.write(partial(_escalate_now, number, now_ms))
            await self._pipeline.trouble("no_escalation", f"incident {number}", {"incident": number})
        if await self._store.read(troubles.of_the_gone):
            await self._pipeline.drop_troubles(troubles.of_the_gone)
        missed = self._pipeline.settings.has_screens and await self._store.read(desks.nobody_attends)
        await self._say("console_unattended", "console", {} if missed else None, again=False)
        await asyncio.to_thread(self._clock.look)
        adrift = self._clock.synchronised() is False
        await self._say("clock_unsynchronised", "clock", {} if adrift else None, again=False)
        if len(self._living) <= 1:
            kept = self._mark()
            self._store.submit(lambda tx: facts.put(tx, CLOCK_FACT, kept), lazily=True)
        if time.monotonic() - self._stepped_s > CLOCK_CALM_S:
            for kind in ("clock_set_back", "clock_set_forward"):
                await self._say(kind, "clock", None)
        self._audited_s = time.monotonic()

    def _mark(self) -> str:
        """This moment as the table keeps it."""
        return json.dumps(asdict(self._clock.mark()))

    async def _say(self, kind: str, subject: str, said: troubles.Said | None, *, again: bool = True) -> None:
        """again: while it lasts, it is counted each time."""
        assert self._pipeline is not None
        row = await self._store.read(lambda tx: troubles.live(tx, kind, subject))
        over = said is None and row is not None and row["state"] != FALLING
        still = row is not None and row["state"] != FALLING and not again
        if over or (said is not None and not still):
            await self._pipeline.trouble(kind, subject, said)

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

    async def _tell(self, kind: str, subject: str, said: troubles.Said | None) -> None:
        assert self._pipeline is not None
        try:
            await self._pipeline.trouble(kind, subject, said)
        except StoreError as error:
            _log.error("trouble_not_written", kind=kind, subject=subject, reason=str(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _take_over(living: frozenset[int], tx: Tx) -> int:
    return members.take_over(tx, living)


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
