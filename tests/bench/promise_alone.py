"""The promise alone: broker -> one transaction with every row that a press must leave -> HTTP POST -> receipt.

The floor with the gateway's own tables: signal, incident, two rows of the outbox, record. It decides nothing, checks no
seal, retries nothing and hashes nothing: it shows what the promise costs in SQLite, so that what the gateway's own
steps add can be told from it.

    python promise_alone.py BROKER_PORT WEBHOOK_PORT DATABASE
"""

import re
import sqlite3
import sys
import time
from pathlib import Path

from shortest import Found, relay

from bellgate.store import opening

IDENTITY = re.compile(rb'"boot":"([0-9a-f]{16})","seq":(\d+)')
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

    def keep(self, presses: Found) -> list[bytes]:
        """One transaction; the webhooks' bodies."""
        self._database.execute("BEGIN IMMEDIATE")
        bodies = [self._press(topic.decode().split("/")[2], payload) for topic, payload, _ in presses]
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
    relay("promise", broker, webhook, tables.keep, tables.rest)


main()
