"""`python tests/bench/run.py [--json] [--quick]`: the gateway beside the floor and beside the best simple script.

All three run beside each other, each with a broker of its own, and are measured in turns, five rounds in one run: what
counts is the ratio, and a machine that has a slow minute has it for all. Nothing here fails a test; see docs/measure.md
for what the rows mean and what was measured.
"""

import argparse
import asyncio
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from crowd import Crowd
from rivals import FORGETFUL, RIVALS, Rival, plain_mosquitto, slow_disk

from bellsim.goals import quantiles
from bellsim.programs import Program

BELLS = 200
ROUNDS = 5
# Presses in one storm: on this disk, and on a slow one.
STORM = {
    "floor": (20_000, 20_000),
    "promise alone": (20_000, 20_000),
    "simple script": (2_000, 300),
    "ansimbell": (3_000, 5_000),
}


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


async def one_press(crowd: Crowd, count: int) -> list[float]:
    """Press -> webhook, one after the other: ms of each."""
    for warm in crowd.prepare(10):
        crowd.press(warm)
        await crowd.settled([warm], 10)
    presses = crowd.prepare(count)
    for press in presses:
        crowd.press(press)
        await crowd.settled([press], 10)
        await asyncio.sleep(0.005)  # alone, not the next in a row
    told = [key for key, _, _ in presses if key in crowd.told_s]
    return [(crowd.told_s[key] - crowd.pressed_s[key]) * 1000 for key in told]


async def all_at_once(crowd: Crowd) -> float | None:
    """Every bell presses in the same moment: ms until the last one is told and answered."""
    presses = crowd.prepare(crowd.count)
    began_s = time.perf_counter()
    if not await crowd.storm(presses, 30):
        return None
    ends = [max(crowd.told_s[key], crowd.answered_s[key]) for key, _, _ in presses]
    await asyncio.sleep(0.3)
    return (max(ends) - began_s) * 1000


async def storm(crowd: Crowd, rival: Rival, count: int) -> tuple[float, float] | None:
    """As many as it takes: alarms a second, and ms of its CPU for each."""
    presses = crowd.prepare(count)
    cpu_s, began_s = rival.cpu_s(), time.perf_counter()
    if not await crowd.storm(presses, 120):
        return None
    ended_s = max(max(crowd.told_s[key], crowd.answered_s[key]) for key, _, _ in presses)
    await asyncio.sleep(0.3)
    return count / (ended_s - began_s), (rival.cpu_s() - cpu_s) * 1000 / count


async def killed(crowd: Crowd, rival: Rival, count: int) -> dict[str, int]:
    """Killed by SIGKILL in the middle; bells send again every second until they are answered."""
    presses = crowd.prepare(count)
    again = crowd.told_again
    for number, press in enumerate(presses):
        crowd.press(press, number)
        await asyncio.sleep(0.002)
        if number == count // 2:
            await rival.kill()
            await rival.start()
    for _ in range(15):
        if await crowd.settled(presses, 1):
            break
        for press in crowd.open_of(presses, told=False):
            crowd.press(press)
    lost = sum(1 for key, _, _ in presses if key not in crowd.told_s)
    return {"lost": lost, "repeated": crowd.told_again - again}


async def station_away(crowd: Crowd) -> dict[str, int]:
    """The station is away for two seconds, in which 50 bells press."""
    presses = crowd.prepare(50)
    await crowd.close_station()
    for press in presses:
        crowd.press(press)
        await asyncio.sleep(0.03)
    await asyncio.sleep(0.5)
    await crowd.open_station()
    await crowd.settled(presses, 20)
    return {"lost": sum(1 for key, _, _ in presses if key not in crowd.told_s)}


@dataclass
class Entrant:
    """One of RIVALS with a broker and a crowd of its own, and what was measured of it."""

    rival: Rival
    crowd: Crowd
    broker: Program
    rows: dict[str, Any] = field(default_factory=dict)

    @classmethod
    async def make(cls, name: str, root: Path) -> "Entrant":
        """Installed and running."""
        folder = root / name.replace(" ", "-")
        folder.mkdir()
        broker, port = await plain_mosquitto(folder)
        crowd = Crowd(BELLS, port)
        await crowd.open()
        made = cls(Rival(name, folder, crowd), crowd, broker)
        await made.rival.prepare()
        await made.rival.start()
        return made

    def keep(self, title: str, value: Any) -> None:
        """A row of the table."""
        self.rows[title] = value
        say(f"{self.rival.name}: {title}: {value}")

    async def close(self) -> None:
        """End all of it."""
        await self.rival.stop()
        await self.crowd.close()
        await self.broker.stop()


async def measure(names: Sequence[str], root: Path, quick: bool) -> dict[str, dict[str, Any]]:
    """All rows of these programs, in turns: what else the machine does meets all of them."""
    part = 5 if quick else 1
    there: list[Entrant] = []
    try:
        for name in names:
            there.append(await Entrant.make(name, root))
        await _quick_disk(there, part)
        await _slow_disk(there, part)
    finally:
        for one in there:
            await one.close()
    return {one.rival.name: one.rows for one in there}


async def _quick_disk(there: list[Entrant], part: int) -> None:
    lone: dict[str, list[float]] = {one.rival.name: [] for one in there}
    crowds: dict[str, list[float | None]] = {one.rival.name: [] for one in there}
    storms: dict[str, list[tuple[float, float] | None]] = {one.rival.name: [] for one in there}
    for _ in range(ROUNDS):
        for one in there:
            lone[one.rival.name] += await one_press(one.crowd, 100 // part)
        for one in there:
            crowds[one.rival.name].append(await all_at_once(one.crowd))
        for one in there:
            storms[one.rival.name].append(await storm(one.crowd, one.rival, STORM[one.rival.name][0] // part))
    for one in there:
        name = one.rival.name
        one.keep("one press, ms", quantiles(lone[name]))
        one.keep("200 at once, ms", _median(crowds[name], 1))
        rates = [None if found is None else found[0] for found in storms[name]]
        costs = [None if found is None else found[1] for found in storms[name]]
        one.keep("storm", {"per_s": _median(rates, 0), "cpu_ms": _median(costs, 3)})
        if name not in FORGETFUL:
            one.keep("station away for 2 s", await station_away(one.crowd))
            one.keep("killed", await killed(one.crowd, one.rival, 1_000 // part))


async def _slow_disk(there: list[Entrant], part: int) -> None:
    for one in there:
        await one.rival.stop()
        one.rival.preload = slow_disk(one.rival.folder)
        if one.rival.preload is None:
            return
        await one.rival.start()
        one.keep("200 at once on a slow disk, ms", _median([await all_at_once(one.crowd) for _ in range(3)], 1))
        found = await storm(one.crowd, one.rival, STORM[one.rival.name][1] // part)
        rate, cost = (None, None) if found is None else found
        one.keep("storm on a slow disk", {"per_s": _median([rate], 0), "cpu_ms": _median([cost], 3)})
        await one.rival.stop()


def _median(values: list[float | None], digits: int) -> float | None:
    """None if one of them is missing: then something was lost, or took too long."""
    if None in values:
        return None
    middle = statistics.median(value for value in values if value is not None)
    return round(middle, digits or None)


def ratio(over: float | None, under: float | None) -> float | None:
    """over / under, if there is such a thing."""
    return None if not over or not under else round(over / under, 2)


def judged(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each goal of the design: what was asked, and how far we are."""
    floor, script, ours = (found[name] for name in ("floor", "simple script", "ansimbell"))

    def value(of: dict[str, Any], row: str, key: str | None = None) -> Any:
        given = of.get(row)
        return given if key is None or given is None else given.get(key)

    def goal(text: str, reached: float | None, limit: float, at_most: bool) -> dict[str, Any]:
        ok = reached is not None and (reached <= limit if at_most else reached >= limit)
        return {"goal": text, "reached": reached, "limit": limit, "ok": ok}

    press, at_once, storm_row, slow = "one press, ms", "200 at once, ms", "storm", "storm on a slow disk"
    return [
        goal("one press p50 / floor", ratio(value(ours, press, "p50"), value(floor, press, "p50")), 1.8, True),
        goal("one press p99 / floor", ratio(value(ours, press, "p99"), value(floor, press, "p99")), 2, True),
        goal("200 at once, ms", value(ours, at_once), 45, True),
        goal("storm / script", ratio(value(ours, storm_row, "per_s"), value(script, storm_row, "per_s")), 5, False),
        goal("storm / floor", ratio(value(ours, storm_row, "per_s"), value(floor, storm_row, "per_s")), 0.35, False),
        goal("storm, slow disk / script", ratio(value(ours, slow, "per_s"), value(script, slow, "per_s")), 30, False),
        goal("CPU per storm alarm, ms", value(ours, storm_row, "cpu_ms"), 0.25, True),
        goal("killed: lost", value(ours, "killed", "lost"), 0, True),
        goal("station away: lost", value(ours, "station away for 2 s", "lost"), 0, True),
    ]


def table(found: dict[str, dict[str, Any]], goals: list[dict[str, Any]]) -> str:
    """For people."""
    rows = list(found["ansimbell"])
    lines = ["| | " + " | ".join(RIVALS) + " |", "|---|" + "---|" * len(RIVALS)]
    for row in rows:
        cells = []
        for name in RIVALS:
            value = found[name].get(row, "–")
            parts = [f"{key} {one}" for key, one in value.items()] if isinstance(value, dict) else [str(value)]
            cells.append(", ".join(parts))
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    lines += ["", "| goal | limit | reached | |", "|---|---|---|---|"]
    lines += [f"| {g['goal']} | {g['limit']} | {g['reached']} | {'yes' if g['ok'] else 'NO'} |" for g in goals]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--quick", action="store_true", help="a fifth of the presses: to see that it works")
    parser.add_argument("--only", choices=RIVALS, help="measure one program, without a verdict")
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bellbench-"))
    try:
        names = [asked.only] if asked.only else RIVALS
        found = asyncio.run(measure(names, root, asked.quick))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if asked.only:
        print(json.dumps(found))
        return
    goals = judged(found)
    result = {"rows": found, "goals": goals, "machine": platform.machine(), "python": platform.python_version()}
    print(json.dumps(result) if asked.json else table(found, goals))


if __name__ == "__main__":
    main()
