"""The shortest way from a broker over something durable to a webhook and back: for programs that show what it costs."""

import socket
from collections.abc import Callable

from mqtt_lines import Reader, connected, puback, publish

POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
QUIET_S = 1.0

Found = list[tuple[bytes, bytes, int]]  # topic, payload, packet number


def relay(
    name: str, broker: int, webhook: int, keep: Callable[[Found], list[bytes]], rest: Callable[[], None] | None = None
) -> None:
    """Until the broker is gone. keep(found): make what has arrived together durable; the bodies of its webhooks.
    rest(): called in a quiet second."""
    link = connected(broker, name, ("bells/+/+/up",))
    station = socket.create_connection(("127.0.0.1", webhook), 10)
    station.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader, number = Reader(), 0
    link.settimeout(QUIET_S)
    print("ready", flush=True)
    while True:
        try:
            data = link.recv(1 << 20)
        except TimeoutError:
            if rest is not None:
                rest()
            continue
        if not data:
            return
        found = reader.feed(data)
        if not found:
            continue
        bodies = keep(found)
        station.sendall(b"".join(POST % (len(body), body) for body in bodies))
        answered = 0
        while answered < len(bodies):  # a POST counts when it was answered
            answered += station.recv(1 << 20).count(b"HTTP/1.1 200")
        out = []
        for topic, payload, their_number in found:
            number = number % 65535 + 1
            out += (puback(their_number), publish(topic.decode()[:-2] + "down", payload, number))
        link.sendall(b"".join(out))
