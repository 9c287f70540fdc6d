"""`bellsim chaos --minutes`: real bells, brokers, gateways and databases; everything is broken while bells are pressed.

One combination of broker and store after the other, each an installation of its own (`field`). The faults come from
`plan`, hands on them are `hands` and `roads`, the end is `rest`, the verdict `verdict`.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from bellsim import postgresql
from bellsim.bench import BROKERS, broker_name
from bellsim.chaos import bells as bells_module
from bellsim.chaos import plan
from bellsim.chaos.field import BELLS, Field, make
from bellsim.chaos.installation import STORES
from bellsim.chaos.plan import Fault
from bellsim.chaos.rest import LINKED_S, ONE_MORE_S, READY_S, figures, settle
from bellsim.chaos.roads import Roads
from bellsim.chaos.waiting import cancel, until
from bellsim.goals import judge
from bellsim.runtime import SimulatorError

PRESS_EVERY_S = 0.4
BOTH = "both"
SAY_EVERY_S = 5.0
SEEN_FILE = "seen.json"  # in a folder that is kept: everything that the verdict was made of


async def measure(
    minutes: float, seed: int, broker: str, store: str, say: Callable[[str], None], keep: bool = False
) -> dict[str, Any]:
    """{"minutes", "presses", "lost", "lies", "test_leaks", "faults": {kind: count}, "seed", …}; minutes are those in
    which something breaks, divided among the combinations."""
    chosen = [(one, other) for one in _choose(broker, BROKERS, "broker") for other in _choose(store, STORES, "store")]
    if any(other == "postgresql" for _, other in chosen) and (text := postgresql.missing()) is not None:
        raise SimulatorError(text)
    began_s = time.monotonic()
    length_s = minutes * 60 / len(chosen)
    parts = []
    for one, other in chosen:
        name = f"{one}, {other}"
        part = await _combination(one, other, seed, length_s, partial(_with, say, f"{name}: "), keep)
        say(f"{name}: {part['presses']} presses, lost {part['lost']}, lies {part['lies']}, leaks {part['test_leaks']}")
        parts.append(part)
    return _together(parts, minutes, seed, time.monotonic() - began_s)


def _with(say: Callable[[str], None], prefix: str, text: str) -> None:
    say(prefix + text)


def _choose(named: str, every: tuple[str, ...], what: str) -> tuple[str, ...]:
    if named == BOTH:
        return every
    if named not in every:
        raise SimulatorError(f"there is no {what} {named!r}: choose one of {', '.join((*every, BOTH))}")
    return (named,)


def _together(parts: list[dict[str, Any]], minutes: float, seed: int, took_s: float) -> dict[str, Any]:
    added = ("presses", "lost", "lies", "test_leaks", "time_unknown", "claims", "claims_unread", "signals", "acts")
    faults: Counter[str] = sum((Counter(part["faults"]) for part in parts), Counter())
    unfelt: Counter[str] = sum((Counter(part["unfelt"]) for part in parts), Counter())
    left_out = {kind: why for part in parts for kind, why in part["left_out"].items()}
    result = {
        "minutes": minutes,
        **{name: sum(part[name] for part in parts) for name in added},
        "faults": {kind: faults[kind] for kind in plan.KINDS if faults[kind]},
        "unfelt": dict(unfelt),
        "never_bit": [kind for kind in plan.KINDS if not faults[kind] and (unfelt[kind] or kind in left_out)],
        "left_out": left_out,
        "network": "a TCP proxy in front of each bell",
        "seed": seed,
        "bells": BELLS,
        "combinations": parts,
        "took_s": round(took_s, 1),
    }
    return judge(result, {}, {"lost": 0, "lies": 0, "test_leaks": 0, "claims_unread": 0})


async def _combination(
    broker: str, store: str, seed: int, length_s: float, say: Callable[[str], None], keep: bool
) -> dict[str, Any]:
    left_out: dict[str, str] = {}
    async with contextlib.AsyncExitStack() as stack:
        it = await make(stack, broker, store, seed, say, keep, left_out)
        tasks = [asyncio.create_task(victim.keep()) for victim in it.parts.victims]
        tasks += [asyncio.create_task(it.reader.run()), asyncio.create_task(it.watch.run())]
        stack.push_async_callback(cancel, tasks)
        await until(lambda: not it.watch.ill(), READY_S, lambda: f"the gateways are not ready: {it.watch.ill()}", tasks)
        for one in it.bells:  # one after the other: each compiles its own firmware
            await one.power_on()
        await bells_module.linked(it.bells, LINKED_S)
        if it.disk is not None:
            await asyncio.to_thread(it.disk.sync)
        await _play(it, f"{seed} {broker} {store}", length_s, say, tasks)
        say("no more faults: everything must come to rest")
        await settle(it, tasks, say)
        await asyncio.sleep(ONE_MORE_S)
        shown = await figures(it)
        if keep:
            (it.parts.root / SEEN_FILE).write_text(json.dumps(asdict(it.seen), default=sorted), encoding="utf-8")
        return {"broker": broker_name(broker), "store": store, **shown, "left_out": left_out}


async def _play(
    it: Field, name: str, length_s: float, say: Callable[[str], None], tasks: list[asyncio.Task[None]]
) -> None:
    faults = plan.draw(name, length_s, [*it.hands.kinds, *plan.ROADS], len(it.parts.victims), len(it.bells))
    say(f"{len(faults)} faults in {length_s:.0f} s")
    roads = Roads(it.bells, it.seen)
    began_s = time.monotonic()
    fingers = asyncio.create_task(bells_module.fingers(it.bells, random.Random(f"{name} fingers"), PRESS_EVERY_S))
    person = asyncio.create_task(it.person.run())
    saying = asyncio.create_task(_say(it, say, began_s))
    shared = [fault for fault in faults if fault.kind in plan.SHARED]
    ways = [fault for fault in faults if fault.kind in plan.ROADS]
    end = asyncio.create_task(asyncio.sleep(length_s))
    # What all share breaks one after the other, as late as the last one's mending needs.
    work = [asyncio.create_task(_row(it, shared, began_s, length_s, say))]
    work += [asyncio.create_task(_befall(it, fault, began_s, roads.befall, say)) for fault in ways]
    try:
        waiting: set[asyncio.Task[Any]] = {end, *work}
        while not end.done():
            done, waiting = await asyncio.wait({*waiting, *tasks, fingers, person}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # whatever broke off, breaks all off
            waiting -= {*tasks, fingers, person}
        fingers.cancel()
        await asyncio.gather(fingers, return_exceptions=True)
        await asyncio.gather(*work)
    finally:
        await cancel([fingers, person, saying, end, *work])


async def _row(it: Field, faults: list[Fault], began_s: float, length_s: float, say: Callable[[str], None]) -> None:
    for fault in faults:
        if time.monotonic() - began_s > length_s:
            return  # the mending of others took longer than planned
        await _befall(it, fault, began_s, it.hands.kinds[fault.kind], say)


async def _befall(
    it: Field, fault: Fault, began_s: float, hand: Callable[[Fault], Any], say: Callable[[str], None]
) -> None:
    await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
    felt = await hand(fault)
    (it.bitten if felt else it.unfelt)[fault.kind] += 1
    if felt:
        it.evidence.setdefault(fault.kind, felt)
    say(f"{time.monotonic() - began_s:5.0f} s  {fault.kind}: {felt or 'nobody felt it'}")


async def _say(it: Field, say: Callable[[str], None], began_s: float) -> None:
    while True:
        await asyncio.sleep(SAY_EVERY_S)
        waiting = sum(len(one.waiting) for one in it.bells)
        linked = sum(one.linked for one in it.bells)
        told = f"{len(it.seen.presses)} presses, {waiting} wait, {linked} bells linked"
        ill = it.watch.ill()
        say(f"{time.monotonic() - began_s:5.0f} s  {told}" + (f", {ill}" if ill else ""))
