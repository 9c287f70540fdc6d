"""What bells and people do, from a seed. Nothing in here judges: it only makes life hard for the gateway."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from bellgate.core.incident import Command
from bellgate.errors import CommandRefused
from bellsim.year.town import Bell
from bellwire import unpack

S, MIN, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NAMES = ("김하늘", "이바다", "박산", "최강")
DISPOSITIONS = ("genuine", "accidental", "prank", "device_fault", "nobody_found")
ALARMS: dict[str, tuple[str, ...]] = {
    "store-bell": ("panic", "panic", "holdup", "tamper"),
    "home-set": ("intrusion", "panic", "duress", "tamper"),
}
ALARMS["pendant"] = ("panic", "medical")
OPEN_MAX_MS = 3 * HOUR  # then a supervisor of the year closes it, whoever holds it

Job = Callable[[], Awaitable[object]]
Later = Callable[[float, Job], None]


class Reached(Protocol):
    """The gateway, as bells and people reach it: see `gate.Gate`."""

    running: bool

    async def hear(self, topic: str, payload: bytes) -> None:
        """One message from the broker."""
        ...

    async def command(self, incident: int, given: Command) -> dict[str, Any]:
        """Raises CommandRefused."""
        ...

    async def present(self, incident: int, up_to: int) -> None:
        """Raises CommandRefused."""
        ...

    async def view(self, incident: int) -> dict[str, Any]:
        """As a list shows it."""
        ...

    async def open_incidents(self, before_ms: int | None = None) -> list[dict[str, Any]]:
        """{id, test} of those that nobody has closed."""
        ...

    def now_ms(self) -> int:
        """The gateway's clock."""
        ...


class Life:
    """later(after_ms, job) puts something into the future."""

    def __init__(self, gate: Reached, bells: list[Bell], chance: random.Random, later: Later) -> None:
        self._gate, self._bells, self._chance, self._later = gate, bells, chance, later
        self._by_down = {bell.down: bell for bell in bells}
        self.done: Counter[str] = Counter()

    # Bells

    async def say(self, bell: Bell, what: str, state: str = "alarm") -> None:
        """An event; sent again, as a bell does, until it is answered."""
        bell.event(what, state)
        self.done["events"] += 1
        await self.resend(bell)

    async def press(self, bell: Bell, what: str, state: str = "alarm") -> None:
        """An event, and what people often do after it."""
        await self.say(bell, what, state)
        if what not in ("test", "tamper", "cancel") and state == "alarm":
            if self._chance.random() < 0.25:
                self._later(self._chance.uniform(2, 90) * S, lambda: self.press(bell, what))
            if self._chance.random() < 0.1:
                more = self._chance.choice(["cancel", "tamper", "duress"])
                self._later(self._chance.uniform(5, 300) * S, lambda: self.press(bell, more))
        if what in ("tamper", "intrusion") and state == "alarm" and self._chance.random() < 0.5:
            self._later(self._chance.uniform(5, 60) * MIN, lambda: self.press(bell, what, "restore"))

    async def resend(self, bell: Bell) -> None:
        """Whatever has no answer; one in twenty comes twice."""
        if not self._gate.running:
            return
        for payload in list(bell.waiting.values()):
            for _ in range(2 if self._chance.random() < 0.05 else 1):
                await self._gate.hear(bell.up, payload)

    def answered(self, topic: str, payload: bytes) -> None:
        """A receipt."""
        bell = self._by_down[topic]
        message = unpack(payload, topic, {0: bell.key})
        bell.waiting.pop((message["boot"], message["seq"]), None)

    async def live(self, bell: Bell) -> None:
        """Some minutes of heartbeats, then silence: it must be missed, and found again the next time."""
        if self._chance.random() < 0.3:
            bell.restart()
        for number in range(self._chance.randint(1, 4)):
            self._later(number * MIN, lambda: self._beat(bell))

    async def _beat(self, bell: Bell) -> None:
        if self._gate.running:
            await self._gate.hear(bell.up, bell.heartbeat())

    # People

    def react(self, event: dict[str, Any]) -> None:
        """What the live events make people do."""
        if event["type"] != "incident" or event["change"] not in ("opened", "acknowledgement_expired"):
            return
        number = event["incident"]["id"]
        chance = self._chance.random()
        wait_s = self._chance.uniform(3, 45) if chance < 0.6 else self._chance.uniform(20, 240)
        if chance > 0.93:
            wait_s = self._chance.uniform(5, 30) * 60
        if self._chance.random() < 0.6:
            self._later(self._chance.uniform(1, 15) * S, lambda: self._look(number))
        self._later(wait_s * S, lambda: self._take(number, self._chance.choice(NAMES)))

    async def _look(self, number: int) -> None:
        if self._gate.running:
            try:
                view = await self._gate.view(number)
                await self._gate.present(number, view["last_signal"])
            except CommandRefused:
                self.done["refused"] += 1

    async def _take(self, number: int, name: str) -> None:
        """Somebody deals with it, in one of the ways that people do."""
        way = self._chance.random()
        test = self._gate.running and (await self._gate.view(number))["test"]
        if test or way < 0.1:
            disposition = "test" if test else self._chance.choice(DISPOSITIONS)
            await self._do(number, "close", name, disposition=disposition)
            return
        if way < 0.15 and await self._merge(number, name):
            return
        if not await self._do(number, "acknowledge", name):
            return
        if way < 0.25:
            return  # forgotten: it must sound again
        if way < 0.32:
            other = self._chance.choice(NAMES)
            await self._do(number, "handoff", name, to=other)
            if self._chance.random() < 0.7 and await self._do(number, "handoff", other, accept=True):
                name = other
        if way < 0.4:
            self._later(self._chance.uniform(30, 170) * S, lambda: self._do(number, "acknowledge", name))
        self._later(self._chance.uniform(5, 170) * S, lambda: self._dispatch(number, name))

    async def _dispatch(self, number: int, name: str) -> None:
        if not await self._do(number, "dispatch", name):
            return
        after_ms = 0.0
        for action in ("en_route", "on_scene", "clear"):
            after_ms += self._chance.uniform(1, 12) * MIN
            if self._chance.random() < 0.7:
                self._later(after_ms, partial(self._do, number, action, name))
        if self._chance.random() < 0.05:
            return  # nobody closes it; a supervisor will
        after_ms += self._chance.uniform(1, 30) * MIN
        disposition = self._chance.choice(DISPOSITIONS)
        self._later(after_ms, lambda: self._do(number, "close", name, disposition=disposition))
        if self._chance.random() < 0.04:
            self._later(after_ms + self._chance.uniform(1, 60) * MIN, lambda: self._reopen(number, name))

    async def _reopen(self, number: int, name: str) -> None:
        if await self._do(number, "reopen", name) and self._chance.random() < 0.5:
            self._later(self._chance.uniform(5, 170) * S, lambda: self._dispatch(number, name))

    async def _merge(self, number: int, name: str) -> bool:
        rows = [row for row in await self._gate.open_incidents() if row["id"] != number]
        return bool(rows) and await self._do(number, "merge", name, into=self._chance.choice(rows)["id"])

    async def sweep(self, open_max_ms: int | None = OPEN_MAX_MS) -> None:
        """A supervisor closes what has been open for so long; None: whatever is open, also what was opened by a clock
        that was ahead and has been set back since."""
        if not self._gate.running:
            return
        before_ms = None if open_max_ms is None else self._gate.now_ms() - open_max_ms
        for row in await self._gate.open_incidents(before_ms):
            await self._do(row["id"], "close", "감독", disposition="test" if row["test"] else "nobody_found")

    async def _do(self, number: int, action: str, by: str, **more: Any) -> bool:
        """True if it was done. One in fifty decides on an old picture, and must be refused."""
        if not self._gate.running:
            return False
        version = (await self._gate.view(number))["version"] - (self._chance.random() < 0.02)
        try:
            await self._gate.command(number, Command(action, by, version, **more))
        except CommandRefused:
            self.done["refused"] += 1
            return False
        self.done["commands"] += 1
        self.done[action] += 1
        return True
