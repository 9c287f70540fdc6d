"""The gateway in virtual time: the real store, pipeline and engine, which can be killed between any two steps."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bellgate.clock import Clock
from bellgate.config import Config
from bellgate.core.incident import Command, Presented
from bellgate.engine import Engine
from bellgate.errors import TargetError
from bellgate.pipeline import Inbound, Pipeline
from bellgate.pipeline.intake import OnCanary
from bellgate.store import Store, Tx, bells, dues, incidents, open_store
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Sender
from bellsim.year.town import Bell

WAIT_S = 30.0  # for a broken program: nothing here takes a second


class Hands:
    """Of the two clocks. passes: time goes by; set_by: somebody sets the wall clock."""

    def __init__(self, wall_ms: int) -> None:
        self.wall_ms = wall_ms
        self.steady_ms = 0

    def passes(self, by_ms: int) -> None:
        """Both go on."""
        self.wall_ms += by_ms
        self.steady_ms += by_ms

    def set_by(self, by_ms: int) -> None:
        """Only the wall clock."""
        self.wall_ms += by_ms


class _Clock(Clock):
    def synchronised(self) -> bool:
        return True

    def look(self) -> None:
        """Nothing of this machine is in the simulation."""


class _Phone(Sender):
    """A target in memory; while it is away every message fails."""

    def __init__(self, name: str, got: list[tuple[str, Delivery]], away: set[str]) -> None:
        super().__init__(name, timeout_s=5)
        self._got, self._away = got, away

    async def send(self, delivery: Delivery) -> str | None:
        if self.name in self._away:
            raise TargetError("away")
        self._got.append((self.name, delivery))
        return None


class Gate:
    """running: False between a kill and the next start. events, receipts, got: what came out since last asked."""

    def __init__(self, config: Config, hands: Hands, phones: Sequence[str], on_canary: OnCanary | None = None) -> None:
        """phones: the targets in `config` that something is sent to. on_canary: see `Pipeline`."""
        self._config = config
        self._phones = phones
        self._on_canary = on_canary
        self.hands = hands
        self.running = False
        self.started_ms = 0  # steady
        self.events: list[dict[str, Any]] = []
        self.receipts: list[tuple[str, bytes]] = []
        self.got: list[tuple[str, Delivery]] = []
        self.away: set[str] = set()

    async def start(self, listed: list[Bell]) -> None:
        """A new process on the same database; bells that are listed are enrolled first."""
        self.clock = _Clock(lambda: self.hands.wall_ms, lambda: self.hands.steady_ms)
        self.store: Store = open_store(self._config.store.url, self._config.data_dir)
        await asyncio.to_thread(self.store.start)
        await self.join()
        for bell in listed:
            await self.store.write(partial(_enrol, bell))
        self.engine = Engine(self.store, self.clock, self._targets())
        self.pipeline = Pipeline(
            self.store,
            self._config,
            self.clock,
            lambda topic, payload: self.receipts.append((topic, payload)),
            self.announce,
            self.engine.wake,
            self._on_canary,
        )
        await self.engine.start(self.pipeline, by_itself=False)
        self.running, self.started_ms = True, self.hands.steady_ms

    def announce(self, event: dict[str, Any]) -> None:
        """A live event, from the writer's thread."""
        self.events.append(event)

    def _targets(self) -> Mapping[str, Sender]:
        return {name: _Phone(name, self.got, self.away) for name in self._phones}

    async def join(self) -> None:
        """Be one of the gateways on the database: needless for one that is alone."""

    async def kill(self, holding: bool) -> None:
        """Nothing is finished or said. holding: it has taken due rows and dies before it carries them out."""
        if holding:
            now_ms = self.clock.now_ms()
            await self.store.write(lambda tx: dues.take(tx, now_ms, 30_000, 100))
        self.running = False
        self.pipeline.stop()
        await self._quiet()  # in memory: whatever is sent is sent
        self.store.stop()  # nothing waits in it; SQLite needs the file closed before the next one opens it

    async def stop(self) -> None:
        """In order."""
        self.running = False
        await self.engine.stop()
        self.pipeline.stop()
        self.store.stop()

    async def hear(self, topic: str, payload: bytes) -> None:
        """One message from the broker; returns when it was acknowledged."""
        loop, acked = asyncio.get_running_loop(), asyncio.Event()
        inbound = Inbound(topic, payload, False, self.clock.now_ms(), 0, lambda: _set(loop, acked))
        self.pipeline.take(inbound)
        async with asyncio.timeout(WAIT_S):
            await acked.wait()
        await self.settle()

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused."""
        view = await self.pipeline.command(incident, given)
        await self.settle()
        return view

    async def present(self, incident: int, up_to: int) -> None:
        """Raises CommandRefused."""
        await self.pipeline.present(incident, Presented("console", up_to))
        await self.settle()

    def now_ms(self) -> int:
        """Its clock."""
        return self.clock.now_ms()

    async def tick(self) -> None:
        """Whatever is due now."""
        await self.engine.tick()
        await self.settle()

    async def settle(self) -> None:
        """What is in flight arrives before time goes on."""
        await asyncio.sleep(0)
        await self._quiet()

    async def _quiet(self) -> None:
        """Until nothing is being sent, and nothing waits until what was sent is written down."""
        while self.engine._tasks or self.engine.counters()["waiting"]:
            await asyncio.gather(*self.engine._tasks, return_exceptions=True)
            await asyncio.sleep(0)

    async def view(self, incident: int) -> dict[str, Any]:
        """As a list shows it."""
        found = self.store.read_now(lambda tx: incidents.summary(tx, incident))
        assert found is not None
        return found

    async def open_incidents(self, before_ms: int | None = None) -> list[dict[str, Any]]:
        """{id, test} of those that nobody has closed; before_ms: only those that were opened before that time."""
        sql = "SELECT id, test FROM incident WHERE handling <> 'closed'"
        if before_ms is None:
            return self.store.read_now(lambda tx: tx.all(sql))
        return self.store.read_now(lambda tx: tx.all(f"{sql} AND opened_ms < ?", (before_ms,)))

    def next_due_ms(self) -> int | None:
        """By the wall clock: of whatever waits for a time."""
        row = self.store.read_now(
            lambda tx: tx.one(
                "SELECT MIN(at_ms) AS at_ms FROM (SELECT MIN(due_ms) AS at_ms FROM due UNION ALL "
                "SELECT MIN(due_ms) AS at_ms FROM delivery WHERE state IN ('pending', 'sending', 'failed') "
                "AND state = 'failed') AS both"
            )
        )
        return None if row is None else row["at_ms"]


def _enrol(bell: Bell, tx: Tx) -> None:
    bells.add(tx, bell.row())


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
