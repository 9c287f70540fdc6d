"""Simulated `neopixel`: what is written goes to the simulator, if it changed."""

from machine import BUS, Pin


class NeoPixel:
    """neopixel.NeoPixel with three colours a pixel."""

    def __init__(self, pin: Pin, count: int, bpp: int = 3, timing: int = 1) -> None:
        self._pixels = bytes(3 * count)
        self._written = b""
        BUS.start()

    def fill(self, rgb: tuple[int, int, int]) -> None:
        """All pixels in one colour."""
        self._pixels = bytes(rgb) * (len(self._pixels) // 3)

    def write(self) -> None:
        """Show it."""
        if self._pixels != self._written:
            self._written = self._pixels
            text = '{"lamp": ['
            for at in range(0, len(self._pixels), 3):
                text += "[%d, %d, %d], " % tuple(self._pixels[at : at + 3])
            BUS.say(text[:-2] + "]}")
