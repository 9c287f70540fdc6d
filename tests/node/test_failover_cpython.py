"""The real link and the real node over brokers that freeze, refuse or stay silent, in virtual time (CPython).

A press must find the broker that works, and a frozen one must have been left within 5 s. Nothing here waits really.
"""

import asyncio
import json

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as some
from virtual_cpython import run

from bellnode import link, link_state, mqtt, node, settings
from bellnode.config import Broker

CONNACK = b"\x20\x02\x00\x00"
FROZEN_MS = 5000  # the promise: a frozen broker is left within this while an alarm is pending


class Wire:
    """A stream to a broker of one kind."""

    def __init__(self, broker, world) -> None:
        self.broker, self.world = broker, world
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport = self

    def write(self, data: bytes) -> None:
        kind = data[0] >> 4
        frozen = self.world.frozen(self.broker)
        if frozen:
            return
        if kind == 1:
            self.incoming.put_nowait(CONNACK)
        elif kind == 8:
            self.incoming.put_nowait(b"\x90\x03" + data[2:4] + b"\x01")
        elif kind == 12:
            self.incoming.put_nowait(b"\xd0\x00")
        elif kind == 3:
            packet = mqtt._decode(data[0], data[mqtt._remaining_length(data)[0] :])
            if packet.topic == "t/up":
                self.world.arrived(self, json.loads(packet.payload))

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def read(self, size: int) -> bytes:
        return await self.incoming.get()

    def close(self) -> None:
        pass

    abort = close


class World:
    """Owner, network, dialler and brokers. kinds: what each broker is; from `fails_ms` on the first is as `becomes`."""

    bell_id = "b-1"
    key = bytes(32)

    def __init__(self, loop, kinds, becomes=None, fails_ms=0) -> None:
        self.now_ms = loop.now_ms
        self.kinds, self.becomes, self.fails_ms = kinds, becomes, fails_ms
        self.brokers = tuple(Broker(str(place), 1, "x") for place in range(len(kinds)))
        fitted, errors = settings.read_all({}, "store-bell")
        assert not errors
        self.node = node.start("store-bell", fitted, "ab" * 8, 0, len(kinds), 0)
        self.got: list[tuple[int, int]] = []  # (seq, at_ms)
        self.left: list[int] = []
        self.link = link.Link(self, self, None, ("t/up", "t/down", "t/status"), (b"x", b"x", b"x"), 7, self)
        self.link._dialler = self
        self.reached = True

    def kind(self, broker) -> str:
        place = int(broker.host)
        return self.becomes if self.becomes and place == 0 and self.now_ms() >= self.fails_ms else self.kinds[place]

    def frozen(self, broker) -> bool:
        return self.kind(broker) != "good"

    async def open(self, broker, urgent):
        kind = self.kind(broker)
        if kind == "silent":
            await asyncio.sleep(10**6)
        if kind == "refuses":
            raise OSError(111, "refused")
        wire = Wire(broker, self)
        return wire, wire

    def worked(self, broker) -> None:
        pass

    def failed(self, broker) -> None:
        pass

    def found(self, answered) -> None:
        pass

    def network_up(self) -> bool:
        return True

    def alive(self, part) -> None:
        pass

    def urgent(self) -> bool:
        return node.outbox.urgent(self.node.outbox)

    def log(self, text) -> None:
        if "suspicion" in text or "did not answer" in text:
            self.left.append(self.now_ms())

    def bug(self, name, fault) -> None:
        raise fault

    def arrived(self, wire, message) -> None:
        """At a broker that works: the gateway answers."""
        if message["type"] != "event":
            return
        self.got.append((message["seq"], self.now_ms()))
        receipt = {"type": "receipt", "boot": message["boot"], "seq": message["seq"], "stage": "stored", "now_ms": 1}
        wire.incoming.put_nowait(mqtt.publish("t/down", json.dumps(receipt).encode(), 1))

    def linked(self) -> None:
        self.feed(("linked",))

    def unlinked(self) -> None:
        self.feed(("unlinked",))

    def received(self, topic, payload) -> None:
        self.feed(("received", json.loads(payload)))

    def feed(self, said) -> None:
        self.node, effects = node.step(self.node, said, self.now_ms())
        for effect in effects:
            if effect[0] == "send":
                self.link.send(json.dumps(effect[2]).encode())
            elif effect[0] == "next_broker":
                self.link.next_broker()
            elif effect[0] == "hurry":
                self.link.hurry()


def story(kinds, press_ms, becomes=None, fails_ms=0, until_ms=120_000):
    """The World after a press at press_ms; it ends when the press is delivered, or at until_ms."""

    async def whole(loop):
        world = World(loop, kinds, becomes, fails_ms)
        task = asyncio.create_task(world.link.keep_linked())
        while loop.now_ms() < until_ms and not (world.got and not world.node.outbox.entries):
            if world.node.seq == 0 and loop.now_ms() >= press_ms:
                world.feed(("edge", 1, loop.now_ms()))
                world.feed(("edge", 0, loop.now_ms() + 80))
            world.feed(("tick",))
            world.link.keep_time()
            await asyncio.sleep(0.02)
        await world.link.say_goodbye()
        await task
        return world

    return run(whole)


def test_a_frozen_broker_is_left_within_its_time_and_the_next_one_delivers():
    for becomes in ("frozen", "silent"):
        world = story(["good", "good"], 5000, becomes, 4000)
        assert world.left and world.left[0] - 5000 <= FROZEN_MS, (becomes, world.left)
        assert world.got and world.got[0][1] - 5000 <= FROZEN_MS + 500


def test_frozen_before_the_link_stands():
    """The bell is trying a frozen broker when the button is pressed: the deadline of the opening is the alarm's."""
    world = story(["frozen", "good"], 100)
    assert world.got[0][1] - 100 <= link_state.OPEN_MS + 1000


@effort(max_examples=60, deadline=None)
@given(
    some.lists(some.sampled_from(["good", "frozen", "silent", "refuses"]), min_size=1, max_size=4),
    some.integers(0, 20_000),
    some.sampled_from([None, "frozen", "silent", "refuses"]),
    some.integers(0, 20_000),
)
def test_a_press_finds_whichever_broker_works(kinds, press_ms, becomes, fails_ms):
    kinds = [*kinds, "good"]  # one of them always does
    world = story(kinds, press_ms, becomes, fails_ms)
    assert world.got, (kinds, world.left)
    assert {seq for seq, _ in world.got} == {1}  # one signal, however often it was sent
    # One opening may have begun before the press, with all its time; each of the others takes its own at most, and a
    # round of failures its pause.
    bound_ms = link_state.OPEN_MS + len(kinds) * (link_state.URGENT_OPEN_MS + 2000) + FROZEN_MS
    assert world.got[0][1] - press_ms <= bound_ms
