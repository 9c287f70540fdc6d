"""The gateway's process, as bells and people reach it: one request at a time, each at its moment."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from bellgate.core.incident import Command
from bellgate.errors import CommandRefused
from bellsim.programs import STOP_DEADLINE_S
from bellsim.runtime import SimulatorError
from bellsim.year.town import Bell

# A backup or the record's verification takes seconds; nothing takes this long.
ANSWER_S = 120.0


class Remote:
    """One house. answered(receipts, events) is called after each request with what came of it."""

    running = True

    def __init__(
        self, folder: Path, start_ms: int, answered: Callable[[list[tuple[str, bytes]], list[dict[str, Any]]], None]
    ) -> None:
        """start_ms: the wall clock when the day begins."""
        self._start_ms = start_ms
        self.at_ms = 0
        self._answered = answered
        self._asks, there = Pipe()
        with there:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bellsim.load.house", str(folder), str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(there.fileno(),),
            )

    def now_ms(self) -> int:
        """The gateway's wall clock."""
        return self._start_ms + self.at_ms

    async def open(self, listed: list[Bell]) -> None:
        """Start it with these bells."""
        await self.call("open", self._start_ms, listed)

    async def hear(self, topic: str, payload: bytes) -> None:
        """One message from the broker."""
        await self.call("hear", topic, payload)

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused."""
        await self.call("ask", incident, given)
        return {}

    async def present(self, incident: int, up_to: int) -> None:
        """Raises CommandRefused."""
        await self.call("present", incident, up_to)

    async def view(self, incident: int) -> dict[str, Any]:
        """As a list shows it."""
        found: dict[str, Any] = await self.call("view", incident)
        return found

    async def open_incidents(self, before_ms: int | None = None) -> list[dict[str, Any]]:
        """{id, test} of those that nobody has closed."""
        found: list[dict[str, Any]] = await self.call("open_incidents", before_ms)
        return found

    async def call(self, name: str, *arguments: Any) -> Any:
        """One request to the house; what it answers. Raises CommandRefused, SimulatorError."""
        try:
            self._asks.send((name, self.at_ms, arguments))
            await asyncio.sleep(0)  # where whoever waits for us may end it all
            if not self._asks.poll(ANSWER_S):
                raise SimulatorError(f"the gateway's process did not answer {name!r} within {ANSWER_S:g} s")
            how, value, receipts, events = self._asks.recv()
        except (EOFError, ConnectionError):
            raise SimulatorError(f"the gateway's process ended in the middle of {name!r}; see what it said") from None
        if how == "failed":
            raise SimulatorError(f"the gateway's process failed at {name!r}:\n{value}")
        if receipts or events:
            self._answered(receipts, events)
        if how == "refused":
            raise CommandRefused(value)
        return value

    async def stop(self) -> None:
        """End it in order; one that does not end is killed."""
        self._asks.close()
        try:
            await asyncio.to_thread(self._process.wait, STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
