"""Which lines of the bell's decisions the tests of both runtimes reach, on CPython: `python tests/lines.py`.

Only those tests count, because they are the ones that run on the chip's runtime, too. A module below LEAST_PERCENT is
named with its lines, and the exit code is 1. A line that is reached is not yet a line that is tested: `tests/mutants`
asks that.
"""

import os
import sys
import tempfile
from pathlib import Path

import coverage

TESTS = Path(__file__).resolve().parent
FIRMWARE = TESTS.parent / "firmware"
LEAST_PERCENT = 95
sys.path[:0] = [str(FIRMWARE), str(TESTS), str(TESTS / "house")]


def reached() -> dict[str, tuple[int, list[int]]]:
    """{module: (statements, lines that no test reached)} of every pure module. SystemExit if a test fails."""
    import tree
    import upy

    measured = coverage.Coverage(data_file=None, source=[str(FIRMWARE)], config_file=False)
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # some tests write files
        try:
            measured.start()
            failed = upy.main([])
            measured.stop()
        finally:
            os.chdir(here)
        if failed:
            sys.exit("the tests fail; what they reach means nothing")
        found = {}
        for path in tree.pure():
            _, statements, _, missing, _ = measured.analysis2(str(path))
            found[".".join(path.relative_to(FIRMWARE).with_suffix("").parts)] = (len(statements), list(missing))
    return found


def percent(statements: int, missing: list[int]) -> float:
    return 100.0 if not statements else 100.0 * (statements - len(missing)) / statements


def below(found: dict[str, tuple[int, list[int]]]) -> list[str]:
    """One line for each module that the tests do not reach enough of."""
    short = []
    for module, (statements, missing) in found.items():
        if percent(statements, missing) < LEAST_PERCENT:
            lines = ", ".join(spans(missing))
            short.append(f"{module}: {percent(statements, missing):.1f} % of the lines; no test reaches {lines}")
    return short


def spans(lines: list[int]) -> list[str]:
    """[3, 4, 5, 9] as ["3-5", "9"]."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][-1] + 1:
            found[-1].append(line)
        else:
            found.append([line])
    return [str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in found]


def main() -> int:
    found = reached()
    for module, (statements, missing) in found.items():
        print(f"{percent(statements, missing):6.1f} %  {module}  {', '.join(spans(missing))}".rstrip())
    short = below(found)
    for told in short:
        print(f"TOO LITTLE  {told}")
    whole = sum(statements for statements, _ in found.values())
    unreached = [line for _, missing in found.values() for line in missing]
    print(f"{len(found)} pure modules, {whole} statements, {percent(whole, unreached):.1f} % reached", end="; ")
    print(f"{len(short)} below {LEAST_PERCENT} %" if short else f"each at least {LEAST_PERCENT} %")
    return 1 if short or not found else 0


if __name__ == "__main__":
    sys.exit(main())
