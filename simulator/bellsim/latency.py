"""`bellsim latency`: from the press to the journal, and to `stored` on the lamp, many times.

`stored_ms` and `sending_ms` are measured with the simulator's clock: from the moment before the button's edge is
written to the bus, until the line with the lamp's new colours has arrived from the bus. So they include the bus in both
directions, MicroPython, journal, TLS, broker, gateway and its durable commit. `journal_ms` is measured with the bell's
own clock, by a probe in the simulated hardware: from the edge at the pin, where the interrupt is called, until the
flash has taken the record and given it back for comparison. The flash is a file that takes its time, as data sheets
say a chip does: 45 ms for an erase. `erases_awaited` counts those that began while somebody waited for *stored*.

`stored_ms` also includes one fdatasync of this host's disk, in the gateway. `disk_ms` is what such a one takes by
itself: after each press as many bytes as a commit are written to a file beside the database and made to last.

None of it includes Wi-Fi or an ESP32: nothing here stands for their time.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bellgate.store import opening
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
COMMIT_BYTES = 14 * opening.PAGE_BYTES  # what the gateway writes into its log for a press
LOG_BYTES = opening.LOG_BYTES // COMMIT_BYTES * COMMIT_BYTES  # as long as that log, and written over as it is
GOALS = {"journal_ms.p99": 5.0, "stored_ms.p99": 25.0}


async def measure(
    presses: int, broker: str = "embedded", runtime: str | None = None, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """{"presses", "runtime", "broker", "journal_ms", "stored_ms", "sending_ms", "disk_ms": {"p50", "p99", "max"},
    "erases", "erases_awaited", …}."""
    async with bench(broker, runtime, proxied=False, say=say, places=PLACES[:1]) as it:
        bell = it.bells[0]
        await bell.stop()
        bell.code = PROBED_CODE
        bell.interpreter, firmware = await asyncio.to_thread(in_place, it.runtime, it.root, ROOMY_BYTES)
        journal_us: list[float] = []
        erased_ns: list[int] = []

        def on_bus(line: dict[str, Any], at_ns: int) -> None:
            if "journal_us" in line:
                journal_us.append(line["journal_us"])
            elif "erases" in line:
                erased_ns.append(at_ns)

        bell.on_bus = on_bus
        await bell.power_on()
        await linked(bell)
        say(f"pressing {presses} times")
        journal_ms, stored_ms, sending_ms, disk_ms = [], [], [], []
        disk = _Disk(it.root / "disk")
        erases = awaited = 0
        said = bytearray()
        bell.on_uart = said.extend
        for number in range(-WARM_UP, presses):
            journal_us.clear()
            erased_ns.clear()
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
            took_ms = await asyncio.to_thread(disk.commit)
            if number >= 0:
                disk_ms.append(took_ms)
                erases += len(erased_ns)
                awaited += sum(1 for erase_ns in erased_ns if erase_ns < stored.at_ns)
        disk.close()
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
            "disk_ms": quantiles(disk_ms),
            "erases": erases,
            "erases_awaited": awaited,
            "signals": kept - WARM_UP,
            "at_unix_s": int(time.time()),
        }
        return judge(result, GOALS, {"signals": presses, "erases_awaited": 0})


class _Disk:
    """A file of its own beside the gateway's, written as its log is: in place, in turn, each time made to last."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        self._at = 0
        os.write(self._file, bytes(LOG_BYTES))
        os.fsync(self._file)

    def commit(self) -> float:
        """Milliseconds that one took. Blocks as long."""
        os.pwrite(self._file, os.urandom(COMMIT_BYTES), self._at)
        self._at = (self._at + COMMIT_BYTES) % LOG_BYTES
        began_ns = time.perf_counter_ns()
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(self._file)
        return (time.perf_counter_ns() - began_ns) / 1e6

    def close(self) -> None:
        os.close(self._file)


async def _released(said: bytearray) -> None:
    """Until the bell says that the button is open: an edge before that would be a bounce, and no new press."""
    end_s = time.monotonic() + RELEASE_DEADLINE_S
    while b"release" not in said:
        if time.monotonic() > end_s:
            raise SimulatorError(f"the bell did not see its button released within {RELEASE_DEADLINE_S:g} s")
        await asyncio.sleep(0.005)
    said.clear()
