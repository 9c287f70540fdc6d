"""Dispatchers in virtual time: the people of `year.people`, with a record of what they did, and with sleep."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from bellgate.core.incident import Command
from bellgate.errors import CommandRefused, StoreError
from bellsim.world.gate import Gate
from bellsim.world.truth import Truth
from bellsim.year.people import Life


class _Desk:
    """The gateway as people reach it: whoever acts is noted before the gateway hears of it."""

    def __init__(self, gate: Gate, truth: Truth, note: Callable[[str, str, str], None]) -> None:
        self._gate, self._truth, self._note = gate, truth, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gate, name)

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused."""
        before = set(self._truth.acts.get(incident, ()))
        self._truth.acts.setdefault(incident, set()).add(given.action)
        into = getattr(given, "into", None)
        if into is not None:
            self._truth.merged.append((incident, into))
        try:
            view = await self._gate.command(incident, given)
        except CommandRefused:
            self._truth.acts[incident] = before | (self._truth.acts[incident] - {given.action})
            raise
        self._note("people", "person", f"{given.by}: {given.action} incident {incident}")
        return view

    async def present(self, incident: int, up_to: int) -> None:
        """Raises CommandRefused."""
        self._truth.acts.setdefault(incident, set()).add("present")
        await self._gate.present(incident, up_to)

    async def view(self, incident: int) -> dict[str, Any]:
        """As a list shows it."""
        return await self._gate.view(incident)

    async def open_incidents(self, before_ms: int | None = None) -> list[dict[str, Any]]:
        """{id, test}."""
        return await self._gate.open_incidents(before_ms)

    def now_ms(self) -> int:
        """The gateway's clock."""
        return self._gate.now_ms()


class People:
    """react(event) to live events; they sleep until `asleep_until_s`."""

    def __init__(
        self,
        gate: Gate,
        truth: Truth,
        chance: random.Random,
        loop: asyncio.AbstractEventLoop,
        note: Callable[[str, str, str], None],
    ) -> None:
        self._loop = loop
        self.asleep_until_s = 0.0
        self.gone = False  # home: nobody begins anything any more
        self._jobs: dict[asyncio.Task[None], None] = {}
        self._gate = gate
        desk: Any = _Desk(gate, truth, note)
        self.life = Life(desk, [], chance, self._later)
        self.react = self.life.react

    def _later(self, after_ms: float, job: Callable[[], Awaitable[object]]) -> None:
        self._loop.call_later(after_ms / 1000, self._begin, job)

    def look_over(self, forgotten_ms: int) -> None:
        """Whoever is awake ends what was open for so long."""
        self._begin(partial(self.life.sweep, forgotten_ms))

    def _begin(self, job: Callable[[], Awaitable[object]]) -> None:
        if self.gone:
            return
        if self._loop.time() < self.asleep_until_s:
            self._loop.call_at(self.asleep_until_s + 1, self._begin, job)
            return
        task = self._loop.create_task(self._do(job))
        self._jobs[task] = None
        task.add_done_callback(lambda task: self._jobs.pop(task, None))

    async def _do(self, job: Callable[[], Awaitable[object]]) -> None:
        if not self._gate.running:
            return  # the screen is dark
        with contextlib.suppress(CommandRefused, StoreError):  # said on the screen
            await job()
