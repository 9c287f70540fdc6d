"""A failing plan is cut down to what still breaks: large pieces first, then smaller ones, then one by one.

Delta debugging after Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), without its
step to subsets: in a plan the complement nearly always suffices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

TRIES_MAX = 150  # some minutes; what is left then is still a failing plan


@dataclass(frozen=True, slots=True)
class Shrunk:
    """keep: the happenings, counted from 0, that are needed. tries: worlds that were played for it. done: nothing more
    can be left out alone."""

    keep: tuple[int, ...]
    tries: int
    done: bool


def shrink(
    count: int, breaks: Callable[[Sequence[tuple[int, ...]]], Sequence[bool]], tries_max: int = TRIES_MAX
) -> Shrunk:
    """breaks(candidates) plays several at once and says of each whether it still breaks; all `count` are known to."""
    kept, pieces, tries = tuple(range(count)), 2, 0
    while kept:
        pieces = min(pieces, len(kept))
        ends = [len(kept) * piece // pieces for piece in range(pieces + 1)]
        candidates = [kept[:begin] + kept[end:] for begin, end in pairwise(ends)]
        candidates = candidates[: tries_max - tries]
        found = None
        for some in (candidates[at : at + 2] for at in range(0, len(candidates), 2)):
            tries += len(some)
            found = next((one for one, broke in zip(some, breaks(some), strict=True) if broke), None)
            if found is not None:
                break
        if found is not None:
            kept, pieces = found, max(2, pieces - 1)
        elif tries >= tries_max:
            return Shrunk(kept, tries, False)
        elif pieces == len(kept):
            break
        else:
            pieces *= 2
    return Shrunk(kept, tries, True)
