"""The gateway's parts in a process of their own, so that what is measured of it is the gateway's alone.

Started as `python -m bellsim.load.house FOLDER FD`: one request after the other comes through the socket, each with the
time until which the clock is moved on before it. Besides what a request asks for, an answer brings the receipts and
the live events that came of it. The broker, its session and the console's server are not here: what they take is
measured by `bellsim fleet`.
"""

import asyncio
import gc
import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import structlog

from bellgate import record
from bellgate.admission import open_authority
from bellgate.broker.canary import Canary
from bellgate.config import Config, load
from bellgate.console.live import RING_EVENTS, Hub
from bellgate.core.incident import Command
from bellgate.engine import AUDIT_S
from bellgate.errors import CommandRefused
from bellgate.health import CANARY_EVERY_S
from bellgate.housekeeping import Housekeeping
from bellgate.pipeline import Inbound
from bellgate.store import Tx, incidents, members
from bellgate.store.bells import Bell as Row
from bellgate.store.bells import add
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Sender
from bellsim.load import growth
from bellsim.year.gate import WAIT_S, Gate, Hands
from bellsim.year.town import Bell

LATE_MS = 1_000  # the clock is moved on by a second, and what fell due in it is carried out at its end
LOG_EVERY_MS = 60_000

Message = tuple[str, bytes]

_LATE = "SELECT COUNT(*) AS n FROM due WHERE due_ms < ?"
_TROUBLES = "SELECT kind, COUNT(*) AS raised, COUNT(cleared_ms) AS cleared FROM trouble WHERE gathers = 0 GROUP BY kind"
_SIGNALS = "SELECT COUNT(*) AS n, COALESCE(SUM(arrivals), 0) AS arrivals FROM signal"
_INCIDENTS = "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN handling = 'closed' THEN 1 ELSE 0 END), 0) AS closed, "
_INCIDENTS += "COALESCE(SUM(escalation_round), 0) AS rounds FROM incident"
_DELIVERIES = "SELECT COUNT(*) AS n FROM delivery"


class _Ear(Sender):
    """A target in memory that always answers."""

    async def send(self, delivery: Delivery) -> str | None:
        await asyncio.sleep(0)
        return "200 OK"


class House(Gate):
    """What a gateway process holds, without broker, session and server."""

    def __init__(self, config: Config) -> None:
        self._canary = Canary(config.gateway.id)
        phones = [one.name for one in config.targets if one.kind != "console"]
        super().__init__(config, Hands(0), phones, self._canary.keep)
        self._hub = Hub()
        self._sqlite = config.store.url.startswith("sqlite:")
        self._process = psutil.Process()
        self._next_ms = {"audit": 0, "canary": 0, "log": 0}
        self.queues_max = {"store": 0, "intake": 0, "lanes": 0}
        self.late_dues = 0
        self.log_bytes_max = 0

    async def open(self, wall_ms: int, listed: list[Bell]) -> None:
        """Start, with these bells enrolled."""
        self.hands = Hands(wall_ms)
        # Each bell is tested in the warm-up, and makes more than one event: the ring is full when it is over.
        self._hub = Hub(min(RING_EVENTS, len(listed)))
        await self.start([])
        # Now, or each would be overdue for its press test.
        enrolled = [replace(bell.row(), enrolled_ms=wall_ms) for bell in listed]
        await self.store.write(partial(_enrol, enrolled), deadline_s=WAIT_S)
        authority = open_authority(self._config)
        self._keeper = Housekeeping(
            self.store, self.pipeline, self._config, self.clock, authority, _stays, lambda: self.hands.steady_ms / 1000
        )

    async def join(self) -> None:
        """As the service does it."""
        await self.store.write(lambda tx: members.join(tx, self._config.gateway.id, self.now_ms()))

    def announce(self, event: dict[str, Any]) -> None:
        """To the pages, which keep the newest; and what people react to."""
        self._hub.publish(event)
        super().announce(event)

    def _targets(self) -> Mapping[str, Sender]:
        return {name: _Ear(name, timeout_s=5) for name in self._phones}

    async def second(self, messages: list[Message]) -> None:
        """What came within a second, and whatever is due at its end."""
        if messages:
            await self._take(messages)
        await self._do_what_is_due()

    async def _take(self, messages: list[Message]) -> None:
        loop, acked, left = asyncio.get_running_loop(), asyncio.Event(), len(messages)
        lock = threading.Lock()

        def ack() -> None:
            nonlocal left
            with lock:
                left -= 1
                over = not left
            if over:
                loop.call_soon_threadsafe(acked.set)

        now_ms = self.now_ms()
        for topic, payload in messages:
            self.pipeline.take(Inbound(topic, payload, False, now_ms, 0, ack))
        self._look_at_queues()
        async with asyncio.timeout(WAIT_S):
            await acked.wait()

    async def _do_what_is_due(self) -> None:
        steady_ms = self.hands.steady_ms
        await self.engine.tick()
        self._look_at_queues()
        await self.settle()
        if self._is_due("audit", AUDIT_S):
            await self.engine.audit()
        if self._is_due("canary", CANARY_EVERY_S):
            number, payload = self._canary.make()
            await self._take([(self._canary.topic, payload)])
            self._canary.came_back(number)
        await self._keeper.look()
        before_ms = self.now_ms() - LATE_MS
        row = self.store.read_now(lambda tx: tx.one(_LATE, (before_ms,)))
        self.late_dues += 0 if row is None else int(row["n"])
        if steady_ms >= self._next_ms["log"]:
            self._next_ms["log"] = steady_ms + LOG_EVERY_MS
            self.log_bytes_max = max(self.log_bytes_max, self._log_bytes())

    def _is_due(self, job: str, every_s: float) -> bool:
        due = self.hands.steady_ms >= self._next_ms[job]
        if due:
            self._next_ms[job] = self.hands.steady_ms + int(every_s * 1000)
        return due

    def _queues(self) -> dict[str, int]:
        return {
            "store": self.store.counters()["waiting"],
            "intake": self.pipeline.counters()["waiting"],
            "lanes": self.engine.counters()["waiting"],
        }

    def _look_at_queues(self) -> None:
        for name, count in self._queues().items():
            self.queues_max[name] = max(self.queues_max[name], count)

    def _log_bytes(self) -> int:
        if not self._sqlite:
            return 0
        log = self.store.path.with_name(self.store.path.name + "-wal")
        return log.stat().st_size if log.exists() else 0

    async def sample(self) -> dict[str, Any]:
        """What must not grow, now that all is settled."""
        rss = self._process.memory_info().rss
        gc.collect()
        return {
            "at_s": self.hands.steady_ms / 1000,
            "rss_mb": rss / 1e6,
            "objects": len(gc.get_objects()),
            "tasks": len(asyncio.all_tasks()),
            "threads": self._process.num_threads(),
            "files": self._process.num_fds(),
            "queues_left": self._queues(),
        }

    async def sizes(self) -> dict[str, Any]:
        """How large the database is."""
        return growth.look(self.store, self._sqlite)

    async def report(self) -> dict[str, Any]:
        """At the end, of everything that ever was."""

        def read(tx: Tx) -> dict[str, Any]:
            return {
                "signals": tx.one(_SIGNALS),
                "incidents": tx.one(_INCIDENTS),
                "messages": tx.one(_DELIVERIES),
                "forgotten": incidents.forgotten(tx),
                "troubles": {row["kind"]: row for row in tx.all(_TROUBLES)},
            }

        found = self.store.read_now(read)
        ca = open_authority(self._config).ca
        verdict = record.verify(self.store, self._config.checkpoint_dir, self._config.gateway.id, ca)
        return found | {
            "record_ok": verdict.ok,
            "record_rows": verdict.rows,
            "checkpoints": verdict.checkpoints,
            "late_dues": self.late_dues,
            "queues_max": self.queues_max,
            "log_bytes_max": self.log_bytes_max,
            "counters": self.pipeline.counters(),
            "sent": self.engine.counters()["sent"],
            "commits": self.store.counters()["commits"],
            "backup_took_s": round(self._keeper.backup_took_s, 2),
        }

    async def serve(self, asked: Connection) -> None:
        """Until the socket closes. Nothing happens between two requests: time stands still."""
        while True:
            try:
                name, at_ms, arguments = asked.recv()
            except EOFError:
                break
            try:
                self.hands.passes(max(0, at_ms - self.hands.steady_ms))
                answer: Any = ("done", await getattr(self, name)(*arguments))
            except CommandRefused as error:
                answer = ("refused", str(error))
            except Exception:
                answer = ("failed", traceback.format_exc())
            receipts, self.receipts[:] = list(self.receipts), []
            events, self.events[:] = [_told(event) for event in self.events if event["type"] == "incident"], []
            asked.send((*answer, receipts, events))
        if self.running:
            await self.stop()

    async def ask(self, incident: int, given: Command) -> None:
        """A command without its answer: nobody on the other side reads it."""
        await self.command(incident, given)


def _told(event: dict[str, Any]) -> dict[str, Any]:
    """What people need of a live event."""
    return {"type": "incident", "change": event["change"], "incident": {"id": event["incident"]["id"]}}


def _enrol(listed: list[Row], tx: Tx) -> None:
    for bell in listed:
        add(tx, bell)


async def _stays(_into_memory: bool, _bells: list[Row]) -> bool:
    """There is no broker to be moved."""
    return False


def main() -> None:
    """The process."""
    folder, number = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    house = House(load(Path(folder)))
    asyncio.run(house.serve(Connection(int(number))))


if __name__ == "__main__":
    main()
