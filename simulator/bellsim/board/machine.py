"""Simulated `machine`: pins and chip of an ESP32, joined to the simulator by a bus. Runs on MicroPython and CPython.

The API is that of MicroPython's esp32 port, as far as `bellnode.board` uses it. The bus is one TCP connection on the
loopback, JSON lines both ways; BELLSIM_BUS="127.0.0.1:PORT" names it and BELLSIM_BELL the bell. Without BELLSIM_BUS
nothing is connected and all still works.

    simulator to bell    {"pin": 4, "level": 0}  {"rssi": -61}  {"wifi": false}  {"quit": true}
    bell to simulator    {"hello": "b-1", "runtime": "micropython"}  {"lamp": [[0, 255, 0], …]}  {"pin": 2, "level": 1}
"""

import asyncio
import hashlib
import json
import os
import sys

# The simulator reads every line at once; more than this waiting means that it is gone or stuck, and the bell goes on.
LINES_MAX = 256


class Bus:
    """The connection to the simulator, and what it has told us."""

    def __init__(self) -> None:
        self.address = os.getenv("BELLSIM_BUS") or ""
        self.bell = os.getenv("BELLSIM_BELL") or "bell"
        self.pins: dict[int, "Pin"] = {}
        self.rssi = -60
        self.wifi = True
        self.quit = None  # type: ignore[var-annotated]
        self.lost = 0  # lines that nobody took
        self._lines: list[bytes] = []
        self._writer = None  # type: ignore[var-annotated]  # None while it still has something to take
        self._flag = None  # type: ignore[var-annotated]
        self._task = None  # type: ignore[var-annotated]

    def start(self) -> None:
        """Connect, once, from inside the running loop."""
        if self._task is None and self.address:
            self._flag = asyncio.Event()
            self._task = asyncio.create_task(self._run())

    def say(self, line: dict) -> None:  # type: ignore[type-arg]
        """Tell the simulator; forgotten without a bus."""
        if not self.address:
            return
        data = json.dumps(line).encode() + b"\n"
        if self._writer is not None and not self._lines:
            # At once, as a lamp shows it: the loop may be busy with flash or TLS for some milliseconds.
            try:
                self._writer.write(data)
            except OSError:
                pass  # the reader sees the end
        else:
            if len(self._lines) >= LINES_MAX:
                self._lines.pop(0)
                self.lost += 1
            self._lines.append(data)
        if self._flag is not None:
            self._flag.set()

    async def _run(self) -> None:
        sending = None
        try:
            host, port = self.address.rsplit(":", 1)
            reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 5)
            if hasattr(writer, "s"):  # MicroPython; CPython's asyncio does it by itself
                writer.s.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
            hello = json.dumps({"hello": self.bell, "runtime": sys.implementation.name}).encode() + b"\n"
            sending = asyncio.create_task(self._send(writer, hello))
            while True:
                line = await reader.readline()
                if not line:
                    break
                self._hear(line)
        except (OSError, asyncio.TimeoutError) as fault:
            print(f"bus: {fault}")
        self.address = ""  # a lost bus is no reason to stop
        if sending is not None:
            sending.cancel()

    async def _send(self, writer, hello: bytes) -> None:  # type: ignore[no-untyped-def]
        try:
            writer.write(hello)
            while True:
                await writer.drain()
                while self._lines:
                    writer.write(self._lines.pop(0))
                    await writer.drain()
                self._writer = writer
                self._flag.clear()
                await self._flag.wait()
                self._writer = None
        except OSError:
            pass  # the reader sees the end
        finally:
            self._writer = None

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(str(line, "utf-8"))
        except ValueError:
            print("bus: a line that is not JSON")
            return
        if "rssi" in said:
            self.rssi = said["rssi"]
        if "wifi" in said:
            self.wifi = said["wifi"]
        if "pin" in said and said["pin"] in self.pins:
            self.pins[said["pin"]].drive(said["level"])
        if said.get("quit"):
            if self.quit is None:
                raise SystemExit(0)
            self.quit()


BUS = Bus()


def on_quit(call) -> None:  # type: ignore[no-untyped-def]
    """Simulator only: what to call when it ends the program."""
    BUS.quit = call
    BUS.start()


class Pin:
    """machine.Pin: level, and an interrupt on its edges."""

    IN = 1
    OUT = 3
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number: int, mode: int = -1, pull: int = -1, value: int | None = None) -> None:
        self.number = number
        self._mode = mode
        self._level = value if value is not None else int(pull == self.PULL_UP)
        self._handler = None  # type: ignore[var-annotated]
        self._trigger = 0
        BUS.pins[number] = self

    def value(self, level: int | None = None) -> int | None:
        """The level; or set it, and tell the simulator."""
        if level is None:
            return self._level
        if int(level) != self._level:
            self._level = int(level)
            BUS.say({"pin": self.number, "level": self._level})
        return None

    def irq(self, handler=None, trigger: int = IRQ_FALLING | IRQ_RISING) -> None:  # type: ignore[no-untyped-def]
        """Call handler(pin) on the edges in `trigger`."""
        self._handler = handler
        self._trigger = trigger
        BUS.start()

    def drive(self, level: int) -> None:
        """Simulator only: the outside world sets this level."""
        was, self._level = self._level, int(level)
        edge = self.IRQ_RISING if self._level > was else self.IRQ_FALLING
        if was != self._level and self._handler is not None and self._trigger & edge:
            self._handler(self)


PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def unique_id() -> bytes:
    """Six bytes, a bell's own."""
    return hashlib.sha256(BUS.bell.encode()).digest()[:6]


def reset_cause() -> int:
    """Always power on: stock images cannot tell a brownout either."""
    return PWRON_RESET


def reset() -> None:
    """The process ends; whoever runs it starts it again."""
    raise SystemExit(0)
