"""Breaks what all share (gateway, broker, database, disk, clock), looks whether it was felt, and mends it.

Each fault ends in what was seen of it, in words, or "" if nothing was: a fault that nobody felt proves nothing. `roads`
does the same to bells and their ways.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import psutil

from bellgate.broker.embedded import shelter
from bellgate.errors import AnsimbellError
from bellsim.chaos.bells import ChaosBell
from bellsim.chaos.disk import Disk
from bellsim.chaos.installation import Installation
from bellsim.chaos.plan import Fault
from bellsim.chaos.reader import Reader
from bellsim.chaos.seen import Seen, Span
from bellsim.chaos.wall import Wall
from bellsim.chaos.watch import Watch, seen_within
from bellsim.dispatcher import Dispatcher
from bellsim.postgresql import Server
from bellsim.runtime import SimulatorError

FELT_S = 6.0  # so long after it began a fault may show
AGAIN_S = 30.0  # until everybody is back: afterwards a message may no longer have waited because of it
FILL_EVERY_S = 0.2
DATABASE = "ansimbell"  # its name, see postgresql.store_url
STEP_SEEN_S = 1.5  # how exactly the step of a clock is read back


@dataclass(frozen=True)
class Ground:
    """What gateways stand on; None or empty where it is not part of the installation, or can't be broken here."""

    disk: Disk | None
    server: Server | None
    walls: list[Wall]


class Hands:
    """kinds: what can be broken here, each with how."""

    def __init__(
        self,
        parts: Installation,
        ground: Ground,
        bells: list[ChaosBell],
        watch: Watch,
        reader: Reader,
        dispatchers: list[Dispatcher],
        seen: Seen,
    ) -> None:
        self._parts, self._bells, self._watch, self._reader = parts, bells, watch, reader
        self._disk, self._server, self._walls = disk, server, walls = ground.disk, ground.server, ground.walls
        self._dispatchers, self._seen = dispatchers, seen
        self._sheltered = shelter(parts.config.parent).name  # its folder in memory, while the disk takes nothing
        self.kinds: dict[str, Callable[[Fault], Awaitable[str]]] = {
            "gateway_kill": self._gateway_kill,
            "gateway_freeze": self._gateway_freeze,
            "broker_kill": self._broker_kill,
            "broker_freeze": self._broker_freeze,
        }
        if server is not None:
            self.kinds |= {
                "database_terminate": self._database_terminate,
                "database_kill": self._database_kill,
                "database_freeze": self._database_freeze,
            }
        if disk is not None:
            self.kinds |= {"disk_full": self._disk_full, "disk_read_only": self._disk_read_only}
        if walls:
            self.kinds["clock_step"] = self._clock_step

    @contextlib.asynccontextmanager
    async def _everybody_held(self) -> AsyncIterator[None]:
        """What is sent meanwhile may lie on its way until all are well again."""
        began_s = time.time()
        try:
            yield
        finally:
            await seen_within(self._all_well, AGAIN_S)
            self._seen.held.append(Span(began_s - 1.0, time.time()))

    def _all_well(self) -> str:
        return "" if self._watch.ill() else "well"

    async def _gateway_kill(self, fault: Fault) -> str:
        victim = self._parts.victims[fault.gateway]
        pid, starts = victim.pid, victim.starts
        async with self._everybody_held():
            victim.kill()
            new = await seen_within(lambda: "a new start" if victim.starts > starts else "", FELT_S)
        return f"{victim.name}, {pid}, ended by SIGKILL; {new}" if pid and new else ""

    async def _gateway_freeze(self, fault: Fault) -> str:
        victim = self._parts.victims[fault.gateway]
        end_s = time.monotonic() + fault.for_s
        async with self._everybody_held():
            if not victim.freeze(True):
                return ""
            pid = victim.pid
            try:
                felt = await seen_within(
                    lambda: victim.name if self._watch.states[fault.gateway] == "silent" else "", fault.for_s
                )
                await _until(end_s)
            finally:
                victim.freeze(False)
        return f"{felt} did not answer" if felt and pid == victim.pid else ""

    async def _broker_kill(self, fault: Fault) -> str:
        async with self._everybody_held():
            before = self._links_lost()
            if self._parts.mosquitto is not None:
                await self._parts.mosquitto.kill()
                await asyncio.sleep(fault.for_s)
                await self._parts.mosquitto.start()
            else:
                for process in self._nats():
                    process.kill()
            return await seen_within(lambda: self._lost_since(before), FELT_S)

    async def _broker_freeze(self, fault: Fault) -> str:
        end_s = time.monotonic() + fault.for_s
        frozen = self._nats()
        if self._parts.mosquitto is not None and self._parts.mosquitto.process is not None:
            frozen = [psutil.Process(self._parts.mosquitto.process.pid)]
        async with self._everybody_held():
            before = self._links_lost()
            for process in frozen:
                process.suspend()
            try:
                felt = await seen_within(lambda: self._lost_since(before), fault.for_s)
                await _until(end_s)
            finally:
                for process in frozen:
                    with contextlib.suppress(psutil.Error):
                        process.resume()
            return felt or await seen_within(lambda: self._lost_since(before), FELT_S)

    async def _database_terminate(self, fault: Fault) -> str:
        assert self._server is not None
        async with self._everybody_held():
            ended = await asyncio.to_thread(self._server.terminate, DATABASE)
        return f"the server ended {ended} connections" if ended else ""

    async def _database_kill(self, fault: Fault) -> str:
        assert self._server is not None
        end_s = time.monotonic() + fault.for_s
        async with self._everybody_held():
            await asyncio.to_thread(self._server.kill)
            felt = await seen_within(lambda: self._watch.ill(("database", "silent")), fault.for_s)
            await _until(end_s)
            await asyncio.to_thread(self._server.start)
            return felt or await seen_within(lambda: self._watch.ill(("database", "silent")), 1.0)

    async def _database_freeze(self, fault: Fault) -> str:
        assert self._server is not None
        end_s = time.monotonic() + fault.for_s
        async with self._everybody_held():
            self._server.freeze()
            try:
                felt = await seen_within(lambda: self._watch.ill() or self._unanswered(), fault.for_s)
                await _until(end_s)
            finally:
                self._server.freeze(False)
        return felt

    async def _disk_full(self, fault: Fault) -> str:
        """Whatever room is made meanwhile (a reserve that is given up) is taken too."""
        assert self._disk is not None
        end_s = time.monotonic() + fault.for_s
        felt, taken = "", 0
        async with self._everybody_held():
            try:
                while time.monotonic() < end_s:
                    taken += await asyncio.to_thread(self._disk.fill)
                    felt = felt or self._watch.ill(("database", "canary", "broker", "silent")) or await self._trouble()
                    await asyncio.sleep(FILL_EVERY_S)
            finally:
                await asyncio.to_thread(self._disk.empty)
                await self._server_runs()
        return f"{taken // 1024} K taken; {felt}" if felt else ""

    async def _disk_read_only(self, fault: Fault) -> str:
        """The technician restarts the machine: what is on the disk ends, and starts again when it was checked."""
        assert self._disk is not None
        end_s = time.monotonic() + fault.for_s
        async with self._everybody_held():
            await asyncio.to_thread(self._disk.fail)
            felt = await seen_within(lambda: self._watch.ill(("database", "canary", "broker", "silent")), fault.for_s)
            await _until(end_s)
            first = self._parts.victims[0]
            if self._server is None:
                await first.hold()
                for process in self._nats():
                    process.kill()
                    await asyncio.to_thread(process.wait)
            else:
                await asyncio.to_thread(self._server.kill)
            await asyncio.to_thread(self._reader.turn.acquire)
            try:
                await asyncio.to_thread(self._disk.mend)
            finally:
                self._reader.turn.release()
            await self._server_runs()
            first.let_go()
        return felt

    async def _clock_step(self, fault: Fault) -> str:
        wall, dispatcher = self._walls[fault.gateway], self._dispatchers[fault.gateway]
        end_s = time.monotonic() + fault.for_s
        began_s = time.time()
        wall.set(fault.strength)
        felt = ""
        try:
            while not felt and time.monotonic() < end_s:
                with contextlib.suppress(SimulatorError):
                    ahead_s = (await dispatcher.clock())["now_ms"] / 1000 - time.time()
                    if abs(ahead_s - fault.strength) < STEP_SEEN_S:
                        felt = f"gateway {fault.gateway + 1} follows a clock that is {ahead_s:+.1f} s ahead"
                await asyncio.sleep(0.1)
            await _until(end_s)
        finally:
            wall.set(0.0)
            self._seen.steps.append(Span(began_s, time.time(), "", fault.strength))
        return felt

    async def _server_runs(self) -> None:
        """A server that a fault of its disk has ended is started again."""
        if self._server is not None and not self._server.running:
            with contextlib.suppress(AnsimbellError):
                await asyncio.to_thread(self._server.kill)
            await asyncio.to_thread(self._server.start)

    async def _trouble(self) -> str:
        """What stands in the trouble list of the disk."""
        for dispatcher in self._dispatchers:
            with contextlib.suppress(SimulatorError):
                kinds = {item["kind"] for item in await dispatcher.troubles()}
                return ", ".join(sorted(kinds & {"disk_low", "store_failing", "broker_failing"}))
        return ""

    def _links_lost(self) -> int:
        return sum(one.links_lost for one in self._bells)

    def _lost_since(self, before: int) -> str:
        lost = self._links_lost() - before
        return f"{lost} links lost" if lost else self._watch.ill(("broker", "session", "canary"))

    def _unanswered(self) -> str:
        waiting = sum(len(one.waiting) for one in self._bells)
        return f"{waiting} events without a receipt" if waiting > len(self._bells) // 2 else ""

    def _nats(self) -> list[psutil.Process]:
        """The embedded broker, whoever has started it: a killed gateway leaves it to the next."""
        folders = (str(self._parts.config.parent), self._sheltered)
        found = []
        for process in psutil.process_iter(["name", "cmdline"]):
            words = process.info["cmdline"] or []
            if process.info["name"] == "nats-server" and any(folder in word for word in words for folder in folders):
                found.append(process)
        return found


async def _until(end_s: float) -> None:
    await asyncio.sleep(max(0.0, end_s - time.monotonic()))
