"""Many worlds from many seeds, on every processor; one line a seed, and what all of them say together."""

import multiprocessing
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from bellgate.errors import AnsimbellError
from bellsim.goals import judge
from bellsim.world.plan import EVERY_FAULT, make
from bellsim.world.shrink import TRIES_MAX, Shrunk, shrink
from bellsim.world.world import Outcome, run
from bellsim.year import town

SEEDS_MAX = 1_000_000
SHRUNK_MAX = 3  # of the seeds that failed; when more do, they mostly fail alike

Told = Callable[[dict[str, Any]], None]


class WrongSeeds(AnsimbellError):
    """`--seeds` or `--keep` is not what it should be."""


def read_seeds(text: str) -> range:
    """ "7" or "0..99", both ends included. Raises WrongSeeds."""
    first, dots, last = text.partition("..")
    try:
        seeds = range(int(first), int(last if dots else first) + 1)
    except ValueError:
        raise WrongSeeds(f"--seeds {text}: write one number, or two as in 0..99") from None
    if not seeds or seeds.start < 0 or len(seeds) > SEEDS_MAX:
        raise WrongSeeds(f"--seeds {text}: the first must not be above the last, nor below 0; at most {SEEDS_MAX}")
    return seeds


def read_keep(text: str) -> tuple[int, ...]:
    """ "3,7,9", as `fuzz` names what is needed of a plan. Raises WrongSeeds."""
    try:
        numbers = tuple(sorted({int(one) for one in text.split(",") if one.strip()}))
    except ValueError:
        raise WrongSeeds(f"--keep {text}: write numbers with commas between, as in 3,7,9") from None
    if any(number < 0 for number in numbers):
        raise WrongSeeds(f"--keep {text}: happenings are counted from 0")
    return numbers


def fuzz(seeds: Sequence[int], days: float, bells: int, told: Told, shrunk_max: int = SHRUNK_MAX) -> dict[str, Any]:
    """Play each seed; told(line) as each is over; then cut down the first plans that failed. The result for all."""
    began_s = time.perf_counter()
    failed: dict[int, set[str]] = {}
    simulated_s = 0.0
    bites: Counter[tuple[str, str]] = Counter()
    with _players(len(seeds)) as play:
        for outcome in play([(seed, days, bells, None) for seed in seeds]):
            told(told_of(outcome))
            simulated_s += outcome.simulated_s
            bites.update(outcome.bites)
            if outcome.wrong:
                failed[outcome.plan.seed] = {name for name, _ in outcome.wrong}
    real_s = time.perf_counter() - began_s
    shrunk = []
    for seed in list(failed)[:shrunk_max]:
        shrunk.append(shrunk_of(seed, days, bells, failed[seed]))
        told(shrunk[-1])
    faults = {name: sum(count for (what, _), count in bites.items() if what == name) for name in EVERY_FAULT}
    result = {
        "seeds": len(seeds),
        "days": days,
        "bells": bells,
        "failed": list(failed),
        "simulated_s": round(simulated_s),
        "real_s": round(real_s, 1),
        "times_as_fast": round(simulated_s / real_s) if real_s else 0,
        "faults": faults,
        "states": states(bites),
        "never_bit": [name for name, count in faults.items() if not count],
        "shrunk": shrunk,
    }
    return judge(result, {}, {"failed": []})


def states(bites: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """fault or press -> state of whom it befell -> how often."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (what, state), count in sorted(bites.items()):
        found[what][state] = count
    return dict(found)


def told_of(outcome: Outcome) -> dict[str, Any]:
    """One seed in a line."""
    return {
        "seed": outcome.plan.seed,
        "digest": outcome.digest[:16],
        "happenings": len(outcome.plan.happenings),
        "events": outcome.counts.get("event", 0),
        "messages": outcome.counts.get("told", 0),
        "real_s": round(outcome.real_s, 2),
        "wrong": [f"{name}: {text}" for name, text in outcome.wrong],
    }


def shrunk_of(seed: int, days: float, bells: int, properties: set[str], tries_max: int = TRIES_MAX) -> dict[str, Any]:
    """What of this seed's plan is needed to break one of these properties."""
    plan = make(seed, days, town.settle(bells))
    with _players(2) as play:

        def breaks(candidates: Sequence[tuple[int, ...]]) -> list[bool]:
            played = play([(seed, days, bells, keep) for keep in candidates])
            return [any(name in properties for name, _ in outcome.wrong) for outcome in played]

        found: Shrunk = shrink(len(plan.happenings), breaks, tries_max)
    return {
        "seed": seed,
        "properties": sorted(properties),
        "of": len(plan.happenings),
        "keep": list(found.keep),
        "happenings": [plan.happenings[number].to_json() for number in found.keep],
        "tries": found.tries,
        "smallest": found.done,
    }


def alone(seed: int, days: float, bells: int, keep: tuple[int, ...] | None = None) -> Outcome:
    """One seed, as `fuzz` plays it. keep: only these of its happenings. Raises WrongSeeds."""
    count = len(make(seed, days, town.settle(bells)).happenings)
    if keep and keep[-1] >= count:
        raise WrongSeeds(f"--keep {keep[-1]}: this seed has {count} happenings, counted from 0")
    with _players(1) as play:
        return next(play([(seed, days, bells, keep)]))


_Game = tuple[int, float, int, tuple[int, ...] | None]


@contextmanager
def _players(count: int) -> Iterator[Callable[[Sequence[_Game]], Iterator[Outcome]]]:
    """Processes that play; the order in a set of texts is the same in each."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        workers = min(count, os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            yield lambda games: pool.map(_one, games)
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before


def _one(game: _Game) -> Outcome:
    seed, days, bells, keep = game
    plan = None if keep is None else make(seed, days, town.settle(bells)).keep(keep)
    return run(seed, days, bells, plan)
