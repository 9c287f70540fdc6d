"""Events without a receipt, and what else must not be lost, kept so that they survive a power cut and a torn write.

The events lie in a ring on a flash partition of its own (`ring`), if the board has one. What changes seldom, and all
of it on a board without that partition, lies in files: each a small whole file in two copies, `<name>.a` and
`<name>.b`. A save writes a temporary file, flushes it (the commit on LittleFS) and renames it over `.a`; the press may
then be sent. `.b` follows by `mirror` when there is time, and is read only when `.a` is damaged. Whole files, not an
appended log, because what has to be kept is a handful of records: a rename has no half-done state that a reader could
meet, and nothing has to be compacted. It wears the flash more than the ring does.

Every line carries the start of its own SHA-256, and the first line says how many follow. A damaged file is set aside
as `.bad`, its whole lines are still used together with the other copy, and the fault is reported. An event that was
delivered since may so come back: it is then sent again, and the gateway knows it for a duplicate. Nothing here ever
stops an alarm.
"""

import json
import os
from binascii import hexlify
from hashlib import sha256

import bellwire
from bellnode.loan import hold, seldom

FILE_BYTES_MAX = 16384  # 32 events (see `outbox`) with everything they can carry are about 10 kB
_MARK_CHARS = 16
# An erase stops the whole chip for 45 ms and more, and a receipt takes some 10. So the erase comes after it; without a
# receipt within this time nobody is delayed by 45 ms more, and the next burst of presses needs the room.
SPARE_MS = 1000
# Written into the journal and taken out again by the self-test: no event has this number.
PROBE = {"boot": "0000000000000000", "seq": 0, "what": "test", "state": "restore"}


def _mark(text):
    return hexlify(sha256(text).digest())[:_MARK_CHARS]


def encode(records):
    """The file (bytes) for `records` (a list of dicts of JSON values)."""
    lines = [json.dumps(record) for record in records]
    lines.insert(0, json.dumps({"lines": len(records)}))
    return b"".join([_mark(line.encode()) + b" " + line.encode() + b"\n" for line in lines])


def decode(data):
    """(records, whole): every line of `data` (bytes) that is intact, and whether nothing is missing or damaged."""
    expected = None
    records = []
    whole = True
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    for place, line in enumerate(lines):
        text = line[_MARK_CHARS + 1 :]
        if line[: _MARK_CHARS + 1] != _mark(text) + b" ":
            whole = False
            continue
        try:
            record = json.loads(str(text, "utf-8"))
        except (ValueError, RuntimeError):
            record = None
        if not isinstance(record, dict):
            whole = False
        elif place == 0 and "lines" in record:
            expected = record["lines"]
        else:
            records.append(record)
    return records, whole and expected == len(records)


@seldom("memory")
class TwoCopies:
    """A list of records (dicts) in two copies in a folder."""

    def __init__(self, folder, name):
        self._path = folder + "/" + name
        self._behind = None  # bytes that `.b` still lacks

    def load(self):
        """(records, faulty). Never raises: what cannot be read is set aside and reported as faulty."""
        first, first_state = self._read(".a")
        second, second_state = self._read(".b")
        if first_state == "whole":
            return first, second_state == "damaged"
        if first_state == "absent" and second_state == "absent":
            return [], False
        more, less = (first, second) if len(first) >= len(second) else (second, first)
        return more + [record for record in less if record not in more], True

    def _read(self, end):
        try:
            with open(self._path + end, "rb") as file:
                size = min(file.seek(0, 2), FILE_BYTES_MAX + 1)  # MicroPython makes room for all it is asked for
                file.seek(0)
                data = file.read(size)
        except OSError as fault:
            return [], "absent" if fault.errno == 2 else "damaged"  # 2: ENOENT
        records, whole = decode(data)
        if whole:
            return records, "whole"
        try:
            os.rename(self._path + end, self._path + end + ".bad")
        except OSError:
            pass  # reported as damaged all the same
        return records, "damaged"

    def save(self, records):
        """Commit `records`. Raises OSError: then the file is what it was."""
        data = encode(records)
        self._write(".a", data)
        self._behind = data

    def mirror(self):
        """Bring the second copy up to the first. Raises OSError."""
        if self._behind is not None:
            self._write(".b", self._behind)
            self._behind = None

    def _write(self, end, data):
        temporary = self._path + end + ".new"
        with open(temporary, "wb") as file:
            if file.write(data) != len(data):
                raise OSError(28)  # ENOSPC: MicroPython reports a short write, and no error
            file.flush()
        os.rename(temporary, self._path + end)


@seldom("start")
def events(folder, partition=None):
    """The journal of events: on `partition`, a raw block device, if it is given and can hold a ring; else in `folder`.

    load() -> (records, faulty), then save(records) and mirror(), as in TwoCopies.
    """
    if partition is not None:
        try:
            return hold("ring").Ring(partition)  # without the partition its code would only cost heap
        except (OSError, ValueError):
            pass  # too small, or of other sectors
    return TwoCopies(folder, "journal")


def spare_ms(saved_ms, urgent, now_ms):
    """How long mirror() still has to wait: until no alarm lacks its receipt (`urgent`), but not for ever; 0: do it now.

    saved_ms: the first save() since the last mirror().
    """
    return max(0, saved_ms + SPARE_MS - now_ms) if urgent else 0


@seldom("start")
def usable(record):
    """True if a record is an event that can be sent: a record of another firmware may not be."""
    message = {"v": 1, "type": "event", "age_ms": None}
    message.update(record)
    try:
        bellwire.check(message, "up")
    except bellwire.WireError:
        return False
    return True


@seldom("start")
def load_events(store):
    """(records that can be sent, faulty) of what `events` gave."""
    records, faulty = store.load()
    records = [record for record in records if record.get("seq") != PROBE["seq"]]
    whole = [record for record in records if usable(record)]
    return whole, faulty or len(whole) != len(records)


@seldom("orders")
def check(store, records):
    """Write to what `events` gave and read back: None, or what is wrong. records: what it holds, then and after."""
    try:
        store.save(records + [PROBE])
        back, _ = store.load()
        store.save(records)
    except OSError as fault:
        return f"does not take a record: {fault}"[:60]
    if PROBE["seq"] not in [record.get("seq") for record in back]:
        return "lost what was written"
    return None
