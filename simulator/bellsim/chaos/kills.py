"""`bellsim chaos --kills`: gateways are killed at random moments while bells are pressed.

Real `bellgate run` processes, a real broker, on PostgreSQL a real server, light bells that send until they are
answered, and a receiver that writes down every webhook. Kills are SIGKILL, chosen by the seed: mostly at a random
moment after the gateway became ready, one in five while it starts. What came of it is judged in `reckoning`.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bellgate.config import load
from bellgate.store import audit, open_store
from bellsim import postgresql
from bellsim.bench import broker_name, scratch_folder
from bellsim.chaos import installation
from bellsim.chaos.installation import Installation, enrolled, webhook
from bellsim.chaos.reckoning import Campaign, Press, reckon, together
from bellsim.chaos.victim import Victim
from bellsim.chaos.waiting import cancel, until
from bellsim.goals import judge
from bellsim.light import LightBell
from bellsim.receiver import Receiver
from bellsim.runtime import SimulatorError

BELLS = 40
REPEAT_S = 5  # between two rounds of escalation: each incident is told of some dozens of times
UP_MAX_S = 1.2  # a kill falls so long after the gateway became ready, at most
STARTING_SHARE = 0.2  # of the kills, which fall while it starts
START_MAX_S = 1.0
INTERVAL_S = 3.0  # between two kills, as a first guess: the presses are spread over it
READY_DEADLINE_S = 60.0
SETTLE_DEADLINE_S = 120.0


@dataclass
class _Field:
    """The installation under attack."""

    parts: Installation
    receiver: Receiver
    bells: list[LightBell]
    kills_s: list[float] = field(default_factory=list)


async def measure(
    kills: int,
    presses: int,
    store: str,
    gateways: int,
    broker: str,
    seed: int,
    say: Callable[[str], None],
    keep: bool = False,
) -> dict[str, Any]:
    """{"presses", "kills", "lost", "duplicate_signals", "repeated_deliveries", "late_escalations", …}."""
    installation.check(store, gateways)
    began_s = time.monotonic()
    async with _field(store, gateways, broker, say, keep) as it:
        say(f"{presses} presses of {len(it.bells)} bells, {kills} kills, seed {seed}")
        await _attack(it, kills, presses, random.Random(seed), say)
        say("the last kill is over: everything must come to rest")
        await _settle(it)
        end_s = time.monotonic()
        kept = await _kept(it)
        running = together(span for victim in it.parts.victims for span in _spans(victim, end_s))
        with open_store(load(it.parts.config).store.url, load(it.parts.config).data_dir) as opened:
            broken = opened.read_now(audit.verify)
        figures = reckon(
            Campaign(
                presses=_presses(it, lambda bell: bell.pressed),
                stored=_presses(it, lambda bell: bell.stored),
                kept=kept,
                arrivals=it.receiver.arrivals,
                kills_s=it.kills_s,
                running=running,
                repeat_s=REPEAT_S,
                end_s=end_s,
                wall_ahead_s=time.time() - time.monotonic(),
            )
        )
        result = {
            **figures,
            "resends": sum(bell.resends for bell in it.bells),
            "unsigned": it.receiver.unsigned,
            "ended_alone": sum(victim.ended_alone for victim in it.parts.victims),
            "record_broken_at": broken,
            "store": store,
            "gateways": gateways,
            "broker": broker_name(broker),
            "seed": seed,
            "took_s": round(time.monotonic() - began_s, 1),
        }
    zero = ("lost", "stored_but_lost", "invented", "duplicate_signals", "late_escalations", "repeated_without_kill")
    exactly = {name: 0 for name in (*zero, "unsigned", "ended_alone")} | {"presses": presses, "kills": kills}
    return judge(result, {"repeated_deliveries": kills}, {**exactly, "record_broken_at": None})


@contextlib.asynccontextmanager
async def _field(
    store: str, gateways: int, broker: str, say: Callable[[str], None], keep: bool
) -> AsyncIterator[_Field]:
    async with contextlib.AsyncExitStack() as stack:
        root = scratch_folder(stack, keep, say)
        url = await postgresql.store_url(stack, store, say)
        receiver = Receiver()
        await receiver.start()
        stack.push_async_callback(receiver.stop)
        say("making a scratch installation")
        sections = webhook("station", receiver.url, receiver.secret, test=False) + (
            f'[[policy]]\nname = "often"\nrepeat_s = {REPEAT_S}\n\n'
            '[[policy.step]]\nafter_s = 0\ntargets = ["station"]\n'
        )
        parts = await installation.make(stack, root, url, gateways, broker, sections)
        victims = parts.victims
        made = _Field(
            parts, receiver, [LightBell(one) for one in await asyncio.to_thread(enrolled, parts.config, BELLS)]
        )
        tasks = [asyncio.create_task(victim.keep()) for victim in victims]
        stack.push_async_callback(cancel, tasks)
        await until(
            lambda: all(victim.ready_since_s for victim in victims),
            READY_DEADLINE_S,
            lambda: "the gateways ready",
            tasks,
        )
        tasks += [asyncio.create_task(bell.run()) for bell in made.bells]
        yield made


async def _attack(it: _Field, kills: int, presses: int, chance: random.Random, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    done = 0
    began_s = time.monotonic()
    for number in range(1, kills + 1):
        wanted = presses * number // kills
        spread_s = (time.monotonic() - began_s) / (number - 1) if number > 1 else INTERVAL_S
        for _ in range(wanted - done):
            loop.call_later(chance.uniform(0, spread_s), _press, chance.choice(it.bells))
        done = wanted
        victim = chance.choice(it.parts.victims)
        if chance.random() < STARTING_SHARE:
            await asyncio.sleep(chance.uniform(0, START_MAX_S))
        else:
            await until(lambda: victim.ready_since_s is not None, READY_DEADLINE_S, lambda: f"{victim.name} ready")  # noqa: B023
            await asyncio.sleep(chance.uniform(0, UP_MAX_S))
        it.kills_s.append(victim.kill())
        if number % 10 == 0:
            say(f"{number} kills, {sum(len(bell.stored) for bell in it.bells)} presses stored")
        await asyncio.sleep(0.05)  # so that the same process is not killed twice
    await asyncio.sleep(spread_s)


def _press(bell: LightBell) -> None:
    bell.press(time.monotonic())


async def _settle(it: _Field) -> None:
    await until(
        lambda: all(victim.ready_since_s for victim in it.parts.victims),
        READY_DEADLINE_S,
        lambda: "the gateways ready again",
    )
    with contextlib.suppress(SimulatorError):  # then the figures say what is missing
        await until(lambda: not any(bell.waiting() for bell in it.bells), SETTLE_DEADLINE_S, str)
        count = sum(bell.seq for bell in it.bells)
        await until(lambda: _told(it) >= count, SETTLE_DEADLINE_S, str)
    await asyncio.sleep(REPEAT_S + 1.5)  # one more round of every incident


def _told(it: _Field) -> int:
    """How many presses the receiver has heard of."""
    bodies = [one.body for one in it.receiver.arrivals if one.body["type"] == "ansimbell.signal"]
    return len({(body["data"]["bell_id"], body["data"]["seq"]) for body in bodies})


async def _kept(it: _Field) -> Counter[Press]:
    """How often the API shows each press."""
    kept: Counter[Press] = Counter()
    headers = {"authorization": f"Bearer {it.parts.token}"}
    async with httpx.AsyncClient(base_url=it.parts.urls[0], headers=headers, timeout=10, trust_env=False) as http:
        listed = (await http.get("/api/v1/incidents", params={"state": "all"})).raise_for_status().json()["items"]
        for incident in listed:
            detail = (await http.get(f"/api/v1/incidents/{incident['id']}")).raise_for_status().json()
            for signal in detail["signals"]:
                kept[incident["bell_id"], signal["boot"], signal["seq"]] += 1
    return kept


def _presses(it: _Field, of: Callable[[LightBell], dict[int, float]]) -> frozenset[Press]:
    return frozenset((bell.bell_id, bell.boot, seq) for bell in it.bells for seq in of(bell))


def _spans(victim: Victim, end_s: float) -> list[tuple[float, float]]:
    return [*victim.spans, *([(victim.ready_since_s, end_s)] if victim.ready_since_s is not None else [])]
