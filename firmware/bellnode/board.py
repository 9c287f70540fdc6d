"""The hardware: button, lamp, radio, chip. The only module that imports machine, network, esp32 and neopixel.

They are imported when a Board is made, so that the simulator and the tests can read the pin map where there is no
hardware. A simulated bell has modules of these names on its path, and this file runs there unchanged. Simulated only:
nothing here has been run on an ESP32 yet.
"""

import asyncio
import gc
import os
import sys
import time

from bellnode.latch import Latch

_CPYTHON = sys.implementation.name == "cpython"

# The pin map, for an ESP32-S3 or ESP32-C3 board. The button joins its pin to ground against the pull-up; a filter
# of 10 kΩ and 100 nF at the pin keeps spikes out. The lamp is a WS2812 ring.
PINS = {"button": 4, "lamp": 5}
BUTTON_PRESSED = 0  # the level of a closed contact
LAMP_PIXELS = 12

JOIN_MS = 15000  # an access point answers within a few seconds; then the next network of the list
WATCH_MS = 1000

if _CPYTHON:

    def _ticks_ms():
        return time.monotonic_ns() // 1000000

    def _ticks_diff(later, earlier):
        return later - earlier

    _Flag = asyncio.Event  # nothing interrupts there: edges come from a task of the same loop
else:
    _ticks_ms = time.ticks_ms
    _ticks_diff = time.ticks_diff
    _Flag = asyncio.ThreadSafeFlag


class Board:
    """Made inside the running loop, once. wifi: tuple of (ssid, password), may be empty."""

    def __init__(self, wifi=(), stop=None):
        """stop: called without arguments when the simulator ends the program; hardware never does."""
        import esp32  # noqa: PLC0415 -- see the module's docstring
        import machine  # noqa: PLC0415
        import neopixel  # noqa: PLC0415
        import network  # noqa: PLC0415

        self._esp32 = esp32
        self._machine = machine
        self._ticks = _ticks_ms()
        self._elapsed_ms = 0
        self._wake = _Flag()
        self._pin = machine.Pin(PINS["button"], machine.Pin.IN, machine.Pin.PULL_UP)
        self._latch = Latch(0)  # open; a contact that is closed at the start is an edge like any other
        if self._pin.value() == BUTTON_PRESSED:
            self._latch.note(1, self._ticks)
        self._pin.irq(handler=self._edge, trigger=machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)
        self._lamp = neopixel.NeoPixel(machine.Pin(PINS["lamp"], machine.Pin.OUT), LAMP_PIXELS)
        self._rgb = None
        self._station = network.WLAN(network.STA_IF)
        self._power_save_off = network.WLAN.PM_NONE
        self._wifi = wifi
        if stop is not None and hasattr(machine, "on_quit"):
            machine.on_quit(stop)

    def now_ms(self):
        """Milliseconds since the start, without the wrap of ticks_ms (after 12 days). Call it once a day or more."""
        ticks = _ticks_ms()
        self._elapsed_ms += _ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._elapsed_ms

    def _edge(self, pin):
        self._latch.note(1 if pin.value() == BUTTON_PRESSED else 0, _ticks_ms())
        self._wake.set()

    def edges(self):
        """[(level, at_ms)] since the last call, 1 = closed."""
        now_ms = self.now_ms()
        return [(level, now_ms + _ticks_diff(ticks, self._ticks)) for level, ticks in self._latch.take()]

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

    def lamp(self, rgb):
        """The whole ring in one colour; (r, g, b), 0 to 255."""
        if rgb != self._rgb:
            self._rgb = rgb
            self._lamp.fill(rgb)
            self._lamp.write()

    def network_up(self):
        """True while the station has an address."""
        return self._station.isconnected()

    async def keep_network(self):
        """Join the first network that answers, for ever. Without a list, whatever the chip has is used."""
        if not self._wifi:
            return
        self._station.active(True)
        try:
            self._station.config(pm=self._power_save_off)  # power save costs 100 ms and more per packet
        except (OSError, ValueError, AttributeError):
            pass  # an older build: slower, not wrong
        turn = 0
        while True:
            if not self._station.isconnected():
                ssid, password = self._wifi[turn % len(self._wifi)]
                turn += 1
                try:
                    self._station.disconnect()
                    self._station.connect(ssid, password)
                except OSError:
                    pass  # the radio is busy; the next turn tries again
                end_ms = self.now_ms() + JOIN_MS
                while not self._station.isconnected() and self.now_ms() < end_ms:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(WATCH_MS / 1000)

    def readings(self):
        """What a heartbeat adds: {"rssi": dBm, "heap": bytes}, each only if it is known."""
        found = {}
        try:
            rssi = self._station.status("rssi")
            if isinstance(rssi, int):
                found["rssi"] = rssi
        except (OSError, ValueError):
            pass
        if hasattr(gc, "mem_free"):
            free = gc.mem_free()
            # TLS lives outside the Python heap: what is scarcer is what matters.
            regions = self._esp32.idf_heap_info(self._esp32.HEAP_DATA)
            found["heap"] = min(free, max([region[2] for region in regions])) if regions else free
        return found

    def unique(self):
        """The chip's own bytes."""
        return self._machine.unique_id()

    def random(self, count):
        """`count` bytes of the hardware generator."""
        return os.urandom(count)
