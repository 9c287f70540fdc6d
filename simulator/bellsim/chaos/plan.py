"""What is to be broken when: drawn from a seed, before anything runs. Pure; it breaks nothing and judges nothing.

Two rows of faults run side by side. One befalls what all bells share (gateway, broker, database, disk, clock), one at a
time with a pause between; the other befalls bells and their ways to the broker, each bell one at a time. The kinds are
dealt from a shuffled pack, so that none is forgotten.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

# kind: (least, most) seconds from breaking to mending.
SHARED: dict[str, tuple[float, float]] = {
    "gateway_kill": (0.0, 0.0),
    "gateway_freeze": (3.0, 9.0),
    "broker_kill": (0.2, 4.0),
    "broker_freeze": (4.0, 9.0),
    "database_terminate": (0.0, 0.0),
    "database_kill": (2.0, 5.0),
    "database_freeze": (4.0, 8.0),
    "disk_full": (16.0, 22.0),
    "disk_read_only": (5.0, 9.0),
    "clock_step": (5.0, 10.0),
}
ROADS: dict[str, tuple[float, float]] = {
    "bell_power": (0.3, 5.0),
    "net_latency": (4.0, 10.0),
    "net_bandwidth": (4.0, 10.0),
    "net_half_open": (6.0, 9.0),
    "net_reset": (0.0, 0.0),
    "net_partition": (4.0, 14.0),
}
KINDS = (*SHARED, *ROADS)

PAUSE_S = (2.0, 5.0)  # after a fault of what is shared: whatever it did has to show, and to end
ROAD_EVERY_S = (1.0, 3.5)
REST_S = 3.0  # of a bell, after a fault of its own
FIRST_S = 2.0  # presses alone
LATENCY_S = (0.2, 1.5)
BYTES_PER_S = (500.0, 4000.0)  # a handshake is some 3 kB
STEP_S = (4.0, 240.0)  # beyond 300 s a receiver takes a webhook for a replay, and is right


@dataclass(frozen=True, slots=True)
class Fault:
    """at_s: from the beginning. for_s: until it is mended. strength: s of latency, bytes a second, or s of a step.
    gateway: which one, bells: which ones, both from 0."""

    at_s: float
    kind: str
    for_s: float
    strength: float = 0.0
    gateway: int = 0
    bells: tuple[int, ...] = ()


def draw(seed: str, length_s: float, kinds: Sequence[str], gateways: int, bells: int) -> list[Fault]:
    """The faults of one combination, by time; none begins that cannot be mended within length_s."""
    chance = random.Random(seed)
    shared = _shared(chance, length_s, [kind for kind in SHARED if kind in kinds], gateways)
    roads = _roads(chance, length_s, [kind for kind in ROADS if kind in kinds], bells)
    return sorted(shared + roads, key=lambda fault: fault.at_s)


def _shared(chance: random.Random, length_s: float, kinds: list[str], gateways: int) -> list[Fault]:
    faults: list[Fault] = []
    pack: list[str] = []
    at_s = FIRST_S
    while kinds:
        pack = pack or chance.sample(kinds, len(kinds))
        kind = pack.pop()
        for_s = chance.uniform(*SHARED[kind])
        if at_s + for_s > length_s:
            if all(at_s + SHARED[one][1] > length_s for one in kinds):
                break
            continue
        step_s = chance.choice((-1, 1)) * chance.uniform(*STEP_S)
        faults.append(Fault(at_s, kind, for_s, step_s if kind == "clock_step" else 0.0, chance.randrange(gateways)))
        at_s += for_s + chance.uniform(*PAUSE_S)
    return faults


def _roads(chance: random.Random, length_s: float, kinds: list[str], bells: int) -> list[Fault]:
    faults: list[Fault] = []
    pack: list[str] = []
    free_s = [0.0] * bells
    at_s = FIRST_S / 2
    while kinds and at_s < length_s:
        pack = pack or chance.sample(kinds, len(kinds))
        kind = pack.pop()
        for_s = chance.uniform(*ROADS[kind])
        free = [bell for bell in range(bells) if free_s[bell] <= at_s]
        chosen = tuple(sorted(chance.sample(free, min(len(free), chance.randint(1, max(1, bells // 3))))))
        if chosen and at_s + for_s <= length_s:
            strength = {"net_latency": chance.uniform(*LATENCY_S), "net_bandwidth": chance.uniform(*BYTES_PER_S)}
            faults.append(Fault(at_s, kind, for_s, strength.get(kind, 0.0), 0, chosen))
            for bell in chosen:
                free_s[bell] = at_s + for_s + REST_S
        at_s += chance.uniform(*ROAD_EVERY_S)
    return faults
