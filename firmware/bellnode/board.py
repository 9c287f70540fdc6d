"""The hardware: inputs, outputs, radio, chip. The only module that imports machine, network, esp32 and neopixel.

They are imported when a Board is made, so that it can be read where there is no hardware; which wire is on which pin
is in `boards`. A simulated bell has modules of these names on its path, and this file runs there unchanged. Simulated
only: nothing here has been run on an ESP32 yet.
"""

import asyncio
import gc
import os
import select
import sys
import time

from bellnode import boards
from bellnode.latch import Latch
from bellnode.loan import keep, seldom

_CPYTHON = sys.implementation.name == "cpython"

LAMP_PIXELS = boards.LAMP_PIXELS
PINS = {"button": boards.BOARDS[boards.DEFAULT].button, "lamp": boards.BOARDS[boards.DEFAULT].lamp}
BUTTON_PRESSED = boards.PRESSED

KEY_MS = 25  # a keypad is looked at so often; a key counts when it was seen twice
SAMPLE_MS = 100  # analogue lines: short enough for any door, long enough to cost nothing
POWER_SAMPLE_MS = 5000  # mains and battery: nothing about them is quicker
HALF_U16 = 32768  # a square wave is what a piezo sounder wants

if _CPYTHON:

    def _ticks_ms():
        return time.monotonic_ns() // 1000000

    def _ticks_diff(later, earlier):
        return later - earlier

    _Flag = asyncio.Event  # nothing interrupts there: edges come from a task of the same loop
else:
    _ticks_ms = time.ticks_ms  # type: ignore[attr-defined]
    _ticks_diff = time.ticks_diff  # type: ignore[attr-defined]
    _Flag = asyncio.ThreadSafeFlag  # type: ignore[attr-defined, misc]


class _Contact:
    """A wire to ground on one pin: its edges, from the interrupt."""

    def __init__(self, number, wake, ticks):
        import machine  # noqa: PLC0415 -- see the module's docstring

        self._wake = wake
        self._pin = machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)
        self._latch = Latch(0)  # open; a contact that is closed at the start is an edge like any other
        if self._pin.value() == boards.PRESSED:
            self._latch.note(1, ticks)
        self._pin.irq(handler=self._edge, trigger=machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)

    def _edge(self, pin):
        self._latch.note(1 if pin.value() == boards.PRESSED else 0, _ticks_ms())
        self._wake.set()

    def level(self):
        """1 = closed."""
        return 1 if self._pin.value() == boards.PRESSED else 0

    def noted(self):
        """[(level, ticks)] since the last call."""
        return self._latch.take()


class Board:
    """Made inside the running loop, once."""

    def __init__(self, stop=None, fitted=None):
        """fitted: settings.Settings, None for a button and a lamp alone.

        stop: called without arguments when the simulator ends the program; hardware never does.
        """
        import machine  # noqa: PLC0415 -- see the module's docstring
        import neopixel  # noqa: PLC0415
        import network  # noqa: PLC0415

        self._ticks = _ticks_ms()
        self._elapsed_ms = 0
        self._wake = _Flag()
        pins = boards.named(None if fitted is None else fitted.board, getattr(sys.implementation, "_machine", ""))
        self._button = _Contact(pins.button, self._wake, self._ticks)
        self._lamp = neopixel.NeoPixel(machine.Pin(pins.lamp, machine.Pin.OUT), LAMP_PIXELS)
        self._rgb = None
        self.station = network.WLAN(network.STA_IF)  # for `wifi`, which joins networks with it
        if stop is not None and hasattr(machine, "on_quit"):
            machine.on_quit(stop)
        self._sounding = (0, 0, 0)
        self._sounder = self._strobe = self._siren = None
        self._contacts = []  # (zone, _Contact)
        self._analogue = []  # (zone, ADC)
        self._battery = self._mains = None
        self._sample_ms = self._power_ms = 0
        self._rows, self._columns = [], []
        self._key = self._key_seen = None
        self._key_ms = 0
        if fitted is not None:
            self._fit(pins, fitted)

    @seldom("wires")
    def _fit(self, pins, fitted):
        """What the settings say is wired."""
        import machine  # noqa: PLC0415

        if "sounder" in fitted.outputs:
            self._sounder = machine.PWM(machine.Pin(pins.sounder), freq=1000, duty_u16=0)
        if "strobe" in fitted.outputs:
            self._strobe = machine.Pin(pins.strobe, machine.Pin.OUT, value=0)
        if "siren" in fitted.outputs:
            self._siren = machine.Pin(pins.siren, machine.Pin.OUT, value=0)
        for zone, place in zip(fitted.zones, fitted.inputs):
            number = boards.place(pins, place)
            if number is None:
                continue
            if zone.wiring in ("nc_eol", "no_eol"):
                self._analogue.append((zone.number, self._adc(number)))
            else:
                self._contacts.append((zone.number, _Contact(number, self._wake, self._ticks)))
        if "mains" in fitted.supply:
            self._mains = machine.Pin(pins.mains, machine.Pin.IN)
        if "battery" in fitted.supply:
            self._battery = self._adc(pins.battery)
        if fitted.keypad:
            self._rows = [machine.Pin(row, machine.Pin.OPEN_DRAIN, value=1) for row in pins.rows]
            self._columns = [machine.Pin(n, machine.Pin.IN, machine.Pin.PULL_UP) for n in pins.columns]
        if self.poll_ms() is not None or self._contacts:
            keep("inputs")

    @seldom("wires")
    def _adc(self, number):
        import machine  # noqa: PLC0415

        return machine.ADC(machine.Pin(number), atten=machine.ADC.ATTN_11DB)

    def now_ms(self):
        """Milliseconds since the start, without the wrap of ticks_ms (after 12 days). Call it once a day or more."""
        ticks = _ticks_ms()
        self._elapsed_ms += _ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._elapsed_ms

    def _at_ms(self, ticks):
        return self._elapsed_ms + _ticks_diff(ticks, self._ticks)

    def edges(self):
        """[(level, at_ms)] of the button since the last call, 1 = closed."""
        self.now_ms()
        return [(level, self._at_ms(ticks)) for level, ticks in self._button.noted()]

    def lines(self):
        """What `_lines` says, if anything is wired."""
        return self._lines() if self._contacts or self._analogue else ()

    @seldom("inputs")
    def _lines(self):
        """[(zone, value, at_ms)]: each edge of a plain line since the last call, 1 = made; a reading of each supervised
        line, in thousandths of the supply, once in SAMPLE_MS."""
        now_ms = self.now_ms()
        found = []
        for zone, contact in self._contacts:
            found += [(zone, level, self._at_ms(ticks)) for level, ticks in contact.noted()]
        if self._analogue and now_ms >= self._sample_ms:
            self._sample_ms = now_ms + SAMPLE_MS
            found += [(zone, self._permille(adc), now_ms) for zone, adc in self._analogue]
        return found

    @seldom("start")
    def levels(self):
        """[(zone, level)] of the plain lines now: what an edge before the start left behind."""
        return [(zone, contact.level()) for zone, contact in self._contacts]

    @seldom("inputs")
    def _permille(self, adc):
        try:
            return max(0, min(1000, adc.read_uv() // boards.SUPPLY_MV))
        except OSError:
            return None

    @seldom("wires")
    def check(self):
        """What a self-test reads here: {"button": "open" or "closed", "rssi", "bat_mv"}, each only if it is known."""
        found = {"button": "closed" if self._button.level() else "open"}
        if self._battery is not None:
            found["bat_mv"] = self._battery_mv()
        rssi = self.readings().get("rssi")
        if rssi is not None:
            found["rssi"] = rssi
        return found

    @seldom("inputs")
    def _battery_mv(self):
        if self._battery is None:
            return None
        try:
            return self._battery.read_uv() * boards.BATTERY_DIVIDED // 1000
        except OSError:
            return None

    def supply(self):
        """[("mains", present), ("battery", mv or None)], what is wired, once in POWER_SAMPLE_MS; else []."""
        if self._mains is None and self._battery is None:
            return ()
        return self._power()

    @seldom("inputs")
    def _power(self):
        now_ms = self.now_ms()
        if now_ms < self._power_ms:
            return []
        self._power_ms = now_ms + POWER_SAMPLE_MS
        found = []
        if self._mains is not None:
            found.append(("mains", self._mains.value() == boards.PRESSED))
        if self._battery is not None:
            found.append(("battery", self._battery_mv()))
        return found

    # --- for the serial port

    def cable_speaks(self):
        """True if there is a byte on the UART of the installer's cable, which the log goes to as well."""
        # Made anew each time: kept, it would cost memory for a cable that is there once in the bell's life.
        poll = select.poll()
        poll.register(sys.stdin if _CPYTHON else sys.stdin.buffer, select.POLLIN)
        return bool(poll.poll(0))

    @seldom("cable")
    def take_in(self, limit, limit_ms):
        """At most `limit` bytes of what has come, read in `limit_ms` or a little more; None: nothing can ever come.

        Without a new object for each byte: a flood would fill the heap with them.
        """
        data = bytearray(limit)
        one = bytearray(1)
        count = 0
        begun = _ticks_ms()
        poll = select.poll()
        poll.register(sys.stdin if _CPYTHON else sys.stdin.buffer, select.POLLIN)
        while count < limit and _ticks_diff(_ticks_ms(), begun) <= limit_ms:
            ready = 0
            for found in poll.poll(0) if _CPYTHON else poll.ipoll(0):  # type: ignore[attr-defined]
                ready = found[1]
            if not ready:
                break
            if _CPYTHON:
                one[:] = os.read(0, 1)
            if not (one if _CPYTHON else sys.stdin.buffer.readinto(one)):  # type: ignore[union-attr]
                return None  # the end of a file, or a wire that was taken away
            data[count] = one[0]
            count += 1
        return bytes(data[:count])

    @seldom("cable")
    def put_out(self, data):
        """Bytes as they are. Never a reason to stop."""
        try:
            sys.stdout.buffer.write(data)
            if _CPYTHON:
                sys.stdout.flush()
        except OSError:
            pass  # nobody is attached

    @seldom("cable")
    def looked(self):
        """[(zone, value)] of every line, as it is now: 1 = made, or thousandths of the supply."""
        found = [(zone, contact.level()) for zone, contact in self._contacts]
        return found + [(zone, self._permille(adc)) for zone, adc in self._analogue]

    @seldom("cable")
    def shown(self):
        """(colour of the lamp, (Hz, strobe, siren)) now."""
        return self._rgb, self._sounding

    @seldom("cable")
    def supplied(self):
        """(mains or None, battery in mV or None), None: not watched."""
        return None if self._mains is None else self._mains.value() == boards.PRESSED, self._battery_mv()

    @seldom("cable")
    def boot_held(self, fitted):
        """True while the chip's own BOOT button is pressed, which is no alarm button."""
        import machine  # noqa: PLC0415

        pins = boards.named(None if fitted is None else fitted.board, getattr(sys.implementation, "_machine", ""))
        return machine.Pin(pins.boot, machine.Pin.IN, machine.Pin.PULL_UP).value() == boards.PRESSED

    @seldom("cable")
    def station_now(self):
        """(on, ssid, address, rssi) of the radio, each None if it is unknown."""
        on = ssid = address = rssi = None
        try:
            on = bool(self.station.active())
            if self.station.isconnected():
                rssi = self.station.status("rssi")
                ssid = self.station.config("ssid") or None
                address = self.station.ifconfig()[0]
        except (OSError, ValueError, RuntimeError):
            pass  # then we do not know more
        return on, ssid, address, rssi

    @seldom("cable")
    def scanned(self):
        """[(dBm, ssid, secured)], the strongest first. The chip stops for two to three seconds: see docs/port.md."""
        found = []
        for ssid, _, _, rssi, security, _ in self.station.scan():
            try:
                found.append((rssi, str(ssid, "utf-8"), security != 0))
            except ValueError:
                pass  # a name that nobody can type
        return sorted(found, reverse=True)

    def pressed_keys(self):
        """[(key, at_ms)] pressed on the keypad since the last call. Call it every KEY_MS: see `poll_ms`."""
        return self._keypad() if self._rows else ()

    @seldom("inputs")
    def _keypad(self):
        now_ms = self.now_ms()
        if now_ms < self._key_ms:
            return []
        self._key_ms = now_ms + KEY_MS
        seen = None
        for row, names in zip(self._rows, boards.KEYS):
            row.value(0)
            for column, name in zip(self._columns, names):
                if column.value() == boards.PRESSED:
                    seen = name
            row.value(1)
        pressed = []
        if seen == self._key_seen and seen != self._key:
            self._key = seen
            if seen is not None:
                pressed.append((seen, now_ms))
        self._key_seen = seen
        return pressed

    def poll_ms(self):
        """How often what raises no interrupt has to be looked at, or None."""
        if self._rows:
            return KEY_MS
        if self._analogue:
            return SAMPLE_MS
        return None if self._mains is None and self._battery is None else POWER_SAMPLE_MS

    def wake(self):
        """End the present wait()."""
        self._wake.set()

    async def wait(self, ms):
        """Until an edge, wake() or `ms` have passed."""
        try:
            await asyncio.wait_for(self._wake.wait(), ms / 1000)
        except asyncio.TimeoutError:
            return
        self._wake.clear()

    def light(self, rgb):
        """The whole ring in one colour; (r, g, b), 0 to 255."""
        if rgb != self._rgb:
            self._rgb = rgb
            self._lamp.fill(rgb)
            self._lamp.write()

    def play(self, hz, strobe, siren):
        """Sounder in Hz or 0, strobe and siren 1 or 0; what is not wired stays quiet."""
        if (hz, strobe, siren) == self._sounding:
            return
        was_hz = self._sounding[0]
        self._sounding = (hz, strobe, siren)
        if self._sounder is not None and hz != was_hz:
            if hz:
                self._sounder.freq(hz)
            self._sounder.duty_u16(HALF_U16 if hz else 0)
        if self._strobe is not None:
            self._strobe.value(strobe)
        if self._siren is not None:
            self._siren.value(siren)

    def watchdog(self, timeout_ms):
        """feed() of a watchdog that resets the chip if it is not called for so long; nothing can stop it any more."""
        import machine  # noqa: PLC0415

        return machine.WDT(timeout=timeout_ms).feed

    @seldom("readings")
    def readings(self):
        """What a heartbeat adds: {"rssi": dBm, "heap": bytes}, each only if it is known."""
        import esp32  # noqa: PLC0415

        found = {}
        try:
            rssi = self.station.status("rssi")
            if isinstance(rssi, int):
                found["rssi"] = rssi
        except (OSError, ValueError):
            pass
        if hasattr(gc, "mem_free"):
            free = gc.mem_free()
            # TLS lives outside the Python heap: what is scarcer is what matters.
            regions = esp32.idf_heap_info(esp32.HEAP_DATA)
            found["heap"] = min(free, max([region[2] for region in regions])) if regions else free
        return found


@seldom("start")
def journal_partition():
    """The flash partition of the journal, a raw block device; None if the chip's table has none of that name."""
    import esp32  # noqa: PLC0415

    try:
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")
    except (OSError, AttributeError):
        return None
    return found[0] if found else None


@seldom("start")
def unique():
    """The chip's own bytes."""
    import machine  # noqa: PLC0415 -- see the module's docstring

    return machine.unique_id()


@seldom("start")
def random(count):
    """`count` bytes of the hardware generator."""
    return os.urandom(count)


def say(text):
    """A line on the UART. No control character but LF goes out, so that no text can look like a frame: see `port`."""
    if min(text.encode() + b"~") < 32:
        text = "".join([letter if letter >= " " or letter == "\n" else "?" for letter in text])
    try:
        print(text)
    except OSError:
        pass  # nobody is attached


@seldom("cable")
def cause():
    """Why the chip started last: a number of MicroPython's `machine`."""
    import machine  # noqa: PLC0415

    return machine.reset_cause()


@seldom("cable")
def clock_s():
    """Seconds since 2000-01-01 of the chip's own clock, which nobody sets."""
    seconds = int(time.time())
    return seconds - 946684800 if time.gmtime(0)[0] == 1970 else seconds


@seldom("cable")
def prompt():
    """From now on the cable is MicroPython's: Ctrl-C stops a program again."""
    if not _CPYTHON:
        import micropython  # type: ignore[import-not-found]  # noqa: PLC0415 -- CPython has none

        micropython.kbd_intr(3)


@seldom("start")
def bitten():
    """True if the watchdog ended the last run."""
    import machine  # noqa: PLC0415

    return machine.reset_cause() == machine.WDT_RESET


@seldom("start")
def restart():
    """Start again, as after power on. Does not return."""
    import machine  # noqa: PLC0415

    machine.reset()
