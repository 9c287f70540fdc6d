"""Time: what comes next, and the result. What breaks things never judges, and what judges never breaks anything."""

import heapq
import itertools
import logging
import os
import random
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bellsim.goals import judge
from bellsim.year import town
from bellsim.year.gate import Gate, Hands
from bellsim.year.overseer import FAULTS, LATE_MS, Overseer
from bellsim.year.people import ALARMS, DAY, HOUR, MIN, Job, Life, S

TICK_MS = 250  # the engine's own
AUDIT_MS = HOUR  # each is a look of the gateway's own auditor; the overseer looks after everything that happens
FIRST_DAY = date(2026, 11, 23)
PRESSES_A_YEAR = 12  # a bell, besides its monthly tests
_MEMORY = "/dev/shm"
STEPS_MS = (3 * S, -3 * S, 90 * S, -90 * S, HOUR, -HOUR, 2 * DAY, -2 * DAY)


async def measure(bells: int, days: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Play it; figures, and what was wrong."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # In memory where that is possible: the disk is not what is judged here, and it would take most of the time.
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bellsim-year-", dir=place) as folder:
        return await Year(Path(folder), bells, days, seed, say).play()


class Year:
    """One run. The same seed brings the same story."""

    def __init__(self, folder: Path, bells: int, days: int, seed: int, say: Callable[[str], None]) -> None:
        self._days, self._seed, self._say = days, seed, say
        self._hands = Hands(town.start_ms(FIRST_DAY))
        self._gate = Gate(town.settings(folder), self._hands, town.PHONES)
        self._chance = random.Random(seed)
        self._bells = town.settle(bells)
        self._life = Life(self._gate, self._bells, self._chance, self._later)
        self._overseer = Overseer(self._gate)
        self._coming: list[tuple[int, int, Job]] = []
        self._order = itertools.count()
        self._end_ms = days * DAY
        self.done = self._life.done

    async def play(self) -> dict[str, Any]:
        """From the first day to a day after the last, when everybody has gone home."""
        begun_s = time.monotonic()
        self._plan()
        await self._gate.start(self._bells)
        day = 0
        # A day more than the story: whatever is open then must have found its end.
        while self._hands.steady_ms < self._end_ms + DAY:
            await self._next()
            if self._hands.steady_ms // DAY >= day + 30:
                day = self._hands.steady_ms // DAY
                self._say(
                    f"day {day}: {self._overseer.counts['opened']} incidents, {len(self._overseer.faults)} faults"
                )
        self._overseer.finally_(self.done["events"])
        await self._gate.stop()
        return self._result(time.monotonic() - begun_s)

    def _later(self, after_ms: float, job: Job) -> None:
        heapq.heappush(self._coming, (self._hands.steady_ms + int(after_ms), next(self._order), job))

    def _plan(self) -> None:
        for bell in self._bells:
            for _ in range(max(1, self._times(PRESSES_A_YEAR))):
                what = self._chance.choice(ALARMS[bell.kind])
                self._at_random(partial(self._life.press, bell, what))
            for _ in range(max(1, self._times(12))):  # monthly
                self._at_random(partial(self._life.press, bell, "test"))
            for _ in range(self._times(4)):
                self._at_random(partial(self._life.live, bell))
        for fault in (self._kill, self._away, self._set_clock):
            for _ in range(max(4, self._times(24))):
                self._at_random(fault)
        self._every(HOUR, self._life.sweep)
        self._every(AUDIT_MS, self._audit)
        self._every(HOUR, self._resend)

    def _times(self, a_year: float) -> int:
        """How often in this run, by chance."""
        often = self._chance.gauss(1, 0.2) * a_year * self._days / 365
        return int(often) + (self._chance.random() < often % 1)

    def _at_random(self, job: Job) -> None:
        self._later(self._chance.uniform(MIN, self._end_ms), job)

    def _every(self, ms: int, job: Job) -> None:
        async def again() -> None:
            self._later(ms, again)
            await job()

        self._later(ms, again)

    async def _next(self) -> None:
        """Whatever comes first: something that happens, or something that is due."""
        at_ms, _, job = self._coming[0]
        due_ms = self._gate.next_due_ms() if self._gate.running else None
        if due_ms is not None:
            due_ms = max(due_ms - self._hands.wall_ms, 0) + self._hands.steady_ms
            tick_ms = -(-max(due_ms, self._hands.steady_ms + 1) // TICK_MS) * TICK_MS
            if tick_ms <= at_ms:
                self._hands.passes(tick_ms - self._hands.steady_ms)
                self._overseer.before_tick()
                await self._gate.tick()
                self.done["ticks"] += 1
                self._look()
                return
        heapq.heappop(self._coming)
        self._hands.passes(max(at_ms - self._hands.steady_ms, 0))
        await job()
        self._look()

    def _look(self) -> None:
        """Hand out what came of it, and see whether all is well."""
        for topic, payload in self._gate.receipts:
            self._life.answered(topic, payload)
        self._gate.receipts.clear()
        for target, delivery in self._gate.got:
            self._overseer.got(target, delivery)
        self._gate.got.clear()
        events, self._gate.events[:] = list(self._gate.events), []
        for event in events:
            self._overseer.saw(event)
            self._life.react(event)
        if self._gate.running:
            self._overseer.check()

    async def _kill(self) -> None:
        if not self._gate.running:
            return
        await self._gate.kill(holding=self._chance.random() < 0.5)
        self.done["kills"] += 1
        if self._chance.random() < 0.3:  # the clock is set while nobody looks
            self._hands.set_by(self._chance.choice(STEPS_MS))
            self.done["clock_steps"] += 1
        self._later(self._chance.choice([S, 20 * S, 3 * MIN, 2 * HOUR]) * self._chance.uniform(0.5, 1.5), self._restart)

    async def _restart(self) -> None:
        await self._gate.start([])
        await self._gate.tick()
        await self._resend()

    async def _resend(self) -> None:
        for bell in self._bells:
            if bell.waiting:
                await self._life.resend(bell)

    async def _away(self) -> None:
        name = self._chance.choice(town.PHONES)
        self._gate.away.add(name)
        self.done["outages"] += 1

        async def back() -> None:
            self._gate.away.discard(name)

        self._later(self._chance.uniform(1, 60) * MIN, back)

    async def _set_clock(self) -> None:
        """While somebody waits."""
        await self._life.press(self._chance.choice(self._bells), "panic")
        self._later(self._chance.uniform(1, 60) * S, self._step)

    async def _step(self) -> None:
        """Between two ticks; sometimes somebody presses before the gateway has noticed."""
        if not self._gate.running:
            return
        self._hands.set_by(self._chance.choice(STEPS_MS))
        self.done["clock_steps"] += 1
        if self._chance.random() < 0.3:
            bell = self._chance.choice(self._bells)
            await self._life.press(bell, "panic")
        self._hands.passes(TICK_MS - self._hands.steady_ms % TICK_MS)
        await self._gate.tick()

    async def _audit(self) -> None:
        if self._gate.running:
            await self._gate.engine.audit()

    def _result(self, elapsed_s: float) -> dict[str, Any]:
        counts = self._overseer.counts
        result = {
            "days": self._days,
            "bells": len(self._bells),
            "seed": self._seed,
            "signals": self.done["events"],
            "incidents": counts["opened"],
            "rounds": counts["opened"] + counts["escalated"] + counts["acknowledgement_expired"],
            "messages": counts["messages"],
            "commands": self.done["commands"],
            "refused_commands": self.done["refused"],
            "forgotten": counts["acknowledgement_expired"],
            "reopened": self.done["reopen"],
            "merged": self.done["merge"],
            "kills": self.done["kills"],
            "clock_steps": self.done["clock_steps"],
            "outages": self.done["outages"],
            "checks": counts["checks"],
            **{name: counts[name] for name in FAULTS},
            "worst_late_ms": self._overseer.worst_late_ms,
            "first_faults": self._overseer.faults,
            "elapsed_s": round(elapsed_s, 1),
        }
        return judge(result, {"worst_late_ms": LATE_MS}, {name: 0 for name in FAULTS})
