"""Several gateways on one database: who holds what, and who takes it over from the dead."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from databases import WAIT_S, again

from bellgate.errors import StoreError
from bellgate.pipeline import news
from bellgate.store import Store, Tx, bells, deliveries, dues, members, open_store, troubles
from bellgate.store.deliveries import Delivery, Mark

NOW_MS = 1_795_430_400_000


def join(store: Store, gateway_id: str) -> int:
    return store.write_now(lambda tx: members.join(tx, gateway_id, NOW_MS))


def message(store: Store, name: str, lease_until_ms: int = 0) -> None:
    row = Delivery(name, "station", "ansimbell.signal", None, None, 0, "{}", 0, NOW_MS, NOW_MS)
    store.write_now(lambda tx: deliveries.insert(tx, row, "pending", lease_until_ms))


def take(store: Store) -> list[str]:
    return [one.id for one in store.write_now(lambda tx: deliveries.take(tx, "station", NOW_MS, 60_000, 10))]


def state(store: Store, name: str) -> str:
    row = store.read_now(lambda tx: tx.one("SELECT state FROM delivery WHERE id = ?", (name,)))
    assert row is not None
    return str(row["state"])


def living(store: Store) -> frozenset[int] | None:
    return store.read_now(lambda tx: tx.living())


def soon_living(store: Store, numbers: set[int]) -> None:
    """The server notices a closed connection a moment later."""
    end_s = time.monotonic() + WAIT_S
    while living(store) != numbers:
        assert time.monotonic() < end_s, living(store)
        time.sleep(0.02)


def test_each_start_has_a_new_number_and_lives_until_its_end(store: Store) -> None:
    assert join(store, "seongsu-1") == 1
    assert living(store) == {1}
    store.stop()
    with again(store) as second:
        soon_living(second, set())
        assert join(second, "seongsu-1") == 2
        assert living(second) == {2}
        assert second.read_now(members.running) == ["seongsu-1"]


def test_same_name_twice_is_refused(store: Store) -> None:
    join(store, "seongsu-1")
    with again(store) as second, pytest.raises(StoreError, match="runs with this database already"):
        join(second, "seongsu-1")
    assert living(store) == {1}


def test_what_a_dead_gateway_held_is_free_and_what_a_living_one_holds_is_not(store: Store) -> None:
    """On SQLite the next start of the same gateway takes over, on PostgreSQL another one."""
    join(store, "seongsu-1")
    message(store, "handed-over", NOW_MS + 120_000)
    message(store, "waiting")
    store.write_now(lambda tx: dues.put(tx, "escalation", "1", NOW_MS))
    assert take(store) == ["waiting"]
    assert len(store.write_now(lambda tx: dues.take(tx, NOW_MS, 60_000, 10))) == 1
    assert store.write_now(lambda tx: members.take_over(tx, tx.living() or ())) == 0
    assert take(store) == [] and store.write_now(lambda tx: dues.take(tx, NOW_MS, 60_000, 10)) == []
    assert sorted(store.read_now(deliveries.held)) == ["handed-over", "waiting"]
    store.stop()
    with again(store) as second:
        number = join(second, "seongsu-2")
        soon_living(second, {number})
        assert take(second) == []
        assert second.write_now(lambda tx: members.take_over(tx, tx.living() or ())) == 3
        assert take(second) == ["handed-over", "waiting"]
        assert len(second.write_now(lambda tx: dues.take(tx, NOW_MS, 60_000, 10))) == 1


def test_sqlite_has_one_gateway(tmp_path: Path) -> None:
    with open_store("sqlite:///a.db", tmp_path) as first, again(first) as second:
        join(first, "seongsu-1")
        with pytest.raises(StoreError, match=r"End it first; several gateways at once need store\.url = postgresql"):
            join(second, "seongsu-2")
        assert second.write_now(bells.revision) == 0  # a command line may look all the same


def two(url: str, tmp_path: Path) -> tuple[Store, Store]:
    stores = open_store(url, tmp_path), open_store(url, tmp_path)
    for number, one in enumerate(stores, 1):
        one.start()
        join(one, f"seongsu-{number}")
    return stores


def test_two_gateways_share_the_work(url: str, tmp_path: Path) -> None:
    first, second = two(url, tmp_path)
    assert living(first) == living(second) == {1, 2}
    for number in range(6):
        message(first, f"m{number}")
    assert len(take(first)) == 6 and take(second) == []
    first.stop()
    soon_living(second, {2})
    second.write_now(lambda tx: members.take_over(tx, {2}))
    assert len(take(second)) == 6
    second.stop()


def test_gateway_that_was_taken_for_dead_marks_nothing(url: str, tmp_path: Path) -> None:
    first, second = two(url, tmp_path)
    message(first, "m")
    assert take(first) == ["m"]
    second.write_now(lambda tx: members.take_over(tx, {2}))
    assert take(second) == ["m"]
    first.write_now(lambda tx: deliveries.mark(tx, [Mark("m", "failed", 1, NOW_MS, NOW_MS + 1)]))
    assert state(second, "m") == "sending"
    first.write_now(lambda tx: deliveries.release(tx, ["m"]))
    assert take(second) == []
    second.write_now(lambda tx: deliveries.mark(tx, [Mark("m", "delivered", 1, NOW_MS)]))
    assert state(first, "m") == "delivered"
    for one in (first, second):
        one.stop()


def test_lease_goes_to_one_of_many_who_ask_at_once(url: str, tmp_path: Path) -> None:
    stores = two(url, tmp_path)
    for number in range(40):
        message(stores[0], f"m{number}")
    taken: list[str] = []
    lock = threading.Lock()

    def work(store: Store) -> None:
        while some := [one.id for one in store.write_now(lambda tx: deliveries.take(tx, "station", NOW_MS, 60_000, 3))]:
            with lock:
                taken.extend(some)

    threads = [threading.Thread(target=work, args=(one,)) for one in stores for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(taken) == sorted(f"m{number}" for number in range(40))
    for one in stores:
        one.stop()


def test_news_reach_the_others_after_the_commit_and_only_then(url: str, tmp_path: Path) -> None:
    first, second = two(url, tmp_path)
    heard: list[tuple[str, str]] = []
    arrived = threading.Semaphore(0)

    def listener(name: str) -> Callable[[str], None]:
        def told(text: str) -> None:
            heard.append((name, text))
            arrived.release()

        return told

    for name, one in (("first", first), ("second", second)):
        one.listen(listener(name))
        one.write_now(lambda tx: tx.living())  # there are two: worth telling

    def undone(tx: Tx) -> None:
        tx.tell("never")
        raise ValueError("undone")

    end = threading.Event()
    while not end.is_set():  # until the listener is there
        with pytest.raises(ValueError, match="undone"):
            first.write_now(undone)
        first.write_now(lambda tx: tx.tell("소식 1"))
        if arrived.acquire(timeout=0.2):
            end.set()
    assert set(heard) == {("second", "소식 1")}
    for one in (first, second):
        one.stop()


def test_live_event_of_one_gateway_is_read_again_by_another(store: Store) -> None:
    row = store.write_now(lambda tx: troubles.raise_(tx, "k", "s", "대상", 1))
    told: list[str] = []

    class Telling:
        """A transaction, as far as news need one."""

        alone = False

        def tell(self, text: str) -> None:
            told.append(text)

    event = troubles.event("raised", row)
    news.tell(Telling(), [event])  # type: ignore[arg-type]
    (text,) = told
    assert store.read_now(lambda tx: news.read(tx, text)) == event
    assert store.read_now(lambda tx: news.read(tx, '{"type": "trouble", "change": "raised", "id": 99}')) is None
    assert store.read_now(lambda tx: news.read(tx, '{"type": "incident", "change": "opened", "id": 99}')) is None
