"""`python tests/bench/run.py [--json] [--quick]`: the gateway beside the floor and beside the best simple script.

All three run between the same broker and the same station, one after the other, on the same machine in the same run:
what counts is the ratio. Nothing here fails a test; see docs/measure.md for what the rows mean and what was measured.
"""

import argparse
import asyncio
import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from crowd import Crowd
from rivals import RIVALS, Rival, plain_mosquitto, slow_disk

from bellsim.goals import quantiles

BELLS = 200


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


async def one_press(crowd: Crowd, count: int) -> dict[str, float]:
    """Press -> webhook, one after the other: ms."""
    for warm in crowd.prepare(30):
        crowd.press(warm)
        await crowd.settled([warm], 10)
    presses = crowd.prepare(count)
    for press in presses:
        crowd.press(press)
        await crowd.settled([press], 10)
        await asyncio.sleep(0.005)  # alone, not the next in a row
    told = [key for key, _, _ in presses if key in crowd.told_s]
    return quantiles([(crowd.told_s[key] - crowd.pressed_s[key]) * 1000 for key in told])


async def all_at_once(crowd: Crowd, times: int) -> float | None:
    """Every bell presses in the same moment: ms until the last one is told and answered; the median."""
    took = []
    for _ in range(times):
        presses = crowd.prepare(crowd.count)
        began_s = time.perf_counter()
        if not await crowd.storm(presses, 30):
            return None
        ends = [max(crowd.told_s[key], crowd.answered_s[key]) for key, _, _ in presses]
        took.append((max(ends) - began_s) * 1000)
        await asyncio.sleep(0.3)
    return round(sorted(took)[len(took) // 2], 1)


async def storm(crowd: Crowd, rival: Rival, count: int) -> dict[str, float | None]:
    """As many as it takes: alarms a second, and ms of its CPU for each."""
    presses = crowd.prepare(count)
    cpu_s, began_s = rival.cpu_s(), time.perf_counter()
    if not await crowd.storm(presses, 120):
        return {"per_s": None, "cpu_ms": None}
    ended_s = max(max(crowd.told_s[key], crowd.answered_s[key]) for key, _, _ in presses)
    return {
        "per_s": round(count / (ended_s - began_s)),
        "cpu_ms": round((rival.cpu_s() - cpu_s) * 1000 / count, 3),
    }


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


async def measure(name: str, root: Path, quick: bool) -> dict[str, Any]:
    """All rows of one program."""
    folder = root / name.replace(" ", "-")
    folder.mkdir()
    broker, port = await plain_mosquitto(folder)
    crowd = Crowd(BELLS, port)
    await crowd.open()
    rival = Rival(name, folder, crowd)
    result: dict[str, Any] = {}

    async def row(title: str, work: Callable[[], Awaitable[Any]]) -> None:
        result[title] = await work()
        say(f"{name}: {title}: {result[title]}")

    part = 5 if quick else 1
    try:
        await rival.prepare()
        await rival.start()
        await row("one press, ms", lambda: one_press(crowd, 500 // part))
        await row("200 at once, ms", lambda: all_at_once(crowd, 5))
        many = {"floor": 40_000, "simple script": 3_000, "ansimbell": 10_000}[name] // part
        await row("storm", lambda: storm(crowd, rival, many))
        if name != "floor":
            await row("station away for 2 s", lambda: station_away(crowd))
            await row("killed", lambda: killed(crowd, rival, 1_000 // part))
        await rival.stop()
        rival.preload = slow_disk(folder)
        if rival.preload is not None:
            await rival.start()
            few = {"floor": 20_000, "simple script": 300, "ansimbell": 5_000}[name] // part
            await row("storm on a slow disk", lambda: storm(crowd, rival, few))
    finally:
        await rival.stop()
        await crowd.close()
        await broker.stop()
    return result


def ratio(over: float | None, under: float | None) -> float | None:
    """over / under, if there is such a thing."""
    return None if not over or not under else round(over / under, 2)


def judged(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each goal of the design: what was asked, and how far we are."""
    floor, script, ours = (found[name] for name in RIVALS)

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
        found = {name: asyncio.run(measure(name, root, asked.quick)) for name in names}
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
