"""Simulated `esp32`: no IDF here, so no heap to speak of; and one flash partition, which is a file.

The partition is `journal.flash` in the folder that the bell runs in, made with the first `Partition.find`. It is flash:
a program clears bits and sets none, an erase sets a sector. It is written through to the file, so what is in it
survives kill -9. A file `journal.dead` beside it makes every program and erase fail, as worn-out or broken flash does.
Programs and erases block as long as such flash typically takes, going by data sheets: nobody has measured an ESP32.
"""

import os
import sys
import time

HEAP_DATA = 4
SECTOR_BYTES = 4096
SECTORS = 16
PAGE_BYTES = 256
PROGRAM_S = 0.0007  # per page
ERASE_S = 0.045  # per sector


def idf_heap_info(capabilities: int) -> list[tuple[int, int, int, int]]:
    """[(total, free, largest free, least free ever)] of each region: none here."""
    return []


class Partition:
    """esp32.Partition as far as a bell uses it: raw blocks with offsets."""

    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, label: str) -> None:
        self._dead = label + ".dead"
        path = label + ".flash"
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 -- as long as the bell runs
        except OSError:
            with open(path, "wb") as file:
                for _ in range(SECTORS * SECTOR_BYTES // PAGE_BYTES):
                    file.write(b"\xff" * PAGE_BYTES)
            self._file = open(path, "r+b")  # noqa: SIM115

    @classmethod
    def find(cls, type: int = TYPE_APP, subtype: int = 0xFF, label: str | None = None, block_size: int = SECTOR_BYTES):  # type: ignore[no-untyped-def]
        """[Partition]; [] if the table has none of this kind."""
        return [cls(label)] if type == cls.TYPE_DATA and label == "journal" else []

    def ioctl(self, request: int, argument: int) -> int:
        """4: sectors; 5: bytes of one; 6: erase one."""
        if request == 4:
            return SECTORS
        if request == 5:
            return SECTOR_BYTES
        if request == 6:
            self._write(argument * SECTOR_BYTES, None, ERASE_S)
        return 0

    def readblocks(self, block: int, buffer, offset: int = 0) -> None:  # type: ignore[no-untyped-def]
        """Fill `buffer`."""
        self._file.seek(block * SECTOR_BYTES + offset)
        if self._file.readinto(buffer) != len(buffer):
            raise OSError(5)

    def writeblocks(self, block: int, buffer, offset: int = 0) -> None:  # type: ignore[no-untyped-def]
        """Program, without an erase."""
        was = bytearray(len(buffer))
        self.readblocks(block, was, offset)
        at = block * SECTOR_BYTES + offset
        pages = (at % PAGE_BYTES + len(buffer) + PAGE_BYTES - 1) // PAGE_BYTES
        for place in range(len(was)):
            was[place] &= buffer[place]
        self._write(at, was, pages * PROGRAM_S)

    def _write(self, at: int, data: bytearray | None, takes_s: float) -> None:
        """data: None for a sector of ones."""
        try:
            os.stat(self._dead)
        except OSError:
            self._file.seek(at)
            if data is None:
                for _ in range(SECTOR_BYTES // PAGE_BYTES):
                    self._file.write(b"\xff" * PAGE_BYTES)
            else:
                self._file.write(data)
            if sys.implementation.name == "cpython":  # MicroPython keeps nothing back, and its flush is an fsync
                self._file.flush()
            time.sleep(takes_s)
            return
        raise OSError(5)
