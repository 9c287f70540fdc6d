"""Simulated `machine`: pins and chip of an ESP32, joined to the simulator by a bus. Runs on MicroPython and CPython.

The API is that of MicroPython's esp32 port, as far as `bellnode.board` uses it. The bus is one TCP connection on the
loopback, JSON lines both ways; BELLSIM_BUS="127.0.0.1:PORT" names it and BELLSIM_BELL the bell. Without BELLSIM_BUS
nothing is connected and all still works. What few bells ask for is in `rare`: a chip has all of this in its
interpreter, and here each name lies in the heap that the firmware has to share; what is asked once is in `once`.

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
import socket
import sys

CONNECT_S = 5.0  # a loopback
READ_BYTES = 128  # some lines; each time so much has to be free in one piece


class Bus:
    """The connection to the simulator, and what it has told us."""

    def __init__(self) -> None:
        self.address = os.getenv("BELLSIM_BUS")
        self.pins: dict[int, "Pin"] = {}
        self.levels: dict[int, int] = {}  # what the world does to a pin; it stays when the program makes the pin anew
        self.rare = None  # type: ignore[var-annotated]  # `rare`, from when the simulator says something of it
        self.rssi = -60
        self.wifi = self.radio = True
        self.quit = None  # type: ignore[var-annotated]
        self._socket = None  # type: ignore[var-annotated]
        self._rest = b""
        self._heeds = False

    def start(self) -> None:
        """Heed the simulator from now on; once, from inside the running loop."""
        if self._heeds or not self._open():
            return
        self._heeds = True
        if sys.implementation.name == "cpython":
            asyncio.get_running_loop().add_reader(self._socket, self._ready)
        else:
            asyncio.create_task(self._heed())  # noqa: RUF006 -- it ends with the program

    def say(self, line: str) -> None:
        """Tell the simulator, one line of JSON; forgotten without a bus.

        It leaves at once, as a lamp shows it: the loop may be busy with flash or TLS for some milliseconds. The kernel
        holds a thousand lines for a simulator that is late; if it has no room, that one is gone or stuck.
        """
        if self._open():
            try:
                self._socket.send(line.encode() + b"\n")
            except OSError as fault:
                self._lose(fault)

    def _open(self) -> bool:
        if self._socket is None and self.address:
            host, _, port = self.address.partition(":")
            try:
                self._socket = socket.socket()
                self._socket.settimeout(CONNECT_S)
                self._socket.connect(socket.getaddrinfo(host, int(port))[0][-1])
                self._socket.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
                self._socket.setblocking(False)
                self.say('{"hello": "%s", "runtime": "%s"}' % (os.getenv("BELLSIM_BELL"), sys.implementation.name))
            except OSError as fault:
                self._lose(fault)
        return bool(self.address)

    def _lose(self, fault: OSError | None) -> None:
        """A lost bus is no reason to stop."""
        if fault is not None:
            print(f"bus: {fault}")
        self.address = None
        if sys.implementation.name == "cpython" and self._heeds:
            asyncio.get_running_loop().remove_reader(self._socket)

    def _heed(self):  # type: ignore[no-untyped-def]
        """MicroPython's way to wait for a socket."""
        from asyncio import core  # noqa: PLC0415

        while self.address:
            yield core._io_queue.queue_read(self._socket)
            self._ready()

    def _ready(self) -> None:
        """The simulator has said something, or has gone."""
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as fault:
            self._lose(fault)
            return
        if not data:
            self._lose(None)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._hear(line)

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


def once():  # type: ignore[no-untyped-def]
    """The module `once`, for one use."""
    import once  # noqa: PLC0415

    del sys.modules["once"]
    return once


def __getattr__(name: str):  # type: ignore[no-untyped-def]
    if name[0] == "_":  # CPython's import asks for such names, also while `once` is imported
        raise AttributeError(name)
    if name == "ADC":
        return rare().ADC
    return getattr(once(), name)


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
                BUS.say('{"pin": %d, "level": %d}' % (self.number, self.level))
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
            BUS.say('{"pin": %d, "hz": %d}' % (self._pin.number, now))


class WDT:
    """machine.WDT: without feed() for `timeout` ms the process dies as by SIGKILL, even if its loop hangs.

    BELLSIM_WDT_MS shortens the time, so that a test need not wait for it. As on the chip, nothing stops it.
    """

    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        self._fed = [0]
        _watch(self._fed, int(os.getenv("BELLSIM_WDT_MS") or timeout) / 1000 / 10)

    def feed(self) -> None:
        """Progress."""
        self._fed[0] += 1


def _watch(fed: list[int], look_s: float) -> None:
    """Starts the thread. MicroPython's keeps the module that it was started from: that has to be this one."""
    import _thread  # noqa: PLC0415 -- only a bell that sets its watchdog pays for it

    _thread.start_new_thread(_bite, (fed, look_s))


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
