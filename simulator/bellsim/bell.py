"""One simulated bell: the firmware in a process of its own, a pty as its UART, a folder as its flash.

The simulator can do to it what the world can do to a bell on a wall: press it, cut its power (SIGKILL, no goodbye), put
the power back, take its network away. It reads what a person could read: the lamp's colour, and the UART. The rung of
the lamp is decoded from the colours alone, with the table that the firmware itself paints from.
"""

import asyncio
import contextlib
import json
import os
import time
import tty
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bellnode import board, boards, indicator
from bellsim.bus import Bus
from bellsim.network import Proxy
from bellsim.runtime import Runtime, SimulatorError

BOOT_CODE = "import unix_port, bellnode.app; bellnode.app.main()"
START_DEADLINE_S = 15.0
STOP_DEADLINE_S = 5.0
PRESS_MS = 120  # a short, ordinary push with a finger
UART_LINES_MAX = 500  # the newest are kept: enough for an error with its story, never a leak in a long demo
LAMP_CHANGES_MAX = 2_000  # a blink is no change of rung, so this is many alarms
OFF = "off"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Change:
    """The lamp began to show `rung` at time.monotonic_ns() `at_ns`."""

    rung: str
    at_ns: int


class Bell:
    """One bell. `flash` holds its config.json before the first `power_on`."""

    def __init__(
        self, bell_id: str, flash: Path, runtime: Runtime, packages: Path, bus: Bus, code: str = BOOT_CODE
    ) -> None:
        self.bell_id = bell_id
        self.flash = flash
        self.proxy: Proxy | None = None
        self.changes: deque[Change] = deque([Change(OFF, time.monotonic_ns())], LAMP_CHANGES_MAX)
        self.colours: list[list[int]] = []
        self.uart: deque[str] = deque(maxlen=UART_LINES_MAX)
        self.on_change: Callable[[Change], None] | None = None
        self.on_uart: Callable[[bytes], None] | None = None
        self.on_bus: Callable[[dict[str, Any], int], None] | None = None  # (line, at_ns) of a probe, see board/probe.py
        self.linked = False  # what the UART said last about the broker
        self.process: asyncio.subprocess.Process | None = None
        self.networks: list[list[Any]] | None = None  # [ssid, password, dBm] of what is there at a start; None: any
        self.restarts = False  # a chip that resets itself starts again; else only who watches can do it
        self.interpreter = runtime  # this, packages and code count from the next power_on
        self.code = code
        self.packages = packages
        self._bus = bus
        self._plug = bus.plug(bell_id, self._heard)
        self._master: int | None = None
        self._rest = b""
        self._changed = asyncio.Event()
        self._minder: asyncio.Task[None] | None = None

    @property
    def runtime(self) -> str | None:
        """What the bell itself says it runs on, from its hello on the bus."""
        return self._plug.runtime

    @property
    def powered(self) -> bool:
        """True while its process runs."""
        return self.process is not None and self.process.returncode is None

    async def power_on(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Start the process and wait until its hardware is on the bus. Raises SimulatorError with the UART's words."""
        if self.powered:
            return
        master, slave = os.openpty()
        tty.setraw(slave)  # a UART carries bytes: no echo, no CR for LF, and byte 3 does not kill
        os.set_blocking(master, False)
        environment = self.interpreter.environment(self.packages) | {
            "BELLSIM_BUS": self._bus.address,
            "BELLSIM_BELL": self.bell_id,
        }
        if self.networks is not None:
            environment["BELLSIM_NETWORKS"] = json.dumps(self.networks)
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.interpreter.command(self.code, self.packages),
                cwd=self.flash,
                env=environment,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,  # Ctrl-C in the terminal is for the simulator, not for the bell
            )
        finally:
            os.close(slave)
        self._master = master
        asyncio.get_running_loop().add_reader(master, self._read_uart, master)
        self._lamp("idle", time.monotonic_ns())  # dark until the firmware says otherwise
        joined = asyncio.ensure_future(self._plug.joined.wait())
        ended = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait((joined, ended), timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            joined.cancel()
        if not self._plug.joined.is_set():
            said = self.last_words()
            await self.power_cut()
            raise SimulatorError(f"bell {self.bell_id} did not start within {deadline_s:g} s; its UART says:\n{said}")

        if self.restarts:
            self._minder = asyncio.ensure_future(self._start_again())

    async def _start_again(self) -> None:
        """machine.reset(), or the watchdog: the program ends by itself, and begins from its beginning. The cable stays
        where it is."""
        process = self.process
        if process is not None:
            await process.wait()
            self._minder = None
            await self.power_cut()
            await self.power_on()

    async def power_cut(self) -> None:
        """SIGKILL: the interpreter gets no chance to say or write anything."""
        if self._minder is not None:
            self._minder.cancel()
            self._minder = None
        if self.process is not None and self.process.returncode is None:
            if self.proxy is not None:
                self.proxy.vanish()
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await asyncio.wait_for(self.process.wait(), STOP_DEADLINE_S)
            await asyncio.wait_for(self._plug.left.wait(), STOP_DEADLINE_S)
        self.process = None
        if self._master is not None:
            self._read_uart(self._master)
        self._close_uart()
        self.linked = False
        self._lamp(OFF, time.monotonic_ns())

    async def stop(self) -> None:
        """End the bell in an orderly way, if it can, within STOP_DEADLINE_S; then as `power_cut`."""
        if self._minder is not None:
            self._minder.cancel()
            self._minder = None
        if self.process is not None and self.powered:
            with contextlib.suppress(ConnectionError, TimeoutError):
                self._plug.send({"quit": True})
                await asyncio.wait_for(self.process.wait(), STOP_DEADLINE_S)
        await self.power_cut()

    def push(self) -> int:
        """Close the button's contact; returns time.monotonic_ns() of the edge. Raises ConnectionError without power."""
        return self.tell({"pin": board.PINS["button"], "level": board.BUTTON_PRESSED})

    def release(self) -> None:
        """Open the button's contact."""
        self.tell({"pin": board.PINS["button"], "level": 1 - board.BUTTON_PRESSED})

    async def press(self, hold_ms: int = PRESS_MS) -> int:
        """Push, hold, release; returns time.monotonic_ns() of the first edge."""
        at_ns = self.push()
        await asyncio.sleep(hold_ms / 1_000)
        with contextlib.suppress(ConnectionError):  # the power may have gone while the finger was still there
            self.release()
        return at_ns

    async def network(self, on: bool) -> None:
        """Take the network away: Wi-Fi loses its access point and nothing passes any more. Or give it back."""
        if self.proxy is not None:
            if on:
                self.proxy.restore()
            else:
                self.proxy.freeze()
        with contextlib.suppress(ConnectionError):
            self._plug.send({"wifi": on})

    def tell(self, message: dict[str, Any]) -> int:
        """One line to the simulated hardware, see `bus`; returns time.monotonic_ns() just before.

        Raises ConnectionError without power, or when the bell has ended by itself: with its last words.
        """
        try:
            return self._plug.send(message)
        except ConnectionError as error:
            raise ConnectionError(f"bell {self.bell_id}: {error}. Its UART says last:\n{self.last_words()}") from None

    def air(self, networks: list[list[Any]]) -> None:
        """Which Wi-Fi networks there are from now on: [ssid, password, dBm]; "" is an open one."""
        self.networks = networks
        self.tell({"networks": networks})

    def boot_button(self, held: bool) -> None:
        """Press the chip's own BOOT button, inside the case; or let it go."""
        self.tell({"pin": boards.BOARDS[boards.DEFAULT].boot, "level": boards.PRESSED if held else 1 - boards.PRESSED})

    def radio(self, rssi_dbm: int) -> None:
        """How strong the access point is at the bell from now on."""
        self._plug.send({"rssi": rssi_dbm})

    def lamp_state(self) -> str:
        """The rung that the lamp's colours show; "off" without power, "unknown" for a colour that no rung has."""
        return self.changes[-1].rung

    def rungs_since(self, at_ns: int) -> list[Change]:
        """What the lamp began to show at or after `at_ns`, oldest first."""
        return [change for change in self.changes if change.at_ns >= at_ns]

    async def wait_for(self, rung: str, deadline_s: float, since_ns: int | None = None) -> Change:
        """The first time the lamp shows `rung`: now, or (with `since_ns`) at any moment from then on.

        Raises SimulatorError at the deadline, with what the lamp showed and what the UART said.
        """
        asked_ns = time.monotonic_ns()
        end_s = time.monotonic() + deadline_s
        while True:
            self._changed.clear()
            if since_ns is None and self.changes[-1].rung == rung:
                return self.changes[-1]
            for change in self.rungs_since(asked_ns if since_ns is None else since_ns):
                if change.rung == rung:
                    return change
            left_s = end_s - time.monotonic()
            try:
                if left_s <= 0:
                    raise TimeoutError
                await asyncio.wait_for(self._changed.wait(), left_s)
            except TimeoutError:
                shown = ", ".join(change.rung for change in list(self.changes)[-6:])
                raise SimulatorError(
                    f"the lamp of bell {self.bell_id} did not show {rung} within {deadline_s:g} s; it showed: {shown}."
                    f" Its UART says last:\n{self.last_words()}"
                ) from None

    def write_uart(self, data: bytes) -> int:
        """Bytes to the bell's UART, as an installer's cable would send them; how many it took. Raises ConnectionError
        without power."""
        if self._master is None:
            raise ConnectionError("this bell has no power")
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0  # the bell reads no faster

    def last_words(self, lines: int = 8) -> str:
        """The newest lines of the UART."""
        words = [*self.uart, self._rest.decode(errors="replace")] if self._rest else list(self.uart)
        return "\n".join(f"    {line}" for line in words[-lines:]) or "    (nothing)"

    def _heard(self, message: dict[str, Any], at_ns: int) -> None:
        if "lamp" in message:
            self.colours = message["lamp"]
            shown = {indicator.rung_of(colour) for colour in self.colours}
            rung = shown.pop() if len(shown) == 1 else None
            self._lamp(UNKNOWN if rung is None else rung, at_ns)
        elif self.on_bus is not None:
            self.on_bus(message, at_ns)

    def _lamp(self, rung: str, at_ns: int) -> None:
        if rung == OFF:
            self.colours = []
        if rung == self.changes[-1].rung:
            return
        change = Change(rung, at_ns)
        self.changes.append(change)
        self._changed.set()
        if self.on_change is not None:
            self.on_change(change)

    def _read_uart(self, master: int) -> None:
        try:
            data = os.read(master, 65_536)
        except BlockingIOError:
            return
        except OSError:  # EIO: the bell's end is closed
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(master)
            return
        if self.on_uart is not None:
            self.on_uart(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            self.uart.append(text)
            _, _, said = text.partition(" ms  ")
            if said.startswith(("linked", "broker")):
                self.linked = said.startswith("linked")

    def _close_uart(self) -> None:
        if self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            self._master = None
