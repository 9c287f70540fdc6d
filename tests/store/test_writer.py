"""One writer, group commit: jobs share a commit, fail alone, and are answered only after it."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from databases import Gate, again, outside

from bellgate.errors import StoreBusy, StoreError
from bellgate.store import Store, Tx, facts
from bellgate.store import store as store_module
from bellgate.store.postgresql import PostgresqlConnection

WAIT_S = 20.0


def test_what_waits_goes_into_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresqlConnection, "turn_s", WAIT_S)
    gate = Gate(store)
    before = store.counters()["commits"]
    answered = threading.Semaphore(0)
    for number in range(50):
        store.submit(lambda tx, n=number: facts.put(tx, f"f{n}", str(n)), lambda _: answered.release())
    gate.open.set()
    for _ in range(50):
        assert answered.acquire(timeout=WAIT_S)
    store.write_now(lambda tx: None)
    assert store.counters()["commits"] - before <= 3  # the gate's own, the fifty, the last
    assert store.counters()["largest_group"] >= 50


def test_answer_comes_after_the_commit(store: Store) -> None:
    seen: list[list[tuple[object, ...]]] = []
    done = threading.Event()

    def answer(result: object) -> None:
        seen.append(outside(store, "SELECT value FROM fact WHERE name = 'a'"))
        done.set()

    store.submit(lambda tx: facts.put(tx, "a", "1"), answer)
    assert done.wait(WAIT_S)
    assert seen == [[("1",)]]


def test_one_failing_job_takes_no_other_with_it(store: Store) -> None:
    gate = Gate(store)
    results: dict[int, object] = {}
    all_done = threading.Event()

    def job(tx: Tx, number: int) -> int:
        facts.put(tx, f"f{number}", "x")
        if number == 2:
            raise ValueError("two")
        if number == 4:
            tx.run("INSERT INTO nowhere VALUES (1)")
        if number == 6:
            tx.run("INSERT INTO presence (bell_id) VALUES ('b-unknown')")  # a foreign key
        return number

    def answer(result: object, number: int) -> None:
        results[number] = result
        if len(results) == 8:
            all_done.set()

    for number in range(8):
        store.submit(lambda tx, n=number: job(tx, n), lambda result, n=number: answer(result, n))
    gate.open.set()
    assert all_done.wait(WAIT_S)
    assert isinstance(results[2], ValueError)
    assert isinstance(results[4], StoreError)
    assert "IntegrityError" in {base.__name__ for base in type(results[6]).__mro__}, results[6]
    assert [results[number] for number in (0, 1, 3, 5, 7)] == [0, 1, 3, 5, 7]
    names = [name for (name,) in outside(store, "SELECT name FROM fact ORDER BY name")]
    assert names == ["f0", "f1", "f3", "f5", "f7"]


@pytest.mark.parametrize("also", ["all may run twice", "one may not"])
def test_pure_jobs_have_no_savepoints_and_fail_alone_all_the_same(
    store: Store, also: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresqlConnection, "turn_s", WAIT_S)
    connection = store._connection
    assert connection is not None
    marks: list[int] = []
    mark = connection.mark
    monkeypatch.setattr(connection, "mark", lambda: (marks.append(1), mark()), raising=True)
    ran: list[int] = []
    results: dict[int, object] = {}
    answered = threading.Semaphore(0)

    def job(tx: Tx, number: int, fails: bool) -> int:
        ran.append(number)
        facts.put(tx, f"f{number}", facts.get(tx, f"f{number}") or "x")
        if fails:
            tx.run("INSERT INTO nowhere VALUES (1)")
        return number

    def group(first: int, failing: int | None) -> None:
        gate = Gate(store)
        for number in range(first, first + 5):
            store.submit(
                lambda tx, n=number: job(tx, n, n == failing),
                lambda result, n=number: (results.update({n: result}), answered.release()),
                pure=also == "all may run twice" or number != first,
            )
        gate.open.set()
        for _ in range(5):
            assert answered.acquire(timeout=WAIT_S)

    before = store.counters()["commits"]
    group(0, None)
    expected = [] if also == "all may run twice" else [1] * 5
    assert (ran, marks, results) == ([0, 1, 2, 3, 4], expected, {n: n for n in range(5)})
    ran.clear()
    group(5, 7)
    again = [5, 6, 7] if also == "all may run twice" else []  # undone, and once more by themselves
    assert ran == [*again, 5, 6, 7, 8, 9] and marks == [*expected, *[1] * 5]
    assert isinstance(results.pop(7), StoreError)
    assert results == {n: n for n in range(10) if n != 7}
    names = [name for (name,) in outside(store, "SELECT name FROM fact WHERE name LIKE 'f%' ORDER BY name")]
    assert names == [f"f{n}" for n in range(10) if n != 7]
    assert store.counters()["commits"] - before <= 4  # of two gates and two groups


def test_lone_failing_job_changes_nothing_and_the_writer_goes_on(store: Store) -> None:
    def job(tx: Tx) -> None:
        facts.put(tx, "a", "1")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.write_now(job)
    store.write_now(lambda tx: facts.put(tx, "b", "2"))
    assert outside(store, "SELECT name FROM fact") == [("b",)]


def test_answer_that_raises_does_not_stop_the_writer(store: Store) -> None:
    store.submit(lambda tx: None, lambda _: 1 // 0)
    assert store.write_now(lambda tx: 5) == 5


def test_same_identity_from_many_threads_is_kept_once(store: Store) -> None:
    store.write_now(lambda tx: tx.run("CREATE TABLE press (seq INTEGER UNIQUE)"))
    sql = "INSERT INTO press VALUES (?) ON CONFLICT (seq) DO NOTHING RETURNING seq"

    def press(number: int) -> int:
        return int(store.write_now(lambda tx: tx.one(sql, (number % 20,))) is not None)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(press, range(160))) == 20


def test_lazy_job_goes_by_itself_and_rides_along(store: Store) -> None:
    done = threading.Event()
    store.submit(lambda tx: facts.put(tx, "lazy", "1"), lambda _: done.set(), lazily=True)
    assert done.wait(WAIT_S)
    gate = Gate(store)
    before = store.counters()["commits"]
    store.submit(lambda tx: facts.put(tx, "lazy", "2"), lazily=True)
    store.submit(lambda tx: facts.put(tx, "eager", "1"))
    gate.open.set()
    store.write_now(lambda tx: None)
    assert outside(store, "SELECT value FROM fact ORDER BY name") == [("1",), ("2",)]
    assert store.counters()["commits"] - before <= 3


def test_stop_commits_what_waits(store: Store) -> None:
    gate = Gate(store)
    for number in range(20):
        store.submit(lambda tx, n=number: facts.put(tx, str(n), "x"), lazily=number % 2 == 0)
    gate.open.set()
    store.stop()
    assert outside(store, "SELECT COUNT(*) AS n FROM fact") == [(20,)]
    for use in (lambda: store.submit(lambda tx: None), lambda: store.read_now(lambda tx: None)):
        with pytest.raises(StoreError, match="stopped"):
            use()


def test_queue_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "WAITING_MAX", 3)
    gate = Gate(store)
    for _ in range(3):
        store.submit(lambda tx: None)
    with pytest.raises(StoreBusy, match="wait for the database"):
        store.submit(lambda tx: None)
    assert store.counters()["refused"] == 1 and store.counters()["waiting"] == 3
    gate.open.set()


def test_deadline_of_a_write_is_said(store: Store) -> None:
    gate = Gate(store)

    async def main() -> None:
        with pytest.raises(StoreBusy, match="did not answer within"):
            await store.write(lambda tx: None, deadline_s=0.01)

    asyncio.run(main())
    gate.open.set()


def test_write_and_read_from_the_loop(store: Store) -> None:
    async def main() -> None:
        await store.write(lambda tx: facts.put(tx, "a", "1"))
        assert await store.read(lambda tx: facts.get(tx, "a")) == "1"
        with pytest.raises(StoreError):
            await store.read(lambda tx: facts.put(tx, "a", "2"))
        with pytest.raises(ValueError, match="mine"):
            await store.write(lambda tx: int("mine"))

    asyncio.run(main())


def test_reader_sees_one_picture(store: Store) -> None:
    store.write_now(lambda tx: facts.put(tx, "a", "1"))

    def look(tx: Tx) -> tuple[str | None, str | None]:
        before = facts.get(tx, "a")
        store.write_now(lambda other: facts.put(other, "a", "2"))
        return before, facts.get(tx, "a")

    assert store.read_now(look) == ("1", "1")
    assert store.read_now(lambda tx: facts.get(tx, "a")) == "2"


def test_another_process_may_write_while_the_gateway_runs(store: Store) -> None:
    with again(store) as other, ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(one.write_now, lambda tx, n=name, i=i: facts.put(tx, f"{n}{i}", "x"))
            for name, one in (("a", store), ("b", other))
            for i in range(50)
        ]
        for job in jobs:
            job.result(WAIT_S)
    assert outside(store, "SELECT COUNT(*) AS n FROM fact") == [(100,)]
