"""Breaks the decisions of the bell on purpose and counts what the tests notice: `python tests/mutants [--json]`.

Every survivor is in explained.toml with its reason, or the command fails. An explanation fails, too, when its line
has changed or a test now kills its mutant.
"""

import argparse
import json
import sys
import time
from collections import Counter

from campaign import OWNERS, Bench, CampaignError, Explanation, Result, chosen, everything, explanations, run, stale
from sites import Mutant

EACH = 24  # mutants of a module: 240 in all
SEED = 1


def summary(results: list[Result], explained: list[Explanation], gone: list[Explanation]) -> dict[str, object]:
    """The figures, as --json prints them."""
    names = {one.name for one in explained}
    survivors = {result.mutant.name for result in results if not result.by}
    by = Counter(result.by for result in results)
    modules: dict[str, dict[str, int]] = {}
    for result in results:
        counts = modules.setdefault(result.mutant.module, {"mutants": 0, "killed": 0})
        counts["mutants"] += 1
        counts["killed"] += bool(result.by)
    return {
        "mutants": len(results),
        "killed": len(results) - len(survivors),
        "killed_by": {"tests": by["tests"], "properties": by["properties"], "time": by["time"]},
        "survived": len(survivors),
        "explained": len(survivors & names),
        "unexplained": len(survivors - names),
        "stale": len(gone) + len(killed_though_explained(results, explained)),
        "modules": modules,
    }


def killed_though_explained(results: list[Result], explained: list[Explanation]) -> list[Explanation]:
    killed = {result.mutant.name for result in results if result.by}
    return [one for one in explained if one.name in killed]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/mutants", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=SEED, help=f"which mutants are drawn ({SEED})")
    parser.add_argument("--each", type=int, default=EACH, help=f"how many of each module ({EACH})")
    parser.add_argument("--all", action="store_true", help="every mutant there is; takes an hour or more")
    parser.add_argument("--only", action="append", choices=list(OWNERS), metavar="MODULE", help="(repeatable)")
    parser.add_argument("--match", metavar="TEXT", help="only mutants whose name holds this text")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--list", action="store_true", help="name the mutants and end")
    parser.add_argument("--json", action="store_true", help="the figures as one object; progress goes to stderr")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        found = everything(options.only or OWNERS)
        explained = [one for one in explanations() if one.name[0] in found or one.name[0] not in OWNERS]
        drawn = chosen(found, options.seed, None if options.all else options.each, {one.name for one in explained})
        if options.match:
            some = [mutant for many in found.values() for mutant in many]
            drawn = [mutant for mutant in some if options.match in " ".join(mutant.name)]
        if options.list:
            print("\n".join(mutant.told() for mutant in drawn))
            return 0
        gone = stale(explained, found)
        results = broken(drawn, options.jobs)
    except CampaignError as error:
        sys.exit(f"mutants: {error}")
    figures = {"seed": options.seed, **summary(results, explained, gone), "took_s": round(time.monotonic() - started)}
    names = {one.name for one in explained}
    for result in results:
        if not result.by and result.mutant.name not in names:
            say(f"SURVIVED, UNEXPLAINED  {result.mutant.told()}")
    for one in gone:
        say(f"STALE: no such mutant any more; explain the line as it is now, or take this out  {one.told()}")
    for one in killed_though_explained(results, explained):
        say(f"STALE: a test kills it now; take this out  {one.told()}")
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:<12} {value}")
    return 1 if figures["unexplained"] or figures["stale"] else 0


def broken(drawn: list[Mutant], jobs: int) -> list[Result]:
    """The result of each; progress on stderr."""
    modules = list(dict.fromkeys(mutant.module for mutant in drawn))
    bench = Bench(modules)
    for module in modules:
        bench.prove(module)
        say(f"{module}: its tests pass, and see what is changed; {bench.limits_s[module]} s of processor a mutant")

    def told(result: Result, done: int) -> None:
        say(f"{done}/{len(drawn)}  {result.by or 'SURVIVED'}  {result.mutant.told()}")

    return run(bench, drawn, jobs, told)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped")
