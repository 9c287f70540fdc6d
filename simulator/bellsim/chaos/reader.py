"""Asks the database itself what it says of a press, right after a lamp or a receipt said something of it.

A database that is away is asked again until it answers: a stage never falls, so a later answer accuses nobody
wrongly.
"""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from bellsim.chaos.seen import Claim, Key, Row

EVERY_S = 0.1
ANSWER_S = 3
_STAGES = "SELECT bell_id, boot, seq, stage, incident_id FROM signal WHERE bell_id = {}"
_ROWS = (
    "SELECT s.id, s.bell_id, s.boot, s.seq, s.what, s.stage, s.incident_id, i.test, s.received_ms, s.occurred_ms, "
    "s.occurred_err_ms, s.occurred_source FROM signal s LEFT JOIN incident i ON i.id = s.incident_id ORDER BY s.id"
)


class Reader:
    """store_url: as in gateway.toml; folder: of the database's file. `claim` may be called at any time."""

    def __init__(self, store_url: str, folder: Path) -> None:
        self._url, self._folder = store_url, folder
        self._pending: list[Claim] = []
        self.turn = threading.Lock()  # whoever holds it keeps the reader away from the disk
        self.latest_s = 0.0  # the longest from a claim to its answer

    def claim(self, claim: Claim) -> None:
        """Look it up soon."""
        self._pending.append(claim)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.settle()

    async def settle(self) -> bool:
        """Look up what waits; False if the database does not answer."""
        waiting, self._pending = self._pending, []
        if waiting and not await asyncio.to_thread(self._look, waiting):
            self._pending = waiting + self._pending
            return False
        return True

    def rows(self) -> list[Row]:
        """Every signal. Raises sqlite3.Error or psycopg.Error."""
        with self.turn, self._connection() as connection:
            made = []
            for number, bell, boot, seq, what, stage, incident, test, *times in connection.execute(_ROWS).fetchall():
                key = (bell, boot, seq)
                made.append(Row(number, key, what, stage, incident, None if test is None else bool(test), *times))
            return made

    def _look(self, claims: list[Claim]) -> bool:
        found: dict[Key, tuple[str, int | None]] = {}
        mark = "%s" if self._url.startswith("postgresql") else "?"
        try:
            with self.turn, self._connection() as connection:
                for bell_id in {claim.key[0] for claim in claims}:
                    for bell, boot, seq, stage, incident in connection.execute(_STAGES.format(mark), (bell_id,)):
                        found[bell, boot, seq] = (stage, incident)
        except (sqlite3.Error, psycopg.Error, OSError):
            return False
        now_s = time.time()
        for claim in claims:
            claim.found, claim.incident = found.get(claim.key, (None, None))
            claim.read_s = now_s
            self.latest_s = max(self.latest_s, now_s - claim.at_s)
        return True

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Any]:
        if self._url.startswith("postgresql"):
            options = f"-c statement_timeout={ANSWER_S * 1000}"
            with psycopg.connect(self._url, autocommit=True, connect_timeout=ANSWER_S, options=options) as connection:
                yield connection
            return
        path = self._folder / self._url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=ANSWER_S)) as connection:
            yield connection
