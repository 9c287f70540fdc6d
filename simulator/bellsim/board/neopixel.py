"""Simulated `neopixel`: what is written goes to the simulator, if it changed."""

from machine import BUS, Pin


class NeoPixel:
    """neopixel.NeoPixel with three colours a pixel."""

    def __init__(self, pin: Pin, count: int, bpp: int = 3, timing: int = 1) -> None:
        self.n = count
        self._pixels = [(0, 0, 0)] * count
        self._written: list[tuple[int, int, int]] = []
        BUS.start()

    def fill(self, rgb: tuple[int, int, int]) -> None:
        """All pixels in one colour."""
        self._pixels = [(rgb[0], rgb[1], rgb[2])] * self.n

    def write(self) -> None:
        """Show it."""
        if self._pixels != self._written:
            self._written = self._pixels
            BUS.say({"lamp": [list(rgb) for rgb in self._pixels]})
