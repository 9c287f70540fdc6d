"""A year of 100,000 incidents in a database, and how long history and reports take on it.

`python tests/console/many.py` prints the figures on SQLite, and on PostgreSQL where its programs are installed.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bellgate.console import figures
from bellgate.core.incident import DISPOSITIONS
from bellgate.duty import Calendar
from bellgate.store import Store, Tx, history, open_store
from bellgate.store.history import Wanted
from bellgate.store.reports import Span
from bellsim import postgresql

DAY_MS = 86_400_000
BEGIN_MS = 1_767_193_200_000  # 2026-01-01 00:00 in Seoul
PEOPLE = ("김하늘", "이서준", "박도윤", "최지우", "정하은")
KINDS = ("panic", "panic", "panic", "holdup", "medical", "test")
PLACES = ("서울숲 편의점", "뚝섬 세탁소", "왕십리 약국", "행당시장 정육점", "성수 공방", "응봉 무인카페")
PORTION = 2_000


def fill(
    store: Store, incidents: int, bells: int = 2_000, days: int = 365, begin_ms: int = BEGIN_MS, seed: int = 7
) -> None:
    """Bells in three districts, and closed incidents spread evenly over the days; each step taken by most of them."""
    chance = random.Random(seed)
    store.write_now(lambda tx: _bells(tx, bells, begin_ms))
    audit = 0
    for start in range(0, incidents, PORTION):
        numbers = range(start + 1, min(start + PORTION, incidents) + 1)

        def job(tx: Tx, numbers: range = numbers, first: int = audit) -> int:
            last = first
            for number in numbers:
                last = _incident(tx, chance, number, begin_ms + number * days * DAY_MS // (incidents + 1), bells, last)
            return last

        audit = store.write_now(job, 300.0)


def _bells(tx: Tx, bells: int, begin_ms: int) -> None:
    for number in range(bells):
        tx.put(
            "INSERT INTO bell (bell_id, site, kind, name, address, key, fingerprint, enrolled_ms, revision) "
            "VALUES (?, ?, 'store-bell', ?, ?, ?, '00', ?, ?)",
            (
                f"b-{number:04x}",
                f"{('seongsu', 'wangsimni', 'haengdang')[number % 3]}-{number % 40:03d}",
                f"{PLACES[number % len(PLACES)]} {number + 1}호점",
                f"서울 성동구 왕십리로 {number}",
                b"k" * 32,
                begin_ms,
                number + 1,
            ),
        )


def _incident(tx: Tx, chance: random.Random, number: int, at_ms: int, bells: int, row: int) -> int:
    bell = chance.randrange(bells)
    bell_id, what, who = f"b-{bell:04x}", chance.choice(KINDS), chance.choice(PEOPLE)
    site = f"{('seongsu', 'wangsimni', 'haengdang')[bell % 3]}-{bell % 40:03d}"
    disposition = "test" if what == "test" else chance.choice(DISPOSITIONS)
    steps: list[tuple[str, int, str, dict[str, Any]]] = [
        ("opened", 0, f"bell {bell_id}", {"signal": number, "state": "alarm", "what": what}),
        ("presented", chance.randrange(200, 3_000), f"{who} on desk-1", {}),
    ]
    if chance.random() < 0.3:
        steps.append(("escalated", 20_000, "gateway", {"round": 1, "step": 1}))
    if chance.random() < 0.9:
        steps.append(("acknowledge", chance.randrange(3_000, 40_000), who, {}))
    if chance.random() < 0.7:
        steps.append(("dispatch", chance.randrange(40_000, 180_000), who, {}))
    if chance.random() < 0.2:
        steps.append(("note", 200_000, who, {"text": f"현장 확인 {chance.randrange(10_000)}"}))
    closed_ms = at_ms + chance.randrange(300_000, 3_000_000)
    steps.append(("close", closed_ms - at_ms, who, {"disposition": disposition}))
    tx.put(
        "INSERT INTO incident (id, bell_id, site, what, test, priority, silent, duress, folds_by, handling, stage, "
        "version, signals, cancel_asked, restored, tampered, opened_ms, last_signal_ms, first_signal, last_signal, "
        "owner, disposition, closed_ms, policy, escalation_step, escalation_round, escalation_from_ms) VALUES "
        "(?, ?, ?, ?, ?, 50, 0, 0, ?, 'closed', 'closed', 6, 1, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, 'default', 1, 0, ?)",
        (
            *(number, bell_id, site, what, int(what == "test"), f"bell/{bell_id}", at_ms, at_ms, number, number, who),
            *(disposition, closed_ms, at_ms),
        ),
    )
    tx.put(
        "INSERT INTO signal (id, bell_id, boot, seq, what, state, attempt, info, received_ms, occurred_ms, "
        "occurred_err_ms, occurred_source, late, clock_unsure, stage, incident_id) "
        "VALUES (?, ?, 'aa', ?, ?, 'alarm', 1, '{}', ?, ?, 50, 'age', 0, 0, 'closed', ?)",
        (number, bell_id, number, what, at_ms, at_ms, number),
    )
    for act, after_ms, by, detail in steps:
        row += 1
        tx.put(
            "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                row,
                at_ms + after_ms,
                number,
                by,
                act,
                json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
                "0" * 64,
            ),
        )
    return row


def measure(store: Store) -> Iterator[tuple[str, float]]:
    """(what, ms) of searches and of a report over the year."""
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    starts = figures.midnights(Calendar(ZoneInfo("Asia/Seoul")), first, last)
    asked = figures.Question(first, last, Span(starts[0], starts[-1]), starts[-1])
    jobs: list[tuple[str, Callable[[Tx], object]]] = [
        (f"search {wanted}", lambda tx, wanted=wanted: history.search(tx, wanted, 51))  # type: ignore[misc]
        for wanted in (
            Wanted(),
            Wanted(text="없는말"),
            Wanted(text="a b c d 없는말"),
            Wanted(text="왕십리로 12", disposition="prank", by="김하늘"),
            Wanted(by="nobody"),
            Wanted(from_ms=starts[30], until_ms=starts[31]),
        )
    ]
    jobs.append(("report over the year", lambda tx: figures.report(tx, asked, starts, 365, 31, 60.0)))
    for name, job in jobs:
        took: list[float] = []
        for _ in range(5):
            began = time.perf_counter()
            store.read_now(job)
            took.append((time.perf_counter() - began) * 1_000)
        yield name, sorted(took)[2]


def main() -> int:
    """Prints the median of five of each, on both databases."""
    incidents = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000

    def on(url: str, folder: Path) -> None:
        with open_store(url, folder) as store:
            fill(store, incidents)
            store.write_now(lambda tx: tx.run("ANALYZE"), 60.0)
            for name, ms in measure(store):
                print(f"{url.partition(':')[0]:12} {ms:8.1f} ms  {name}")

    with tempfile.TemporaryDirectory() as folder:
        on("sqlite:///a.db", Path(folder))
    if (text := postgresql.missing()) is not None:
        print(text)
        return 0
    with postgresql.Server(durable=False) as server, tempfile.TemporaryDirectory() as folder:
        on(server.database("many"), Path(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
