"""The gateway in virtual time: its real store, pipeline and engine, ticked when something is due, killed anywhere."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any

from bellgate import engine as engine_module
from bellgate import lanes as lanes_module
from bellgate.clock import Clock
from bellgate.config import Config
from bellgate.core.incident import Command, Presented
from bellgate.engine import Engine
from bellgate.errors import CommandRefused, StoreError
from bellgate.pipeline import Inbound, Pipeline, flow
from bellgate.store import Tx, bells, incidents
from bellgate.store.sqlite import SqliteDatabase
from bellgate.targets.base import Sender
from bellsim.world.broker import Broker
from bellsim.world.loop import Turn, VirtualLoop
from bellsim.world.network import ORDER_S
from bellsim.world.store import Faults, TurnStore
from bellsim.year.town import Bell

TICK_MS = 250  # the engine's own
AUDIT_CLOSE_S, AUDIT_CALM_S = 10.0, 3_600.0
CONNECT_S = 1.0  # so often it tries to reach its broker
NAME = "gateway"


class Hands:
    """The gateway machine's two clocks; the loop's time is the true one. wall_ms(true): what its wall clock says."""

    def __init__(self, loop: VirtualLoop, start_ms: int) -> None:
        self._loop = loop
        self.start_ms = start_ms
        self.offset_ms = 0  # how wrong the wall clock is
        self.synchronised = True

    def wall_ms(self) -> int:
        """Its wall clock, Unix ms."""
        return self.true_ms() + self.offset_ms

    def true_ms(self) -> int:
        """The true time, Unix ms."""
        return self.start_ms + self._loop.now_ms()


class _Clock(Clock):
    def __init__(self, hands: Hands, loop: VirtualLoop) -> None:
        super().__init__(hands.wall_ms, loop.now_ms)
        self._hands = hands

    def synchronised(self) -> bool:
        return self._hands.synchronised

    def look(self) -> None:
        """Nothing of this machine is in the simulation."""


class _Time:
    """`time`, as far as the gateway's lanes ask it how long something took."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time


class _Threading:
    """`threading`, as far as the pipeline uses it: a timer is the loop's."""

    class Lock:
        """One thread needs none."""

        def __enter__(self) -> None: ...

        def __exit__(self, *fault: object) -> None: ...

    class Timer:
        """Calls once, later."""

        daemon = True

        def __init__(self, after_s: float, call: Callable[[], None]) -> None:
            self._after_s, self._call = after_s, call
            self._handle: asyncio.TimerHandle | None = None

        def start(self) -> None:
            """Count from now."""
            self._handle = asyncio.get_running_loop().call_later(self._after_s, self._call)

        def cancel(self) -> None:
            """Never."""
            if self._handle is not None:
                self._handle.cancel()


class _Tokens:
    """`secrets`, as far as the outbox makes names: from the seed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def token_hex(self, count: int) -> str:
        """So many bytes."""
        return self._chance.randbytes(count).hex()


def in_virtual_time(loop: VirtualLoop, chance: random.Random) -> list[tuple[Any, str, Any]]:
    """What of the gateway's modules asks the machine, and whom it asks here: (module, name, value)."""
    from bellgate.pipeline import outbox  # noqa: PLC0415
    from bellgate.store import writer  # noqa: PLC0415

    time = _Time(loop)
    return [
        (engine_module, "time", time),
        (lanes_module, "time", time),
        (writer, "time", time),
        (flow, "threading", _Threading),
        (outbox, "secrets", _Tokens(chance)),
    ]


class Gate:
    """One gateway and its session at the broker. events(event): live events; sent(topic, payload): a receipt leaves."""

    def __init__(
        self,
        config: Config,
        hands: Hands,
        loop: VirtualLoop,
        broker: Broker,
        phones: Mapping[str, Callable[[], Sender]],
        events: Callable[[dict[str, Any]], None],
        sent: Callable[[str, bytes], None],
        died: Callable[[str], None],
    ) -> None:
        self._config, self.hands, self._loop, self._broker = config, hands, loop, broker
        self._phones, self._events, self._sent, self._died = phones, events, sent, died
        self.running = False
        self.linked = False
        self.cut_off = False  # its way to the broker is gone
        self.started_ms = 0
        self.calm = True
        self.lives = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._own = copy_context()  # no bell's: what is done for one must not end with its power
        self._look_again = asyncio.Event()
        self._arrival_s = self._leave_s = 0.0
        self._turn: asyncio.Future[None] | None = None
        self._next_tick: Turn | None = None

    # Life

    async def start(self, listed: list[Bell]) -> None:
        """A new process on the same database; `listed` are enrolled first."""
        self.lives += 1
        self.clock = _Clock(self.hands, self._loop)
        database = SqliteDatabase(self._config.data_dir / "ansimbell.db")
        self.store = TurnStore(database, partial(self.kill, "at a commit"), self.look)
        self.store.start()
        for bell in listed:
            await self.store.write(partial(_enrol, bell))
        targets = {name: made() for name, made in self._phones.items()}
        self.engine = Engine(self.store, self.clock, targets)
        self.pipeline = Pipeline(
            self.store, self._config, self.clock, self._say, self._announce, self.engine.wake, None
        )
        self.running = True
        self.started_ms = self._loop.now_ms()
        await self.engine.start(self.pipeline, by_itself=False)
        self._tasks = [
            self._loop.create_task(self._stay_linked()),
            self._loop.create_task(self._tick_when_due()),
            self._loop.create_task(self._audit()),
        ]

    @property
    def faults(self) -> Faults:
        """What can break at its commits."""
        return self.store.faults

    def kill(self, why: str) -> None:
        """As SIGKILL: nothing is finished, nobody is told."""
        if not self.running:
            return
        self.running = self.linked = False
        if self._next_tick is not None:
            self._next_tick.cancel()
            self._next_tick = None
        self.pipeline.stop()
        self.store.kill()
        self._broker.detach(NAME)
        self.engine._lanes.stop()
        current = asyncio.current_task(self._loop)
        for task in (*self._tasks, *self.engine._tasks):
            if task is not current:
                task.cancel()
        self._died(why)

    # Broker

    async def _stay_linked(self) -> None:
        life = self.lives
        while self.running and life == self.lives:
            if self.linked and (self.cut_off or not self._broker.up):
                self.unlink()
            if not self.linked and not self.cut_off and self._broker.attach(NAME, self):
                self.linked = True
            if self.linked:
                self._look_again.clear()
                await self._look_again.wait()
            else:
                await asyncio.sleep(CONNECT_S)

    def unlink(self) -> None:
        """The connection is gone."""
        self.linked = False
        self._broker.detach(NAME)

    def stir(self) -> None:
        """The connection may have changed."""
        self._look_again.set()

    def take(self, number: int, topic: str, payload: bytes, retained: bool, waited_ms: int) -> None:
        """From the broker; see `broker.Subscriber`."""
        self._arrival_s = max(self._arrival_s + ORDER_S, self._loop.time() + 0.001)
        given = (self.lives, number, topic, payload, retained, waited_ms)
        self._loop.call_at(self._arrival_s, self._arrives, *given, context=self._own)

    def _arrives(self, life: int, number: int, topic: str, payload: bytes, retained: bool, waited_ms: int) -> None:
        if self.running and self.linked and life == self.lives:
            ack = partial(self._broker.acknowledge, NAME, number)
            self.pipeline.take(Inbound(topic, payload, retained, self.clock.now_ms(), waited_ms, ack))

    def _say(self, topic: str, payload: bytes) -> None:
        if self.running:
            self._sent(topic, payload)
            if self.linked:
                self._leave_s = max(self._leave_s + ORDER_S, self._loop.time() + 0.001)
                self._loop.call_at(self._leave_s, self._broker.say, topic, payload)

    def _announce(self, event: dict[str, Any]) -> None:
        if self.running:
            self._events(event)

    # Time

    async def _tick_when_due(self) -> None:
        life = self.lives
        while self.running and life == self.lives:
            with contextlib.suppress(StoreError):  # as its own loop does it: the next turn tries again
                await self.engine.tick()
            if not self.running or life != self.lives:
                return
            self._turn = self._loop.create_future()
            self._set_turn()
            await self._turn

    def look(self) -> None:
        """Something may be due at another time now."""
        if self._turn is not None and not self._turn.done() and self.running:
            self._set_turn()

    def _set_turn(self) -> None:
        at_s = self._loop.time() + self._wait_ms() / 1000
        if self._next_tick is not None:
            if self._next_tick.when() == at_s and not self._next_tick.cancelled():
                return
            self._next_tick.cancel()
        assert self._turn is not None
        self._next_tick = self._loop.call_at(at_s, _wake, self._turn)

    def _wait_ms(self) -> int:
        """Until the turn of the engine's 250 ms in which something is due."""
        due_ms = self.next_due_ms()
        now_ms = self.clock.now_ms()
        if self.clock.pending_ms():
            return TICK_MS
        wait_ms = 3_600_000 if due_ms is None else max(due_ms - now_ms, 1)
        turn_ms = self._loop.now_ms()
        return -(-(turn_ms + wait_ms) // TICK_MS) * TICK_MS - turn_ms

    def next_due_ms(self) -> int | None:
        """By the wall clock: of whatever waits for a time."""
        try:
            row = self.store.glance(_NEXT)
        except StoreError:
            return None
        return None if row is None else row["at_ms"]

    async def _audit(self) -> None:
        life = self.lives
        while self.running and life == self.lives:
            await asyncio.sleep(AUDIT_CALM_S if self.calm else AUDIT_CLOSE_S)
            if self.running and life == self.lives:
                with contextlib.suppress(StoreError):
                    await self.engine.audit()

    # People; see `year.people.Reached`

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused, StoreError."""
        return await self.pipeline.command(incident, given)

    async def present(self, incident: int, up_to: int) -> None:
        """Raises CommandRefused, StoreError."""
        await self.pipeline.present(incident, Presented("console", up_to))

    def now_ms(self) -> int:
        """Its clock."""
        return self.clock.now_ms()

    async def view(self, incident: int) -> dict[str, Any]:
        """As a list shows it."""
        found = self.store.read_now(lambda tx: incidents.summary(tx, incident))
        if found is None:
            raise CommandRefused(f"there is no incident {incident}")
        return found

    async def open_incidents(self, before_ms: int | None = None) -> list[dict[str, Any]]:
        """{id, test} of those that nobody has closed."""
        sql = "SELECT id, test FROM incident WHERE handling <> 'closed'"
        if before_ms is None:
            return self.store.read_now(lambda tx: tx.all(sql))
        return self.store.read_now(lambda tx: tx.all(f"{sql} AND opened_ms < ?", (before_ms,)))


_NEXT = (
    "SELECT MIN(at_ms) AS at_ms FROM (SELECT MIN(MAX(due_ms, lease_until_ms)) AS at_ms FROM due UNION ALL "
    "SELECT MIN(MAX(due_ms, lease_until_ms)) AS at_ms FROM delivery WHERE state IN ('pending', 'sending', 'failed'))"
)


def _wake(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)


def _enrol(bell: Bell, tx: Tx) -> None:
    bells.add(tx, bell.row())
