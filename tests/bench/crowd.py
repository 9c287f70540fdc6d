"""The world around the program that is measured: bells that press, and a station that takes webhooks.

One process, two clocks less: a press and the webhook that tells of it are timed by the same clock.
"""

import asyncio
import json
import re
import secrets
import time
from dataclasses import dataclass, field

from mqtt_lines import Reader, connected, publish

from bellwire import pack

IDENTITY = re.compile(rb'"boot":"([0-9a-f]{16})","seq":(\d+)')
RECEIPT = re.compile(rb'"boot":"([0-9a-f]{16})","seq":(\d+),"stage":"stored"')
SITE = "bench"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
WAYS = 4  # connections that the presses are spread over
UNDER_WAY_MAX = 4_000  # presses without a receipt: more would only wait in the broker

Identity = tuple[bytes, int]
Press = tuple[Identity, str, bytes]  # what it is, topic, sealed payload


class Station(asyncio.Protocol):
    """Answers every POST with 200 and notes which press it tells of; POSTs may follow each other without waiting."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._crowd.open_posts.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.open_posts.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at, answers = 0, 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            length = re.search(rb"content-length: *(\d+)", data[at:end], re.IGNORECASE)
            done = end + 4 + (int(length[1]) if length else 0)
            if done > len(data):
                break
            found = IDENTITY.search(data, end, done)
            if found:
                self._crowd.told(found[1], int(found[2]))
            answers += 1
            at = done
        self._rest = data[at:]
        if answers:
            self._transport.write(OK * answers)


class Bells(asyncio.Protocol):
    """A connection to the broker; hears receipts if it has subscribed."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._reader = Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for _, payload, _ in self._reader.feed(data):
            found = RECEIPT.search(payload) or IDENTITY.search(payload)  # the floor sends back what it got
            if found:
                self._crowd.answered(found[1], int(found[2]))


@dataclass
class Crowd:
    """So many bells, each with a key of its own."""

    count: int
    broker_port: int
    keys: dict[str, bytes] = field(default_factory=dict)
    pressed_s: dict[Identity, float] = field(default_factory=dict)
    told_s: dict[Identity, float] = field(default_factory=dict)
    answered_s: dict[Identity, float] = field(default_factory=dict)
    told_again: int = 0
    open_posts: set[asyncio.Transport] = field(default_factory=set)
    station_port: int = 0

    def __post_init__(self) -> None:
        names = [f"b-{number:04x}" for number in range(self.count)]
        self.keys = {name: secrets.token_bytes(32) for name in names}
        self._names = names
        self._boots = {name: secrets.token_hex(8) for name in names}
        self._seq = dict.fromkeys(names, 0)
        self._next = 0
        self._number = 0
        self._ways: list[asyncio.Transport] = []
        self._changed = asyncio.Event()
        self._station: asyncio.Server | None = None

    async def open(self) -> None:
        """Connect to the broker and open the station's door."""
        loop = asyncio.get_running_loop()
        ear = connected(self.broker_port, "crowd-ear", ("bells/+/+/down",))
        sockets = [ear] + [connected(self.broker_port, f"crowd-{way}", ()) for way in range(WAYS)]
        for link in sockets:
            link.setblocking(False)
            transport, _ = await loop.create_connection(lambda: Bells(self), sock=link)
            self._ways.append(transport)
        await self.open_station()

    async def open_station(self) -> None:
        """From now on webhooks are taken; on the same port as before."""
        loop = asyncio.get_running_loop()
        self._station = await loop.create_server(lambda: Station(self), "127.0.0.1", self.station_port)
        self.station_port = self._station.sockets[0].getsockname()[1]

    async def close_station(self) -> None:
        """The station is away: open connections break, new ones are refused."""
        assert self._station is not None
        self._station.close()
        for transport in list(self.open_posts):
            transport.abort()
        await self._station.wait_closed()

    async def close(self) -> None:
        """Leave everything."""
        for transport in self._ways:
            transport.abort()
        await self.close_station()

    def told(self, boot: bytes, seq: int) -> None:
        """The station heard of a press."""
        if (boot, seq) in self.told_s:
            self.told_again += 1
        else:
            self.told_s[boot, seq] = time.perf_counter()
            self._changed.set()

    def answered(self, boot: bytes, seq: int) -> None:
        """The bell heard `stored`."""
        if (boot, seq) not in self.answered_s:
            self.answered_s[boot, seq] = time.perf_counter()
            self._changed.set()

    def prepare(self, presses: int) -> list[Press]:
        """So many presses, sealed beforehand, one bell after the other: (identity, topic, payload)."""
        made = []
        for _ in range(presses):
            name = self._names[self._next % self.count]
            self._next += 1
            self._seq[name] += 1
            topic = f"bells/{SITE}/{name}/up"
            message = {
                "v": 1,
                "type": "event",
                "boot": self._boots[name],
                "seq": self._seq[name],
                "what": "panic",
                "state": "alarm",
                "age_ms": 0,
            }
            identity = (self._boots[name].encode(), self._seq[name])
            made.append((identity, topic, pack(message, topic, self.keys[name])))
        return made

    def press(self, press: Press, way: int = 0) -> None:
        """Send it now; sending it again keeps the first time."""
        identity, topic, payload = press
        self._number = self._number % 65535 + 1
        self.pressed_s.setdefault(identity, time.perf_counter())
        self._ways[1 + way % WAYS].write(publish(topic, payload, self._number))

    def open_of(self, presses: list[Press], told: bool = True) -> list[Press]:
        """Those that were not answered, or (told) not told to the station yet."""
        return [one for one in presses if one[0] not in self.answered_s or (told and one[0] not in self.told_s)]

    async def settled(self, presses: list[Press], deadline_s: float) -> bool:
        """True when all are answered and told; False at the deadline."""
        end_s = time.perf_counter() + deadline_s
        left = presses
        while left := self.open_of(left):
            self._changed.clear()
            try:
                async with asyncio.timeout(max(0.001, min(0.5, end_s - time.perf_counter()))):
                    await self._changed.wait()
            except TimeoutError:
                if time.perf_counter() >= end_s:
                    return False
            if len(left) > 100:
                await asyncio.sleep(0.002)  # do not count a thousand presses after each answer
        return True

    async def storm(self, presses: list[Press], deadline_s: float) -> bool:
        """All of them as fast as they are taken."""
        began, end_s = len(self.answered_s), time.perf_counter() + deadline_s
        for number, press in enumerate(presses):
            self.press(press, number)
            if number % 50 == 49:
                await asyncio.sleep(0)
                while number - (len(self.answered_s) - began) > UNDER_WAY_MAX:
                    if time.perf_counter() > end_s:
                        return False
                    await asyncio.sleep(0.001)
        return await self.settled(presses, deadline_s)

    def keys_json(self) -> str:
        """For programs that keep their keys in a file."""
        return json.dumps({name: key.hex() for name, key in self.keys.items()})
