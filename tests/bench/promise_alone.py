"""The promise alone: broker -> one transaction with every row that a press must leave -> HTTP POST -> receipt.

The floor with the gateway's own tables: signal, incident, two rows of the outbox, record. It
decides nothing, checks no seal, retries nothing and hashes nothing: it shows what the promise costs in SQLite, so that
what the gateway's own steps add can be told from it.

    python promise_alone.py BROKER_PORT WEBHOOK_PORT DATABASE
"""

import re
import socket
import sqlite3
import sys
import time
from pathlib import Path

from mqtt_lines import Reader, connected, puback, publish

from bellgate.store import opening

IDENTITY = re.compile(rb'"boot":"([0-9a-f]{16})","seq":(\d+)')
POST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
FILLING = "x" * 560  # of a webhook's body
SIGNAL = (
    "INSERT INTO signal (bell_id, boot, seq, what, state, age_ms, attempt, info, received_ms, occurred_ms, "
    "occurred_err_ms, occurred_source, late, clock_unsure, stage, incident_id) VALUES (?, ?, ?, 'panic', 'alarm', 0, "
    "0, '{}', ?, ?, 2000, 'age', 0, 1, 'stored', ?) ON CONFLICT (bell_id, boot, seq) DO NOTHING RETURNING id"
)
OPENED = (
    "INSERT INTO incident (bell_id, site, what, test, priority, silent, duress, folds_by, handling, stage, version, "
    "signals, cancel_asked, restored, tampered, opened_ms, last_signal_ms, first_signal, last_signal, policy, "
    "escalation_step, escalation_round, escalation_from_ms) VALUES (?, 'bench', 'panic', 0, 80, 0, 0, ?, 'received', "
    "'stored', 1, 1, 0, 0, 0, ?, ?, ?, ?, 'default', 0, 0, ?) RETURNING id"
)
JOINED = (
    "UPDATE incident SET priority = 82, version = version + 1, signals = signals + 1, last_signal_ms = ?, "
    "last_signal = ? WHERE id = ?"
)
DELIVERY = (
    "INSERT INTO delivery (id, target, type, incident_id, signal_id, round, body, attempts, created_ms, due_ms, press, "
    "state, lease_until_ms, holder) VALUES (?, ?, 'ansimbell.signal', ?, ?, 0, ?, 0, ?, ?, ?, ?, 0, 0)"
)
RECORD = (
    "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) VALUES (?, ?, ?, ?, 'joined', "
    f'\'{{"signal":402,"state":"alarm","what":"panic"}}\', \'{"0" * 64}\')'
)


class Tables:
    """The rows of a press, without a thought."""

    def __init__(self, path: Path) -> None:
        self._database = opening.connect(path)
        opening.grow_log(self._database, path)
        self._database.row_factory = None
        self._incidents: dict[str, int] = dict(self._database.execute("SELECT bell_id, id FROM incident"))
        (self._records,) = self._database.execute("SELECT COALESCE(MAX(id), 0) FROM audit").fetchone()

    def keep(self, presses: list[tuple[bytes, bytes]]) -> list[bytes]:
        """One transaction; the webhooks' bodies. presses: (topic, payload)"""
        self._database.execute("BEGIN IMMEDIATE")
        bodies = [self._press(topic.decode().split("/")[2], payload) for topic, payload in presses]
        self._database.execute("COMMIT")
        return bodies

    def rest(self) -> None:
        """Copy the log back, as the gateway does in a quiet second."""
        self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _press(self, bell: str, payload: bytes) -> bytes:
        run, now_ms = self._database.execute, time.time_ns() // 1_000_000
        found = IDENTITY.search(payload)
        assert found is not None
        boot, seq = found[1].decode(), int(found[2])
        case = self._incidents.get(bell)
        number = _number(run(SIGNAL, (bell, boot, seq, now_ms, now_ms, case)))
        if case is None:
            values = (bell, f"bell/{bell}", now_ms, now_ms, number, number, now_ms)
            case = self._incidents[bell] = _number(run(OPENED, values))
            run("UPDATE signal SET incident_id = ? WHERE id = ?", (case, number))
        else:
            run(JOINED, (now_ms, number, case))
        press = f"{bell}/{boot}/{seq}"
        name = f"{now_ms:012x}{number:018x}"
        body = f'{{"id":"{name}","boot":"{boot}","seq":{seq},"rest":"{FILLING}"}}'
        run(DELIVERY, (f"{name}00", "console", case, number, "", now_ms, now_ms, press, "sent"))
        run(DELIVERY, (f"{name}01", "station", case, number, body, now_ms, now_ms, press, "pending"))
        self._records += 1
        run(RECORD, (self._records, now_ms, case, f"bell {bell}"))
        return body.encode()


def _number(cursor: sqlite3.Cursor) -> int:
    ((number,),) = cursor.fetchall()
    return int(number)


def main() -> None:
    broker, webhook, tables = int(sys.argv[1]), int(sys.argv[2]), Tables(Path(sys.argv[3]))
    link = connected(broker, "promise", ("bells/+/+/up",))
    station = socket.create_connection(("127.0.0.1", webhook), 10)
    station.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader, number = Reader(), 0
    link.settimeout(1)
    print("ready", flush=True)
    while True:
        try:
            data = link.recv(1 << 20)
        except TimeoutError:
            tables.rest()
            continue
        if not data:
            return
        found = reader.feed(data)
        if not found:
            continue
        bodies = tables.keep([(topic, payload) for topic, payload, _ in found])
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
