"""Breaks bells and their ways to the broker, looks whether it was felt, and mends it.

The ways are TCP proxies (`bellsim.network`), one for each bell: they need no rights, and a bell on the loopback of this
host keeps its bus. Network namespaces would add the kernel's own delays, and nothing that a bell could tell apart.
"""

import asyncio
import time
from collections.abc import Callable

from bellsim.chaos.bells import ChaosBell
from bellsim.chaos.plan import Fault
from bellsim.chaos.seen import Seen, Span
from bellsim.chaos.watch import seen_within
from bellsim.network import Proxy

FELT_S = 5.0
BACK_S = 20.0  # until a bell has its broker again


class Roads:
    """One task for each fault; `befall` says what was seen, or "" if nobody felt it."""

    def __init__(self, bells: list[ChaosBell], seen: Seen) -> None:
        self._bells, self._seen = bells, seen

    async def befall(self, fault: Fault) -> str:
        """Break, wait, mend."""
        bells = [self._bells[number] for number in fault.bells]
        began_s = time.time()
        try:
            if fault.kind == "bell_power":
                return await self._power(bells, fault)
            return await self._way(bells, fault)
        finally:
            await seen_within(lambda: "linked" if all(one.linked for one in bells) else "", BACK_S)
            now_s = time.time()
            self._seen.held += [Span(began_s - 1.0, now_s, one.bell_id) for one in bells]

    async def _power(self, bells: list[ChaosBell], fault: Fault) -> str:
        before = {one.bell_id: one.starts for one in bells}
        await asyncio.gather(*(one.power_cut() for one in bells))
        dark = all(not one.bell.powered for one in bells)
        await asyncio.sleep(fault.for_s)
        await asyncio.gather(*(one.power_on() for one in bells))
        new = await seen_within(
            lambda: "new boot" if all(one.starts > before[one.bell_id] for one in bells) else "", BACK_S
        )
        return f"{len(bells)} dark, then a {new}" if dark and new else ""

    async def _way(self, bells: list[ChaosBell], fault: Fault) -> str:
        proxies = [_proxy(one) for one in bells]
        lost, counts = sum(one.links_lost for one in bells), _counts(proxies)
        self._break(proxies, fault)
        end_s = time.monotonic() + fault.for_s
        try:
            felt = await seen_within(lambda: _felt(fault.kind, bells, proxies, lost, counts), max(fault.for_s, FELT_S))
            await asyncio.sleep(max(0.0, end_s - time.monotonic()))
        finally:
            for proxy in proxies:
                proxy.latency_s, proxy.bytes_per_s = 0.0, None
                proxy.restore()
        return felt or await seen_within(lambda: _felt(fault.kind, bells, proxies, lost, counts), FELT_S)

    def _break(self, proxies: list[Proxy], fault: Fault) -> None:
        for proxy in proxies:
            does: dict[str, Callable[[Proxy], object]] = {
                "net_latency": lambda one: setattr(one, "latency_s", fault.strength),
                "net_bandwidth": lambda one: setattr(one, "bytes_per_s", fault.strength),
                "net_half_open": Proxy.lose_sight,
                "net_reset": Proxy.reset,
                "net_partition": Proxy.freeze,
            }
            does[fault.kind](proxy)


def _proxy(one: ChaosBell) -> Proxy:
    assert one.bell.proxy is not None
    return one.bell.proxy


def _counts(proxies: list[Proxy]) -> tuple[int, int, float]:
    return (
        sum(one.aborted for one in proxies),
        sum(one.swallowed for one in proxies),
        sum(one.slowed_s for one in proxies),
    )


def _felt(kind: str, bells: list[ChaosBell], proxies: list[Proxy], lost: int, before: tuple[int, int, float]) -> str:
    aborted, swallowed, slowed_s = (now - then for now, then in zip(_counts(proxies), before, strict=True))
    links = sum(one.links_lost for one in bells) - lost
    if kind == "net_reset":
        return f"{aborted} connections reset, {links} links lost" if aborted and links else ""
    if kind == "net_half_open":
        return f"{swallowed} bytes went nowhere, {links} links lost" if swallowed or links else ""
    if kind == "net_partition":
        waiting = [one for one in bells if one.waiting]
        return f"{links} links lost, {len(waiting)} bells wait" if links or waiting else ""
    return f"pieces waited for {slowed_s:.1f} s" if slowed_s > 0 else ""
