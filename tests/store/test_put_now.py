"""Committed in the caller's thread while nobody else writes, handed over while somebody does; nothing twice or lost."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from databases import WAIT_S, Gate, outside

from bellgate.errors import StoreBusy, StoreError
from bellgate.store import Store, Tx, facts
from bellgate.store import store as store_module
from bellgate.store import writer as writer_module
from bellgate.store.postgresql import PostgresqlConnection
from bellgate.store.sqlite import SqliteConnection
from bellgate.store.writer import Work


def quiet(store: Store) -> None:
    """An answer comes a moment before the writer has let go; wait until it has."""
    until_s = time.monotonic() + WAIT_S
    writer = store._writer
    while writer._some.is_set() or writer._queue.qsize() or writer._writing.locked():
        assert time.monotonic() < until_s
        time.sleep(0.001)


@pytest.fixture
def store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(PostgresqlConnection, "turn_s", WAIT_S)  # a group is one transaction, however busy the machine
    quiet(store)
    return store


def names(store: Store) -> list[object]:
    return [name for (name,) in outside(store, "SELECT name FROM fact ORDER BY name")]


class Said:
    """Jobs that put a fact each, and what was answered to them, in order."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, object]] = []
        self.threads: set[int] = set()
        self.all = threading.Condition()

    def job(self, name: str, error: Exception | None = None) -> tuple[Callable[[Tx], str], Callable[[Any], None]]:
        def work(tx: Tx) -> str:
            self.threads.add(threading.get_ident())
            facts.put(tx, name, "x")
            if error is not None:
                raise error
            return name

        return work, lambda result: self.answer(name, result)

    def answer(self, name: str, result: object) -> None:
        with self.all:
            self.threads.add(threading.get_ident())
            self.answers.append((name, result))
            self.all.notify_all()

    def wait(self, count: int) -> None:
        with self.all:
            assert self.all.wait_for(lambda: len(self.answers) >= count, WAIT_S), self.answers

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.answers]


def test_alone_it_is_done_and_answered_in_the_calling_thread(store: Store) -> None:
    said = Said()
    store.submit_now([said.job("a"), said.job("b")])
    assert said.answers == [("a", "a"), ("b", "b")]
    assert said.threads == {threading.get_ident()}
    assert names(store) == ["a", "b"]


def test_the_answer_comes_after_the_commit(store: Store) -> None:
    seen: list[object] = []
    work, _ = Said().job("a")
    store.submit_now([(work, lambda _: seen.append(store.read_now(lambda tx: facts.get(tx, "a"))))])
    assert seen == ["x"]


def test_one_call_is_one_commit(store: Store) -> None:
    said = Said()
    before = store.counters()
    store.submit_now([said.job(str(number)) for number in range(20)])
    after = store.counters()
    assert after["commits"] - before["commits"] == 1 and after["jobs"] - before["jobs"] == 20
    assert after["largest_group"] == 20


def test_a_large_group_is_several_commits_and_whole_when_it_returns(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "GROUP_MAX", 10)
    said = Said()
    store.follow(lambda: said.answer("over", None))
    store.submit_now([said.job(str(number)) for number in range(25)])
    assert [one for one in said.order if one != "over"] == [str(number) for number in range(25)]
    assert [place for place, one in enumerate(said.order) if one == "over"] == [10, 21, 27]
    assert said.threads == {threading.get_ident()} and len(names(store)) == 25


def test_the_same_thread_may_call_it_again_and_again(store: Store) -> None:
    said = Said()
    for number in range(50):
        store.submit_now([said.job(str(number))])
    assert said.order == [str(number) for number in range(50)] and said.threads == {threading.get_ident()}


def test_no_jobs_are_no_transaction(store: Store) -> None:
    over: list[str] = []
    store.follow(lambda: over.append("over"))
    before = store.counters()["commits"]
    store.submit_now([])
    assert store.counters()["commits"] == before and over == []


# Somebody else writes


def test_while_another_writes_it_returns_at_once_and_the_writer_does_it(store: Store) -> None:
    gate, said = Gate(store), Said()
    store.submit_now([said.job("a"), said.job("b")])
    assert said.answers == [] and said.threads == set()
    gate.open.set()
    said.wait(2)
    assert said.answers == [("a", "a"), ("b", "b")] and threading.get_ident() not in said.threads
    assert names(store) == ["a", "b"]


def test_what_waits_is_not_overtaken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A press that was handed over, then its cancel, while the writer has heard of the press and not begun it."""
    said, woken, go = Said(), threading.Event(), threading.Event()
    wait = store._writer._wait

    def slowly() -> Any:
        heard = wait()
        woken.set()
        assert go.wait(WAIT_S)
        return heard

    monkeypatch.setattr(store._writer, "_wait", slowly)
    store.write_now(lambda tx: None)  # by the old one
    quiet(store)
    store.submit(*said.job("press"))
    assert woken.wait(WAIT_S)
    store.submit_now([said.job("cancel")])
    store.submit(*said.job("again"))
    store.submit_now([said.job("cancel again")])
    go.set()
    said.wait(4)
    assert said.order == ["press", "cancel", "again", "cancel again"]


def test_an_answer_may_submit_more(store: Store) -> None:
    said = Said()
    work, _ = said.job("first")

    def more(result: object) -> None:
        said.answer("first", result)
        store.submit_now([said.job("now")])
        store.submit(*said.job("later"))

    store.submit_now([(work, more)])
    said.wait(3)
    assert said.order == ["first", "now", "later"]
    assert names(store) == ["first", "later", "now"]


def test_every_job_is_done_once_whoever_submits_it(store: Store) -> None:
    store.write_now(lambda tx: tx.run("CREATE TABLE press (seq INTEGER)"))
    answers: Counter[int] = Counter()
    uncommitted: list[int] = []
    in_time, lock = threading.Semaphore(0), threading.Lock()

    def job(number: int) -> tuple[Callable[[Tx], int], Callable[[Any], None]]:
        def done(result: object) -> None:
            seen = store.read_now(lambda tx: tx.one("SELECT COUNT(*) AS n FROM press WHERE seq = ?", (number,)))
            with lock:
                answers[number] += 1
                if result != 1 or seen != {"n": 1}:
                    uncommitted.append(number)
            in_time.release()

        return lambda tx: tx.run("INSERT INTO press VALUES (?)", (number,)), done

    def at_once(first: int) -> None:
        for start in range(first, first + 60, 3):
            store.submit_now([job(number) for number in range(start, start + 3)])

    def by_the_queue(first: int) -> None:
        for number in range(first, first + 60):
            store.submit(*job(number), lazily=number % 7 == 0)

    threads = [
        threading.Thread(target=way, args=(60 * number,)) for number, way in enumerate((at_once, by_the_queue) * 4)
    ]
    for thread in threads:
        thread.start()
    for _ in range(480):
        assert in_time.acquire(timeout=WAIT_S)
    for thread in threads:
        thread.join(WAIT_S)
    quiet(store)
    assert uncommitted == []
    assert answers == Counter(range(480))
    assert outside(store, "SELECT seq FROM press ORDER BY seq") == [(number,) for number in range(480)]


# Failing jobs and commits


def test_a_failing_job_takes_no_other_with_it(store: Store) -> None:
    said = Said()

    def broken(tx: Tx) -> None:
        facts.put(tx, "broken", "x")
        tx.run("INSERT INTO nowhere VALUES (1)")

    jobs = [said.job("a"), said.job("b", ValueError("no")), (broken, lambda one: said.answer("broken", one))]
    store.submit_now([*jobs, said.job("c")])
    results = dict(said.answers)
    assert said.order == ["a", "b", "broken", "c"]
    assert isinstance(results["b"], ValueError) and isinstance(results["broken"], StoreError)
    assert names(store) == ["a", "c"]


def test_a_lone_failing_job_changes_nothing(store: Store) -> None:
    said = Said()
    store.submit_now([said.job("a", ValueError("no"))])
    store.submit_now([said.job("b")])
    assert isinstance(said.answers[0][1], ValueError) and said.answers[1] == ("b", "b")
    assert names(store) == ["b"]


def test_a_failed_commit_is_answered_to_each_and_keeps_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    store.follow(lambda: said.answer("over", None))
    with monkeypatch.context() as patch:
        patch.setattr(store._connection, "commit", lambda: 1 // 0)
        store.submit_now([said.job("a"), said.job("b")])
    assert said.order == ["a", "b", "over"]
    assert all(isinstance(result, StoreError) for _, result in said.answers[:2])
    assert store.counters()["commit_failures"] == 1
    store.submit_now([said.job("c")])
    assert said.answers[-2:] == [("c", "c"), ("over", None)]
    assert names(store) == ["c"]


def test_an_answer_that_raises_takes_no_other_with_it(store: Store) -> None:
    said = Said()
    work, _ = said.job("a")
    store.submit_now([(work, lambda _: 1 // 0), said.job("b")])
    assert said.answers == [("b", "b")] and names(store) == ["a", "b"]
    assert store.write_now(lambda tx: 5) == 5


# Lazy ones, the end, a full queue


def test_lazy_jobs_ride_along_and_come_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LAZY_S", 10 * WAIT_S)
    said = Said()
    store.submit(*said.job("lazy"), lazily=True)
    quiet(store)
    before = store.counters()["commits"]
    store.submit_now([said.job("now")])
    assert said.order == ["lazy", "now"]
    assert store.counters()["commits"] - before == 1
    store.submit_now([said.job("next")])
    assert said.order == ["lazy", "now", "next"]  # not once more


def test_lazy_jobs_go_with_the_next_group_however_many_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks of what was sent: behind a storm they would keep the targets waiting until it is over."""
    monkeypatch.setattr(writer_module, "LAZY_S", 10 * WAIT_S)
    monkeypatch.setattr(writer_module, "GROUP_MAX", 10)
    gate, said = Gate(store), Said()
    for number in range(35):
        store.submit(*said.job(str(number)))
    store.submit(*said.job("lazy"), lazily=True)
    gate.open.set()
    said.wait(36)
    assert said.order == ["lazy", *(str(number) for number in range(35))]


def test_lazy_jobs_are_written_before_the_end_however_many_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "LAZY_S", 10 * WAIT_S)
    monkeypatch.setattr(writer_module, "GROUP_MAX", 10)
    gate, said = Gate(store), Said()
    for number in range(35):
        store.submit(*said.job(str(number)), lazily=True)
    threading.Timer(0.2, gate.open.set).start()
    store.stop()
    assert said.order == [str(number) for number in range(35)]


def test_after_the_end_it_is_refused(store: Store) -> None:
    said = Said()
    store.stop()
    with pytest.raises(StoreError, match="stopped"):
        store.submit_now([said.job("a")])
    assert said.answers == [] and said.threads == set()


def test_whoever_was_admitted_just_before_the_end_writes_nothing_after_it(store: Store) -> None:
    ran: list[str] = []
    store.stop()
    store._writer.put_now([Work(lambda tx: ran.append("ran"), lambda _: None, False)])
    assert ran == []


def test_the_end_waits_for_the_commit_of_another_thread(store: Store) -> None:
    said, inside, go = Said(), threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        facts.put(tx, "slow", "x")
        inside.set()
        assert go.wait(WAIT_S)

    hearing = threading.Thread(target=store.submit_now, args=([(slow, lambda one: said.answer("slow", one))],))
    stopping = threading.Thread(target=store.stop)
    hearing.start()
    assert inside.wait(WAIT_S)
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive()
    go.set()
    for thread in (hearing, stopping):
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert said.answers == [("slow", None)] and names(store) == ["slow"]


def test_a_full_queue_refuses_and_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "WAITING_MAX", 2)
    gate, said = Gate(store), Said()
    store.submit_now([said.job("a"), said.job("b")])
    with pytest.raises(StoreBusy, match="wait for the database"):
        store.submit_now([said.job("c")])
    assert store.counters()["refused"] == 1
    gate.open.set()
    said.wait(2)
    quiet(store)
    assert said.order == ["a", "b"] and names(store) == ["a", "b"]


# Who follows


def test_the_follower_is_told_once_a_transaction_after_all_its_answers(store: Store) -> None:
    said = Said()
    store.follow(lambda: said.answer("over", None))
    store.submit_now([said.job("a"), said.job("b", ValueError("no")), said.job("c")])
    assert said.order == ["a", "b", "c", "over"]
    assert threading.get_ident() in said.threads and len(said.threads) == 1
    store.submit_now([said.job("d", ValueError("no"))])
    assert said.order[4:] == ["d", "over"]


def test_so_it_is_told_of_what_the_writer_does(store: Store) -> None:
    said, gate = Said(), Gate(store)
    store.follow(lambda: said.answer("over", None))
    for name in "abc":
        store.submit(*said.job(name))
    gate.open.set()
    said.wait(5)
    quiet(store)
    assert said.order in (["over", "a", "b", "c", "over"], ["a", "b", "c", "over"])


@pytest.mark.parametrize("group_max", [2, 100])
def test_a_long_group_gives_others_their_turn_and_is_whole_when_it_returns(
    store: Store, monkeypatch: pytest.MonkeyPatch, group_max: int
) -> None:
    said = Said()
    store.follow(lambda: said.answer("over", None))
    monkeypatch.setattr(writer_module, "GROUP_MAX", group_max)
    for one in (SqliteConnection, PostgresqlConnection):
        monkeypatch.setattr(one, "turn_s", 0.0)
    before = store.counters()["commits"]
    store.submit_now([said.job(name) for name in "abcde"])
    assert said.order == ["a", "over", "b", "over", "c", "over", "d", "over", "e", "over"]
    assert store.counters()["commits"] - before == 5
    assert names(store) == ["a", "b", "c", "d", "e"]


def test_a_fault_of_the_follower_stops_nobody(store: Store) -> None:
    said = Said()
    store.follow(lambda: 1 // 0)
    store.submit_now([said.job("a")])
    store.submit(*said.job("b"))
    said.wait(2)
    quiet(store)
    store.submit_now([said.job("c")])
    assert said.answers == [(name, name) for name in "abc"] and names(store) == ["a", "b", "c"]
