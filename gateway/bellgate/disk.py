"""Room on the disk: how much there is, and a reserve to give up when there is none.

A full disk stops every commit. So the gateway keeps a file that holds nothing but room; when the disk is full it is
deleted, and alarms are stored again at once while the operator makes room. It is made again when there is plenty.
"""

import contextlib
import os
import shutil
from pathlib import Path

from bellgate.core.frozen import frozen

RESERVE_FILE = "reserve"
_MOUNTS = Path("/proc/self/mountinfo")
# Room for some thousand presses with all that follows from them, and for the database's log to be made anew.
RESERVE_BYTES = 16 * 1024 * 1024
# Below this the operator is told, and a start gives the reserve up: the log alone takes 8 MiB.
LOW_BYTES = 16 * 1024 * 1024
# Below this the disk counts as full: the broker beside the database has stopped taking presses by then.
FULL_BYTES = 1024 * 1024
# The reserve is made only when this much is left beside it: it must never be what fills the disk.
PLENTY_BYTES = 128 * 1024 * 1024


@frozen
class Room:
    """Bytes on the file system that holds a folder; readonly: nothing can be written there."""

    total: int
    free: int
    readonly: bool


def room(folder: Path) -> Room | None:
    """What there is, or None if the folder cannot be asked."""
    try:
        usage = shutil.disk_usage(folder)
        flags = os.statvfs(folder).f_flag
        device = folder.stat().st_dev
    except OSError:
        return None
    return Room(usage.total, usage.free, bool(flags & os.ST_RDONLY) or _failed(device))


def _failed(device: int) -> bool:
    """True if the kernel has given this file system up. Newer kernels (seen: 6.18) say so among the mounts alone."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return given_up(mounts, f"{os.major(device)}:{os.minor(device)}")


def given_up(mounts: str, device: str) -> bool:
    """mounts: /proc/self/mountinfo; device: "major:minor", as the third word of its lines."""
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) > 2 and words[2] == device and {"emergency_ro", "shutdown"} & set(words[-1].split(",")):
            return True
    return False


def give_up_reserve(data_dir: Path) -> bool:
    """Delete the reserve; False if there was none."""
    try:
        (data_dir / RESERVE_FILE).unlink()
    except OSError:
        return False
    return True


def keep_reserve(data_dir: Path) -> bool:
    """True if the reserve is there, made now if there is plenty of room."""
    path = data_dir / RESERVE_FILE
    with contextlib.suppress(OSError):
        if path.stat().st_size >= RESERVE_BYTES:
            return True
    left = room(data_dir)
    if left is None or left.readonly or left.free < RESERVE_BYTES + PLENTY_BYTES:
        return False
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            # Blocks, not zeroes: a card is not worn, and the room is really taken.
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
    except OSError:
        give_up_reserve(data_dir)
        return False
    return True


def before_start(data_dir: Path) -> bool:
    """A start needs some room: give the reserve up if there is too little. True if it was given up."""
    left = room(data_dir)
    return left is not None and left.free < LOW_BYTES and give_up_reserve(data_dir)
