"""An event loop whose time is virtual: when nothing is ready it does not sleep, it is later.

One thread, no socket, no thread pool: what is handed to an executor runs at once. So the same program takes the same
steps in the same order each time; of two that are due together, the one that was asked for first comes first.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

_RESOLUTION_S = 1e-9  # of time(): two timers a nanosecond apart are due together


class Idle(RuntimeError):
    """Nothing is ready and nothing is due: the program waits for something that nobody will ever do."""


class Turn:
    """What is to be called, and when: asyncio's TimerHandle without what a world never asks of it."""

    __slots__ = ("args", "at_s", "call", "context", "gone")

    def __init__(self, at_s: float, call: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.at_s, self.call, self.args, self.context, self.gone = at_s, call, args, context, False

    def cancel(self) -> None:
        """It will not be called."""
        self.gone = True

    def cancelled(self) -> bool:
        """True after cancel()."""
        return self.gone

    def when(self) -> float:
        """Seconds of virtual time."""
        return self.at_s


class VirtualLoop(asyncio.SelectorEventLoop):
    """time() begins at 0 s. faults: what no task and no callback caught, (text, exception).

    Its own turns in place of asyncio's: a fifth of a world's time went into those.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._asked = 0
        self._due: list[tuple[float, int, Turn]] = []
        self._next: deque[Turn] = deque()
        self.faults: list[tuple[str, BaseException | None]] = []
        self.set_exception_handler(self._fault)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._now_s

    def now_ms(self) -> int:
        """The same in whole milliseconds."""
        return int(self._now_s * 1000 + 1e-6)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Turn:  # type: ignore[override]
        """At `when` seconds of virtual time, or next if that is over."""
        turn = Turn(when, callback, args, copy_context() if context is None else context)
        self._asked += 1
        heapq.heappush(self._due, (when, self._asked, turn))
        return turn

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Turn:
        """After `delay` seconds of virtual time."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Turn:  # type: ignore[override]
        """After what is ready now."""
        turn = Turn(self._now_s, callback, args, copy_context() if context is None else context)
        self._next.append(turn)
        return turn

    call_soon_threadsafe = call_soon  # type: ignore[assignment] # there is one thread: nobody has to be woken

    def _run_once(self) -> None:
        """Until somebody says stop: asyncio calls it again and again, and need not."""
        due, ready = self._due, self._next
        while not self._stopping:  # type: ignore[attr-defined]
            if not ready:
                while due and due[0][2].gone:
                    heapq.heappop(due)
                if not due:
                    raise Idle("nothing is ready and nothing is due")
                self._now_s = max(self._now_s, due[0][0])
            until_s = self._now_s + _RESOLUTION_S
            while due and due[0][0] < until_s:
                ready.append(heapq.heappop(due)[2])
            for _ in range(len(ready)):
                turn = ready.popleft()
                if turn.gone:
                    continue
                try:
                    turn.context.run(turn.call, *turn.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as fault:
                    self.call_exception_handler({"message": f"fault in {turn.call!r}", "exception": fault})

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
