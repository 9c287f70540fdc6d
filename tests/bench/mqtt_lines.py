"""MQTT 3.1.1 as the bench and the floor speak it: as few bytes and as few steps as possible, QoS 1, no checks.

It measures others, so it must cost next to nothing itself. It is no client for anything else.
"""

import socket
import struct


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def _packet(first: int, body: bytes) -> bytes:
    size, head = len(body), bytearray([first])
    while True:
        digit = size & 0x7F
        size >>= 7
        head.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(head) + body


def publish(topic: str, payload: bytes, number: int) -> bytes:
    """A QoS 1 PUBLISH."""
    return _packet(0x32, _text(topic) + struct.pack(">H", number) + payload)


def connected(port: int, client_id: str, topics: tuple[str, ...], clean: bool = True) -> socket.socket:
    """A blocking socket, connected and subscribed to `topics` with QoS 1."""
    link = socket.create_connection(("127.0.0.1", port), 10)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(_packet(0x10, _text("MQTT") + bytes((4, 2 if clean else 0, 0, 0)) + _text(client_id)))
    _exactly(link, 4)
    if topics:
        link.sendall(_packet(0x82, b"\0\1" + b"".join(_text(topic) + b"\1" for topic in topics)))
        _exactly(link, 4 + len(topics))
    return link


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise ConnectionError("the broker closed the connection")
        data += more
    return data


class Reader:
    """Bytes of a connection -> (topic, payload, packet number) of each PUBLISH; everything else is skipped."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes, int]]:
        data = self._rest + data
        at, end, found = 0, len(data), []
        while at + 2 <= end:
            size, shift, body = 0, 0, at + 1
            while body < end:
                digit = data[body]
                body += 1
                size |= (digit & 0x7F) << shift
                shift += 7
                if not digit & 0x80:
                    break
            else:
                break
            if body + size > end:
                break
            if data[at] & 0xF0 == 0x30:
                topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                number, start = 0, topic_end
                if data[at] & 0x06:
                    number, start = data[topic_end] << 8 | data[topic_end + 1], topic_end + 2
                found.append((data[body + 2 : topic_end], data[start : body + size], number))
            at = body + size
        self._rest = data[at:]
        return found


def puback(number: int) -> bytes:
    """The answer to a PUBLISH."""
    return struct.pack(">BBH", 0x40, 2, number)
