"""What happens in the day, from a seed: who tests, presses, loses mains, link or battery, and when. Pure.

The first hour and the backup at its end are a warm-up. It begins with heartbeats alone; then an installer tests every
bell once, and one street loses mains. So whatever the gateway keeps in memory up to a limit (live events, pages of the
database) is full, and whatever takes memory for a while has taken it once, before anything is judged.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

S, MIN, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
# So often a bell and day. A test is more than our firmware's own, which tells of a failure only.
RATES = {"test": 1.0, "press": 0.1, "tamper": 0.01, "battery": 0.01, "relink": 2.0, "restart": 0.05, "away": 0.005}
ONCE = ("battery", "away")  # a bell at most: a second time would be counted in the same line of the trouble list
STREET_BELLS = 50
DARK = 0.075  # streets without mains: of 40 streets three a day
DARK_MS = (10 * MIN, 60 * MIN)
AWAY_MS = (4 * MIN, 15 * MIN)
LOW_MS = (20 * MIN, 120 * MIN)
GAP_MS = (2 * S, 20 * S)  # well below the 30 s after which a bell that said goodbye is missed
WARM_MS = 65 * MIN  # backups are made every hour
# After the day: nothing new begins, what lasts comes to its end, and the trouble list empties (a battery takes 10 min).
CLOSING_MS = 40 * MIN
ENDS_WITHIN_MS = 15 * MIN


@dataclass(frozen=True, slots=True)
class Story:
    """At at_ms something begins at these bells (numbers), for lasts_ms."""

    at_ms: int
    kind: str
    bells: tuple[int, ...]
    lasts_ms: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """Of one run, from its start: heartbeats alone until quiet_ms, warm-up until warm_ms, the day until end_ms."""

    quiet_ms: int
    warm_ms: int
    end_ms: int

    @classmethod
    def of(cls, hours: float) -> "Times":
        """The warm-up is WARM_MS, or a quarter of a short run."""
        end_ms = int(hours * HOUR)
        warm_ms = min(WARM_MS, end_ms // 4)
        return cls(min(10 * MIN, warm_ms // 3), warm_ms, end_ms)


def day(count: int, hours: float, chance: random.Random) -> list[Story]:
    """Every story of so many bells, in order of time."""
    times = Times.of(hours)
    numbers = range(count)
    found = [Story(_within(chance, times.quiet_ms, times.warm_ms), "test", (number,)) for number in numbers]
    streets = [tuple(numbers[start : start + STREET_BELLS]) for start in range(0, count, STREET_BELLS)]
    dark = chance.sample(streets, min(len(streets), 1 + _times(chance, DARK * len(streets), hours)))
    early_ms = _within(chance, times.quiet_ms, times.quiet_ms + (times.warm_ms - times.quiet_ms) // 4)
    found.append(Story(early_ms, "dark", dark[0], (times.warm_ms - early_ms) // 2))
    for street in dark[1:]:
        at_ms = _within(chance, times.quiet_ms, times.end_ms)
        found.append(Story(at_ms, "dark", street, _lasts(chance, DARK_MS, at_ms, times)))
    lit = sorted(set(numbers) - {number for street in dark for number in street}) or list(numbers)
    for kind, rate in RATES.items():
        for number in _who(chance, kind, lit if kind in ONCE else numbers, _times(chance, rate * count, hours)):
            at_ms = _within(chance, times.quiet_ms, times.end_ms)
            between = {"battery": LOW_MS, "away": AWAY_MS}.get(kind, GAP_MS)
            found.append(Story(at_ms, kind, (number,), _lasts(chance, between, at_ms, times)))
    return sorted(found, key=lambda story: story.at_ms)


def _who(chance: random.Random, kind: str, numbers: Sequence[int], times: int) -> list[int]:
    if kind == "test" and times >= len(numbers):
        return list(numbers)  # every bell once, none twice
    return chance.sample(numbers, min(len(numbers), times)) if kind in ONCE else chance.choices(numbers, k=times)


def _times(chance: random.Random, a_day: float, hours: float) -> int:
    """How often in this run; at least once, so that a small one has everything in it."""
    often = a_day * hours / 24
    return max(1, int(often) + (chance.random() < often % 1))


def _within(chance: random.Random, from_ms: int, until_ms: int) -> int:
    return int(chance.uniform(from_ms, until_ms))


def _lasts(chance: random.Random, between: tuple[int, int], at_ms: int, times: Times) -> int:
    """So long, and over soon after the day's end."""
    return min(int(chance.uniform(*between)), times.end_ms + ENDS_WITHIN_MS - at_ms)
