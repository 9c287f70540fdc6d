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
from bellsim.year.people import NAMES, Life


class _Desk:
    """The gateway as people reach it: whoever acts is noted before the gateway hears of it."""

    def __init__(self, gate: Gate, truth: Truth, note: Callable[[str, str, str], None]) -> None:
        self._gate, self._truth, self._note = gate, truth, note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gate, name)

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused."""
        before = set(self._truth.acts.get(incident, ()))
        self._truth.tried_ms[incident] = self._gate.hands.true_ms() - self._gate.hands.start_ms
        offered = (await self._gate.view(incident))["offered_to"] if given.accept else None
        self._truth.acts.setdefault(incident, set()).add(given.action)
        into = getattr(given, "into", None)
        if into is not None:
            self._truth.merged.append((incident, into))
        try:
            view = await self._gate.command(incident, given)
        except CommandRefused:
            self._truth.acts[incident] = before | (self._truth.acts[incident] - {given.action})
            raise
        self._truth.done.append((incident, given.action, given.by))
        if given.accept:
            self._truth.accepted.append((incident, given.by, offered))
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
        meddling: random.Random,
    ) -> None:
        """meddling: of whoever takes what was offered to somebody else."""
        self._loop, self._meddling = loop, meddling
        self.asleep_until_s = 0.0
        self.gone = False  # home: nobody begins anything any more
        self._jobs: dict[asyncio.Task[None], None] = {}
        self._gate = gate
        self._desk: Any = _Desk(gate, truth, note)
        self.life = Life(self._desk, [], chance, self._later)

    def react(self, event: dict[str, Any]) -> None:
        """What a live event makes them do."""
        self.life.react(event)
        if event["type"] == "incident" and event["change"] == "handoff" and event["incident"]["offered_to"]:
            number = event["incident"]["id"]
            self._later(self._meddling.uniform(1_000, 20_000), lambda: self._meddle(number))

    async def _meddle(self, number: int) -> None:
        view = await self._desk.view(number)
        if view["offered_to"] is not None:
            by = next(name for name in NAMES if name not in (view["offered_to"], view["owner"]))
            await self._desk.command(number, Command("handoff", by, view["version"], accept=True))

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
