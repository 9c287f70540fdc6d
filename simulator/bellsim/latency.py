"""`bellsim latency`: how long from the press until the lamp says `stored`, many times.

Measured in the simulator, with one clock: from the moment before the button's edge is written to the bus, until the
line with the lamp's new colours has arrived from the bus. So it includes the bus in both directions, MicroPython,
journal, TLS, broker, gateway and its durable commit. It includes no Wi-Fi and no ESP32: nothing here stands for their
time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from bellsim.bell import PRESS_MS
from bellsim.bench import bench
from bellsim.dispatcher import Dispatcher
from bellsim.runtime import SimulatorError
from bellsim.story import STAGE_DEADLINE_S, linked

# Each press finds the lamp at another rung (else a change could not be seen): sending, then stored. A bell keeps 16
# rungs, and the gateway one incident per bell, which every press joins.
WARM_UP = 5
RELEASE_DEADLINE_S = 10.0


async def measure(
    presses: int, broker: str = "embedded", runtime: str | None = None, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """{"presses", "runtime", "broker", "stored_ms": {"p50", "p99", "max"}, "sending_ms": {…}}; no proxy in between."""
    async with bench(broker, runtime, proxied=False, say=say) as it:
        bell = it.bells[0]
        await linked(bell)
        say(f"pressing {presses} times")
        stored_ms, sending_ms = [], []
        said = bytearray()
        bell.on_uart = said.extend
        for number in range(-WARM_UP, presses):
            at_ns = bell.push()
            await asyncio.sleep(PRESS_MS / 1_000)
            bell.release()
            stored = await bell.wait_for("stored", STAGE_DEADLINE_S, at_ns)
            sending = await bell.wait_for("sending", STAGE_DEADLINE_S, at_ns)
            if number >= 0:
                stored_ms.append((stored.at_ns - at_ns) / 1e6)
                sending_ms.append((sending.at_ns - at_ns) / 1e6)
            await _released(said)
        dispatcher = Dispatcher(it.url, it.token)
        try:
            kept = len(await dispatcher.signals_of(bell.bell_id))
        finally:
            await dispatcher.stop()
        return {
            "presses": presses,
            "runtime": bell.runtime,
            "broker": it.broker,
            "stored_ms": _quantiles(stored_ms),
            "sending_ms": _quantiles(sending_ms),
            "signals": kept - WARM_UP,
            "at_unix_s": int(time.time()),
        }


async def _released(said: bytearray) -> None:
    """Until the bell says that the button is open: an edge before that would be a bounce, and no new press."""
    end_s = time.monotonic() + RELEASE_DEADLINE_S
    while b"release" not in said:
        if time.monotonic() > end_s:
            raise SimulatorError(f"the bell did not see its button released within {RELEASE_DEADLINE_S:g} s")
        await asyncio.sleep(0.005)
    said.clear()


def _quantiles(values: list[float]) -> dict[str, float]:
    """p50, p99 and max by the nearest rank."""
    ranked = sorted(values)

    def rank(percent: int) -> float:
        return round(ranked[max(0, -(-percent * len(ranked) // 100) - 1)], 2)

    return {"p50": rank(50), "p99": rank(99), "max": round(ranked[-1], 2)}
