"""When nothing breaks any more: everything comes to rest, and what was seen is put together."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from bellgate.config import load
from bellgate.store import audit, open_store
from bellsim.chaos import bells as bells_module
from bellsim.chaos import verdict
from bellsim.chaos.bells import ChaosBell
from bellsim.chaos.field import Field
from bellsim.chaos.seen import Arrival, Span
from bellsim.chaos.waiting import until
from bellsim.chaos.watch import EVERY_S, seen_within
from bellsim.orphans import orphans
from bellsim.runtime import SimulatorError
from bellwire import STAGES

READY_S, LINKED_S, SETTLE_S = 60.0, 60.0, 120.0
WORDS = 40  # lines of a bell that does not come to rest
ONE_MORE_S = 1.0  # whatever comes twice has come by then


async def settle(it: Field, tasks: list[asyncio.Task[None]], say: Callable[[str], None]) -> None:
    """Everybody is well, every event has its receipt, every incident its end, every message its receiver."""
    await until(lambda: not it.watch.ill(), READY_S, lambda: f"a gateway is not well again: {it.watch.ill()}", tasks)
    with contextlib.suppress(SimulatorError):  # then the figures say what is missing
        await bells_module.linked(it.bells, LINKED_S)
    with contextlib.suppress(SimulatorError):
        await until(lambda: not any(one.waiting for one in it.bells), SETTLE_S, str, tasks)
    for one in it.bells:
        if one.waiting:
            say(f"{one.bell_id} still waits for {len(one.waiting)} receipts; it says:\n{one.bell.last_words(WORDS)}")
    it.seen.orphans += await asyncio.to_thread(_orphans, it)
    it.person.leaving = True
    end_s = time.monotonic() + SETTLE_S
    while (await it.person.turn()) != 0 and time.monotonic() < end_s:
        await asyncio.sleep(0.1)
    while await asyncio.to_thread(_undelivered, it) and time.monotonic() < end_s:
        await asyncio.sleep(0.5)
    await seen_within(lambda: "shown" if not any(_lit(one) for one in it.bells) else "", 3.0)
    while not await it.reader.settle() and time.monotonic() < end_s:
        await asyncio.sleep(0.2)


def _lit(one: ChaosBell) -> bool:
    return one.bell.lamp_state() in STAGES[:-1]


def _ask(it: Field, question: Callable[[Any], Any]) -> Any:
    loaded = load(it.parts.config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        return store.read_now(question)


def _orphans(it: Field) -> list[str]:
    found: list[str] = _ask(it, orphans)
    return found


def _undelivered(it: Field) -> int:
    return sum(_deliveries(it).get(state, 0) for state in ("pending", "sending", "failed"))


def _deliveries(it: Field) -> dict[str, int]:
    rows = _ask(it, lambda tx: tx.all("SELECT state, COUNT(*) AS count FROM delivery GROUP BY state"))
    return {row["state"]: row["count"] for row in rows}


async def figures(it: Field) -> dict[str, Any]:
    """The verdict, and how it came about."""
    seen = it.seen
    seen.rows = await asyncio.to_thread(it.reader.rows)
    seen.record_broken = await asyncio.to_thread(_ask, it, audit.verify)
    seen.orphans += await asyncio.to_thread(_orphans, it)
    left = await asyncio.to_thread(_ask, it, lambda tx: tx.all("SELECT id FROM incident WHERE handling <> 'closed'"))
    seen.orphans += [f"incident {row['id']} has no end" for row in left]
    # Also whatever made a gateway slow that was no fault of ours: a busy host.
    seen.held += [Span(from_s - EVERY_S, to_s + EVERY_S) for from_s, to_s in it.watch.ill_spans]
    wall_ahead_s = time.time() - time.monotonic()
    seen.arrivals = [
        Arrival(name, one.at_s + wall_ahead_s, one.body)
        for name, receiver in it.receivers.items()
        for one in receiver.arrivals
    ]
    return {
        **verdict.judge(seen),
        "signals": len(seen.rows),
        "acts": len(seen.acts),
        "faults": dict(it.bitten),
        "unfelt": dict(it.unfelt),
        "evidence": it.evidence,
        "deliveries": await asyncio.to_thread(_deliveries, it),
        "latest_look_s": round(it.reader.latest_s, 2),
        "unsigned": sum(receiver.unsigned for receiver in it.receivers.values()),
        "gateway_starts": sum(victim.starts for victim in it.parts.victims),
        "stuck": [words for one in it.bells for words in one.stuck],
        "bell_starts": sum(one.starts for one in it.bells),
    }
