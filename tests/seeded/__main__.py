"""Puts bugs into the product on purpose and counts the seeds that find each: `python tests/seeded [--json] [--write]`.

Each bug has a process of its own, which plays the worlds of `bellsim fuzz` from seed 0 on until the promise that the
bug breaks is seen broken. A bug that no seed finds, or whose patch fits no more, fails the command.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from bug import Bug
from bugs import BUGS, by_name
from patched import PatchError, check

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "seeded-bugs.md"
SEEDS = 200
ROW = re.compile(r"^\| `(\w+)` \|(.*)$", re.MULTILINE)
HEAD = """# Bugs put in on purpose

A simulation that finds nothing proves nothing. So each of these bugs is put into the product, one at a time, and
`bellsim fuzz` has to find it by a promise that is broken, within {seeds} seeds from 0 on. The patches stand in
[tests/seeded](../tests/seeded); this page is written by `python tests/seeded --write`.

Measured on a host with two cores that did much else at the time; all is simulated, and a world is a day of 20 bells.
*Seeds* is how many it took, the one that found it included; *s* is how long, with the start of the program. Worlds
that have nothing in them that a bug needs (a clock that is set, for one) count as seeds, and are not played. What each
property says stands in [checker](../simulator/bellsim/world/checker.py).

{count} bugs, {found} found; {first} of them by the first seed, the last after {most} seeds.

| bug | what somebody in a hurry would have done | where | found by | seeds | s |
|---|---|---|---|---|---|
"""


def hunted(bug: Bug, seeds: int) -> dict[str, Any]:
    """What came of it, in a process of its own. Raises PatchError, or RuntimeError if that process failed."""
    check(bug.patches)
    began_s = time.perf_counter()
    command = [sys.executable, str(Path(__file__).with_name("hunt.py")), bug.name, "0", str(seeds - 1)]
    # The order in a set of texts is the one that `bellsim fuzz` has.
    env = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{bug.name}: the world itself failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"real_s": round(time.perf_counter() - began_s, 1)}


def hunt_all(bugs: list[Bug], seeds: int, jobs: int, told: Callable[[str], None]) -> list[dict[str, Any]]:
    """The results in the order of `bugs`; told(line) as each is over."""
    with ThreadPoolExecutor(jobs) as pool:
        coming = {pool.submit(hunted, bug, seeds): bug for bug in bugs}
        for number, future in enumerate(as_completed(coming), 1):
            result = future.result()
            said = "NOT FOUND" if result["seed"] is None else f"seed {result['seed']} by {result['property']}"
            told(f"{number}/{len(bugs)}  {coming[future].name:28} {said}  {result['real_s']} s")
        return [future.result() for future in coming]


def table(before: str, results: list[dict[str, Any]]) -> str:
    """docs/seeded-bugs.md. before: what it was; a bug that is not among the results keeps its row."""
    rows = dict(ROW.findall(before))
    for one in results:
        bug = by_name(one["bug"])
        where = ", ".join(f"`{module}`" for module in bug.where.split(", "))
        by, tried = ("nobody", "none") if one["seed"] is None else (f"`{one['property']}`", one["tried"])
        rows[bug.name] = f" {bug.story} | {where} | {by} | {tried} | {one['real_s']:.0f} |"
    kept = [f"| `{bug.name}` |{rows[bug.name]}" for bug in BUGS if bug.name in rows]
    tries = [int(row.split(" | ")[-2]) for row in kept if not row.split(" | ")[-2].startswith("none")]
    first = sum(one == 1 for one in tries)
    head = HEAD.format(seeds=SEEDS, count=len(kept), found=len(tries), first=first, most=max(tries, default=0))
    return head + "".join(f"{row}\n" for row in kept)


def main() -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python tests/seeded", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--only", action="append", metavar="BUG", help="(repeatable)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"so many from 0 on, at most ({SEEDS})")
    parser.add_argument("--jobs", type=int, default=2, help="how many bugs at a time (2)")
    parser.add_argument("--list", action="store_true", help="name the bugs and end")
    parser.add_argument("--json", action="store_true", help="the results as one object; progress goes to stderr")
    parser.add_argument("--write", action="store_true", help="write what was found into docs/seeded-bugs.md")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{bug.name:28} {bug.story}" for bug in BUGS))
        return 0
    try:
        bugs = [by_name(name) for name in options.only] if options.only else list(BUGS)
    except KeyError as name:
        parser.error(f"--only {name}: there is no such bug; --list names them")
    began_s = time.perf_counter()
    try:
        results = hunt_all(bugs, options.seeds, options.jobs, partial(print, file=sys.stderr, flush=True))
    except (PatchError, RuntimeError) as error:
        sys.exit(f"seeded: {error}")
    missed = [one["bug"] for one in results if one["seed"] is None]
    took_s = round(time.perf_counter() - began_s)
    if options.write:
        before = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
        TABLE.write_text(table(before, results), encoding="utf-8")
    if options.json:
        figures = {"bugs": len(results), "missed": missed, "took_s": took_s, "results": results, "ok": not missed}
        print(json.dumps(figures, ensure_ascii=False))
    else:
        print(
            f"{len(results) - len(missed)} of {len(results)} found in {took_s} s" + "".join(f"\n  {m}" for m in missed)
        )
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped")
