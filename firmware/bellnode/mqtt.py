"""MQTT 3.1.1 packets as bytes, and back: what a bell needs, without any input or output.

    MqttError(Exception)    the broker sent something that is not the protocol: close the connection

Every packet is made as ONE bytes object, so that it can be sent in one write: header and body in two writes cost 44 ms
(Nagle and delayed acknowledgements).
"""

from collections import namedtuple

# A payload of wire.md is at most 1,024 bytes and a topic 80: the rest is room for both lengths and the identifier.
PACKET_BYTES_MAX = 1280
# A PUBLISH above that is dropped without being kept, so that a long message cannot cost a bell its connection. One that
# claims more than this would keep the connection busy for minutes: that is an attack or a fault, and ends it.
SKIPPED_BYTES_MAX = 65536
_HEAD_BYTES = 160  # what is kept of a dropped PUBLISH: enough for the longest topic and the identifier

# Of a CONNACK, from code 1: one text lies in the flash that code runs from, a dict of five in the heap.
CONNACK_WHY = """\
the broker refuses MQTT 3.1.1
the broker refuses this client identifier
the broker is not available
the broker refuses this user name
the broker does not know this certificate"""

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
# kind: one of those. number: packet identifier, None if there is none, as in a PUBLISH at QoS 0. codes: of CONNACK and
# SUBACK. Of a PUBLISH alone: topic; payload, bytes, or None if it was too long and has been dropped; retain.
Packet = namedtuple("Packet", ("kind", "number", "codes", "topic", "payload", "retain"))

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"


class MqttError(Exception):
    """Bytes that are not MQTT 3.1.1, or that a client must never be sent."""


def refusal(code):
    """What a CONNACK's code says, if it is not 0."""
    whys = CONNACK_WHY.split("\n")
    return whys[code - 1] if code <= len(whys) else f"CONNACK code {code}"


def _field(data):
    return len(data).to_bytes(2, "big") + data


def _packet(first, parts):
    # Joined once: each sum would need as much room again in one piece.
    size = sum([len(part) for part in parts])
    head = bytearray([first])
    while True:
        digit = size & 0x7F
        size >>= 7
        head.append(digit | 0x80 if size else digit)
        if not size:
            return b"".join((bytes(head),) + parts)


def connect(client_id, keepalive_s, will):
    """CONNECT with a clean session. will: (topic, payload bytes), retained, QoS 1."""
    # name, level 4, flags: clean session 2, will 4, QoS 1 of the will 8, will retained 32
    body = b"\x00\x04MQTT\x04" + bytes([0x2E]) + keepalive_s.to_bytes(2, "big")
    return _packet(0x10, (body, _field(client_id.encode()), _field(will[0].encode()), _field(will[1])))


def publish(topic, payload, number, retain=False):
    """PUBLISH at QoS 1 under packet identifier `number` (1 to 65535)."""
    return _packet(0x33 if retain else 0x32, (_field(topic.encode()), number.to_bytes(2, "big"), payload))


def puback(number):
    """PUBACK for a PUBLISH that came at QoS 1."""
    return b"\x40\x02" + number.to_bytes(2, "big")


def subscribe(topic, number):
    """SUBSCRIBE to one topic at QoS 1."""
    return _packet(0x82, (number.to_bytes(2, "big"), _field(topic.encode()), b"\x01"))


class Decoder:
    """Bytes in any chunks -> packets. After an MqttError it takes nothing more."""

    def __init__(self):
        self._buffer = b""
        self._skip = 0  # bytes of a dropped PUBLISH still to come
        self._broken = False

    def feed(self, data):
        """The packets (list) that `data` (bytes) completes. Raises MqttError, and nothing else."""
        if self._broken:
            raise MqttError("fed after an error")
        packets = []
        try:
            if self._skip:
                gone = min(self._skip, len(data))
                self._skip -= gone
                data = data[gone:]
            self._buffer = self._buffer + data if self._buffer else bytes(data)
            while self._take(packets):
                pass
        except MqttError:
            self._broken = True
            self._buffer = b""
            raise
        return packets

    def _take(self, packets):
        """Take one packet off the buffer; False if there is no whole one."""
        length = _remaining_length(self._buffer)
        if length is None:
            return False
        start, size = length
        first = self._buffer[0]
        if size + start > PACKET_BYTES_MAX:
            if first >> 4 != PUBLISH or size > SKIPPED_BYTES_MAX:
                raise MqttError(f"a packet of {size} bytes, at most {PACKET_BYTES_MAX}")
            if len(self._buffer) < start + _HEAD_BYTES:
                return False
            packets.append(_publish(first, self._buffer[start : start + _HEAD_BYTES], True))
            self._skip = max(0, start + size - len(self._buffer))
            self._buffer = self._buffer[start + size :]
            return True
        if len(self._buffer) < start + size:
            return False
        body = self._buffer[start : start + size]
        self._buffer = self._buffer[start + size :]
        packets.append(_decode(first, body))
        return True


def _remaining_length(buffer):
    """(bytes of the fixed header, bytes after it), or None if the header is not whole yet."""
    size = 0
    for place in range(1, 5):
        if place >= len(buffer):
            return None
        size |= (buffer[place] & 0x7F) << (7 * (place - 1))
        if not buffer[place] & 0x80:
            return place + 1, size
    raise MqttError("a length of more than four bytes")


def _decode(first, body):
    kind = first >> 4
    if kind == PUBLISH:
        return _publish(first, body, False)
    if first & 0x0F:
        raise MqttError(f"reserved flags are set in packet type {kind}")
    if kind == CONNACK:
        if len(body) != 2 or body[0] > 1 or (body[1] and body[0]):
            raise MqttError("a CONNACK is two bytes: session present, code")
        return _answer(kind, None, body[1:])
    if kind == PUBACK:
        if len(body) != 2:
            raise MqttError("a PUBACK is two bytes")
        return _answer(kind, _number(body), b"")
    if kind == SUBACK:
        if len(body) < 3:
            raise MqttError("a SUBACK is at least three bytes")
        for code in body[2:]:
            if code not in (0, 1, 2, 0x80):
                raise MqttError(f"a SUBACK code of {code}")
        return _answer(kind, _number(body), body[2:])
    if kind == PINGRESP:
        if body:
            raise MqttError("a PINGRESP has no body")
        return _answer(kind, None, b"")
    raise MqttError(f"packet type {kind} is not for a client at QoS 1")


def _answer(kind, number, codes):
    return Packet(kind, number, codes, None, None, False)


def _number(body):
    number = (body[0] << 8) | body[1]
    if not number:
        raise MqttError("packet identifier 0")
    return number


def _publish(first, body, cut):
    qos = (first >> 1) & 3
    if qos > 1:
        raise MqttError(f"a PUBLISH of QoS {qos}; we subscribe at 1")
    if not qos and first & 8:
        raise MqttError("a duplicate at QoS 0")
    if len(body) < 2:
        raise MqttError("a PUBLISH without a topic")
    end = 2 + ((body[0] << 8) | body[1])
    if end + 2 * qos > len(body):
        raise MqttError("a PUBLISH whose topic is longer than itself, or than any of ours")
    try:
        topic = str(body[2:end], "utf-8")
    except ValueError:
        raise MqttError("a topic that is not UTF-8")
    if not topic or "\x00" in topic or "+" in topic or "#" in topic:
        raise MqttError("a topic that is empty, or has a wildcard or a null in it")
    number = _number(body[end : end + 2]) if qos else None
    payload = None if cut else body[end + 2 * qos :]
    return Packet(PUBLISH, number, b"", topic, payload, bool(first & 1))
