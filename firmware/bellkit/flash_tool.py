"""Writes a bell's chip: MicroPython with esptool, then the firmware's files with mpremote. Both as programs of their
own, so that neither can take this one down; what they say is read for progress, and repeated when they fail.

Nothing of this has met a chip yet: see docs/kit.md, what is unproved.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from bellkit.errors import KitError, PortError, Refused
from bellkit.port import Port

# Where a chip looks for its boot loader; MicroPython's images for these chips begin there.
ADDRESSES = {"esp32": "0x1000", "esp32s3": "0x0", "esp32c3": "0x0"}
BAUD_FAST = 460_800  # what cheap USB adapters still carry
IMAGE_S = 300.0  # 2 MB at 115200 take 3 minutes
FILE_S = 60.0  # one file of at most 40 kB
PACKAGES = ("bellwire", "bellnode")
STARTERS = {
    "boot.py": "import os\n\nimport micropython\n\nif 'config.json' in os.listdir():\n    micropython.kbd_intr(-1)\n",
    "main.py": "from bellnode.app import main\n\nmain()\n",
}
LINES_TOLD = 6
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
_CHIP = re.compile(r"\b(?:Connected to|Chip is|Detecting chip type\.*)\s+(ESP32(?:-[SC]\d)?)", re.IGNORECASE)

Progress = Callable[[int, int], None]


def write_image(path: str, image: Path, chip: str, progress: Progress, stub: bool = True, erase: bool = False) -> None:
    """Write MicroPython's image. chip: of ADDRESSES, or "auto". Raises KitError with esptool's words."""
    if not image.is_file():
        raise KitError(f"{image}: is not here. Fetch MicroPython for your chip, and give it with --image")
    if chip == "auto":
        chip = chip_at(path)
    if chip not in ADDRESSES:
        raise KitError(f"--chip {chip}: choose one of {', '.join(ADDRESSES)}, or auto")
    common = ["--port", path, "--chip", chip, "--baud", str(BAUD_FAST if stub else 115_200)]
    if not stub:
        common.append("--no-stub")
    erasing = ["--erase-all"] if erase else []
    command = [*common, "write-flash", *erasing, ADDRESSES[chip], str(image)]
    for line in _run("esptool", command, IMAGE_S):
        found = _PERCENT.search(line)
        if found is not None:
            progress(int(float(found[1])), 100)
    progress(100, 100)


def chip_at(path: str) -> str:
    """Which chip hangs there, as esptool names it. Raises KitError."""
    for line in _run("esptool", ["--port", path, "--no-stub", "chip-id"], FILE_S):
        found = _CHIP.search(line)
        if found is not None:
            return found[1].lower().replace("-", "")
    raise KitError(f"{path}: the chip does not say what it is. Name it with --chip")


def own_files() -> Path:
    """A folder with the firmware of this version of the kit."""
    made = Path(tempfile.mkdtemp(prefix="bellkit-"))
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise KitError(f"the package {name} is not installed: install the kit again")
        (made / name).symlink_to(next(iter(spec.submodule_search_locations)))
    for name, text in STARTERS.items():
        (made / name).write_text(text, encoding="utf-8")
    return made


def copy_files(path: str, folder: Path, progress: Progress) -> int:
    """Copy the firmware to a chip that runs MicroPython; how many files. main.py last: a bell that was cut off in the
    middle does not start half of itself. Raises KitError with mpremote's words."""
    found = sorted(_files(folder), key=lambda one: (one.name == "main.py", one))
    if not any(one.name == "main.py" for one in found):
        raise KitError(f"{folder}: has no main.py. Give the folder `firmware` of a release with --files")
    to_prompt(path)
    folders = sorted({one.relative_to(folder).parent.as_posix() for one in found} - {"."})
    made = f"import os\nfor name in {folders}:\n    try:\n        os.mkdir(name)\n    except OSError:\n        pass"
    list(_run("mpremote", ["connect", path, "resume", "exec", made], FILE_S))
    for done, one in enumerate(found):
        progress(done, len(found))
        target = ":" + one.relative_to(folder).as_posix()
        list(_run("mpremote", ["connect", path, "resume", "fs", "cp", str(one), target], FILE_S))
    progress(len(found), len(found))
    list(_run("mpremote", ["connect", path, "resume", "reset"], FILE_S))
    return len(found)


def to_prompt(path: str) -> None:
    """A blank bell gives way to MicroPython's prompt; a chip without our firmware is there already."""
    with Port(path) as port:
        try:
            port.ask("repl", tries=1, deadline_s=1.0)
        except Refused as refused:
            raise KitError(
                f"{path}: an enrolled bell never gives its prompt ({refused.code}). Wipe it first: `bellkit wipe`"
            ) from None
        except PortError:
            pass  # MicroPython alone, or an interrupted copy: mpremote finds out


def _files(folder: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [one for one in folders if one != "__pycache__"]
        if Path(name) == folder:
            folders[:] = [one for one in folders if one in PACKAGES]
            files[:] = [one for one in files if one in STARTERS]
        yield from (Path(name) / one for one in files if one.endswith((".py", ".mpy")))


def _run(program: str, arguments: list[str], deadline_s: float) -> Iterator[str]:
    """The lines of a program as they come. Raises KitError if it fails, or takes longer."""
    process = subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "TERM": "dumb"},
    )
    late = threading.Timer(deadline_s, process.kill)
    late.start()
    began_s = time.monotonic()
    lines: list[str] = []
    assert process.stdout is not None
    try:
        for line in _lines(process.stdout.fileno()):
            lines.append(line)
            yield line
        code = process.wait()
    finally:
        late.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    if code != 0:
        why = f"took over {deadline_s:g} s" if time.monotonic() - began_s >= deadline_s else f"ended with {code}"
        said = "\n".join(f"    {line}" for line in lines[-LINES_TOLD:])
        raise KitError(f"{program} {why}. It said:\n{said}")


def _lines(descriptor: int) -> Iterator[str]:
    """Lines that end in LF or, as progress does, in CR."""
    rest = b""
    while data := os.read(descriptor, 4_096):
        *whole, rest = re.split(rb"[\r\n]+", rest + data)
        yield from (line.decode(errors="replace").strip() for line in whole if line.strip())
    if rest.strip():
        yield rest.decode(errors="replace").strip()
