"""`bellsim latency`: from the press to the journal, and to `stored` on the lamp, many times.

`stored_ms` and `sending_ms` are measured with the simulator's clock: from the moment before the button's edge is
written to the bus, until the line with the lamp's new colours has arrived from the bus. So they include the bus in both
directions, MicroPython, journal, TLS, broker, gateway and its durable commit. `journal_ms` is measured with the bell's
own clock, by a probe in the simulated hardware: from the edge at the pin, where the interrupt is called, until the
flash has taken the record and given it back for comparison. The flash is a file; a chip takes longer.

None of it includes Wi-Fi or an ESP32: nothing here stands for their time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from bellsim.bell import BOOT_CODE, PRESS_MS
from bellsim.bench import PLACES, bench
from bellsim.dispatcher import Dispatcher
from bellsim.goals import judge, quantiles
from bellsim.rom import ROOMY_BYTES, in_place
from bellsim.runtime import SimulatorError
from bellsim.story import STAGE_DEADLINE_S, linked

PROBED_CODE = "import probe; probe.stamp_flash(); " + BOOT_CODE
# Each press finds the lamp at another rung (else a change could not be seen): sending, then stored. A bell keeps 16
# rungs, and the gateway one incident per bell, which every press joins.
WARM_UP = 5
RELEASE_DEADLINE_S = 10.0
SAY_EVERY = 100
GOALS = {"journal_ms.p99": 5.0, "stored_ms.p99": 25.0}


async def measure(
    presses: int, broker: str = "embedded", runtime: str | None = None, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """{"presses", "runtime", "broker", "journal_ms", "stored_ms", "sending_ms": {"p50", "p99", "max"}, …}."""
    async with bench(broker, runtime, proxied=False, say=say, places=PLACES[:1]) as it:
        bell = it.bells[0]
        await bell.stop()
        bell.code = PROBED_CODE
        bell.interpreter, firmware = await asyncio.to_thread(in_place, it.runtime, it.root, ROOMY_BYTES)
        journal_us: list[float] = []
        bell.on_bus = lambda line, at_ns: journal_us.append(line["journal_us"]) if "journal_us" in line else None
        await bell.power_on()
        await linked(bell)
        say(f"pressing {presses} times")
        journal_ms, stored_ms, sending_ms = [], [], []
        said = bytearray()
        bell.on_uart = said.extend
        for number in range(-WARM_UP, presses):
            journal_us.clear()
            at_ns = bell.push()
            await asyncio.sleep(PRESS_MS / 1_000)
            bell.release()
            stored = await bell.wait_for("stored", STAGE_DEADLINE_S, at_ns)
            sending = await bell.wait_for("sending", STAGE_DEADLINE_S, at_ns)
            if number >= 0:
                stored_ms.append((stored.at_ns - at_ns) / 1e6)
                sending_ms.append((sending.at_ns - at_ns) / 1e6)
                journal_ms += [us / 1_000 for us in journal_us[:1]]
                if number % SAY_EVERY == SAY_EVERY - 1 and number + 1 < presses:
                    say(f"{number + 1} of {presses}")
            await _released(said)
        dispatcher = Dispatcher(it.url, it.token)
        try:
            kept = len(await dispatcher.signals_of(bell.bell_id))
        finally:
            await dispatcher.stop()
        if len(journal_ms) != presses:
            raise SimulatorError(
                f"the flash was seen to take {len(journal_ms)} of {presses} records before the lamp changed: "
                "this board has no journal partition, or it failed"
            )
        result = {
            "presses": presses,
            "runtime": bell.runtime,
            "firmware": firmware,
            "broker": it.broker,
            "tls": True,
            "journal_ms": quantiles(journal_ms),
            "stored_ms": quantiles(stored_ms),
            "sending_ms": quantiles(sending_ms),
            "signals": kept - WARM_UP,
            "at_unix_s": int(time.time()),
        }
        return judge(result, GOALS, {"signals": presses})


async def _released(said: bytearray) -> None:
    """Until the bell says that the button is open: an edge before that would be a bounce, and no new press."""
    end_s = time.monotonic() + RELEASE_DEADLINE_S
    while b"release" not in said:
        if time.monotonic() > end_s:
            raise SimulatorError(f"the bell did not see its button released within {RELEASE_DEADLINE_S:g} s")
        await asyncio.sleep(0.005)
    said.clear()
