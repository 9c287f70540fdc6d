"""The wall clock of one gateway, set while it runs: a preloaded library (wall.c) adds what a file says.

libfaketime does the same for many programs, but not for this one: with the monotonic clock left alone, `time.sleep` of
CPython fails under it (EINVAL, tried with 0.9.10), and what it keeps in /dev/shm outlives a SIGKILL.
"""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from bellsim.runtime import SimulatorError

COMPILE_S = 60.0


def missing() -> str | None:
    """Why clocks can't be set here, or None."""
    if not sys.platform.startswith("linux"):
        return "a clock is set by a preloaded library, which is written for Linux"
    if shutil.which("cc") is None:
        return "cc is not here: `apt-get install gcc libc6-dev` brings it"
    return None


class Wall:
    """One clock. `environment` goes to whoever lives by it."""

    def __init__(self, folder: Path, name: str) -> None:
        """Compiles the library into `folder`, once. Raises SimulatorError."""
        self._file = folder / f"{name}.wall"
        self._library = folder / "wall.so"
        self.ahead_s = 0.0
        self.set(0.0)
        if not self._library.exists():
            _compile(self._library)

    @property
    def environment(self) -> dict[str, str]:
        """To be added to a program's environment."""
        return {"LD_PRELOAD": str(self._library), "ANSIMBELL_WALL": str(self._file)}

    def set(self, ahead_s: float) -> None:
        """From now on the clock is so far ahead of the machine's."""
        self.ahead_s = ahead_s
        with self._file.open("r+b" if self._file.exists() else "wb") as file:  # in place: it is mapped
            os.pwrite(file.fileno(), struct.pack("=q", round(ahead_s * 1e9)), 0)


def _compile(library: Path) -> None:
    source = Path(__file__).with_name("wall.c")
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise SimulatorError(f"cc: {error}") from None
    if done.returncode != 0:
        raise SimulatorError(f"cc does not compile {source.name}: {done.stderr.strip()[-300:]}")
