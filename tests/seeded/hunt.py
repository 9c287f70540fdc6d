"""One bug, one process: world after world from seed 0 on, until one of them breaks the promise that the bug breaks.

A world ends as soon as that promise is broken; until then it is the one that `bellsim fuzz` plays.
"""

import argparse
import json
import sys
import time
from typing import Any

from bug import Bug
from bugs import by_name
from patched import put_in

DAYS, BELLS = 1.0, 20  # as `bellsim fuzz` has them


def hunt(bug: Bug, seeds: range) -> dict[str, Any]:
    """{bug, seed, tried, property, said, others, real_s}; seed None: none of these worlds found it."""
    from bellsim.world.checker import Checker
    from bellsim.world.plan import make
    from bellsim.world.world import run
    from bellsim.year import town

    found: list[tuple[str, str]] = []
    others: set[str] = set()
    right = Checker._wrong

    def wrong(self: Any, name: str, text: str) -> None:
        right(self, name, text)
        if name in bug.breaks:
            found.append((name, text))
            self._world.loop.stop()
        else:
            others.add(name)

    Checker._wrong = wrong  # type: ignore[method-assign]
    began_s = time.perf_counter()
    tried = 0
    for seed in seeds:
        tried += 1
        kinds = {happening.what for happening in make(seed, DAYS, town.settle(BELLS)).happenings}
        if not all(kinds & set(need.split("|")) for need in bug.needs):
            continue
        try:
            run(seed, DAYS, BELLS)
        except RuntimeError:  # the loop was stopped in the middle of the world
            if not found:
                raise
        if found:
            break
    name, said = found[0] if found else (None, None)
    return {
        "bug": bug.name,
        "seed": seeds[tried - 1] if found else None,
        "tried": tried,
        "property": name,
        "said": said,
        "others": sorted(others),
        "real_s": round(time.perf_counter() - began_s, 1),
    }


def main() -> None:
    """`python hunt.py BUG FIRST LAST`: the result as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bug")
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    given = parser.parse_args()
    bug = by_name(given.bug)
    put_in(bug.patches)
    print(json.dumps(hunt(bug, range(given.first, given.last + 1)), ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
