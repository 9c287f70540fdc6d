"""One world from one seed: bells, broker, gateway, targets and people on one virtual clock, and whoever judges them."""

import asyncio
import contextlib
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from contextvars import copy_context
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import structlog

from bellgate.store.deliveries import Delivery
from bellsim.world import gate as gate_module
from bellsim.world import inside, pace
from bellsim.world.attacker import Attacker
from bellsim.world.bell import VirtualBell
from bellsim.world.broker import Broker
from bellsim.world.checker import Checker
from bellsim.world.doors import Doors
from bellsim.world.gate import Gate, Hands
from bellsim.world.happen import Hand
from bellsim.world.loop import VirtualLoop
from bellsim.world.people import People
from bellsim.world.phones import Exchange, Phone
from bellsim.world.plan import DAY, MIN, Plan, make
from bellsim.world.truth import Line, Truth
from bellsim.year import town

FIRST_DAY = date(2026, 11, 23)
DOORS = ["broker-1", "broker-2"]
CHECK_S = 10.0  # so often while time is played closely
CALM_CHECK_S = 600.0
FORGOTTEN_MS = 40 * MIN  # whoever is on duty closes what was open for so long; else one incident tells people all day
SETTLE_S = 240.0  # after the last fault: whatever waits must have arrived
SWEEPS = 4
_MEMORY = "/dev/shm"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one plan. wrong: (property, text), in the order of their finding; digest: of the whole trace."""

    plan: Plan
    wrong: tuple[tuple[str, str], ...]
    digest: str
    trace: tuple[Line, ...]
    counts: dict[str, int]
    bites: dict[tuple[str, str], int]
    simulated_s: float
    real_s: float


def run(seed: int, days: float = 1.0, bells: int = 20, plan: Plan | None = None) -> Outcome:
    """Play it; the same arguments give the same trace. plan: instead of what the seed would make."""
    began_s = time.perf_counter()
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None  # the disk is not what is judged here
    listed = town.settle(bells)
    plan = make(seed, days, listed) if plan is None else plan
    with tempfile.TemporaryDirectory(prefix="bellsim-world-", dir=place) as folder:
        loop = VirtualLoop()
        _listen_to_the_log(loop)
        try:
            with inside.joined(loop), _changed(gate_module.in_virtual_time(loop, random.Random(f"{seed}/names"))):
                world = World(loop, Path(folder), plan, listed)
                try:
                    loop.run_until_complete(world.play())
                finally:
                    _end(loop)
        finally:
            pace.restore()
            loop.close()
    truth = world.truth
    return Outcome(
        plan,
        tuple(world.checker.wrong),
        truth.digest.hexdigest(),
        tuple(truth.trace),
        dict(truth.counts),
        dict(truth.bites),
        loop.time(),
        time.perf_counter() - began_s,
    )


def _listen_to_the_log(loop: VirtualLoop) -> None:
    """Nobody reads it; but a fault of its own that the gateway caught and told there is one like any other."""

    def hear(_logger: Any, _level: str, said: MutableMapping[str, Any]) -> NoReturn:
        fault = said.get("exc_info")
        fault = sys.exc_info()[1] if fault is True else fault
        if isinstance(fault, Exception):
            loop.faults.append((str(said["event"]), fault))
        raise structlog.DropEvent

    structlog.configure(processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


def _end(loop: VirtualLoop) -> None:
    """Whoever still waits for something is told that it will not come."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


@contextlib.contextmanager
def _changed(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


class World:
    """The parts, and the way between them."""

    def __init__(self, loop: VirtualLoop, folder: Path, plan: Plan, listed: list[town.Bell]) -> None:
        self.loop, self.plan, self._listed = loop, plan, listed
        self._own = copy_context()
        self.truth = Truth()
        self.hands = Hands(loop, town.start_ms(FIRST_DAY))
        self.disk_full = False
        self.room_since_ms = 0  # the gateway's disk was last full until then
        self.close_since_s: float | None = 0.0
        self._close = 0
        self.broker = Broker("broker", loop, lambda text: self.note("broker", "wrong", text))
        self.doors = Doors(
            DOORS, self.broker, lambda: (wire for bell in self.bells.values() for wire in bell.road.wires)
        )
        self.exchange = Exchange(self._chance("phones"), self._got)
        self.attacker = Attacker(self._chance("attacker"), self._intrude, self._whisper)
        self.gate = Gate(
            town.settings(folder),
            self.hands,
            loop,
            self.broker,
            {name: lambda name=name: Phone(name, self.exchange) for name in town.PHONES},  # type: ignore[misc]
            self._event,
            self._receipt,
            self._gateway_died,
        )
        self.people = People(self.gate, self.truth, self._chance("people"), loop, self.note, self._chance("meddling"))
        self.bells = {
            bell.bell_id: VirtualBell(
                bell,
                DOORS,
                self.doors.listener,
                loop,
                folder / bell.bell_id,
                self._chance(bell.bell_id),
                self._told,
            )
            for bell in listed
        }
        self.hand = Hand(self, self._chance("hand"))
        self.checker = Checker(self)
        self._overhear()

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self.plan.seed}/{name}")

    def note(self, lane: str, kind: str, text: str) -> None:
        """A line of the trace."""
        self.truth.note(self.loop.now_ms(), lane, kind, text)

    # Time

    async def play(self) -> None:
        """From the first power-on to the last question."""
        loop = self.loop
        pace.play("close")
        await self.gate.start(self._listed)
        for place, bell in enumerate(self.bells.values()):
            loop.call_later(0.1 + 0.37 * place, bell.switch_on)
        loop.call_later(3 * 60.0, self._calm_down)
        for begin_ms, end_ms in self.plan.episodes:
            loop.call_at(begin_ms / 1000, self._come_close)
            loop.call_at(end_ms / 1000, self._calm_down)
        for happening in self.plan.happenings:
            loop.call_at(happening.at_ms / 1000, self.hand.do, happening)
        self._close = 1
        checking = loop.create_task(self._check())
        last_ms = max([end_ms for _, end_ms in self.plan.episodes], default=0)
        await self._until(max(int(self.plan.days * DAY), last_ms + 10 * MIN) / 1000)
        await self._finish()
        checking.cancel()

    async def _until(self, at_s: float) -> None:
        future = self.loop.create_future()
        self.loop.call_at(at_s, future.set_result, None)
        await future

    def _come_close(self) -> None:
        self._close += 1
        if self._close == 1:
            self.close_since_s = self.loop.time()
            pace.play("close")
            self.gate.calm = False
            self.loop.call_later(70.0, self._tighten)
            for bell in self.bells.values():
                bell.stir()

    def _tighten(self) -> None:
        if self._close:
            pace.tighten_bounds()

    def _calm_down(self) -> None:
        self._close -= 1
        if not self._close:
            self.close_since_s = None
            pace.loosen_bounds()
            pace.play("calm")
            self.gate.calm = True

    async def _check(self) -> None:
        while True:
            if self._close:
                await self._until(self.loop.time() + CHECK_S)
                self.checker.look()
            else:
                await self._until(self.loop.time() + CALM_CHECK_S)
                self.people.look_over(FORGOTTEN_MS)

    async def _finish(self) -> None:
        """Everything is mended, and had time to arrive; then whoever is left closes what is open."""
        self._come_close()
        self.hand.heal()
        if self.gate.running:
            self.gate.faults.die_at = None
        for bell in self.bells.values():
            bell.disk.wear_out = 0
            bell.forget_cuts()
            bell.switch_on()
        self.start_gateway()
        await self._until(self.loop.time() + SETTLE_S)
        self.checker.settled()
        self.people.gone = True
        for _ in range(SWEEPS):  # one in fifty decides on an old picture
            await self.people.life.sweep(None)
            await self._until(self.loop.time() + 10)
        self.checker.finally_()
        self.gate.kill("the end")

    # What the parts say

    def press(self, bell: VirtualBell) -> None:
        """A finger on its button."""
        boot = bell.app._node.rest.boot if bell.app is not None else None
        second = bell.stuck  # two fingers are one press
        there = bell.press()
        self.note(bell.bell_id, "press", "pressed" if there else "pressed without power")
        if there and not second:
            self.truth.pressed(bell.bell_id, self.hands.true_ms(), boot, boot is not None)

    def _told(self, bell: VirtualBell, what: str, value: Any) -> None:
        if what == "tap":
            self._tapped(bell, *value)
        elif what == "lamp":
            self.note(bell.bell_id, "lamp", value)
            self.checker.lamp(bell, value)
        elif what == "off":
            self.note(bell.bell_id, "power", "off" if value == "power" else value)
            self.truth.unsettle(bell.bell_id, self.hands.true_ms() - 1_000)
        elif what == "on":
            self.note(bell.bell_id, "power", "on")
        elif what == "crashed":
            self.checker.crashed(bell, value)
        elif what == "log" and value.find("fault: ") >= 0:
            self.checker.logged(bell, value)

    def _tapped(self, bell: VirtualBell, given: tuple[Any, ...], effects: tuple[Any, ...]) -> None:
        if bell.app is None:
            return
        risk = bell.disk.dead or bool(bell.disk.wear_out)
        for effect in effects:
            if effect[0] == "save":
                self.truth.changed(bell.bell_id, effect[1])
                for event in self.truth.saw(bell.bell_id, effect[1], self.hands.true_ms(), risk):
                    self.note(bell.bell_id, "event", f"{event.what} {event.state} {event.boot[:4]}/{event.seq}")
            elif effect[0] == "log" and effect[1].startswith("outbox full: dropped"):
                waiting = [(one.boot, one.seq) for one in bell.app._node.outbox.entries]
                self.truth.dropped(bell.bell_id, waiting, effect[1])
        self.checker.node(bell, given, effects)

    def _overhear(self) -> None:
        """The attacker listens at the broker."""
        publish = self.broker.publish

        def heard(topic: str, payload: bytes, retain: bool) -> None:
            self.attacker.overhears(topic, payload)
            publish(topic, payload, retain)

        self.broker.publish = heard  # type: ignore[method-assign]

    def _intrude(self, topic: str, payload: bytes, retained: bool) -> None:
        self.broker.intrude(topic, payload, retained)

    def _whisper(self, topic: str, payload: bytes) -> None:
        self.broker.say(topic, payload)

    def _event(self, event: dict[str, Any]) -> None:
        """A live event of the gateway."""
        if event["type"] == "incident":
            incident = event["incident"]
            self.note("gateway", "incident", f"{incident['id']} {event['change']} {incident['handling']}")
        elif event["type"] == "trouble":
            row = event.get("trouble") or {}
            self.note("gateway", "trouble", f"{event.get('change')} {row.get('kind')} {row.get('subject')}")
        self.checker.event(event)
        self.people.react(event)

    def _receipt(self, topic: str, payload: bytes) -> None:
        self.checker.receipt(topic, payload)

    def _got(self, name: str, delivery: Delivery) -> None:
        self.note(name, "told", f"incident {delivery.incident_id} round {delivery.round}")
        if delivery.incident_id is not None:
            self.truth.told[delivery.incident_id] += 1
        self.checker.got(name, delivery)

    # The gateway

    def _gateway_died(self, why: str) -> None:
        self.note("gateway", "power", why)
        # Whoever made it die may be a bell: what starts again must not go with that bell's power.
        self.loop.call_later(self.hand.away_s, self.start_gateway, context=self._own)

    def start_gateway(self) -> None:
        """It comes back, if it is gone."""
        if not self.gate.running:
            self.loop.create_task(self._start_gateway())

    async def _start_gateway(self) -> None:
        self.exchange.failing.clear()  # whatever a gateway was told of its targets died with it
        await self.gate.start([])
        self.gate.faults.full = self.disk_full
        self.gate.calm = not self._close
        self.note("gateway", "power", "started")

    def open_incidents(self) -> int:
        """How many, by the database."""
        if not self.gate.running:
            return 0
        row = self.gate.store.read_now(
            lambda tx: tx.one("SELECT COUNT(*) AS n FROM incident WHERE handling <> 'closed'")
        )
        return 0 if row is None else int(row["n"])
