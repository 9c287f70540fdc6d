"""`bellsim fault outage`: half an hour without network, in seconds, because the bell's clock is moved on.

The bell is the real firmware on MicroPython. Its `time` is board/skipping_time.py: between two presses the simulator
moves it on, a second at a time, and after each step the bell runs what has become due. So its timers, its resends and
the ages that it states live through the whole outage; broker, gateway and every press itself stay in real time. What
the simulator knows of each press, real time and skipped time together, is the truth that the stated ages are held
against. A press a minute, and at most PRESSES_MAX of them: that many events a bell keeps.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bellnode.outbox import ENTRIES_MAX
from bellsim.bell import BOOT_CODE, Bell
from bellsim.faults import stage
from bellsim.goals import judge
from bellsim.runtime import MICROPYTHON, SimulatorError
from bellsim.story import NOT_DELIVERED_DEADLINE_S, STAGE_DEADLINE_S, linked

SKIPPING_CODE = "import probe; probe.skip_when_told(); " + BOOT_CODE
STEP_MS = 1_000  # the bell's loop turns at least so often by itself
STEP_DEADLINE_S = 5.0
PRESSES_MAX = min(30, ENTRIES_MAX - 2)  # room for two events that the bell may have of its own
MINUTE_MS = 60_000
# From the bell's stamp of a send to the gateway's of its arrival, and the millisecond that either may round away. On a
# busy host the first sends after an outage wait for one another.
AGE_ERROR_MS = 1_000
SAY_EVERY_MINUTES = 10


class _Clock:
    """The bell's clock as the simulator knows it: real time, and what was skipped."""

    def __init__(self, bell: Bell) -> None:
        self.skipped_ms = 0
        self._bell = bell
        self._confirmed_ms = 0
        self._heard = asyncio.Event()
        bell.on_bus = self._on_bus

    def _on_bus(self, line: dict[str, Any], at_ns: int) -> None:
        if "skipped_ms" in line:
            self._confirmed_ms = line["skipped_ms"]
            self._heard.set()

    async def skip(self, ms: int) -> None:
        """Move it on; returns when the bell has lived through it."""
        while ms > 0:
            step_ms = min(ms, STEP_MS)
            ms -= step_ms
            self.skipped_ms += step_ms
            self._bell.tell({"skip_ms": step_ms})
            end_s = time.monotonic() + STEP_DEADLINE_S
            while self._confirmed_ms != self.skipped_ms:
                self._heard.clear()
                try:
                    await asyncio.wait_for(self._heard.wait(), max(0.0, end_s - time.monotonic()))
                except TimeoutError:
                    raise SimulatorError(
                        f"the bell's clock could not be moved on; its UART says last:\n{self._bell.last_words()}"
                    ) from None


async def measure(
    minutes: int, broker: str = "embedded", say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """{"minutes", "presses", "delivered", "in_order", "age_error_ms": {"least", "most"}, "took_s", …}."""
    async with stage(broker, MICROPYTHON, say) as (it, bell, dispatcher):
        await bell.stop()
        (it.root / "packages" / "time.py").symlink_to(Path(__file__).parent / "board" / "skipping_time.py")
        bell.code = SKIPPING_CODE
        clock = _Clock(bell)
        await bell.power_on()
        await linked(bell)
        say("the network goes")
        await bell.network(False)
        began_s = time.monotonic()
        # The clock that counts here is Unix time, because the gateway's stamps are held against it.
        pressed_ms: list[float] = []
        presses = min(minutes, PRESSES_MAX)
        for number in range(presses):
            # The minute's second half minute, and each time another part of a second.
            await clock.skip(number * MINUTE_MS + 30_137 + 61 * number - clock.skipped_ms)
            at_ns = bell.push()
            pressed_ms.append(time.time() * 1_000 + clock.skipped_ms)
            await asyncio.sleep(0.12)
            bell.release()
            await bell.wait_for("sending", STAGE_DEADLINE_S, at_ns)
            await asyncio.sleep(0.1)  # the contact has to be open for longer than it may bounce
            if number % SAY_EVERY_MINUTES == SAY_EVERY_MINUTES - 1:
                say(f"minute {number + 1} of {minutes}")
        await clock.skip(minutes * MINUTE_MS - clock.skipped_ms)
        rung = bell.lamp_state()
        say(f"the network returns; the lamp says {rung.replace('_', ' ')}")
        before = len(await dispatcher.signals_of(bell.bell_id))
        back_ns = time.monotonic_ns()
        await bell.network(True)
        await bell.wait_for("stored", NOT_DELIVERED_DEADLINE_S, back_ns)
        signals = await _all(dispatcher.signals_of, bell.bell_id, presses)
        last_ms = max((signal["received_ms"] for signal in signals), default=0)
        signals.sort(key=lambda signal: int(signal["number"]))
        errors_ms = [
            signal["received_ms"] + clock.skipped_ms - true_ms - (signal["age_ms"] or 0)
            for signal, true_ms in zip(signals, pressed_ms, strict=False)
        ]
        result = {
            "fault": "outage",
            "minutes": minutes,
            "accelerated": "the bell's clock was moved on between the presses, a second at a time",
            "broker": it.broker,
            "runtime": bell.runtime,
            "presses": presses,
            "stored_before_return": before,
            "lamp_before_return": rung,
            "delivered": len(signals),
            "in_order": [signal["seq"] for signal in signals] == sorted(signal["seq"] for signal in signals),
            "oldest_age_s": round(max((signal["age_ms"] or 0 for signal in signals), default=0) / 1_000, 1),
            "age_error_ms": {
                "least": round(min(errors_ms, default=0), 1),
                "most": round(max(errors_ms, default=0), 1),
                "size": round(max((abs(error) for error in errors_ms), default=0), 1),
            },
            "return_to_all_stored_s": round(last_ms / 1_000 - (time.time() - (time.monotonic_ns() - back_ns) / 1e9), 2),
            "took_s": round(time.monotonic() - began_s, 1),
        }
        exactly = {"delivered": presses, "in_order": True, "stored_before_return": 0}
        return judge(result, {"age_error_ms.size": AGE_ERROR_MS}, exactly)


async def _all(ask: Callable[[str], Any], bell_id: str, count: int) -> list[dict[str, Any]]:
    """The gateway's signals of this bell, once there are so many; or what there is after a while."""
    end_s = time.monotonic() + NOT_DELIVERED_DEADLINE_S
    while True:
        signals: list[dict[str, Any]] = await ask(bell_id)
        if len(signals) >= count or time.monotonic() > end_s:
            return signals
        await asyncio.sleep(0.2)
