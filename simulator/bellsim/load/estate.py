"""The installation, and the streets with their bells: each has a link and mains, and loses them now and then."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from bellgate import installation
from bellsim.load.plan import MIN, STREET_BELLS, S, Story
from bellsim.load.reached import Remote
from bellsim.year.people import ALARMS, Later, Life
from bellsim.year.town import SECRET, Bell

KINDS = ("store-bell", "store-bell", "store-bell", "store-bell", "home-set")
BEAT_S = 60
SEEN_WITHIN_MS = 20 * S  # a street's bells do not notice in the same second that the mains have gone or are back

# Three that answer: a station, a supervisor after 20 s, and whoever asked for a test. Repeats every minute.
_SETTINGS = f"""
[[target]]
name = "station"
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "{SECRET}"
[[target]]
name = "supervisor"
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "{SECRET}"
[[target]]
name = "service"
kind = "webhook"
url = "http://127.0.0.1:9/"
secret = "{SECRET}"
test = true

[[policy]]
name = "tests"
alarms = ["test"]
[[policy.step]]
after_s = 0
targets = ["service"]
[[policy]]
name = "alarms"
[[policy.step]]
after_s = 0
targets = ["console", "station"]
[[policy.step]]
after_s = 20
targets = ["console", "station", "supervisor"]
"""


def install(folder: Path, store: str) -> None:
    """A fresh installation in this folder, on this database."""
    made = installation.create(folder, "load-1", "127.0.0.1:9", "127.0.0.1:9", ["gateway.local:8883"], "admin", store)
    with made.config.path.open("a", encoding="utf-8") as file:
        file.write(_SETTINGS)


def settle(count: int) -> list[Bell]:
    """So many bells, fifty to a street: of five, four hang in shops and one is the home set of a home."""
    return [
        Bell(
            f"b-{number:04x}",
            f"street{number // STREET_BELLS:02d}-{number % STREET_BELLS:03d}",
            KINDS[number % len(KINDS)],
            f"{number:032d}".encode(),
        )
        for number in range(count)
    ]


class Estate:
    """The bells, and what happens to them. later(after_ms, job) puts something into the future."""

    def __init__(self, bells: list[Bell], gate: Remote, life: Life, chance: random.Random, later: Later) -> None:
        self._bells, self._gate, self._life, self._chance, self._later = bells, gate, life, chance, later
        self._linked = [True] * len(bells)
        self._mains = [True] * len(bells)
        self._groups: list[list[int]] = [[] for _ in range(BEAT_S)]
        for number in range(len(bells)):
            self._groups[chance.randrange(BEAT_S)].append(number)
        self.done: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()  # lines that the trouble list must show, and must end

    def beats(self, second: int) -> list[tuple[str, bytes]]:
        """The heartbeats of this second."""
        found = [self._beat(number) for number in self._groups[second % BEAT_S] if self._linked[number]]
        self.done["heartbeats"] += len(found)
        return found

    def _beat(self, number: int) -> tuple[str, bytes]:
        bell = self._bells[number]
        return bell.up, bell.heartbeat(mains=self._mains[number], rssi=-61, bat_mv=4_050, heap=61_440)

    async def play(self, story: Story) -> None:
        """It begins."""
        ways: dict[str, Callable[[int, int], Awaitable[None]]] = {
            "test": self._test,
            "press": self._press,
            "tamper": self._tamper,
            "battery": self._battery,
            "relink": self._relink,
            "restart": self._restart,
            "away": self._away,
        }
        for number in story.bells:
            if story.kind == "dark":
                self._goes_dark(number, story.lasts_ms)
            elif self._linked[number]:
                self.done[story.kind] += 1
                await ways[story.kind](number, story.lasts_ms)

    async def _test(self, number: int, _lasts_ms: int) -> None:
        await self._life.say(self._bells[number], "test")

    async def _press(self, number: int, _lasts_ms: int) -> None:
        bell = self._bells[number]
        await self._life.press(bell, self._chance.choice(ALARMS[bell.kind]))

    async def _tamper(self, number: int, _lasts_ms: int) -> None:
        await self._life.press(self._bells[number], "tamper")

    async def _battery(self, number: int, lasts_ms: int) -> None:
        self.troubles["bell_battery"] += 1
        await self._life.say(self._bells[number], "battery")
        self._when_linked(number, lasts_ms, lambda: self._life.say(self._bells[number], "battery", "restore"))

    def _goes_dark(self, number: int, lasts_ms: int) -> None:
        """A bell of a street without mains: it runs on its battery, and says so at once."""
        self.done["dark"] += 1

        async def says(state: str) -> None:
            self._mains[number] = state != "alarm"
            await self._life.say(self._bells[number], "mains", state)
            await self._hear(*self._beat(number))

        async def loses_it() -> None:
            self.troubles["bell_mains"] += 1
            await says("alarm")
            self._when_linked(number, lasts_ms, lambda: says("restore"))

        self._when_linked(number, self._chance.uniform(0, SEEN_WITHIN_MS), loses_it)

    async def _relink(self, number: int, gap_ms: int) -> None:
        await self._leaves(number)
        self._later(gap_ms, lambda: self._comes_back(number))

    async def _restart(self, number: int, gap_ms: int) -> None:
        await self._leaves(number)
        self._bells[number].restart()
        self._later(gap_ms, lambda: self._comes_back(number))

    async def _away(self, number: int, lasts_ms: int) -> None:
        self.troubles["bell_missing"] += 1
        await self._relink(number, lasts_ms)

    async def _leaves(self, number: int) -> None:
        self._linked[number] = False
        await self._gate.hear(*self._bells[number].status("offline"))  # the broker says it, by the last will

    async def _comes_back(self, number: int) -> None:
        self._linked[number] = True
        bell = self._bells[number]
        await self._gate.hear(*bell.status("online"))
        await self._life.resend(bell)
        await self._hear(*self._beat(number))

    async def _hear(self, topic: str, payload: bytes) -> None:
        self.done["heartbeats"] += 1
        await self._gate.hear(topic, payload)

    def _when_linked(self, number: int, after_ms: float, job: Callable[[], Awaitable[object]]) -> None:
        """A bell that is away says it when it is back."""

        async def try_it() -> None:
            if self._linked[number]:
                await job()
            else:
                self._later(MIN, try_it)

        self._later(after_ms, try_it)
