"""Runs a command and keeps its answer, with when and on what it was measured."""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bellgate.errors import AnsimbellError
from bellsim.report.figures import Figure

DEADLINE_FACTOR = 8  # a machine that is so much slower than two cores of a server measures nothing of use


class NoFigure(AnsimbellError):
    """A measurement gave no answer, or a kept answer cannot be read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it lies in docs/figures. at: the day, ISO; took_s: how long it ran; host: the kind of machine."""

    command: str
    at: str
    host: str
    took_s: float
    result: dict[str, Any]

    @property
    def holds(self) -> bool:
        """The command's own verdict."""
        return self.result.get("ok") is True


def measure(figure: Figure, root: Path, say: Callable[[str], None]) -> Kept:
    """Run it in this checkout. Raises NoFigure."""
    began_s = time.monotonic()
    env = os.environ | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))}
    process = subprocess.Popen(
        figure.command.split(), cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    last = ""
    # A command that hangs says nothing, so its lines cannot tell the time.
    deadline_s = figure.minutes * 60 * DEADLINE_FACTOR
    timer = threading.Timer(deadline_s, process.terminate)
    timer.start()
    try:
        for line in process.stdout:
            last = line
            say(line.rstrip()[:100])
        process.wait(60)
    finally:
        timer.cancel()
        if process.poll() is None:
            process.terminate()
            process.wait(60)
    if time.monotonic() - began_s > deadline_s:
        raise NoFigure(f"{figure.name}: no end after {deadline_s:.0f} s; run it by hand and look")
    try:
        result = json.loads(last)
    except ValueError:
        raise NoFigure(f"{figure.name}: {figure.command} ended without an answer; run it by hand and look") from None
    took_s = round(time.monotonic() - began_s, 1)
    return Kept(figure.command, datetime.now(UTC).date().isoformat(), host(), took_s, result)


def host() -> str:
    """The kind of this machine, without its name."""
    return (
        f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}, "
        f"Python {sys.version_info.major}.{sys.version_info.minor}"
    )


def keep(folder: Path, name: str, kept: Kept) -> None:
    """Write it down."""
    folder.mkdir(parents=True, exist_ok=True)
    text = {"command": kept.command, "at": kept.at, "host": kept.host, "took_s": kept.took_s, "result": kept.result}
    (folder / f"{name}.json").write_text(json.dumps(text, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def kept(folder: Path, name: str) -> Kept | None:
    """What was written down, if anything was. Raises NoFigure."""
    path = folder / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Kept(**found)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise NoFigure(
            f"docs/figures/{name}.json: {error}; measure it again: bellsim report --measure {name}"
        ) from None
