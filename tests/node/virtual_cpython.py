"""An asyncio loop whose clock jumps: a task that sleeps an hour is done at once, in the order of its time (CPython).

For code without a socket. Time stands still while anything is ready to run, and jumps to the next timer when nothing
is.
"""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more: every task waits for another")
        self.loop.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """time() is virtual, in seconds from 0."""

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        return round(self.now_s * 1000)


def run(story):
    """The result of the coroutine story(loop)."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(story(loop))
    finally:
        loop.close()
