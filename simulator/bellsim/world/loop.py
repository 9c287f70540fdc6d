"""An event loop whose time is virtual: when nothing is ready it does not sleep, it is later.

One thread, no socket, no thread pool: what is handed to an executor runs at once. So the same program takes the same
steps in the same order each time.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class Idle(RuntimeError):
    """Nothing is ready and nothing is due: the program waits for something that nobody will ever do."""


class _Still(selectors.SelectSelector):
    """Nothing ever comes from outside; to wait is to move the clock on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Idle("nothing is ready and nothing is due")
        if timeout > 0:
            self.now_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """time() begins at 0 s. faults: what no task and no callback caught, (text, exception)."""

    def __init__(self) -> None:
        self._still = _Still()
        super().__init__(self._still)
        self._clock_resolution = 1e-9  # of time(): two timers a nanosecond apart are due together
        self.faults: list[tuple[str, BaseException | None]] = []
        self.set_exception_handler(self._fault)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._still.now_s

    def now_ms(self) -> int:
        """The same in whole milliseconds."""
        return int(self._still.now_s * 1000 + 1e-6)

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There is one thread: nobody has to be woken."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """At once, in this thread."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as fault:
            future.set_exception(fault)
        return future

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> list[Any]:
        """A name is its own address here: the network knows it by that."""
        return [(2, 1, 6, "", (host, port or 0))]

    def after_turns(self, turns: int, call: Callable[[], None]) -> None:
        """`call` after so many turns of the loop, whatever the time is then: between any two awaits."""
        if turns <= 0:
            call()
        else:
            self.call_soon(self.after_turns, turns - 1, call)

    def _fault(self, loop: asyncio.AbstractEventLoop, said: dict[str, Any]) -> None:
        self.faults.append((str(said.get("message")), said.get("exception")))
