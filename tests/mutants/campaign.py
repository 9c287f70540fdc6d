"""One mutant at a time in a firmware of its own, against the tests that own its module; many of them, side by side.

The copy of the firmware comes first on the path of the tests, so what they import is the mutant and nothing else; a
module that cannot be imported at all is tried first, to prove it. Each mutant may use five times the processor's time
that the tests need without it: a loop without an end is found, and a busy machine kills nobody. The tests that run on
both runtimes go first, because they are fast; only what they let through meets the property tests.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sites import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
EXPLAINED = Path(__file__).with_name("explained.toml")

# module: (its tests on both runtimes, its property tests and what of them)
OWNERS = {
    "journal": (("journal",), (("properties", "journal"),)),
    "ring": (("ring", "ring_cuts"), (("ring_properties", ""),)),
    "ring_format": (("ring", "ring_cuts"), (("ring_properties", ""),)),
    "outbox": (("outbox", "node", "ways"), (("properties", "outbox"),)),
    "alarm": (("alarm", "node", "ways"), (("properties", "alarm"),)),
    "homeset": (("homeset", "ways"), (("homeset", ""),)),
    "homeset_config": (("homeset_config", "homeset"), (("homeset", ""),)),
    "arming": (("homeset", "ways"), (("homeset", ""),)),
    "checkin": (("checkin", "homeset"), (("inputs", "weeks_of_check_ins"), ("homeset", ""))),
    "pin": (("pin", "homeset"), (("homeset", ""),)),
}
MEMORY_BYTES_MAX = 1 << 31  # a mutant that fills a list for ever ends here
# A mutant's time: the processor's, five times what the tests need; the clock's only as a last resort.
TIMES, LEAST_S, WALL_S = 5, 5, 900


class CampaignError(Exception):
    """The campaign itself cannot be trusted: what is wrong, and what to do."""


@dataclass(frozen=True)
class Result:
    mutant: Mutant
    by: str  # "tests", "properties", "time", or "" for a survivor


@dataclass(frozen=True)
class Explanation:
    name: tuple[str, str, str, str]
    why: str

    def told(self) -> str:
        module, function, line, change = self.name
        return f"{module}.py {function}: {change}\n      {line}"


def explanations(path: Path = EXPLAINED) -> list[Explanation]:
    """The list of the survivors that no test can or need kill. Raises CampaignError: what is wrong with it."""
    found = []
    for row in tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []):
        if set(row) != {"module", "function", "line", "change", "why"} or not row["why"].strip():
            raise CampaignError(f"{path.name}: each mutant needs module, function, line, change and why: {row}")
        name = (row["module"], row["function"], row["line"], row["change"])
        if name in [other.name for other in found]:
            raise CampaignError(f"{path.name}: explained twice: {name}")
        found.append(Explanation(name, row["why"].strip()))
    return found


def everything(modules: Iterable[str] = tuple(OWNERS)) -> dict[str, list[Mutant]]:
    """Every mutant of each module."""
    found = {}
    for module in modules:
        path = FIRMWARE / "bellnode" / f"{module}.py"
        if not path.exists():
            raise CampaignError(f"{module}.py is gone: put its successor into OWNERS of {Path(__file__).name}")
        found[module] = mutants(module, path.read_bytes())
    return found


def stale(explained: list[Explanation], found: dict[str, list[Mutant]]) -> list[Explanation]:
    """Explanations of the modules in `found` that name no mutant of the present source: the line has changed."""
    names = {mutant.name for some in found.values() for mutant in some}
    return [one for one in explained if one.name[0] not in OWNERS or (one.name[0] in found and one.name not in names)]


def chosen(found: dict[str, list[Mutant]], seed: int, each: int | None, also: set[tuple[str, ...]]) -> list[Mutant]:
    """`each` of every module as the seed draws them (None: all), and those named in `also`.

    A mutant's place in the draw hangs on its name alone, so an edit elsewhere does not change who is drawn.
    """
    drawn = []
    for some in found.values():
        ranked = sorted(some, key=lambda mutant: mutant.rank(seed))
        taken = ranked if each is None else ranked[:each]
        drawn += taken + [mutant for mutant in ranked[len(taken) :] if mutant.name in also]
    return drawn


class Bench:
    """Runs the tests of one module on a changed source. CampaignError if the tests fail without a change."""

    def __init__(self, modules: Iterable[str], properties: bool = True):
        self.properties = properties
        self.sources = {module: (FIRMWARE / "bellnode" / f"{module}.py").read_bytes() for module in modules}
        self.limits_s = dict.fromkeys(self.sources, WALL_S)

    def prove(self, module: str) -> None:
        """That the tests of a module pass as it is, how long they need, and that a broken one is what they see."""
        before_s = _children_s()
        by, out = self.run(module, self.sources[module])
        if by:
            raise CampaignError(f"the tests of {module} fail without any mutant ({by}):\n{out[-2000:]}")
        self.limits_s[module] = int(LEAST_S + TIMES * (_children_s() - before_s))
        if not self.run(module, b"raise ImportError\n" + self.sources[module])[0]:
            raise CampaignError(f"the tests of {module} do not import the copy: no figure would mean anything")

    def judge(self, mutant: Mutant) -> Result:
        return Result(mutant, self.run(mutant.module, mutant.applied(self.sources[mutant.module]))[0])

    def run(self, module: str, source: bytes) -> tuple[str, str]:
        """(who noticed: "tests", "properties", "time" or nobody, the output)."""
        first, then = OWNERS[module]
        tests = ROOT / "tests"
        node = tests / "node"
        commands = [("tests", [tests / "upy.py", "-x", *(node / f"test_{name}.py" for name in first)])]
        if self.properties:
            for name, part in then:
                path = node / f"test_{name}_cpython.py"
                command = ["-m", "pytest", "-x", "-p", "no:xdist", path, *(["-k", part] if part else [])]
                commands.append(("properties", command))
        with tempfile.TemporaryDirectory(prefix="ansimbell-mutant-") as scratch:
            copy = Path(scratch) / "firmware"
            shutil.copytree(FIRMWARE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.mpy", "bellkit"))
            (copy / "bellnode" / f"{module}.py").write_bytes(source)
            # CI: hypothesis draws the same examples each time, and no test may skip.
            env = os.environ | {"PYTHONPATH": str(copy), "CI": "true", "PYTHONDONTWRITEBYTECODE": "1"}
            for by, command in commands:
                code, out = _ended([sys.executable, *map(str, command)], scratch, env, self.limits_s[module])
                if code:
                    return ("time" if code is _TOO_LONG else by), out
        return "", ""


_TOO_LONG = -10000


def _ended(command: list[str], folder: str, env: dict[str, str], cpu_s: int) -> tuple[int, str]:
    """(exit code or _TOO_LONG, output) of a program that may use so much time of the processor."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=WALL_S,
            check=False,
            preexec_fn=bounded,
        )
    except subprocess.TimeoutExpired:
        return _TOO_LONG, ""
    # 9 and 24 are SIGKILL and SIGXCPU: the limit's
    return (_TOO_LONG if done.returncode in (-9, -24) else done.returncode), done.stdout


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(bench: Bench, drawn: list[Mutant], jobs: int, told: Callable[[Result, int], None]) -> list[Result]:
    """Every mutant's result, `jobs` at a time; told(result, how many are done) as they come."""
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(bench.judge, drawn):
            results.append(result)
            told(result, len(results))
    return results
