"""A person at a console, over the HTTP API: sees, takes, sends help, closes; forgets some, and is slow with others.

Whatever the person is about to ask for is noted first: a lamp may say it before the answer is here.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from bellsim.chaos.seen import Act
from bellsim.dispatcher import Dispatcher, Incident
from bellsim.runtime import SimulatorError

LOOK_S = 0.5
THINK_S = (0.2, 3.0)  # before each step
FORGETS = 0.1  # of the incidents: left until the end
STOPS = {"present": 0.15, "acknowledge": 0.15, "dispatch": 0.1}  # the chance that it stays there for a while
PAUSE_S = (5.0, 20.0)


class Person:
    """dispatchers: one per gateway; whichever answers is asked."""

    def __init__(self, dispatchers: list[Dispatcher], acts: list[Act], chance: random.Random) -> None:
        self._dispatchers, self._acts, self._chance = dispatchers, acts, chance
        self._forgotten: dict[int, bool] = {}
        self._next_s: dict[int, float] = {}
        self.refused = 0
        self.leaving = False  # everything is to be closed now

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> int | None:
        """Look at the list and do what is next; how many are open, None if no gateway answers."""
        for dispatcher in self._dispatchers:
            try:
                listed = await dispatcher.open()
            except SimulatorError:
                continue
            for incident in listed:
                if self._due(incident["id"]):
                    await self._step(dispatcher, incident)
            return len(listed)
        return None

    def _due(self, number: int) -> bool:
        if self.leaving:
            return True
        if self._forgotten.setdefault(number, self._chance.random() < FORGETS):
            return False
        if number not in self._next_s:
            self._next_s[number] = time.monotonic() + self._chance.uniform(*THINK_S)
        return time.monotonic() >= self._next_s[number]

    async def _step(self, dispatcher: Dispatcher, incident: Incident) -> None:
        number, handling = incident["id"], incident["handling"]
        action, call = self._next(dispatcher, handling)
        pause = self._chance.random() < STOPS.get(action, 0.0)
        self._next_s[number] = time.monotonic() + self._chance.uniform(*(PAUSE_S if pause else THINK_S))
        self._acts.append(Act(number, action, time.time()))
        try:
            await call(incident)
        except SimulatorError:
            self.refused += 1  # stale, or the gateway died: the next look shows what became of it

    def _next(self, dispatcher: Dispatcher, handling: str) -> tuple[str, Callable[[Incident], Awaitable[Incident]]]:
        steps = {
            "received": ("present", dispatcher.present),
            "presented": ("acknowledge", dispatcher.acknowledge),
            "acknowledged": ("dispatch", dispatcher.dispatch),
        }
        return steps.get(handling, ("close", dispatcher.close))
