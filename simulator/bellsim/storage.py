"""Flash that can break: a block device that only clears bits, erases by sector, loses power half-way and wears out.

It breaks things and never asserts; `cuts` does that. It has MicroPython's extended block protocol, as `esp32.Partition`
has, so the real firmware's ring and MicroPython's own LittleFS run on it unchanged. Runs on MicroPython and CPython.

What is done half: a program has cleared some bits of its page, the first ones or any; an erase has set some bits of
the sector, a part of it or any. Not simulated: cells so weak that they read differently from one time to the next.
"""

SECTOR_BYTES = 4096
PROGRAM_BYTES = 256  # a program is done page by page, and the power can go between any two
EIO = 5
PROGRAM = 0
ERASE = 1


class PowerCut(Exception):
    """The power went: this operation and every later one does nothing more. What is left is the device's `image`."""


_POWER_CUT = PowerCut()  # made beforehand: a file that nobody closed is closed by MicroPython's collector, heap locked


class Flash:
    """`sectors` of 4096 bytes. image: their bytes; `cut_at` and `dead` may be set at any time."""

    def __init__(self, sectors: int, image: "bytearray | bytes | None" = None, page: int = PROGRAM_BYTES) -> None:
        self.sectors = sectors
        self.image = bytearray(b"\xff" * SECTOR_BYTES * sectors if image is None else image)
        self.page = page
        self.count = 0  # programs of a page and erases done
        self.erases = [0] * sectors
        self.reads = 0
        self.dead = False  # every program and erase fails with EIO; reading goes on
        self.deaf = False  # reading fails as well
        self.cut_at = -1  # the power goes at the operation with this count
        self.cut_seed = 0  # 0: before it; else how much of it is done
        self.wear_out = 0  # erases that a sector survives; 0: any number. Then its bits no longer come back
        self.log: list[tuple[int, int, bytes]] | None = None  # if a list: each operation, as `apply` takes it
        self.off = False

    def ioctl(self, request: int, argument: int) -> int:
        """4: sectors; 5: bytes of one; 6: erase one; else nothing. As MicroPython numbers them."""
        if request == 4:
            return self.sectors
        if request == 5:
            return SECTOR_BYTES
        if request == 6:
            self._do(ERASE, argument * SECTOR_BYTES, b"")
        return 0

    def readblocks(self, block: int, buffer: "bytearray | memoryview", offset: int = 0) -> None:
        """Fill `buffer`."""
        if self.off:
            raise _POWER_CUT
        if self.deaf:
            raise OSError(EIO)
        self.reads += 1
        start = block * SECTOR_BYTES + offset
        buffer[:] = self.image[start : start + len(buffer)]

    def writeblocks(self, block: int, buffer: "bytes | bytearray | memoryview", offset: int = 0) -> None:
        """Program without an erase: bits are cleared, none is set."""
        start = block * SECTOR_BYTES + offset
        end = start + len(buffer)
        data = bytes(buffer)
        at = start
        while at < end:
            stop = min(end, at - at % self.page + self.page)
            self._do(PROGRAM, at, data[at - start : stop - start])
            at = stop

    def _do(self, kind: int, at: int, data: bytes) -> None:
        if self.off:
            raise _POWER_CUT
        if self.dead:
            raise OSError(EIO)
        if self.count == self.cut_at:
            self.off = True
            if self.cut_seed:
                half(self.image, kind, at, data, self.cut_seed)
            raise _POWER_CUT
        self.count += 1
        if kind == ERASE:
            sector = at // SECTOR_BYTES
            self.erases[sector] += 1
            if self.wear_out and self.erases[sector] > self.wear_out:
                return  # as it was: a worn sector keeps its bits
        if self.log is not None:
            self.log.append((kind, at, data))
        apply(self.image, kind, at, data)


def apply(image: bytearray, kind: int, at: int, data: bytes) -> None:
    """Do one operation of a `log` to an image: PROGRAM clears the bits that are 0 in `data`, ERASE sets a sector."""
    if kind == ERASE:
        image[at : at + SECTOR_BYTES] = b"\xff" * SECTOR_BYTES
        return
    here = int.from_bytes(image[at : at + len(data)], "little") & int.from_bytes(data, "little")
    image[at : at + len(data)] = here.to_bytes(len(data), "little")


def half(image: bytearray, kind: int, at: int, data: bytes, seed: int) -> None:
    """Do part of one operation, which part depends on `seed` (1 and up)."""
    noise = _Noise(seed)
    if kind == PROGRAM:
        if noise.below(2):  # every bit goes when it likes: a page is programmed at once
            apply(image, PROGRAM, at, bytes([byte | noise.below(256) for byte in data]))
            return
        whole = noise.below(len(data))
        apply(image, PROGRAM, at, data[:whole])
        image[at + whole] &= data[whole] | noise.below(256)
        return
    way = noise.below(4)
    if way == 0:  # every bit comes back when it likes
        for place in range(at, at + SECTOR_BYTES):
            image[place] |= noise.below(256)
        return
    first = noise.below(SECTOR_BYTES)
    if way == 1:
        start, end = 0, first
    elif way == 2:
        start, end = first, SECTOR_BYTES
    else:
        start, end = sorted((first, noise.below(SECTOR_BYTES)))
    image[at + start : at + end] = b"\xff" * (end - start)
    for place in range(max(0, start - 8), min(SECTOR_BYTES, end + 8)):
        image[at + place] |= noise.below(256)


class _Noise:
    """The same numbers from the same seed on both runtimes."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 2654435761 + 12345) & 0x3FFFFFFF

    def below(self, end: int) -> int:
        """0 to end - 1; `end` up to 65536."""
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self._state >> 8) % end if end else 0
