"""What runs over a bell's serial port: our frames, Improv's frames, lines of text between them. Sans-IO, pure.

    ours      "ANSIM" 01, kind, number, length (2 bytes, big endian), payload, CRC-32 of all before (4)
    Improv    "IMPROV" 01, kind, length (1 byte), data, low byte of the sum of all before

Text never holds a control character besides LF, and both magics end in byte 01: so no text can look like a frame. One
definition for the bell and for the kit, on MicroPython and CPython. Normative text: docs/port.md.
"""

from binascii import crc32

SELDOM = "cable"  # see bellnode.loan: in memory while somebody speaks

MAGIC = b"ANSIM\x01"
IMPROV = b"IMPROV\x01"

REQUEST, ANSWER, EVENT = 1, 2, 3  # kinds of our frames
STATE, ERROR, RPC, RESULT = 1, 2, 3, 4  # kinds of Improv's

PAYLOAD_BYTES_MAX = 1024  # the longest answer: a page of a list
# A whole request. An ESP32 keeps 260 bytes of its cable while its loop is busy; what comes on top is lost.
REQUEST_BYTES_MAX = 256
HEAD_BYTES = 10
TAIL_BYTES = 4
IMPROV_HEAD_BYTES = 9
GAP_MS = 250  # Improv allows 100 between two bytes of a frame; USB adapters and busy laptops are given some more
LINE_BYTES_MAX = 512  # longer than any line that a bell says; what is longer is handed out in pieces


def frame(kind, number, payload):
    """The bytes of one of our frames. kind: REQUEST, ANSWER or EVENT; number: 0 to 255; payload: bytes.

    Raises ValueError if one of them does not fit: that is a bug on the sending side.
    """
    if kind not in (REQUEST, ANSWER, EVENT) or not 0 <= number <= 255:
        raise ValueError("a frame has kind 1 to 3 and number 0 to 255, not {!r} and {!r}".format(kind, number))
    size = len(payload)
    if size > PAYLOAD_BYTES_MAX:
        raise ValueError("{} bytes do not fit a frame, at most {} do".format(size, PAYLOAD_BYTES_MAX))
    if kind == REQUEST and HEAD_BYTES + size + TAIL_BYTES > REQUEST_BYTES_MAX:
        raise ValueError("a request of {} bytes is too long, at most {} fit".format(size, REQUEST_BYTES_MAX - 14))
    data = MAGIC + bytes((kind, number, size >> 8, size & 255)) + payload
    return data + (crc32(data) & 0xFFFFFFFF).to_bytes(4, "big")


def improv(kind, data):
    """The bytes of an Improv frame. kind: STATE, ERROR, RPC or RESULT; data: bytes, at most 255. Raises ValueError."""
    if len(data) > 255:
        raise ValueError("{} bytes do not fit an Improv frame, at most 255 do".format(len(data)))
    head = IMPROV + bytes((kind, len(data))) + data
    return head + bytes((sum(head) & 255,))


class Reader:
    """Finds frames in a stream of bytes, however it is cut up, and whatever lies between them.

    kinds: of our frames that are taken, improv_kinds: of Improv's; what we send ourselves and hear back by an echo is
    then no frame. frame_bytes_max: of a whole frame; a longer one is none. lines: hand out the text between frames.
    dropped: bytes so far that were neither in a frame nor in a line that was handed out; the line feeds around frames
    count as well, so a healthy line has a few. broken: how often a magic stood there, and the rest was no frame for us.
    """

    def __init__(self, kinds, improv_kinds, frame_bytes_max=HEAD_BYTES + PAYLOAD_BYTES_MAX + TAIL_BYTES, lines=False):
        self._kinds = kinds
        self._improv_kinds = improv_kinds
        self._frame_bytes_max = frame_bytes_max
        self._line = bytearray() if lines else None
        self._rest = b""  # begins like a frame, and is not whole
        self.dropped = 0
        self.broken = 0

    def feed(self, data):
        """What the next bytes brought, a list of

        ("frame", kind, number, payload) · ("improv", kind, data) · ("text", line without LF, as bytes)

        Give it small pieces: it keeps less than a frame, and hands out the rest. Never raises, whatever the bytes are.
        """
        return self._read(self._rest + bytes(data), False)

    def silence(self):
        """What there was all the same, as in `feed`, after the line was silent for GAP_MS: a frame that was begun does
        not end any more. Without it, a frame that was cut off would swallow the beginning of the next one.
        """
        return self._read(self._rest, True)

    def pending(self):
        """True if a frame is begun: then `silence` has something to do."""
        return bool(self._rest)

    def _read(self, data, cut_off):
        found = []
        at = 0  # up to here all is done
        while at < len(data):
            start = _next(data, at)
            self._between(data[at:start], found)
            at = start
            if at == len(data):
                break
            size, item = self._at(data, at)
            if item is not None:
                found.append(item)
                at += size
            elif size is None and not cut_off:
                break
            else:  # it only looked like one: a frame may begin at its next byte
                if data[at : at + 6] == MAGIC or data[at : at + 7] == IMPROV:
                    self.broken += 1
                self._between(data[at : at + 1], found)
                at += 1
        self._rest = data[at:]
        return found

    def _at(self, data, at):
        """(bytes, item) of a frame that begins at `at`; (None, None): not whole yet, (0, None): none."""
        ours = data[at] == 0x41
        magic = MAGIC if ours else IMPROV
        head_bytes = HEAD_BYTES if ours else IMPROV_HEAD_BYTES
        begun = data[at : at + head_bytes]
        if begun[: len(magic)] != magic[: len(begun)]:
            return 0, None
        if len(begun) > len(magic) and begun[len(magic)] not in (self._kinds if ours else self._improv_kinds):
            return 0, None
        if len(begun) < head_bytes:
            return None, None
        size = (begun[8] << 8 | begun[9]) if ours else begun[8]
        whole = head_bytes + size + (TAIL_BYTES if ours else 1)
        if ours and (size > PAYLOAD_BYTES_MAX or whole > self._frame_bytes_max):
            return 0, None
        if len(data) - at < whole:
            return None, None
        end = at + head_bytes + size
        payload = data[at + head_bytes : end]
        if ours:
            if crc32(data[at:end]) & 0xFFFFFFFF != int.from_bytes(data[end : end + 4], "big"):
                return 0, None
            return whole, ("frame", begun[6], begun[7], payload)
        if sum(data[at:end]) & 255 != data[end]:
            return 0, None
        return whole, ("improv", begun[7], payload)

    def _between(self, data, found):
        """Bytes that are in no frame."""
        if self._line is None:
            self.dropped += len(data)
            return
        for code in data:
            if code == 10 or len(self._line) >= LINE_BYTES_MAX:
                if self._line:
                    found.append(("text", bytes(self._line)))
                else:
                    self.dropped += 1
                self._line = bytearray()
            if code != 10:
                self._line.append(code)


def _next(data, at):
    """Where something begins that may be a frame, from `at` on; the end if nothing does."""
    ours = data.find(b"A", at)
    theirs = data.find(b"I", at)
    if ours < 0:
        ours = len(data)
    if theirs < 0:
        theirs = len(data)
    return min(ours, theirs)
