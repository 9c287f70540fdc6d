"""Many worlds from many seeds, on every processor; one line a seed, and what all of them say together."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from bellgate.errors import AnsimbellError
from bellsim.world.plan import EVERY_FAULT
from bellsim.world.world import Outcome, run

SEEDS_MAX = 1_000_000


class WrongSeeds(AnsimbellError):
    """`--seeds` is not what it should be."""


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


def fuzz(seeds: Sequence[int], days: float, bells: int, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Play each seed; told(line) as each is over. The result for all."""
    began_s = time.perf_counter()
    failed, simulated_s, busy_s = [], 0.0, 0.0
    bites: Counter[tuple[str, str]] = Counter()
    for outcome in _outcomes(seeds, days, bells):
        line = told_of(outcome)
        told(line)
        simulated_s += outcome.simulated_s
        busy_s += outcome.real_s
        bites.update(outcome.bites)
        if outcome.wrong:
            failed.append(outcome.plan.seed)
    faults = {name: sum(count for (what, _), count in bites.items() if what == name) for name in EVERY_FAULT}
    real_s = time.perf_counter() - began_s
    return {
        "seeds": len(seeds),
        "days": days,
        "bells": bells,
        "failed": failed,
        "simulated_s": round(simulated_s),
        "real_s": round(real_s, 1),
        "times_as_fast": round(simulated_s / real_s) if real_s else 0,
        "faults": faults,
        "never_bit": [name for name, count in faults.items() if not count],
        "ok": not failed,
    }


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


def alone(seed: int, days: float, bells: int) -> Outcome:
    """One seed, as `fuzz` plays it."""
    return next(_outcomes([seed], days, bells))


def _outcomes(seeds: Sequence[int], days: float, bells: int) -> Iterator[Outcome]:
    with _same_hashes():
        workers = min(len(seeds), os.cpu_count() or 1)
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(_one, [(seed, days, bells) for seed in seeds])


def _one(args: tuple[int, float, int]) -> Outcome:
    return run(*args)


@contextmanager
def _same_hashes() -> Iterator[None]:
    """The order in a set of texts is the same in each worker."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
