"""What lies in the journal's ring, byte by byte: headers of sectors, records in slots. Pure.

    sector   header, SLOTS slots, header again: 32 + 126 * 32 + 32 bytes
    header   "bell", format, the sector's sequence (u32), CRC-32 of these; else 0xFF
    record   in one or more slots: mark (3), slots (u8), CRC-32 (u32), number (u32), bytes (u16), JSON
    mark     FF FF FF as written, 00 00 00 when the record is no longer needed; two of the three bytes decide

Integers stand with their low byte first. A record's CRC covers all but the mark. JSON without the usual keys, so that
a press fits into three slots; keys that a later firmware adds are kept all the same, under their names. Slots as
small as that cost wear by the byte: 42 presses share one erase.
"""

import json
from binascii import crc32

FORMAT = 1
SECTOR_BYTES = 4096
SLOT_BYTES = 32
SLOTS = (SECTOR_BYTES - 2 * SLOT_BYTES) // SLOT_BYTES
HEADER_BYTES = 13
HEADERS = (-1, SLOTS)  # where they lie, counted as slots
HEAD_BYTES = 14  # of a record
RECORD_BYTES_MAX = 1024  # no event that fits into a message (wire.md) is longer
SLOTS_MAX = (HEAD_BYTES + RECORD_BYTES_MAX + SLOT_BYTES - 1) // SLOT_BYTES

BLANK = b"\xff" * SLOT_BYTES
MARK = b"\0\0\0"
_COLUMNS = ("boot", "seq", "what", "state", "t_ms", "t_err_ms")


def encode(record):
    """The bytes of a record (a dict of JSON values)."""
    row = [record.get(name) for name in _COLUMNS]
    rest = {name: record[name] for name in record if name not in _COLUMNS or record[name] is None}
    if rest:
        row.append(rest)
    while row and row[-1] is None:
        row.pop()
    return json.dumps(row, separators=(",", ":")).encode()


def decode(data):
    """The record of such bytes, or None if they are none."""
    try:
        row = json.loads(str(data, "utf-8"))
    except (ValueError, RuntimeError):
        return None
    if not isinstance(row, list) or len(row) > len(_COLUMNS) + 1:
        return None
    record = {}
    for place, name in enumerate(_COLUMNS[: len(row)]):
        if row[place] is not None:
            record[name] = row[place]
    if len(row) > len(_COLUMNS):
        if not isinstance(row[-1], dict):
            return None
        record.update(row[-1])
    if isinstance(record.get("boot"), (list, dict)) or isinstance(record.get("seq"), (list, dict)):
        return None
    return record


def slots(size):
    """How many slots a record of `size` bytes takes."""
    return (HEAD_BYTES + size + SLOT_BYTES - 1) // SLOT_BYTES


def slot(number, data):
    """The bytes to program for a record: its head and `data`."""
    middle = number.to_bytes(4, "little") + len(data).to_bytes(2, "little") + data
    count = bytes([slots(len(data))])
    return b"\xff\xff\xff" + count + crc32(count + middle).to_bytes(4, "little") + middle


def read_slot(view, at):
    """(number, data, slots, gone) of the record at `at` in a sector's bytes, or None if there is no whole one."""
    count = view[at + 3]
    size = view[at + 12] | view[at + 13] << 8
    end = at + HEAD_BYTES + size
    if not 0 < count <= SLOTS_MAX or slots(size) != count or end > SECTOR_BYTES - SLOT_BYTES:
        return None
    if crc32(view[at + 8 : end], crc32(view[at + 3 : at + 4])) != int.from_bytes(view[at + 4 : at + 8], "little"):
        return None
    number = int.from_bytes(view[at + 8 : at + 12], "little")
    return number, bytes(view[at + HEAD_BYTES : end]), count, is_gone(view, at)


def is_gone(view, at):
    """True if the slot at `at` is marked: by two bytes of three, so that one damaged byte changes nothing."""
    return (view[at] == 0) + (view[at + 1] == 0) + (view[at + 2] == 0) >= 2


def header(sequence):
    """The bytes of a sector's header."""
    head = b"bell" + bytes([FORMAT]) + sequence.to_bytes(4, "little")
    return head + crc32(head).to_bytes(4, "little")


def read_header(data):
    """(format, sequence) of a header, or None if it is none."""
    if bytes(data[:4]) != b"bell" or crc32(data[:9]) != int.from_bytes(data[9:13], "little"):
        return None
    return data[4], int.from_bytes(data[5:9], "little")


def read_sector(view):
    """(found, bad, used, whole): what lies in a sector's bytes.

    found: [(slot, number, data, slots, gone)], in their order; bad: [slot] that are neither erased nor part of a whole
    record nor marked; used: the first slot behind which all is erased; whole: the end of the last whole record.
    """
    found = []
    bad = []
    used = whole = place = 0
    while place < SLOTS:
        at = (place + 1) * SLOT_BYTES
        if view[at : at + SLOT_BYTES] == BLANK:
            place += 1
            continue
        record = read_slot(view, at)
        if record:
            number, data, count, gone = record
            found.append((place, number, None if gone else data, count, gone))
            place += count
            whole = place
        else:
            if not is_gone(view, at):
                bad.append(place)
            place += 1
        used = place
    return found, bad, used, whole
