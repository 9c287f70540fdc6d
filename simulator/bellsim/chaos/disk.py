"""A small disk of its own: an ext4 file system in a file. It can be filled, and it can fail as a worn card does.

A failing card makes the kernel take the file system for broken: from then on nothing can be written, by programs that
run neither. Only a restart mends that, as on a Pi: everything on the disk ends, the file system is checked, and mounted
again. Needs root, because it mounts.
"""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from bellsim.runtime import SimulatorError

BYTES = 384 * 1024 * 1024  # of which what nobody writes to takes no room on the host
PIECES = (16 * 1024 * 1024, 256 * 1024, 4096)  # bytes; what fills a disk to the last block
COMMAND_S = 30.0
UNMOUNT_S = 10.0
TOOLS = ("mkfs.ext4", "e2fsck", "mount", "umount")
_SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"


def missing() -> str | None:
    """Why there can be no such disk here, or None."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if absent := [name for name in TOOLS if shutil.which(name, path=_SBIN) is None]:
        return f"{', '.join(absent)}: not here; `apt-get install e2fsprogs mount` brings them"
    if not Path("/dev/loop-control").exists():
        return "this system has no loop devices (/dev/loop-control)"
    return None


class Disk:
    """`make`, then `path` is on it. `remove` at the end, whatever happened."""

    def __init__(self, image: Path, path: Path) -> None:
        self.path = path
        self._image = image
        self._mounted = False

    def make(self) -> None:
        """Raises SimulatorError with the tool's own words."""
        with self._image.open("wb") as file:
            file.truncate(BYTES)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.path.mkdir(parents=True)
        self.mount()
        (self.path / "lost+found").rmdir()

    def mount(self) -> None:
        """Raises SimulatorError."""
        _run("mount", "-t", "ext4", "-o", "loop,errors=remount-ro", str(self._image), str(self.path))
        self._mounted = True

    def fill(self) -> int:
        """Take all the room that there is now; bytes."""
        with (self.path / "fill").open("ab") as file:
            began = at = os.fstat(file.fileno()).st_size
            for piece in PIECES:
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), at, piece)
                        at += piece
            return at - began

    def empty(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            (self.path / "fill").unlink(missing_ok=True)

    def sync(self) -> None:
        """What an installer wrote is on it: a day has passed since then."""
        _run("sync", "-f", str(self.path))

    def free(self) -> int:
        """Bytes."""
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def fail(self) -> None:
        """From now on the kernel writes nothing to it. Raises SimulatorError if it does not believe it."""
        trigger = Path("/sys/fs/ext4") / self._device() / "trigger_fs_error"
        with contextlib.suppress(OSError):  # the file system answers its own failure
            trigger.write_text("1")
        if not self.readonly():
            raise SimulatorError(f"{self.path}: the kernel still writes to a file system that was said to be broken")

    def readonly(self) -> bool:
        """By trying. `statvfs` of newer kernels does not tell that a file system has failed."""
        try:
            (self.path / "try").touch()
        except OSError:
            return True
        (self.path / "try").unlink()
        return False

    def mend(self) -> None:
        """Check it and mount it again; nobody may have a file of it open. Raises SimulatorError."""
        self._unmount()
        _run("e2fsck", "-p", str(self._image), may=(0, 1))
        self.mount()

    def remove(self) -> None:
        """Unmount and delete it."""
        if self._mounted:
            with contextlib.suppress(SimulatorError):
                self._unmount()
        if self._mounted:  # a process hangs in it: it goes with that
            _run("umount", "-l", str(self.path))
        self._image.unlink(missing_ok=True)

    def _unmount(self) -> None:
        end_s = time.monotonic() + UNMOUNT_S
        while True:
            try:
                _run("umount", str(self.path))
            except SimulatorError:
                if time.monotonic() > end_s:
                    raise
                time.sleep(0.1)
            else:
                self._mounted = False
                return

    def _device(self) -> str:
        for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
            device, where, *_ = line.split(" ")
            if where == str(self.path):
                return Path(device).name
        raise SimulatorError(f"{self.path} is not mounted")


def _run(*command: str, may: tuple[int, ...] = (0,)) -> None:
    path = shutil.which(command[0], path=_SBIN)
    try:
        done = subprocess.run(
            [path or command[0], *command[1:]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise SimulatorError(f"{command[0]}: {error}") from None
    if done.returncode not in may:
        raise SimulatorError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")
