"""The link without a network: what it writes, and how it leaves (CPython; the same file runs on the bell)."""

import asyncio
import time

from bellnode import link, mqtt
from bellnode.config import Broker

CONNACK = b"\x20\x02\x00\x00"


class Wire:
    """A stream whose other end is the test: `written` is what each write() was given."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.dropped = False
        self.fails = False
        self.transport = self

    def write(self, data: bytes) -> None:
        if self.fails:
            raise OSError(104, "reset")
        self.written.append(data)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    async def read(self, size: int) -> bytes:
        return await self.incoming.get()

    def close(self) -> None:
        self.dropped = True

    abort = close


class Dialler:
    """Hands out Wires, and notes for which broker."""

    def __init__(self) -> None:
        self.wires: list[Wire] = []
        self.asked: list[str] = []
        self.reached = True
        self.told: list[str] = []

    async def open(self, broker: Broker, urgent: bool):
        self.asked.append(broker.host)
        if not self.reached:
            raise OSError(113, "no route")
        self.wires.append(Wire())
        return self.wires[-1], self.wires[-1]

    def worked(self, broker: Broker) -> None:
        self.told.append(f"{broker.host} worked")

    def failed(self, broker: Broker) -> None:
        self.told.append(f"{broker.host} failed")


class World:
    """Owner, network and config of a Link in one."""

    bell_id = "b-1"
    key = bytes(32)
    brokers = (Broker("one", 1, "x"), Broker("two", 2, "x"))

    def __init__(self) -> None:
        self.log_lines: list[str] = []
        self.seen: list[str] = []
        self.bugs: list[str] = []
        self.on_received = lambda: None
        self.on_linked = lambda: None
        self.network = True
        self.answers: list[bool] = []
        self.beats = 0
        self.link = link.Link(self, self, None, ("t/up", "t/down", "t/status"), (b"off", b"on", b"off"), 5, self)
        self.link._dialler = self.dialler = Dialler()

    def now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def network_up(self) -> bool:
        return self.network

    def found(self, answered: bool) -> None:
        self.answers.append(answered)

    def alive(self, part: str) -> None:
        assert part == "link"
        self.beats += 1

    def urgent(self) -> bool:
        return True

    def linked(self) -> None:
        self.seen.append("linked")
        self.on_linked()

    def unlinked(self) -> None:
        self.seen.append("unlinked")

    def received(self, topic: str, payload: bytes) -> None:
        self.seen.append(f"{topic} {payload!r}")
        self.on_received()

    def log(self, text: str) -> None:
        self.log_lines.append(text)

    def bug(self, name: str, fault: Exception) -> None:
        self.bugs.append(f"{name} {fault}")


async def until(seen) -> None:
    async with asyncio.timeout(10):
        while not seen():
            await asyncio.sleep(0.001)


async def turns(of: link.Link) -> None:
    while True:
        of.keep_time()
        await asyncio.sleep(0.005)


def run(story) -> World:
    async def whole() -> World:
        world = World()
        task = asyncio.create_task(world.link.keep_linked())
        turning = asyncio.create_task(turns(world.link))
        try:
            await story(world, world.dialler)
        finally:
            await world.link.say_goodbye()
            async with asyncio.timeout(10):
                await task
            turning.cancel()
        return world

    return asyncio.run(whole())


async def opened(world: World, place: int, extra: bytes = b"") -> Wire:
    await until(lambda: len(world.dialler.wires) > place and world.dialler.wires[place].written)
    wire = world.dialler.wires[place]
    wire.incoming.put_nowait(CONNACK)
    await until(lambda: len(wire.written) > 1)
    number = wire.written[1][2:4]
    wire.incoming.put_nowait(b"\x90\x03" + number + b"\x01" + extra)
    await until(lambda: world.seen.count("linked") > place)
    return wire


def test_every_packet_is_one_write_and_in_order():
    async def story(world, dialler):
        wire = await opened(world, 0)
        for number in range(20):
            assert world.link.send(b"event %d" % number)
        await until(lambda: len(wire.written) == 23)
        assert wire.written[0] == mqtt.connect(link.client_id(world), 20, ("t/status", b"off"))
        assert wire.written[1] == mqtt.subscribe("t/down", 1)
        assert wire.written[2] == mqtt.publish("t/status", b"on", 2, True)
        wanted = [mqtt.publish("t/up", b"event %d" % number, number + 3) for number in range(20)]
        assert wire.written[3:] == wanted
        world.wire = wire

    world = run(story)
    assert world.wire.written[-2:] == [mqtt.publish("t/status", b"off", 23, True), mqtt.DISCONNECT]
    assert world.wire.dropped and world.seen == ["linked", "unlinked"] and not world.link.send(b"late")


def test_what_comes_with_the_suback_is_not_lost():
    async def story(world, dialler):
        wire = await opened(world, 0, mqtt.publish("t/down", b"early", 9) + mqtt.publish("t/down", b"old", 8, True))
        await until(lambda: mqtt.puback(8) in wire.written)
        assert mqtt.puback(9) in wire.written

    world = run(story)
    assert world.seen[:2] == ["linked", "t/down b'early'"]
    assert "t/down b'old'" not in world.seen and any("retained" in line for line in world.log_lines)


def test_a_message_is_acknowledged_after_it_was_heard_and_even_if_that_went_wrong():
    async def story(world, dialler):
        wire = await opened(world, 0)
        acknowledged = []

        def stumble():
            acknowledged.append(mqtt.puback(7) in wire.written)
            raise RuntimeError("a bug")

        world.on_received = stumble
        wire.incoming.put_nowait(mqtt.publish("t/down", b"x", 7))
        await until(lambda: mqtt.puback(7) in wire.written and len(dialler.wires) == 2)
        assert acknowledged == [False]

    assert run(story).bugs == ["link a bug"]


def test_the_broker_can_be_left_from_within_a_message():
    async def story(world, dialler):
        wire = await opened(world, 0)
        world.on_received = world.link.next_broker
        wire.incoming.put_nowait(mqtt.publish("t/down", b"x", 1))
        await until(lambda: dialler.asked == ["one", "two"])
        assert wire.dropped

    world = run(story)
    assert world.seen[:3] == ["linked", "t/down b'x'", "unlinked"] and not world.bugs


def test_the_broker_can_be_left_from_outside():
    async def story(world, dialler):
        wire = await opened(world, 0)
        world.link.next_broker()
        await until(lambda: dialler.asked == ["one", "two"])
        assert wire.dropped

    assert not run(story).bugs


def test_a_write_that_fails_ends_the_link_and_not_the_bell():
    async def story(world, dialler):
        wire = await opened(world, 0)
        wire.fails = True
        world.link.send(b"event")
        await until(lambda: "unlinked" in world.seen and len(dialler.wires) == 2)

    world = run(story)
    assert not world.bugs and any("reset" in line for line in world.log_lines)


def test_a_fault_in_the_owner_ends_one_connection_only():
    async def story(world, dialler):
        def stumble():
            world.on_linked = lambda: None
            raise RuntimeError("a bug")

        world.on_linked = stumble
        await opened(world, 0)
        await until(lambda: len(dialler.wires) == 2)

    assert run(story).bugs == ["link a bug"]


def test_a_broker_that_says_no_or_nonsense_is_left():
    async def story(world, dialler):
        for place, answer in enumerate((b"\x20\x02\x00\x05", b"\xff\x00", b"")):
            await until(lambda place=place: len(dialler.wires) > place)
            dialler.wires[place].incoming.put_nowait(answer)
            await until(lambda place=place: dialler.wires[place].dropped)

    world = run(story)
    text = "\n".join(world.log_lines)
    assert "does not know this certificate" in text and "closed by the broker" in text and "linked" not in world.seen


def test_without_network_nothing_is_tried():
    async def story(world, dialler):
        wire = await opened(world, 0)
        world.network = False
        world.link.network_lost()
        await until(lambda: wire.dropped)
        await asyncio.sleep(0.5)
        assert len(dialler.wires) == 1
        world.network = True
        await until(lambda: len(dialler.wires) == 2)

    assert not run(story).bugs


def test_it_says_whether_anybody_answered():
    async def story(world: World, dialler: Dialler) -> None:
        wire = await opened(world, 0)
        assert world.answers == [True] and dialler.told == ["one worked"] and world.beats
        dialler.reached = False
        wire.incoming.put_nowait(b"")
        await until(lambda: "two failed" in dialler.told)
        assert world.answers == [True, False, False]  # a link that was up and ended is no silence
        assert dialler.told == ["one worked", "one failed", "two failed"]
        dialler.reached = True
        await until(lambda: len(dialler.wires) > 1)
        dialler.wires[1].incoming.put_nowait(b"\x20\x02\x00\x05")  # it refuses: the network carries
        await until(lambda: len(world.answers) > 3)
        assert world.answers[3:] == [True]

    run(story)


def test_the_client_id_stays_the_same_and_cannot_be_guessed():
    world, other = World(), World()
    other.key = bytes([1]) * 32
    named = link.client_id(world)
    assert named.startswith("b-1-") and named == link.client_id(world)
    assert named != link.client_id(other)
    assert len(named) - len("b-1-") == 16
