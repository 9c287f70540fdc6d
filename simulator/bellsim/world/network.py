"""Connections between bells and brokers, in virtual time: late, held up, cut off, dead without a word. Never asserts.

Bytes of one direction arrive in order, as TCP's do; what a real network loses comes later here, as after a resend.
"""

import asyncio
import errno
import random
from collections.abc import Callable
from typing import Protocol

REFUSED_S = 0.01
ORDER_S = 1e-6  # two timers of one moment may fire in either order
RESEND_S = (0.2, 3.0)  # how long after a gap ends TCP tries again


class Listener(Protocol):
    """Whoever takes connections: a broker."""

    def takes(self) -> bool:
        """False: the connection is refused."""
        ...

    def connected(self, wire: "Wire") -> None:
        """One came."""
        ...

    def heard(self, wire: "Wire", data: bytes) -> None:
        """Bytes of the other end."""
        ...

    def lost(self, wire: "Wire") -> None:
        """The other end has closed it."""
        ...

    def missed(self, wire: "Wire") -> None:
        """Nothing may come over it any more, and nobody has said so."""
        ...


class Road:
    """The way of one bell to all brokers. latency_s: least and most of one direction. stalls: how many packets of a
    hundred come late by a resend. away: nothing passes, and what is sent waits. mute: of what it is told. heard_s: when
    a broker last had bytes of this bell."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.latency_s = (0.002, 0.012)
        self.stalls = 0
        self.away = self.mute = False
        self.heard_s = 0.0
        self.wires: list[Wire] = []

    def delay_s(self) -> float:
        """Of the next packet."""
        delay_s = self.chance.uniform(*self.latency_s)
        if self.stalls and self.chance.randrange(100) < self.stalls:
            delay_s += self.chance.uniform(*RESEND_S)
        return delay_s

    def go(self) -> None:
        """It is away."""
        self.away = True

    def come_back(self) -> None:
        """What waited passes."""
        self.away = False
        for wire in list(self.wires):
            wire.let_through()

    def speak_again(self) -> None:
        """The broker is heard again."""
        self.mute = False
        for wire in list(self.wires):
            wire.let_through()

    def deaden(self) -> None:
        """What is open now is dead, and neither end is told."""
        for wire in list(self.wires):
            wire.dead = True

    def reset(self) -> None:
        """What is open now is torn, and both ends are told."""
        for wire in list(self.wires):
            wire.tear()


class Wire:
    """One TCP connection: the bell's end is a stream's reader and writer in one, the broker's is told by calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, road: Road, listener: Listener) -> None:
        self.loop, self.road, self.listener = loop, road, listener
        self.dead = False
        self.transport = self  # as a stream's writer has it
        self.owner: object = None  # the broker's session on it
        self.door = ""  # the name that was dialled
        self._held: list[Callable[[], None]] = []
        self._up_s = self._down_s = 0.0  # when the last packet of each direction arrives
        self._buffer = b""
        self._end: BaseException | bool | None = None  # True: closed by the other end
        self._closed = False  # by the bell
        self._waiting: asyncio.Future[None] | None = None
        road.wires.append(self)

    # The bell's end

    async def read(self, count: int) -> bytes:
        """As a StreamReader's."""
        while not self._buffer:
            if isinstance(self._end, BaseException):
                raise self._end
            if self._end or self._closed:
                return b""
            self._waiting = self.loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def write(self, data: bytes) -> None:
        """As a StreamWriter's."""
        if isinstance(self._end, BaseException):
            raise self._end
        if not self._closed:
            self._send_up(lambda: self._reach(data))

    async def drain(self) -> None:
        """As a StreamWriter's."""
        if isinstance(self._end, BaseException):
            raise self._end

    def close(self) -> None:
        """Let go of it; the broker is told, if the way to it is open."""
        if self._closed:
            return
        self._closed = True
        self._wake()
        self._send_up(lambda: self.listener.lost(self))
        self._leave()

    abort = close

    def vanish(self) -> None:
        """The bell is gone without a word."""
        self.dead = self._closed = True
        self._leave()

    # The broker's end

    def answer(self, data: bytes) -> None:
        """Bytes for the bell."""
        self._send_down(lambda: self._arrive(data))

    def hang_up(self) -> None:
        """The broker closes it."""
        self._send_down(self._finish)

    def tear(self) -> None:
        """A reset: both ends know at once."""
        if self._end is None:
            self._end = ConnectionResetError(errno.ECONNRESET, "reset")
            self._wake()
        if not self.dead:
            self.listener.lost(self)
        self.dead = True
        self._leave()

    def let_through(self) -> None:
        """What waited is sent again."""
        held, self._held = self._held, []
        for deliver in held:
            deliver()

    # In between

    def _send_up(self, deliver: Callable[[], None]) -> None:
        if self.road.away and not self.dead:
            self._held.append(lambda: self._send_up(deliver))
            return
        self._up_s = max(self._up_s + ORDER_S, self.loop.time() + self.road.delay_s())
        self.loop.call_at(self._up_s, self._passes, deliver)

    def _send_down(self, deliver: Callable[[], None]) -> None:
        if (self.road.away or self.road.mute) and not self.dead:
            self._held.append(lambda: self._send_down(deliver))
            return
        self._down_s = max(self._down_s + ORDER_S, self.loop.time() + self.road.delay_s())
        self.loop.call_at(self._down_s, self._passes, deliver)

    def _passes(self, deliver: Callable[[], None]) -> None:
        if self.dead:
            return
        if self.road.away:
            self._held.append(deliver)
        else:
            deliver()

    def _reach(self, data: bytes) -> None:
        self.road.heard_s = self.loop.time()
        self.listener.heard(self, data)

    def _arrive(self, data: bytes) -> None:
        if not self._closed:
            self._buffer += data
            self._wake()

    def _finish(self) -> None:
        if self._end is None:
            self._end = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _leave(self) -> None:
        if self in self.road.wires:
            self.road.wires.remove(self)


async def dial(loop: asyncio.AbstractEventLoop, road: Road, listener: Listener | None) -> Wire:
    """A connection, TLS and all. Never returns while nothing passes; raises ConnectionRefusedError."""
    while road.away or road.mute:
        await asyncio.sleep(0.5)  # the caller's deadline ends it
    await asyncio.sleep(3 * road.delay_s())
    while road.away or road.mute:
        await asyncio.sleep(0.5)
    if listener is None or not listener.takes():
        await asyncio.sleep(REFUSED_S)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    wire = Wire(loop, road, listener)
    listener.connected(wire)
    return wire
