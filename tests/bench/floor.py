"""The floor: the shortest program that does broker -> one fdatasync -> HTTP POST -> receipt.

No seal, no deduplication, no incident, no retry, nothing that survives it. It shows what the machine, the broker and
Python's sockets cost at the least, so that what a real gateway adds can be told from what nobody can save.

    python floor.py BROKER_PORT WEBHOOK_PORT FOLDER
"""

import os
import socket
import sys
from pathlib import Path

from mqtt_lines import Reader, connected, puback, publish

POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"


def main() -> None:
    broker, webhook, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    link = connected(broker, "floor", ("bells/+/+/up",))
    station = socket.create_connection(("127.0.0.1", webhook), 10)
    station.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    log = os.open(folder / "floor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    reader, number = Reader(), 0
    print("ready", flush=True)
    while data := link.recv(1 << 20):
        found = reader.feed(data)
        if not found:
            continue
        os.write(log, b"".join(payload for _, payload, _ in found))
        os.fdatasync(log)
        bodies = [payload.partition(b"\n")[0] for _, payload, _ in found]
        station.sendall(b"".join(POST % (len(body), body) for body in bodies))
        answered = 0
        while answered < len(bodies):  # a POST counts when it was answered
            answered += station.recv(1 << 20).count(b"HTTP/1.1 200")
        out = []
        for topic, payload, their_number in found:
            number = number % 65535 + 1
            out += (puback(their_number), publish(topic.decode()[:-2] + "down", payload, number))
        link.sendall(b"".join(out))


main()
