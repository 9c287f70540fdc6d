"""What only SQLite has: a disk that fills up under it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import Gate, outside

from bellgate.errors import StoreError
from bellgate.store import Store, Tx, facts, open_store

WAIT_S = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store("sqlite:///a.db", tmp_path) as opened:
        yield opened


def test_failed_commit_is_everybodys_failure(store: Store) -> None:
    """A disk that is full: every job of the group hears of it, and nothing of any is kept."""
    gate = Gate(store)
    results: list[object] = []
    answered = threading.Semaphore(0)

    def answer(result: object) -> None:
        results.append(result)
        answered.release()

    def fill(tx: Tx) -> None:
        pages = tx.one("PRAGMA page_count")
        assert pages is not None
        tx.one(f"PRAGMA max_page_count = {pages['page_count']}")
        facts.put(tx, "big", "x" * 100_000)

    store.submit(lambda tx: facts.put(tx, "small", "x"), answer)
    store.submit(fill, answer)
    store.submit(lambda tx: facts.put(tx, "later", "x"), answer)
    gate.open.set()
    for _ in range(3):
        assert answered.acquire(timeout=WAIT_S)
    assert any(isinstance(one, StoreError) and "the disk is full" in str(one) for one in results)
    kept = {name for (name,) in outside(store, "SELECT name FROM fact")}
    assert "big" not in kept
    # Whoever was told of success is on the disk, whoever was told of failure is not.
    assert [not isinstance(one, Exception) for one in results] == [name in kept for name in ("small", "big", "later")]
    store.write_now(lambda tx: tx.one("PRAGMA max_page_count = 1000000"))
    store.write_now(lambda tx: facts.put(tx, "big", "x" * 100_000))
