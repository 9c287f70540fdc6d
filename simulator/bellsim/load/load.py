"""The day: time, what comes next, and the result."""

import asyncio
import contextlib
import heapq
import itertools
import json
import random
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from bellsim import postgresql
from bellsim.bench import scratch_folder
from bellsim.goals import judge
from bellsim.load import plan, verdict
from bellsim.load.estate import Estate, install, settle
from bellsim.load.plan import CLOSING_MS, HOUR, MIN, S
from bellsim.load.reached import Remote
from bellsim.runtime import SimulatorError
from bellsim.year.people import Job, Life
from bellsim.year.town import start_ms

FIRST_DAY = date(2026, 11, 23)
STORES = ("sqlite", "postgresql")
SAMPLES = 96  # over the run, so that 92 of a day are left after the warm-up
SAMPLES_FILE = "samples.jsonl"  # beside gateway.toml; --keep leaves it
FIRST_BEATS_MS = 2 * MIN  # by then each bell has its rows
# The log is 8.4 MB long from the start and written over; a backup that reads meanwhile may make it longer.
LOG_MB = 17.0
SWEEP_MS = 10 * MIN
ALARM_TABLES = ("incident", "signal", "delivery", "audit")
ACCELERATED = (
    "the gateway's clock is moved on, a second at a time; within each second come what else bells and people do, then "
    "its heartbeats, then the engine's tick and the housekeeping"
)


async def measure(
    bells: int, hours: float, seed: int, store: str, say: Callable[[str], None], keep: bool = False
) -> dict[str, Any]:
    """Play it; figures, and what was missed. keep: leave the installation's folder."""
    if store not in STORES:
        raise SimulatorError(f"there is no store {store!r}: choose one of {', '.join(STORES)}")
    async with contextlib.AsyncExitStack() as stack:
        root = scratch_folder(stack, keep, say)
        url = await postgresql.store_url(stack, store, say)
        await asyncio.to_thread(install, root / "gateway", url)
        day = Day(root / "gateway", bells, hours, seed, store == "sqlite", say)
        stack.push_async_callback(day.gate.stop)
        return {"store": store, "seed": seed} | await day.play()


class Day:
    """One run. The same seed brings the same day."""

    def __init__(
        self, folder: Path, bells: int, hours: float, seed: int, sqlite: bool, say: Callable[[str], None]
    ) -> None:
        self._folder, self._hours, self._sqlite, self._say = folder, hours, sqlite, say
        self._times = plan.Times.of(hours)
        self._bells = settle(bells)
        chance = random.Random(seed)
        self._stories = plan.day(bells, hours, chance)
        self.gate = Remote(folder, start_ms(FIRST_DAY), self._answered)
        self._life = Life(self.gate, self._bells, chance, self._later)
        self._estate = Estate(self._bells, self.gate, self._life, chance, self._later)
        self._coming: list[tuple[int, int, Job]] = []
        self._order = itertools.count()
        self._samples: list[dict[str, Any]] = []
        self._looks: dict[str, tuple[int, dict[str, Any], dict[str, int]]] = {}

    async def play(self) -> dict[str, Any]:
        """The day and its closing time, in which nothing new begins."""
        begun_s = time.monotonic()
        for story in self._stories:
            self._later(story.at_ms, partial(self._estate.play, story))
        self._later(SWEEP_MS, self._sweep)
        self._say(f"{len(self._bells)} bells, {len(self._stories)} stories, {self._hours:g} h")
        await self.gate.open(self._bells)
        times = self._times
        every_s = max(MIN, times.end_ms // SAMPLES) // S
        marks = {
            FIRST_BEATS_MS // S: "first_beats",
            times.quiet_ms // S: "quiet",
            times.warm_ms // S: "warm",
            times.end_ms // S: "end",
        }
        for second in range((times.end_ms + CLOSING_MS) // S):
            if times.warm_ms < second * S <= times.end_ms and not second % every_s:
                self._samples.append(await self.gate.call("sample"))
            if second in marks:  # it reads the whole database: never just before a sample
                await self._look(marks[second])
            await self._second(second)
            if second * S % HOUR == HOUR - S:
                self._tell(second, begun_s)
        report = await self.gate.call("report")
        samples = "".join(json.dumps(one) + "\n" for one in self._samples)
        await asyncio.to_thread((self._folder / SAMPLES_FILE).write_text, samples, "utf-8")
        return self._result(report, time.monotonic() - begun_s)

    def _later(self, after_ms: float, job: Job) -> None:
        heapq.heappush(self._coming, (self.gate.at_ms + int(after_ms), next(self._order), job))

    def _answered(self, receipts: list[tuple[str, bytes]], events: list[dict[str, Any]]) -> None:
        for topic, payload in receipts:
            self._life.answered(topic, payload)
        for event in events:
            self._life.react(event)

    async def _second(self, second: int) -> None:
        end_ms = (second + 1) * S
        while self._coming and self._coming[0][0] < end_ms:
            at_ms, _, job = heapq.heappop(self._coming)
            self.gate.at_ms = max(self.gate.at_ms, at_ms)
            await job()
        self.gate.at_ms = end_ms
        await self.gate.call("second", self._estate.beats(second))

    async def _sweep(self) -> None:
        self._later(SWEEP_MS, self._sweep)
        await self._life.sweep(HOUR)

    async def _look(self, name: str) -> None:
        """At the database, and at what has come until now."""
        counts = {"heartbeats": self._estate.done["heartbeats"], "events": self._life.done["events"]}
        self._looks[name] = (self.gate.at_ms, await self.gate.call("sizes"), counts)

    def _tell(self, second: int, begun_s: float) -> None:
        took_s = time.monotonic() - begun_s
        text = f"{(second + 1) * S / HOUR:g} h in {took_s:.0f} s: {self._estate.done['heartbeats']} heartbeats"
        if self._samples:
            last = self._samples[-1]
            text += f", {last['rss_mb']:.1f} MB, {last['objects']} objects"
        self._say(text)

    def _result(self, report: dict[str, Any], real_s: float) -> dict[str, Any]:
        world, people = self._estate.done, self._life.done
        signals, troubles = report["signals"], report["troubles"]
        unlike = {
            kind: [troubles.get(kind, {"raised": 0})["raised"], self._estate.troubles[kind]]
            for kind in {*troubles, *self._estate.troubles}
            if troubles.get(kind, {"raised": 0})["raised"] != self._estate.troubles[kind]
        }
        raised = sum(row["raised"] for row in troubles.values())
        result = {
            "bells": len(self._bells),
            "hours": self._hours,
            "accelerated": True,
            "how": ACCELERATED,
            "real_s": round(real_s, 1),
            "heartbeats": world["heartbeats"],
            "heartbeats_taken": report["counters"]["heartbeats"],
            "events": people["events"],
            "stored": signals["n"],
            "lost": people["events"] - signals["n"],
            "came_again": signals["arrivals"] - signals["n"],
            "stories": {name: world[name] for name in ("dark", *plan.RATES)},
            "incidents": report["incidents"]["n"],
            "closed": report["incidents"]["closed"],
            "rounds": report["incidents"]["rounds"],
            "commands": people["commands"],
            "messages": report["messages"]["n"],
            "sent": report["sent"],
            "samples": len(self._samples),
            **verdict.courses(self._samples),
            "queues_max": report["queues_max"],
            "db": self._growth(),
            "wal_mb_max": round(report["log_bytes_max"] / 1e6, 2),
            "commits": report["commits"],
            "backup_took_s": report["backup_took_s"],
            "late_dues": report["late_dues"],
            "forgotten": len(report["forgotten"]),
            "troubles": {"raised": raised, "cleared": sum(row["cleared"] for row in troubles.values())},
            "troubles_unlike_the_world": unlike,
            "record_ok": report["record_ok"],
            "record_rows": report["record_rows"],
            "checkpoints": report["checkpoints"],
        }
        exactly: dict[str, Any] = {name: 0 for name in ("lost", "late_dues", "forgotten")}
        exactly |= {"heartbeats_taken": world["heartbeats"], "record_ok": True, "troubles_unlike_the_world": {}}
        exactly |= {"troubles.cleared": raised}
        at_most = verdict.goals(self._samples) | {"wal_mb_max": LOG_MB}
        if self._sqlite:
            # In PostgreSQL replaced rows wait for its autovacuum, and that goes by the real clock: far too rarely here.
            at_most |= {"db.per_heartbeat_b": verdict.at_most_per_heartbeat(self._quiet_heartbeats())}
        return judge(result, at_most, exactly)

    def _quiet_heartbeats(self) -> int:
        return self._looks["quiet"][2]["heartbeats"] - self._looks["first_beats"][2]["heartbeats"]

    def _growth(self) -> dict[str, Any]:
        """What the database grew by after the warm-up, a day; what of it is whose."""
        from_ms, warm, before = self._looks["warm"]
        until_ms, end, after = self._looks["end"]
        grown = verdict.grown(warm, end, (until_ms - from_ms) / S)
        first_beats, quiet = (self._looks[name][1] for name in ("first_beats", "quiet"))
        rows = {name: end["tables"][name]["rows"] - warm["tables"][name]["rows"] for name in ALARM_TABLES}
        return {
            "start_mb": round(warm["bytes"] / 1e6, 3),
            "end_mb": round(end["bytes"] / 1e6, 3),
            "growth_mb_per_day": grown["mb_per_day"],
            "per_heartbeat_b": verdict.each(first_beats, quiet, None, self._quiet_heartbeats()),
            "per_press_b": verdict.each(warm, end, ALARM_TABLES, after["events"] - before["events"]),
            "per_incident_b": verdict.each(warm, end, ALARM_TABLES, rows["incident"]),
            "tables": grown["tables"],
        }
