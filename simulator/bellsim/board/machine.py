"""Simulated `machine`: pins and chip of an ESP32, joined to the simulator by a bus. Runs on MicroPython and CPython.

The API is that of MicroPython's esp32 port, as far as `bellnode.board` uses it. The bus is one TCP connection on the
loopback, JSON lines both ways; BELLSIM_BUS="127.0.0.1:PORT" names it and BELLSIM_BELL the bell. Without BELLSIM_BUS
nothing is connected and all still works. What few bells ask for is in `rare`: a chip has all of this in its
interpreter, and here each name lies in the heap that the firmware has to share.

    simulator to bell    {"pin": 4, "level": 0}  {"rssi": -61}  {"wifi": false}  {"quit": true}
                         {"radio": false}                the radio's driver is dead
                         {"hang": true}                  the loop blocks for ever: a bug, or a driver that never returns
                         {"adc": 10, "mv": 2000}         the volts at an analogue pin
                         {"join": [11, 21], "looks": 3}  a key: two pins are joined until the bell has looked so often,
                                                         then parted for as many looks; {"parted": [11, 21]} answers
                         {"networks": [["Shop", "password", -61]]}   the Wi-Fi networks that there are, and no other
    bell to simulator    {"hello": "b-1", "runtime": "micropython"}  {"lamp": [[0, 255, 0], …]}  {"pin": 2, "level": 1}
                         {"pin": 6, "hz": 2700}          a square wave, 0 when it stops
"""

import asyncio
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
        self.levels: dict[int, int] = {}  # what the world does to a pin; it stays when the program makes the pin anew
        self.rare = None  # type: ignore[var-annotated]  # `rare`, from when the simulator says something of it
        self.rssi = -60
        self.wifi = True
        self.radio = True
        self.quit = None  # type: ignore[var-annotated]
        self._lines: list[bytes] = []
        self._writer = None  # type: ignore[var-annotated]  # None while it still has something to take
        self._flag = None  # type: ignore[var-annotated]

    def start(self) -> None:
        """Connect, once, from inside the running loop."""
        if self._flag is None and self.address:
            self._flag = asyncio.Event()
            asyncio.create_task(self._run())  # noqa: RUF006 -- it ends with the program

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
            self._lines.insert(0, json.dumps({"hello": self.bell, "runtime": sys.implementation.name}).encode() + b"\n")
            sending = asyncio.create_task(self._send(writer))
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

    async def _send(self, writer) -> None:  # type: ignore[no-untyped-def]
        try:
            while True:
                while self._lines:
                    writer.write(self._lines.pop(0))
                    await writer.drain()
                self._writer = writer
                self._flag.clear()
                await self._flag.wait()
                self._writer = None
                await writer.drain()
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
        self.rssi = said.get("rssi", self.rssi)
        self.wifi = said.get("wifi", self.wifi)
        self.radio = said.get("radio", self.radio)
        if "adc" in said or "join" in said or "networks" in said:
            rare().hear(said)
        if "pin" in said:
            self.levels[said["pin"]] = said["level"]
            if said["pin"] in self.pins:
                self.pins[said["pin"]].drive(said["level"])
        while said.get("hang"):
            pass  # the program never gets out of this again
        if said.get("quit"):
            if self.quit is None:
                raise SystemExit(0)
            self.quit()


BUS = Bus()


def rare():  # type: ignore[no-untyped-def]
    """The module `rare`, from now on there."""
    import rare  # noqa: PLC0415

    BUS.rare = rare
    return rare


def __getattr__(name: str):  # type: ignore[no-untyped-def]
    if name == "ADC":
        return rare().ADC
    raise AttributeError(name)


def on_quit(call) -> None:  # type: ignore[no-untyped-def]
    """Simulator only: what to call when it ends the program."""
    BUS.quit = call
    BUS.start()


class Pin:
    """machine.Pin: level, and an interrupt on its edges."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number: int, mode: int = -1, pull: int = -1, value: int | None = None) -> None:
        self.number = number
        self.mode = mode
        self.level = value if value is not None else BUS.levels.get(number, int(pull == self.PULL_UP))
        self._handler = None  # type: ignore[var-annotated]
        self._trigger = 0
        BUS.pins[number] = self

    def value(self, level: int | None = None) -> int | None:
        """The level; or set it, and tell the simulator."""
        if level is None:
            return 0 if BUS.rare is not None and BUS.rare.pulled_low(self) else self.level
        if int(level) != self.level:
            self.level = int(level)
            if self.mode != self.OPEN_DRAIN:  # the rows of a keypad, forty times a second
                BUS.say({"pin": self.number, "level": self.level})
        return None

    def irq(self, handler=None, trigger: int = IRQ_FALLING | IRQ_RISING) -> None:  # type: ignore[no-untyped-def]
        """Call handler(pin) on the edges in `trigger`."""
        self._handler = handler
        self._trigger = trigger
        BUS.start()

    def drive(self, level: int) -> None:
        """Simulator only: the outside world sets this level."""
        was, self.level = self.level, int(level)
        edge = self.IRQ_RISING if self.level > was else self.IRQ_FALLING
        if was != self.level and self._handler is not None and self._trigger & edge:
            self._handler(self)


class PWM:
    """machine.PWM: tells the simulator when a tone begins, changes or ends."""

    def __init__(self, pin: Pin, freq: int = 1000, duty_u16: int = 0) -> None:
        self._pin = pin
        self._hz = freq
        self._duty = duty_u16
        self._told = 0

    def freq(self, hz: int) -> None:
        """Change the tone."""
        self._hz = hz
        self.duty_u16(self._duty)

    def duty_u16(self, duty: int) -> None:
        """0 is silence."""
        self._duty = duty
        now = self._hz if duty else 0
        if now != self._told:
            self._told = now
            BUS.say({"pin": self._pin.number, "hz": now})


class WDT:
    """machine.WDT: without feed() for `timeout` ms the process dies as by SIGKILL, even if its loop hangs.

    BELLSIM_WDT_MS shortens the time, so that a test need not wait for it. As on the chip, nothing stops it.
    """

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        import _thread  # noqa: PLC0415 -- only a bell that sets its watchdog pays for it

        self._fed = [0]
        _thread.start_new_thread(_bite, (self._fed, int(os.getenv("BELLSIM_WDT_MS") or timeout) / 1000 / 10))

    def feed(self) -> None:
        """Progress."""
        self._fed[0] += 1


def _bite(fed: list[int], look_s: float) -> None:
    """In a thread of its own, which shares one number with the program and changes nothing. Ten looks, and it bites."""
    import time  # noqa: PLC0415

    seen, left = -1, 10
    while left:
        if fed[0] == seen:
            left -= 1
        else:
            seen, left = fed[0], 10
        time.sleep(look_s)
    os.system("kill -9 $PPID")  # the shell's parent is this process, on both runtimes


PWRON_RESET = 1
WDT_RESET = 3


def unique_id() -> bytes:
    """Six bytes, a bell's own."""
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(BUS.bell.encode()).digest()[:6]


def reset_cause() -> int:
    """BELLSIM_RESET, as whoever starts the process knows it; else power on, which a brownout looks like too."""
    return int(os.getenv("BELLSIM_RESET") or PWRON_RESET)


def reset() -> None:
    """The process ends; whoever runs it starts it again."""
    raise SystemExit(0)
