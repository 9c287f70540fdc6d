"""An MQTT 3.1.1 broker in virtual time, as far as bells and a gateway use one. It breaks; it never asserts.

A PUBACK from it means as little as from a real one: a restart may lose what it had taken.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from bellnode import mqtt
from bellsim.world.network import Wire

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14
SILENT_S = 30.0  # one and a half times a bell's keepalive
QUEUE_MAX = 100_000  # of one gateway that is away: a day of a district


class Subscriber(Protocol):
    """A gateway's session: it has everything that bells say, once at least, until it acknowledges."""

    def take(self, number: int, topic: str, payload: bytes, retained: bool, waited_ms: int) -> None:
        """One message."""
        ...


@dataclass
class _Session:
    """One bell's."""

    wire: Wire
    client: str = ""
    will: tuple[str, bytes] | None = None
    topics: set[str] = field(default_factory=set)
    rest: bytes = b""
    heard_s: float = 0.0
    number: int = 0
    up: bool = False


@dataclass
class _Queue:
    """What one gateway has not acknowledged."""

    subscriber: Subscriber | None = None
    waiting: "OrderedDict[int, tuple[str, bytes, bool, float]]" = field(default_factory=OrderedDict)
    number: int = 0


class Broker:
    """up: it runs, since up_since_s. frozen: it runs and does nothing. note(text): for the trace."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, note: Callable[[str], None]) -> None:
        self.name, self._loop, self._note = name, loop, note
        self.up = True
        self.up_since_s = 0.0
        self.frozen = False
        self._sessions: list[_Session] = []
        self._queues: dict[str, _Queue] = {}
        self._retained: dict[str, bytes] = {}
        self._backlog: list[Callable[[], None]] = []
        self.taken = 0

    # Connections; see `network.Listener`

    def takes(self) -> bool:
        """A frozen broker's kernel still takes connections."""
        return self.up

    def connected(self, wire: Wire) -> None:
        """A bell."""
        session = _Session(wire, heard_s=self._loop.time())
        wire.owner = session
        self._sessions.append(session)

    def heard(self, wire: Wire, data: bytes) -> None:
        """Its bytes."""
        if self.frozen:
            self._backlog.append(lambda: self.heard(wire, data))
            return
        session = wire.owner
        if not isinstance(session, _Session) or session not in self._sessions:
            return
        session.heard_s = self._loop.time()
        session.rest += data
        while (packet := _packet(session.rest)) is not None:
            first, body, session.rest = packet
            self._take(session, first, body)

    def lost(self, wire: Wire) -> None:
        """It has closed without a DISCONNECT."""
        if self.frozen:
            self._backlog.append(lambda: self.lost(wire))
        elif isinstance(wire.owner, _Session):
            self._end(wire.owner, will=True)

    def missed(self, wire: Wire) -> None:
        """Nothing may come over it any more: see in 30 s whether its keepalive is over."""
        self._loop.call_later(SILENT_S + 0.5, self._look, wire)

    def _look(self, wire: Wire) -> None:
        session = wire.owner
        if not isinstance(session, _Session) or session not in self._sessions:
            return
        left_s = session.heard_s + SILENT_S - self._loop.time()
        if left_s > 0:
            if wire.dead or wire.road.away:
                self._loop.call_later(left_s + 0.5, self._look, wire)
            return
        if wire.dead or wire.road.away:
            wire.dead = True
            self._end(session, will=True)

    def _take(self, session: _Session, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == CONNECT:
            session.client, session.will = _connect(body)
            for other in list(self._sessions):
                if other is not session and other.client == session.client:
                    other.wire.hang_up()
                    self._end(other, will=True)
            session.up = True
            session.wire.answer(b"\x20\x02\x00\x00")
        elif kind == SUBSCRIBE:
            topic = _text(body, 2)[0]
            session.topics.add(topic)
            session.wire.answer(b"\x90\x03" + body[:2] + b"\x01")
        elif kind == PUBLISH:
            topic, rest = _text(body, 0)
            session.wire.answer(b"\x40\x02" + rest[:2])
            owner = topic.split("/")[2:3]
            # Whoever speaks on another's topic is acknowledged and not heard, as both real brokers do it.
            if owner and session.client.startswith(owner[0] + "-") and topic.endswith(("/up", "/status")):
                self.publish(topic, rest[2:], bool(first & 1))
        elif kind == PINGREQ:
            session.wire.answer(b"\xd0\x00")
        elif kind == DISCONNECT:
            self._end(session, will=False)

    def _end(self, session: _Session, will: bool) -> None:
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        if will and session.will is not None and session.up:
            self.publish(session.will[0], session.will[1], True)

    # Messages

    def publish(self, topic: str, payload: bytes, retain: bool) -> None:
        """To whoever wants it."""
        self.taken += 1
        if retain:
            self._retained[topic] = payload
        if topic.endswith("/down"):
            for session in self._sessions:
                if topic in session.topics:
                    session.number = session.number % 65_535 + 1
                    session.wire.answer(mqtt.publish(topic, payload, session.number))
            return
        for queue in self._queues.values():
            self._enqueue(queue, topic, payload, False)

    def intrude(self, topic: str, payload: bytes, retained: bool) -> None:
        """Somebody says this although he may not."""
        for queue in self._queues.values():
            self._enqueue(queue, topic, payload, retained)

    def _enqueue(self, queue: _Queue, topic: str, payload: bytes, retained: bool) -> None:
        queue.number += 1
        if len(queue.waiting) >= QUEUE_MAX:
            self._note("a gateway's queue is full: a message is gone")
            return
        queue.waiting[queue.number] = (topic, payload, retained, self._loop.time())
        self._hand_over(queue, queue.number)

    def _hand_over(self, queue: _Queue, number: int) -> None:
        if queue.subscriber is None or number not in queue.waiting or self.frozen:
            return
        topic, payload, retained, since_s = queue.waiting[number]
        waited_ms = int((self._loop.time() - since_s) * 1000)
        queue.subscriber.take(number, topic, payload, retained, waited_ms)

    # Gateways

    def attach(self, name: str, subscriber: Subscriber) -> bool:
        """A gateway connects, with the session that it had; False: not now."""
        if not self.up or self.frozen:
            return False
        queue = self._queues.setdefault(name, _Queue())
        queue.subscriber = subscriber
        for topic, payload in self._retained.items():
            self._enqueue(queue, topic, payload, True)
        for number in list(queue.waiting):
            self._hand_over(queue, number)
        return True

    def detach(self, name: str) -> None:
        """It is gone; what it has not acknowledged is kept for it."""
        if name in self._queues:
            self._queues[name].subscriber = None

    def acknowledge(self, name: str, number: int) -> None:
        """It has this one."""
        if name in self._queues:
            self._queues[name].waiting.pop(number, None)

    def say(self, topic: str, payload: bytes) -> bool:
        """From a gateway; False: there is no connection."""
        if not self.up:
            return False
        if self.frozen:
            self._backlog.append(lambda: self.publish(topic, payload, False))
        else:
            self.publish(topic, payload, False)
        return True

    # Faults

    def stop(self, forget: bool) -> None:
        """It dies. forget: what it kept for gateways that were away is gone, and what it retained."""
        self.up = False
        self.frozen = False
        self._backlog = []
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.wire.tear()
        for queue in self._queues.values():
            queue.subscriber = None
            if forget:
                queue.waiting.clear()
        if forget:
            self._retained.clear()

    def start(self) -> None:
        """It runs again."""
        self.up, self.up_since_s = True, self._loop.time()

    def freeze(self) -> None:
        """As a stopped process."""
        self.frozen = True

    def thaw(self) -> None:
        """It goes on where it was."""
        self.frozen = False
        backlog, self._backlog = self._backlog, []
        for call in backlog:
            call()
        for queue in self._queues.values():
            for number in list(queue.waiting):
                self._hand_over(queue, number)

    def sizes(self) -> dict[str, int]:
        """For whoever checks bounds."""
        waiting = max((len(queue.waiting) for queue in self._queues.values()), default=0)
        return {"sessions": len(self._sessions), "waiting": waiting, "backlog": len(self._backlog)}


def _packet(data: bytes) -> tuple[int, bytes, bytes] | None:
    """(first byte, body, rest), or None if there is no whole packet."""
    size = shift = 0
    for place in range(1, min(5, len(data))):
        size |= (data[place] & 0x7F) << shift
        shift += 7
        if not data[place] & 0x80:
            end = place + 1 + size
            return (data[0], data[place + 1 : end], data[end:]) if len(data) >= end else None
    return None


def _text(body: bytes, at: int) -> tuple[str, bytes]:
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : end].decode(), body[end:]


def _connect(body: bytes) -> tuple[str, tuple[str, bytes] | None]:
    flags = body[7]
    client, rest = _text(body, 10)
    if not flags & 4:
        return client, None
    topic, rest = _text(rest, 0)
    return client, (topic, rest[2 : 2 + int.from_bytes(rest[:2], "big")])
