"""The journal of events as a ring of slots on a raw flash partition; the flash is whatever device it is given.

Flash can clear bits at will, and sets them only a whole sector at a time, which takes long and wears. So a record is
programmed into erased flash, one that is delivered is marked by clearing bits in its own slot, and a sector is erased
when nothing waits for it, long before it is needed. `ring_format` says where each byte lies.

Two rules make every cut of the power harmless. A slot is programmed only where the flash reads as erased, and counts
only if its CRC is right: half a record is none. A sector is used only if its header, which is written after the
erase, is right; before the erase its live records are copied on and both headers are cleared to zeros, from which no
half-done erase can make a header again. A copy keeps its record's number, and the later copy counts.
"""

from binascii import crc32

from bellnode.loan import seldom
from bellnode.outbox import ALARMS
from bellnode.ring_format import (
    BLANK,
    FORMAT,
    HEADER_BYTES,
    HEADERS,
    MARK,
    RECORD_BYTES_MAX,
    SECTOR_BYTES,
    SLOT_BYTES,
    SLOTS,
    SLOTS_MAX,
    decode,
    encode,
    header,
    read_header,
    read_sector,
    read_slot,
    slot,
    slots,
)

SECTORS_MIN = 4  # one in use, two erased, one to be erased next
AHEAD = 2  # erased sectors in store: a burst of 42 presses and more finds room before the loop gets to an erase
RESERVE = 1  # of these, what only copies may take: an empty sector always holds all that is live in another
TRIES = 3  # where to write a record, before the flash is called dead
_EIO, _EFBIG, _ENOSPC = 5, 27, 28


def is_alarm(record):
    """True for a record that a full ring gives up last."""
    what = record.get("what")
    return record.get("state") == "alarm" and what in ALARMS


def _key(record):
    return record.get("boot"), record.get("seq")


class Ring:
    """The events without a receipt, on a partition: readblocks and writeblocks with an offset, ioctl 4, 5 and 6.

    load() comes first. erases, moved: sectors erased and records copied on in this run. dropped: records that found no
    room. reads: calls of readblocks by load().
    """

    def __init__(self, device):
        """Raises ValueError for a partition that cannot be one, OSError for one that does not answer."""
        self._device = device
        self.sectors = device.ioctl(4, 0)
        if device.ioctl(5, 0) != SECTOR_BYTES or self.sectors < SECTORS_MIN:
            raise ValueError(f"a ring needs {SECTORS_MIN} sectors of {SECTOR_BYTES} bytes or more")
        self.erases = self.moved = self.dropped = self.reads = 0
        self._worn = []  # sectors that an erase did not clear in this run
        self._live = {}  # (boot, seq): (number, sector, slot, slots)
        self._strangers = ()  # of these, what no load() has told of: its reader failed, and the next start's may not
        self._loaded = False

    def capacity(self):
        """How many slots the live records may take: with so many, copying always finds room.

        At worst a sector is left with SLOTS_MAX - 1 slots that the next record did not fit into.
        """
        return (self.sectors - len(self._worn) - AHEAD - 1) * (SLOTS - SLOTS_MAX + 1)

    def load(self):
        """(records, faulty): the live ones, oldest first. Reads each header, then each sector once. Never raises.

        What a cut left half-done is put right here, and sectors are erased ahead if there are none.
        """
        try:
            records, faulty = self._scan()
        except OSError:
            return [], True
        try:
            for _ in range(AHEAD):
                self.mirror()
        except OSError:
            pass  # the next save says so
        return records, faulty

    def save(self, records):
        """Commit `records`, oldest first: the new ones are written, those that are missing are marked as gone.

        Raises OSError if not all are on flash now; as many as possible are, alarms first.
        """
        if not self._loaded:  # the flash could not be read at the start
            self._scan()
            told = [_key(record) for record in records]
            self._strangers = tuple([key for key in self._live if key not in told])
        wanted, fault = self._choose(records)
        gone = [(key, None) for key in self._live if key not in dict(wanted) and key not in self._strangers]
        tight = self._slots_of(wanted) + self._slots_of(gone) > self.capacity()
        if tight:
            self._forget(gone)
        for key, record in wanted:
            self._keep(key, encode(record))
        if not tight:
            self._forget(gone)
        if fault:
            raise OSError(fault)

    def _keep(self, key, data):
        """Have these bytes on flash for this event: it may be new, or have turned since (a held press made silent)."""
        held = self._live.get(key)
        if held is None:
            self._live[key] = self._append(self._number, data, False)
        elif held[4] != crc32(data):
            turned = self._append(held[0], data, False)  # same number: after a cut the later copy counts
            before = self._live.get(key)  # looked up again: making room may have moved it
            self._live[key] = turned
            if before is not None:
                self._program(before[1], before[2], MARK)

    def mirror(self):
        """What can wait until the event is sent: erase one sector if there are too few in store. Raises OSError."""
        if self._loaded and len(self._ready) < AHEAD:
            self._reclaim()

    # --- which records

    def _choose(self, records):
        """([(key, record)], errno or 0): what there is room for."""
        fault = 0
        wanted = []
        for record in records:
            if _key(record) not in self._live and len(encode(record)) > RECORD_BYTES_MAX:
                fault = _EFBIG
            else:
                wanted.append((_key(record), record))
        size = self._slots_of(wanted)
        room = self.capacity()
        while size > room > 0:  # a flash worn so far that it has no room at all keeps what it has
            # As in the outbox: the oldest that is no alarm; among alarms alone the second, because the first says when
            # it began and the newest is the one on the lamp.
            lesser = [place for place, pair in enumerate(wanted) if not is_alarm(pair[1])]
            victim = wanted.pop(lesser[0] if lesser else min(1, len(wanted) - 1))
            size -= self._slots_of([victim])
            self.dropped += 1
            fault = _ENOSPC
        return wanted, fault

    def _slots_of(self, pairs):
        return sum([self._live[key][3] if key in self._live else slots(len(encode(record))) for key, record in pairs])

    def _forget(self, pairs):
        for key, _ in pairs:
            if key in self._live:
                _, sector, place, _, _ = self._live[key]
                self._program(sector, place, MARK)
                del self._live[key]

    # --- where they go

    def _append(self, number, data, copying):
        """Program a record; its (number, sector, slot, slots, CRC of the data). Raises OSError."""
        packed = slot(number, data)
        count = slots(len(data))
        self._number = max(self._number, number + 1)
        for _ in range(TRIES):
            self._find_room(count, copying)
            sector, place = self._current, self._slot
            self._slot += count
            self._program(sector, place, packed)
            if self._read(sector, place, len(packed)) == packed:
                return number, sector, place, count, crc32(data)
            self._program(sector, place, MARK)  # worn: nobody shall wonder about it
        raise OSError(_EIO)

    def _find_room(self, count, copying):
        """Make `count` slots at the present place that read as erased. Raises OSError."""
        turns = 0
        while True:
            if self._slot + count <= SLOTS:
                if self._read(self._current, self._slot, count * SLOT_BYTES) == BLANK * count:
                    return
                self._slot += 1
            elif copying or len(self._ready) > RESERVE:
                if not self._ready:
                    raise OSError(_ENOSPC)
                self._current, self._slot = self._ready.pop(0), 0
            elif turns < self.sectors:
                turns += 1
                self._reclaim()
            else:
                raise OSError(_ENOSPC)

    def _reclaim(self):
        """Copy on what is live in the oldest sector, and erase it. Raises OSError."""
        oldest = None
        for sector in range(self.sectors):
            if sector == self._current or sector in self._ready or sector in self._worn:
                continue
            if oldest is None or self._sequence[sector] < self._sequence[oldest]:
                oldest = sector
        if oldest is None:
            raise OSError(_ENOSPC)
        for entry, key in sorted([(entry, key) for key, entry in self._live.items() if entry[1] == oldest]):
            found = read_slot(self._read(oldest, entry[2], entry[3] * SLOT_BYTES), 0)
            if found:
                self._live[key] = self._append(entry[0], found[1], True)
                self.moved += 1
            else:
                del self._live[key]  # damaged since: the next save writes it anew
        self._sequence[oldest] = 0
        for place in HEADERS:
            self._program(oldest, place, bytes(HEADER_BYTES))
        self._device.ioctl(6, oldest)
        self.erases += 1
        for place in range(-1, SLOTS + 1, 8):
            if self._read(oldest, place, 8 * SLOT_BYTES) != BLANK * 8:
                self._worn.append(oldest)
                return
        head = header(self._next_sequence)
        for place in HEADERS:
            self._program(oldest, place, head)
        if self._identify(oldest)[0] != self._next_sequence:
            self._worn.append(oldest)
            return
        self._sequence[oldest] = self._next_sequence
        self._next_sequence += 1
        self._ready.append(oldest)

    def _program(self, sector, place, data):
        self._device.writeblocks(sector, data, (place + 1) * SLOT_BYTES)

    def _read(self, sector, place, size):
        buffer = bytearray(size)
        self._device.readblocks(sector, buffer, (place + 1) * SLOT_BYTES)
        return buffer

    # --- the start

    @seldom("scan")
    def _scan(self):
        self._sequence = [0] * self.sectors  # 0: without a header, so it has to be erased before it is used
        self._ready = []  # erased sectors with a header, in the order in which they will be used
        self._current = None
        self._slot = SLOTS  # the next one in the current sector
        self._number = 1
        self.reads = 0
        faulty = False
        for sector in range(self.sectors):
            sequence, strange = self._identify(sector)
            self._sequence[sector] = sequence
            faulty = faulty or strange
        order = sorted([(sequence, sector) for sector, sequence in enumerate(self._sequence) if sequence])
        self._next_sequence = order[-1][0] + 1 if order else 1
        buffer = bytearray(SECTOR_BYTES)
        view = memoryview(buffer)
        held = {}  # number: (record, sector, slot, slots, CRC of the data)
        torn = ()
        for _, sector in order:
            self._load_sector(sector, buffer)
            found, bad, used, whole = read_sector(view)
            for place, number, data, count, gone in found:
                self._number = max(self._number, number + 1)
                record = None if gone else decode(data)
                if record is not None:
                    held[number] = (record, sector, place, count, crc32(data))
                elif gone:
                    held.pop(number, None)  # the later copy counts
                else:
                    faulty = True  # whole, and not ours: of another firmware
            if not used:
                self._ready.append(sector)
                continue
            if torn:  # a later sector is in use, so it was no cut that broke these
                faulty = True
                self._bury(torn)
            faulty = self._bury([(sector, place) for place in bad if place < whole]) or faulty
            torn = [(sector, place) for place in bad if place >= whole]
            self._current, self._slot, self._ready = sector, used, []
        self._bury(torn)
        if not order and not faulty:
            faulty = not self._untouched(buffer)
        self._loaded = True
        records = []
        self._live = {}
        for number in sorted(held):
            record, sector, place, count, mark = held[number]
            if _key(record) not in self._live:
                self._live[_key(record)] = (number, sector, place, count, mark)
                records.append(record)
        return records, faulty

    def _identify(self, sector):
        """(sequence or 0, True if it has the header of another format)."""
        for place in HEADERS:
            self.reads += 1
            found = read_header(self._read(sector, place, HEADER_BYTES))
            if found:
                return (found[1], False) if found[0] == FORMAT else (0, True)
        return 0, False

    @seldom("scan")
    def _load_sector(self, sector, buffer):
        self.reads += 1
        self._device.readblocks(sector, buffer, 0)

    @seldom("scan")
    def _bury(self, places):
        """Mark what is damaged, so that it is reported once. True if there was any."""
        for sector, place in places:
            try:
                self._program(sector, place, MARK)
            except OSError:
                break  # then it is reported again
        return len(places) > 0

    @seldom("scan")
    def _untouched(self, buffer):
        """True if there is nothing but a new flash, and headers: a cut may have broken off its very first use."""
        for sector in range(self.sectors):
            self._load_sector(sector, buffer)
            if read_sector(memoryview(buffer))[2]:
                return False
        return True
