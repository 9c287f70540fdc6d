"""The way to one target: what waits for it, what is under way to it, and how long each attempt may take.

Everything here happens in the event loop, and most of it without a task: a target that can `begin` a message does so
in the same turn of the loop that was told of it, and the next message goes out in the turn that brought an answer.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery

# At least and at most so many of one target are under way or not written down yet: a gateway that is killed sends
# those again. In between an eighth of what waits, so that a storm is not held up.
UNWRITTEN = (2, 64)
# A target that takes longer than this to answer gets as many at once as it may: it is slow, not we.
ROOM_S = 0.5
_SAME_S = 0.001  # deadlines this close are one: a loop's clock may tick in milliseconds


class Target(Protocol):
    """Somebody to whom messages are sent; see `bellgate.targets`."""

    timeout_s: float
    at_once: int
    retry_max_s: float

    async def send(self, delivery: Delivery) -> str | None:
        """Send it once; what came back. Raises TargetError."""
        ...

    async def watch(self, say: Callable[[str, str, str | None], Awaitable[None]]) -> None:
        """Runs beside the deliveries; say(kind, subject, detail) raises or (None) clears a line of the trouble list."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class QuickTarget(Protocol):
    """A target that can begin without a task, when the way to it is open."""

    def begin(self, delivery: Delivery, done: Callable[[str | TargetError | None], None]) -> Callable[[], None] | None:
        """Send it once; what ends the attempt early. None: not possible now, `send` it.

        done, in a later turn of the loop: what came back, or why it failed; None: the way was closed after all and
        the message did not arrive, `send` it.
        """
        ...


@dataclass(slots=True, eq=False)
class _Attempt:
    """end: what ends it early. task: it runs as one, and ends by itself when it was told to."""

    delivery: Delivery
    until_s: float
    end: Callable[[], object] | None = None
    task: bool = False
    late: bool = False


class Lane:
    """over(lane, delivery, proof, fault) takes what became of an attempt; spawn(work) lets a task run; hurry() has
    written down at once what was sent."""

    def __init__(
        self,
        name: str,
        target: Target,
        at_once: int,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        over: Callable[["Lane", Delivery, str | None, Exception | None], None],
        hurry: Callable[[], None],
    ) -> None:
        self.name = name
        self.target = target
        self.waiting: deque[Delivery] = deque()
        self.unwritten = 0  # sent, and not written down yet: a gateway that is killed now repeats these
        self.failing = False
        self.said_s = 0.0  # when the trouble list was last told
        self.stopping = False
        self._at_once = at_once
        self._spawn = spawn
        self._report = over
        self._hurry = hurry
        self._begin = target.begin if isinstance(target, QuickTarget) else None
        self._under_way: set[_Attempt] = set()
        self._deadline: asyncio.TimerHandle | None = None  # one for all: the first that is due
        self._no_room: asyncio.TimerHandle | None = None
        self._slow = False  # nothing was written down for ROOM_S, because nothing was answered
        self._unbounded = False
        self._idle: asyncio.Future[None] | None = None

    def pump(self) -> None:
        """Begin what there is room for."""
        while self.waiting and len(self._under_way) < self._at_once and not self.stopping:
            most = _unwritten_max(len(self.waiting))
            under_way = 0 if self._slow else len(self._under_way)
            if under_way + self.unwritten >= most and not self._unbounded:
                self._make_room()
                return
            self._start(self.waiting.popleft())

    def written(self, failed: bool) -> None:
        """What became of attempts was written down, or (failed) cannot be: then sending goes before bookkeeping."""
        self._unbounded = failed
        self._slow = False
        if self._no_room is not None:
            self._no_room.cancel()
            self._no_room = None
        self.pump()

    async def finish(self, deadline_s: float) -> None:
        """Begin nothing more; wait for what is under way, at most so long, then let go of it. Tasks go on."""
        self.stopping = True
        if self._under_way and deadline_s > 0:
            self._idle = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline_s):
                    await self._idle
        for attempt in list(self._under_way):
            if not attempt.task and attempt.end is not None:
                self._under_way.discard(attempt)
                attempt.end()
        for timer in (self._deadline, self._no_room):
            if timer is not None:
                timer.cancel()

    def _make_room(self) -> None:
        """Have written down what was sent: at once when all of it is answered, with the next commit until then."""
        if self.unwritten and not self._under_way:
            self._hurry()
        if self._no_room is None:
            self._no_room = asyncio.get_running_loop().call_later(ROOM_S, self._nothing_came)

    def _nothing_came(self) -> None:
        self._no_room = None
        self._slow = True
        self.pump()

    def _start(self, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        timeout_s = self.target.timeout_s
        attempt = _Attempt(delivery, loop.time() + timeout_s)
        self._under_way.add(attempt)
        if self._deadline is None:
            self._deadline = loop.call_later(timeout_s, self._look_at_deadlines)
        if self._begin is not None:
            with contextlib.suppress(Exception):  # our own fault: `send` has the same, and there it is recorded
                attempt.end = self._begin(delivery, partial(self._told, attempt))
        if attempt.end is None:
            attempt.task = True
            self._spawn(self._send(attempt))

    async def _send(self, attempt: _Attempt) -> None:
        task = asyncio.current_task()
        assert task is not None
        attempt.end = task.cancel
        proof: str | None = None
        fault: Exception | None = None
        try:
            proof = await self.target.send(attempt.delivery)
        except asyncio.CancelledError:
            if not attempt.late or task.uncancel():
                self._ended(attempt)
                raise  # the gateway stops
            fault = TimeoutError()
        except Exception as error:  # whoever takes the report knows which of them are our own faults
            fault = error
        self._over(attempt, proof, fault)

    def _told(self, attempt: _Attempt, outcome: str | TargetError | None) -> None:
        if attempt not in self._under_way:
            return  # it was given up
        if outcome is None:
            attempt.task = True
            attempt.end = None
            self._spawn(self._send(attempt))
        elif isinstance(outcome, str):
            self._over(attempt, outcome, None)
        else:
            self._over(attempt, None, outcome)

    def _over(self, attempt: _Attempt, proof: str | None, fault: Exception | None) -> None:
        self._ended(attempt)
        try:
            self._report(self, attempt.delivery, proof, fault)
        finally:
            self.pump()

    def _ended(self, attempt: _Attempt) -> None:
        self._under_way.discard(attempt)
        if self._idle is not None and not self._under_way and not self._idle.done():
            self._idle.set_result(None)

    def _look_at_deadlines(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for attempt in sorted(self._under_way, key=lambda one: one.until_s):
            if attempt.late or attempt.end is None or attempt.until_s > now_s + _SAME_S:
                continue
            attempt.late = True
            attempt.end()
            if not attempt.task:
                self._over(attempt, None, TimeoutError())
        left = [attempt.until_s for attempt in self._under_way if not attempt.late]
        # As long as this runs, the handle is there, so that no attempt that begins here sets another one.
        self._deadline = loop.call_at(max(min(left), now_s + _SAME_S), self._look_at_deadlines) if left else None


def _unwritten_max(waiting: int) -> int:
    return max(UNWRITTEN[0], min(UNWRITTEN[1], waiting // 8))
