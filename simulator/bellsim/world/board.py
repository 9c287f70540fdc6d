"""The hardware of a virtual bell, as `bellnode.board` offers it: the world moves its inputs and reads its lamp."""

import asyncio
from collections.abc import Callable
from typing import Any


class Station:
    """`network.WLAN` as the firmware's `wifi` uses it."""

    PM_NONE = 0

    def __init__(self) -> None:
        self.on_air = True
        self.driver_dead = False
        self._active = self._joined = False

    def active(self, on: bool | None = None) -> bool:
        """Switch, or ask."""
        if self.driver_dead:
            raise OSError(0x101)
        if on is not None:
            self._active = on
            self._joined = self._joined and on
        return self._active

    def config(self, *asked: str, **settings: object) -> None:
        """Taken and forgotten."""

    def connect(self, ssid: str, password: str) -> None:
        """It is let in as soon as there is anything on the air."""
        if self.driver_dead:
            raise OSError(0x3001)
        self._joined = True

    def disconnect(self) -> None:
        """Leave."""
        self._joined = False

    def isconnected(self) -> bool:
        """Is there an address?"""
        return self._joined and self.on_air and not self.driver_dead

    def status(self, what: str | None = None) -> int:
        """How the last try went."""
        return 201


class Board:
    """now_ms: the bell's own clock. saw(rgb): the lamp has changed. heard(hz, strobe, siren): what sounds has."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        station: Station,
        now_ms: Callable[[], int],
        saw: Callable[[tuple[int, int, int]], None],
        heard: Callable[[tuple[int, int, int]], None],
        zones: dict[int, int],
    ) -> None:
        """zones: the level of each contact, 1 = made; the world keeps it over restarts."""
        self._loop, self._saw, self._heard = loop, saw, heard
        self.now_ms = now_ms
        self.station = station
        self._zones = zones
        self.held = 0  # fingers on the button
        self.released_s = -1.0
        self._edges: list[tuple[int, int]] = []
        self._lines: list[tuple[int, int, int]] = []
        self._keys: list[tuple[str, int]] = []
        self._rgb: tuple[int, int, int] | None = None
        self._sounding = (0, 0, 0)
        self._woken = False
        self._waiting: asyncio.Future[None] | None = None

    # The world's side

    def edge(self, level: int) -> None:
        """The button; 1: pressed."""
        self.held += 1 if level else -1
        if not level:
            self.released_s = self._loop.time()
        if (level and self.held == 1) or not self.held:  # two fingers are one
            self._edges.append((level, self.now_ms()))
            self.wake()

    def line(self, zone: int, level: int) -> None:
        """A contact."""
        self._zones[zone] = level
        self._lines.append((zone, level, self.now_ms()))
        self.wake()

    def key(self, key: str) -> None:
        """The keypad."""
        self._keys.append((key, self.now_ms()))
        self.wake()

    # The firmware's side

    def edges(self) -> list[tuple[int, int]]:
        """Since the last call."""
        found, self._edges = self._edges, []
        return found

    def levels(self) -> list[tuple[int, int]]:
        """Now."""
        return list(self._zones.items())

    def lines(self) -> list[tuple[int, int, int]]:
        """Since the last call."""
        found, self._lines = self._lines, []
        return found

    def pressed_keys(self) -> list[tuple[str, int]]:
        """Since the last call."""
        found, self._keys = self._keys, []
        return found

    def supply(self) -> tuple[()]:
        """Nothing is watched."""
        return ()

    def cable_speaks(self) -> bool:
        """No cable."""
        return False

    def poll_ms(self) -> None:
        """The world wakes whoever waits."""

    def wake(self) -> None:
        """End the present wait()."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, ms: int) -> None:
        """Until wake() or `ms` have passed."""
        if not self._woken:
            self._waiting = self._loop.create_future()
            timer = self._loop.call_later(ms / 1000, self._over, self._waiting)
            try:
                await self._waiting
            finally:
                timer.cancel()
                self._waiting = None
        else:
            await asyncio.sleep(0)
        self._woken = False

    @staticmethod
    def _over(waiting: "asyncio.Future[None]") -> None:
        if not waiting.done():
            waiting.set_result(None)

    def light(self, rgb: tuple[int, int, int]) -> None:
        """The lamp."""
        if rgb != self._rgb:
            self._rgb = rgb
            self._saw(rgb)

    def play(self, hz: int, strobe: int, siren: int) -> None:
        """Sounder, strobe, siren."""
        if (hz, strobe, siren) != self._sounding:
            self._sounding = (hz, strobe, siren)
            self._heard(self._sounding)

    def watchdog(self, timeout_ms: int) -> Callable[[], None]:
        """A loop that hangs is ended by the world; see `bell.VirtualBell.hang`."""
        return lambda: None

    def readings(self) -> dict[str, int]:
        """For a heartbeat."""
        return {"rssi": -60, "heap": 50_000}

    def check(self) -> dict[str, Any]:
        """A self-test."""
        return {"button": "open", "rssi": -60}
