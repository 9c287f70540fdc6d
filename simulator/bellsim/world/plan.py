"""From a seed to what happens: a list that can be read, cut down and played again. Nothing else is drawn for it."""

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bellsim.world.pace import LEAD_MS
from bellsim.world.phones import MODES
from bellsim.year.town import PHONES, Bell

S, MIN, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """at_ms: since the beginning. what: its kind. of: whom it befalls. for_ms: how long; 0: a moment. amount: of what,
    see `happen`."""

    at_ms: int
    what: str
    of: str
    for_ms: int = 0
    amount: int = 0

    def to_json(self) -> dict[str, Any]:
        """Each field."""
        return asdict(self)


BELL_FAULTS = (
    "air",
    "half_open",
    "reset",
    "stalls",
    "slow_net",
    "power_cut",
    "flash_cut",
    "file_cut",
    "brownout_loop",
    "hang",
    "flash_dead",
    "flash_worn",
)
BROKER_FAULTS = ("broker_restart", "broker_amnesia", "broker_freeze", "door_deaf", "door_shut")
GATEWAY_FAULTS = (
    "gateway_kill",
    "kill_before_commit",
    "kill_after_commit",
    "kill_at_turn",
    "disk_full",
    "clock_step",
    "clock_unsure",
    "gateway_cut",
)
PHONE_FAULTS = tuple(f"phone_{mode}" for mode in MODES)
PEOPLE_FAULTS = ("asleep",)
ATTACKS = ("replay", "replay_heartbeat", "forge", "retained", "flood", "garble")
STREET = ("street",)
FAULTS = BELL_FAULTS + BROKER_FAULTS + GATEWAY_FAULTS + PHONE_FAULTS + PEOPLE_FAULTS + ATTACKS + STREET
RARE = ("forgets", "cover", "old_receipts", "one_way")  # drawn apart, each with what it is for: see `_rare`
EVERY_FAULT = FAULTS + RARE
HAMMER = ("hammer",)  # somebody presses on and on
PRESSES = ("press", "double", "test_press")
HOME = ("door", "wall", "arm", "disarm", "duress")

HAMMER_MS = 2_400  # between two presses of one finger: each is a press of its own
ONE_WAY_OF_WORLDS, MEANWHILE_OF_WORLDS = 0.2, 0.15
COVER_MS = 240_000  # longer than a silent bell may go unmissed

EPISODES_A_DAY = (3, 5)
EPISODE_MS = (2 * MIN, 6 * MIN)
QUIET_MS = 40 * MIN  # between the begins of two episodes at least


@dataclass(frozen=True, slots=True)
class Plan:
    """episodes: (from_ms, until_ms) in which time is played closely."""

    seed: int
    days: float
    bells: int
    episodes: tuple[tuple[int, int], ...]
    happenings: tuple[Happening, ...]

    def keep(self, numbers: Collection[int]) -> "Plan":
        """Only these of its happenings, counted from 0, and the episodes that they need."""
        kept = tuple(one for number, one in enumerate(self.happenings) if number in numbers)
        needed = tuple(
            (begin_ms, end_ms)
            for place, (begin_ms, end_ms) in enumerate(self.episodes)
            if any(begin_ms <= one.at_ms < self._next_ms(place) for one in kept)
        )
        return replace(self, episodes=needed, happenings=kept)

    def _next_ms(self, place: int) -> float:
        return self.episodes[place + 1][0] if place + 1 < len(self.episodes) else math.inf


def make(seed: int, days: float, bells: Sequence[Bell]) -> Plan:
    """The same seed, days and bells make the same plan."""
    chance = random.Random(f"{seed}/plan")
    span_ms = int(days * DAY)
    count = max(1, round(chance.uniform(*EPISODES_A_DAY) * days))
    room_ms = span_ms // count
    episodes, happenings = [], []
    for place in range(count):
        begin_ms = place * room_ms + chance.randint(5 * MIN, max(5 * MIN + 1, room_ms - QUIET_MS))
        end_ms = begin_ms + LEAD_MS + chance.randint(*EPISODE_MS)
        episodes.append((begin_ms, end_ms))
        happenings += _episode(chance, bells, begin_ms + LEAD_MS, end_ms)
    happenings += _cuts(random.Random(f"{seed}/cuts"), bells, episodes)
    happenings += _rare(random.Random(f"{seed}/rare"), bells, episodes)
    happenings += _one_way(random.Random(f"{seed}/one_way"), bells, episodes)
    happenings += _meanwhile(random.Random(f"{seed}/meanwhile"), bells, episodes)
    return Plan(seed, days, len(bells), tuple(episodes), tuple(sorted(happenings)))


def _episode(chance: random.Random, bells: Sequence[Bell], from_ms: int, until_ms: int) -> list[Happening]:
    """Some faults, and presses where they hurt: just before, in the middle, as it ends."""
    found: list[Happening] = []
    involved = chance.sample(list(bells), min(len(bells), chance.randint(2, 5)))
    for _ in range(chance.randint(1, 4)):
        fault = _fault(chance, involved, from_ms, until_ms)
        found.append(fault)
        whom = next((bell for bell in involved if bell.bell_id == fault.of), chance.choice(involved))
        edges_ms = (fault.at_ms, fault.at_ms, fault.at_ms + fault.for_ms)
        for _ in range(chance.randint(1, 2)):
            at_ms = max(from_ms, chance.choice(edges_ms) + int(chance.gauss(200, 2_500)))
            found += _act(chance, whom, at_ms)
    for _ in range(chance.randint(0, 3)):
        found += _act(chance, chance.choice(involved), chance.randint(from_ms, until_ms))
    return found


def _cuts(chance: random.Random, bells: Sequence[Bell], episodes: list[tuple[int, int]]) -> list[Happening]:
    """A press that cannot be sent, and then the power goes: only what is on flash is left of it."""
    found = []
    for begin_ms, end_ms in episodes:
        if chance.random() < 0.5:
            bell = chance.choice(bells).bell_id
            at_ms = chance.randint(begin_ms + LEAD_MS, end_ms - 60 * S)
            found += [
                Happening(at_ms, "air", bell, 50 * S),
                Happening(at_ms + chance.randint(5 * S, 15 * S), "press", bell),
                Happening(at_ms + chance.randint(20 * S, 35 * S), "power_cut", bell, chance.randint(2 * S, 20 * S)),
            ]
    return found


def _rare(chance: random.Random, bells: Sequence[Bell], episodes: list[tuple[int, int]]) -> list[Happening]:
    """What needs more than one thing at a time to hurt."""
    found = []
    for begin_ms, end_ms in episodes:
        from_ms, bell = begin_ms + LEAD_MS, chance.choice(bells).bell_id
        draw, span_ms = chance.random(), end_ms - begin_ms - LEAD_MS
        if draw < 0.12:  # more presses than any outbox holds, and no way out
            many = chance.choice([8, 15, 38])
            last_ms = many * HAMMER_MS
            at_ms = chance.randint(from_ms, from_ms + max(0, span_ms - last_ms - 25 * S))
            found += [
                Happening(at_ms, "air", bell, last_ms + 20 * S),
                Happening(at_ms + 5 * S, "hammer", bell, 0, many),
            ]
            if chance.random() < 0.5:
                found.append(Happening(at_ms + last_ms + 8 * S, "power_cut", bell, 2 * S))
        elif draw < 0.3:  # a start whose record is gone, between two presses
            at_ms = chance.randint(from_ms + 20 * S, end_ms - 70 * S)
            found += [
                Happening(at_ms - 15 * S, "press", bell),
                Happening(at_ms, "forgets", bell, chance.randint(2 * S, 10 * S)),
                Happening(at_ms + 40 * S, "press", bell),
            ]
        elif draw < 0.45:  # what a bell was told is told to it again, when more has been said of its press
            at_ms = chance.randint(from_ms, end_ms - 110 * S)
            found += [
                Happening(at_ms, "press", bell),
                Happening(at_ms + chance.randint(60 * S, 100 * S), "old_receipts", bell),
            ]
        elif span_ms > COVER_MS:  # somebody cuts a bell off, and speaks for it
            found.append(Happening(from_ms, "cover", bell, COVER_MS))
    return found


def _one_way(chance: random.Random, bells: Sequence[Bell], episodes: list[tuple[int, int]]) -> list[Happening]:
    """A press arrives, and no answer comes back until its case is closed."""
    if chance.random() > ONE_WAY_OF_WORLDS:
        return []
    begin_ms, _ = chance.choice(episodes)
    bell, at_ms = chance.choice(bells).bell_id, begin_ms + LEAD_MS + chance.randint(5 * S, 20 * S)
    return [
        Happening(at_ms, "test_press", bell),
        Happening(at_ms + 500, "one_way", bell, chance.randint(70 * S, 100 * S)),
    ]


def _meanwhile(chance: random.Random, bells: Sequence[Bell], episodes: list[tuple[int, int]]) -> list[Happening]:
    """A press that only the broker has, when it forgets all; a case that nobody has taken, when the clock is set."""
    draw, (begin_ms, _), bell = chance.random(), chance.choice(episodes), chance.choice(bells).bell_id
    at_ms = begin_ms + LEAD_MS + chance.randint(5 * S, 20 * S)
    if draw < MEANWHILE_OF_WORLDS:
        return [
            Happening(at_ms, "gateway_cut", "gateway", 40 * S),
            Happening(at_ms + 8 * S, "press", bell),
            Happening(at_ms + chance.randint(12 * S, 25 * S), "broker_amnesia", "broker-1", 5 * S),
        ]
    if draw < 2 * MEANWHILE_OF_WORLDS:
        step_ms = chance.choice([-90 * S, -HOUR, -2 * DAY, HOUR])
        return [
            Happening(at_ms, "press", bell),
            Happening(at_ms + chance.randint(2 * S, 10 * S), "clock_step", "gateway", 60 * S, step_ms),
        ]
    return []


def _fault(chance: random.Random, involved: Sequence[Bell], from_ms: int, until_ms: int) -> Happening:
    at_ms = chance.randint(from_ms, until_ms)
    for_ms = int(chance.choice([2 * S, 10 * S, 40 * S, 3 * MIN, 8 * MIN]) * chance.uniform(0.5, 1.5))
    what = chance.choice(FAULTS)
    bell = chance.choice(involved).bell_id
    if what in BELL_FAULTS or what in ATTACKS:
        return Happening(at_ms, what, bell, for_ms, chance.randint(0, 40))
    if what in BROKER_FAULTS:
        return Happening(at_ms, what, chance.choice(["broker-1", "broker-1", "broker-2"]), min(for_ms, 4 * MIN), 0)
    if what == "clock_step":
        step_ms = chance.choice([3 * S, -3 * S, 90 * S, -90 * S, HOUR, -HOUR, 2 * DAY, -2 * DAY, -26 * 365 * DAY])
        return Happening(at_ms, what, "gateway", for_ms, step_ms)
    if what in GATEWAY_FAULTS:
        return Happening(at_ms, what, "gateway", min(for_ms, 3 * MIN), chance.randint(0, 30))
    if what in PHONE_FAULTS:
        return Happening(at_ms, what, chance.choice(PHONES), for_ms)
    if what in STREET:
        return Happening(at_ms, what, bell, for_ms, chance.randint(3, 12))
    return Happening(at_ms, what, "people", for_ms)


def _act(chance: random.Random, bell: Bell, at_ms: int) -> list[Happening]:
    """What somebody does with this bell."""
    if bell.kind == "home-set" and chance.random() < 0.6:
        what = chance.choice(HOME)
        if what == "door":
            return [Happening(at_ms, "arm", bell.bell_id), Happening(at_ms + 70 * S, "door", bell.bell_id, 5 * S)]
        return [Happening(at_ms, what, bell.bell_id, chance.randint(2 * S, 60 * S))]
    what = chance.choices(PRESSES, (6, 2, 1))[0]
    return [Happening(at_ms, what, bell.bell_id, chance.randint(2 * S, 8 * S))]
