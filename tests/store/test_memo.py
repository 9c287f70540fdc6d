"""What a job remembers for the next one is true: undone, changed by others or moved, it is read again."""

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest
from databases import WAIT_S, again
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellgate.core.incident import Incident
from bellgate.core.signal import Signal, read_event
from bellgate.errors import EnrolmentError, StaleVersion, UnknownIncident
from bellgate.pipeline.carry import Carrier
from bellgate.pipeline.settings import Settings
from bellgate.store import Store, Tx, audit, bells, dues, incidents, open_store, places, signals, sqlite
from bellgate.store.bells import Bell
from bellgate.store.postgresql import PostgresqlConnection

NOW_MS = 1_795_430_400_000
_keys = itertools.count(1)


def bell(bell_id: str = "b-1", kind: str = "store-bell") -> Bell:
    return Bell(bell_id, "s-1", kind, "이름", "주소", None, None, b"k" * 32, 0, "ff", "active", NOW_MS)


def case(key: str, test: bool = False, **more: Any) -> Incident:
    return replace(Incident(0, "b-1", "s-1", "panic", test, 80, False, False, key, opened_ms=NOW_MS), **more)


def event(boot: str, seq: int) -> Signal:
    said = {"boot": boot, "seq": seq, "what": "panic", "state": "alarm", "age_ms": 0}
    return read_event(said, "s-1", "b-1", NOW_MS, 0, False)


def closed(one: Incident, into: int | None = None) -> Incident:
    how = "genuine" if into is None else "duplicate"
    return replace(one, handling="closed", disposition=how, closed_ms=NOW_MS, merged_into=into, version=one.version + 1)


@pytest.fixture
def store(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(PostgresqlConnection, "turn_s", WAIT_S)
    store.write_now(lambda tx: bells.add(tx, bell()))
    return store


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """The same database in another process."""
    with again(store) as opened:
        yield opened


@pytest.fixture(params=["itself", "another process"])
def writer(request: pytest.FixtureRequest, store: Store) -> Iterator[Store]:
    """Whoever writes what `store` has to hear of."""
    if request.param == "itself":
        yield store
        return
    with again(store) as opened:
        yield opened


def together(store: Store, *jobs: Callable[[Tx], Any]) -> list[Any]:
    """Jobs of one transaction; what became of each."""
    results: list[Any] = [None] * len(jobs)
    answered, before = threading.Semaphore(0), store.counters()["commits"]

    def done(number: int, result: Any) -> None:
        results[number] = result
        answered.release()

    entered, go = threading.Event(), threading.Event()
    store.submit(lambda tx: (entered.set(), go.wait(WAIT_S)))
    assert entered.wait(WAIT_S)
    for number, job in enumerate(jobs):
        store.submit(job, lambda result, number=number: done(number, result))
    go.set()
    for _ in jobs:
        assert answered.acquire(timeout=WAIT_S)
    assert store.counters()["commits"] - before <= 2
    return results


def opened(store: Store, key: str = "bell/b-1", **more: Any) -> int:
    return store.write_now(lambda tx: incidents.insert(tx, case(key, **more)))


def looked(store: Store, key: str = "bell/b-1", test: bool = False) -> Incident | None:
    """In a job of its own, which may remember."""
    return store.write_now(lambda tx: incidents.open_for(tx, key, test))


def changed(tx: Tx, key: str = "bell/b-1", **changes: Any) -> Incident:
    before = incidents.open_for(tx, key, False)
    assert before is not None
    after = replace(before, version=before.version + 1, **changes)
    incidents.save(tx, before, after)
    return after


def failing(job: Callable[[Tx], Any]) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        job(tx)
        raise ValueError("no")

    return work


# What it is for


def test_the_next_press_of_a_group_asks_no_more_for_what_is_known(store: Store) -> None:
    asked: list[str] = []

    def press(tx: Tx) -> None:
        def one(sql: str, params: Any = ()) -> Any:
            asked.append(sql)
            return type(tx).one(tx, sql, params)

        cast(Any, tx).one = one
        try:
            bells.get(tx, "b-1")
            bells.home_sets(tx, "s-1")
            if incidents.open_for(tx, "bell/b-1", False) is None:
                incidents.insert(tx, case("bell/b-1"))
            audit.append(tx, NOW_MS, None, "gateway", "note", {})
        finally:
            del cast(Any, tx).one

    def first(tx: Tx) -> int:
        tx.memo.clear()
        press(tx)
        return len(asked)

    def second(tx: Tx) -> int:
        asked.clear()
        press(tx)
        return len(asked)

    before, after = together(store, first, second)
    assert before >= 5 and after == 0


def test_in_a_file_it_outlives_the_transaction(tmp_path: Path) -> None:
    with open_store("sqlite:///a.db", tmp_path) as store:
        store.write_now(lambda tx: bells.add(tx, bell()))
        number = opened(store)
        store.write_now(lambda tx: bells.get(tx, "b-1"))
        known = store.write_now(lambda tx: dict(tx.memo))
    assert known["bell", "b-1"].bell_id == "b-1" and known["open", "bell/b-1", False].id == number


def test_it_does_not_grow_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MEMO_MAX", 5)
    for number in range(2, 30):
        store.write_now(lambda tx, n=number: bells.add(tx, bell(f"b-{n}")))
    sizes = []
    for number in range(1, 30):
        store.write_now(lambda tx, n=number: bells.get(tx, f"b-{n}"))
        sizes.append(store.write_now(lambda tx: len(tx.memo)))
    assert max(sizes) <= 6


# What was undone


def test_nothing_of_a_job_that_failed_alone_is_remembered(store: Store) -> None:
    def work(tx: Tx) -> None:
        incidents.insert(tx, case("bell/b-1"))
        bells.add(tx, bell("b-2"))
        assert bells.get(tx, "b-2") is not None
        audit.append(tx, NOW_MS, None, "gateway", "note", {})

    with pytest.raises(ValueError, match="no"):
        store.write_now(failing(work))
    assert looked(store) is None
    assert store.write_now(lambda tx: bells.get(tx, "b-2")) is None
    assert store.write_now(audit.head) == audit.Head(0, 0, "")


def test_nothing_of_a_job_that_failed_in_a_group_is_remembered(store: Store) -> None:
    opened(store)
    looks = together(
        store,
        lambda tx: changed(tx, priority=81),
        failing(lambda tx: changed(tx, priority=99)),
        lambda tx: incidents.open_for(tx, "bell/b-1", False),
        failing(lambda tx: incidents.save(tx, one := changed(tx), closed(one))),
        lambda tx: changed(tx, priority=82),
        failing(lambda tx: bells.set_state(tx, "b-1", bells.REVOKED)),
        lambda tx: bells.get(tx, "b-1"),
        failing(lambda tx: incidents.insert(tx, case("bell/b-1", test=True))),
        lambda tx: incidents.open_for(tx, "bell/b-1", True),
    )
    assert [isinstance(one, ValueError) for one in looks] == [number in (1, 3, 5, 7) for number in range(9)]
    assert looks[2].priority == 81 and looks[4].priority == 82
    assert looks[6].state == bells.ACTIVE and looks[8] is None
    kept = looked(store)
    assert kept == looks[4] == store.read_now(lambda tx: incidents.get(tx, kept.id))


def test_nothing_of_a_failed_commit_is_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(store)
    with monkeypatch.context() as patch:
        patch.setattr(store._connection, "commit", lambda: 1 // 0)
        for job in (lambda tx: changed(tx, priority=99), lambda tx: bells.set_state(tx, "b-1", bells.REVOKED)):
            with suppress(Exception):
                store.write_now(job)
    kept = looked(store)
    assert kept is not None and kept.priority == 80
    found = store.write_now(lambda tx: bells.get(tx, "b-1"))
    assert found is not None and found.state == bells.ACTIVE


def test_a_save_on_an_old_version_is_not_remembered(store: Store) -> None:
    number = opened(store)

    def late(tx: Tx) -> None:
        before = replace(incidents.get(tx, number), version=0)
        incidents.save(tx, before, replace(before, priority=99, version=1))

    with pytest.raises(StaleVersion):
        store.write_now(late)
    assert together(store, late, lambda tx: incidents.open_for(tx, "bell/b-1", False))[1].priority == 80


# What somebody has changed


def test_a_revoked_bell_is_revoked_in_the_very_next_job(store: Store, writer: Store) -> None:
    for state in (bells.REVOKED, bells.ACTIVE, bells.REVOKED):
        assert store.write_now(lambda tx: bells.get(tx, "b-1")) is not None
        writer.write_now(lambda tx, state=state: bells.set_state(tx, "b-1", state))
        found = store.write_now(lambda tx: bells.get(tx, "b-1"))
        assert found is not None and found.state == state


def test_a_new_bell_is_known_in_the_very_next_job(store: Store, writer: Store) -> None:
    assert store.write_now(lambda tx: (bells.get(tx, "b-2"), bells.home_sets(tx, "s-1"))) == (None, 0)
    writer.write_now(lambda tx: bells.add(tx, bell("b-2", "home-set")))
    found, count = store.write_now(lambda tx: (bells.get(tx, "b-2"), bells.home_sets(tx, "s-1")))
    assert found is not None and found.bell_id == "b-2" and count == 1
    with pytest.raises(EnrolmentError, match="enrolled already"):
        store.write_now(lambda tx: bells.add(tx, bell("b-2")))
    writer.write_now(lambda tx: bells.set_state(tx, "b-2", bells.REVOKED))
    assert store.write_now(lambda tx: bells.home_sets(tx, "s-1")) == 0


def test_a_closed_case_is_not_open_and_a_reopened_one_is(store: Store, writer: Store) -> None:
    number = opened(store)

    def close(tx: Tx) -> None:
        before = incidents.get(tx, number)
        incidents.save(tx, before, closed(before))

    def reopen(tx: Tx) -> None:
        before = incidents.get(tx, number)
        after = replace(before, handling="acknowledged", owner="김하늘", disposition=None, closed_ms=None)
        incidents.save(tx, before, replace(after, version=before.version + 1))

    for version in (3, 5):
        writer.write_now(close)
        assert looked(store) is None
        writer.write_now(reopen)
        found = looked(store)
        assert found is not None and (found.id, found.owner, found.version) == (number, "김하늘", version)


def test_a_press_goes_to_the_case_that_its_own_was_merged_into(store: Store, writer: Store) -> None:
    first, second, third = (opened(store, f"bell/b-{n}") for n in (1, 2, 3))

    def merge(tx: Tx, one: int, into: int) -> None:
        before = incidents.get(tx, one)
        incidents.move_merged(tx, one, into)
        incidents.save(tx, before, closed(before, into))

    writer.write_now(lambda tx: merge(tx, first, second))
    found = looked(store, "bell/b-1")
    assert found is not None and found.id == second
    store.write_now(lambda tx: changed(tx, "bell/b-1", priority=85))  # a press of the merged bell
    assert looked(store, "bell/b-1") == looked(store, "bell/b-2") == replace(found, priority=85, version=2)
    writer.write_now(lambda tx: merge(tx, second, third))
    assert looked(store, "bell/b-1") == looked(store, "bell/b-2") == looked(store, "bell/b-3")
    assert cast(Incident, looked(store)).id == third


def test_a_clock_that_was_set_moves_what_is_known_too(store: Store, writer: Store) -> None:
    opened(store, handling="acknowledged", lease_until_ms=NOW_MS, escalation_from_ms=NOW_MS)
    for hours in (1, -3):
        before = looked(store)
        writer.write_now(lambda tx, hours=hours: dues.shift(tx, hours * 3_600_000))
        after = looked(store)
        assert before is not None and before.lease_until_ms is not None
        assert after == replace(
            before,
            lease_until_ms=before.lease_until_ms + hours * 3_600_000,
            escalation_from_ms=before.escalation_from_ms + hours * 3_600_000,
        )


def test_a_clock_that_was_set_in_a_group_is_seen_by_the_next_job_of_it(store: Store) -> None:
    opened(store, escalation_from_ms=NOW_MS)
    seen = together(
        store, changed, lambda tx: dues.shift(tx, 5_000), lambda tx: incidents.open_for(tx, "bell/b-1", False)
    )
    assert seen[2] == replace(seen[0], escalation_from_ms=NOW_MS + 5_000)


def test_a_press_joins_what_another_process_has_just_made_of_the_case(store: Store, other: Store) -> None:
    opened(store)
    for number in range(1, 6):
        for one in (store, other):
            one.write_now(
                lambda tx: changed(tx, signals=cast(Incident, incidents.open_for(tx, "bell/b-1", False)).signals + 1)
            )
        for one in (store, other):
            found = looked(one)
            assert found is not None and found.signals == 2 * number and found.version == 1 + 2 * number


def test_a_test_and_a_real_alarm_are_never_taken_for_one_another(store: Store) -> None:
    real, drill = opened(store), opened(store, test=True)
    seen = together(
        store,
        lambda tx: changed(tx, priority=85),
        lambda tx: incidents.open_for(tx, "bell/b-1", True),
        lambda tx: incidents.open_for(tx, "bell/b-1", False),
    )
    assert (seen[1].id, seen[1].priority, seen[2].id, seen[2].priority) == (drill, 80, real, 85)


def test_whatever_else_writes_into_the_file_is_seen(tmp_path: Path) -> None:
    with open_store("sqlite:///a.db", tmp_path) as store, closing(sqlite3.connect(tmp_path / "a.db")) as plain:
        store.write_now(lambda tx: bells.add(tx, bell()))
        opened(store)
        assert looked(store) is not None
        for priority in (83, 84):
            plain.execute("UPDATE incident SET priority = ?", (priority,))
            plain.commit()
            found = looked(store)
            assert found is not None and found.priority == priority
        plain.execute("UPDATE bell SET state = 'revoked'")
        plain.commit()
        seen = store.write_now(lambda tx: bells.get(tx, "b-1"))
        assert seen is not None and seen.state == bells.REVOKED


def test_a_reader_remembers_nothing(store: Store) -> None:
    opened(store)
    for priority in (81, 82):
        store.write_now(lambda tx, p=priority: changed(tx, priority=p))
        found = store.read_now(lambda tx: incidents.open_for(tx, "bell/b-1", False))
        assert found is not None and found.priority == priority
    for state in (bells.REVOKED, bells.ACTIVE):
        store.write_now(lambda tx, s=state: bells.set_state(tx, "b-1", s))
        seen = store.read_now(lambda tx: bells.get(tx, "b-1"))
        assert seen is not None and seen.state == state


# The record


def note(tx: Tx, text: str = "글") -> None:
    audit.append(tx, NOW_MS, None, "김하늘", "note", {"text": text})


def rows(store: Store) -> int:
    return store.read_now(audit.head).row


def test_two_processes_write_one_chain(store: Store, other: Store) -> None:
    for _ in range(5):
        store.write_now(note)
        other.write_now(note)
        together(other, note, note)
        together(store, note, failing(note), note)
    assert store.read_now(audit.verify) is None and rows(store) == other.write_now(audit.head).row == 30


def test_two_processes_at_once_write_one_chain(store: Store, other: Store) -> None:
    def write(one: Store) -> None:
        for number in range(30):
            with suppress(ValueError):
                one.write_now(failing(note) if number % 3 == 0 else note)

    threads = [threading.Thread(target=write, args=(one,)) for one in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert store.read_now(audit.verify) is None and rows(store) == 40


def test_failing_jobs_leave_no_gap(store: Store) -> None:
    together(store, note, failing(note), note, failing(lambda tx: (note(tx), note(tx))), note)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            store.write_now(failing(note))
        store.write_now(note)
    assert store.read_now(audit.verify) is None and rows(store) == 5


def entry(by: str | None = "gateway") -> audit.Entry:
    return audit.Entry(NOW_MS, None, cast(str, by), "note", {})


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_record_that_is_not_taken_leaves_the_chain_whole(store: Store, place: int) -> None:
    """One of the entries of a step is refused by the database: the step goes on without."""
    entries = [entry(None if number == place else "gateway") for number in range(3)]

    def step(tx: Tx) -> list[str]:
        note(tx, "before")
        carrier = Carrier(tx, Settings("g", cast(Any, None), ()), NOW_MS)
        carrier.write_down(entries)
        note(tx, "after")
        return carrier.after.counts

    assert store.write_now(step) == ["record_failures"]
    assert together(store, step, note, step) == [["record_failures"], None, ["record_failures"]]
    store.write_now(note)
    assert store.read_now(audit.verify) is None
    texts = [one["detail"].get("text") for one in store.read_now(lambda tx: audit.acts(tx, "note"))]
    assert [one for one in texts if one] == ["before", "after"] * 2 + ["글"] + ["before", "after", "글"]


def test_a_record_that_is_not_taken_undoes_nothing_else(store: Store) -> None:
    opened(store)

    def step(tx: Tx) -> Incident | None:
        carrier = Carrier(tx, Settings("g", cast(Any, None), ()), NOW_MS)
        after = changed(tx, priority=88)
        carrier.write_down([entry(None)])
        assert incidents.open_for(tx, "bell/b-1", False) == after
        return after

    after = store.write_now(step)
    assert looked(store) == after == store.read_now(lambda tx: incidents.open_for(tx, "bell/b-1", False))


def kept_event(tx: Tx, boot: str, seq: int) -> signals.Boot:
    assert signals.insert(tx, event(boot, seq), None) is not None
    return signals.heard_event(tx, "b-1", boot, seq, NOW_MS, False)


def test_what_is_told_of_a_start_is_known_at_its_next_event(store: Store, writer: Store) -> None:
    first, second = "0" * 16, "1" * 16
    assert store.write_now(lambda tx: kept_event(tx, first, 3)) == signals.Boot(False, 1, 3, 0, 0)
    assert store.write_now(lambda tx: kept_event(tx, first, 1)) == signals.Boot(False, 2, 3, 0, 0)
    writer.write_now(lambda tx: signals.note_loss(tx, "b-1", first, 5, 3))
    assert store.write_now(lambda tx: kept_event(tx, first, 4)) == signals.Boot(False, 3, 4, 5, 3)
    writer.write_now(lambda tx: signals.heard_alive(tx, "b-1", second, NOW_MS))
    assert store.write_now(lambda tx: kept_event(tx, first, 6)) == signals.Boot(True, 4, 6, 5, 3)
    assert writer.write_now(lambda tx: kept_event(tx, second, 1)) == signals.Boot(False, 1, 1, 0, 0)
    assert store.write_now(lambda tx: kept_event(tx, second, 2)) == signals.Boot(False, 2, 2, 0, 0)


def test_starts_that_are_invented_take_no_memory(store: Store) -> None:
    def work(tx: Tx) -> int:
        for number in range(50):
            kept_event(tx, f"{number:016x}", 1)
        return len(tx.memo["boots", "b-1"])

    assert store.write_now(work) <= signals.BOOTS_MAX
    assert store.write_now(lambda tx: kept_event(tx, "0" * 16, 2)) == signals.Boot(False, 2, 2, 0, 0)


# Whatever happens, in any order


KEYS = ("x", "y", "z")
CALLS = st.one_of(
    st.tuples(st.sampled_from(("insert", "press", "look")), st.sampled_from(KEYS), st.booleans()),
    st.tuples(st.sampled_from(("close", "reopen", "stale")), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("merge"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("shift"), st.sampled_from((5_000, -7_000)), st.just(0)),
    st.tuples(st.just("bell"), st.sampled_from((bells.ACTIVE, bells.REVOKED)), st.just(0)),
    st.tuples(st.just("due"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("event"), st.integers(0, 1), st.integers(1, 6)),
    st.tuples(st.sampled_from(("alive", "loss")), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("place"), st.sampled_from(("1", "지하 2")), st.booleans()),
    st.tuples(st.just("note"), st.booleans(), st.just(0)),
)
JOBS = st.tuples(st.lists(CALLS, min_size=1, max_size=4), st.integers(0, 3).map(lambda n: n == 0))
GROUPS = st.tuples(st.lists(JOBS, min_size=1, max_size=4), st.integers(0, 2).map(lambda n: n == 0))


class Story:
    """Carries out calls as the pipeline makes them, and asks twice: with the memo, and as if there were none."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.numbers: list[int] = []  # of the cases of this story, also of some whose job failed
        self.wrong: list[str] = []

    def ask(self, tx: Tx, question: Callable[[Tx], Any]) -> Any:
        known = question(tx)
        kept = dict(tx.memo)
        tx.memo.clear()
        true = question(tx)
        tx.memo.clear()
        tx.memo.update(kept)
        if known != true:
            self.wrong.append(f"{known} is {true}")
        return true

    def everything(self, tx: Tx) -> None:
        for key in KEYS:
            for test in (False, True):
                self.ask(tx, lambda tx, key=key, test=test: incidents.open_for(tx, self.prefix + key, test))
        for number in self.numbers[-4:]:
            with suppress(UnknownIncident):
                one = incidents.get(tx, number)
                shown = self.ask(tx, lambda tx, one=one: incidents.shown(tx, one))
                if shown != incidents.summary(tx, number):
                    self.wrong.append(f"{shown} is not what stands there")
        self.ask(tx, lambda tx: bells.get(tx, "b-1"))
        self.ask(tx, lambda tx: bells.home_sets(tx, "s-1"))
        self.ask(tx, audit.head)

    def job(self, calls: list[tuple[Any, Any, Any]], fails: bool) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            for call in calls:
                self.call(tx, *call)
                self.everything(tx)
            if fails:
                raise ValueError("no")

        return work

    def call(self, tx: Tx, what: str, first: Any, second: Any) -> None:
        match what:
            case "insert" | "press" | "look":
                found = self.ask(tx, lambda tx: incidents.open_for(tx, self.prefix + first, second))
                if what == "insert" and found is None:
                    self.numbers.append(incidents.insert(tx, case(self.prefix + first, second)))
                elif what == "press" and found is not None:
                    self.save(tx, found, signals=found.signals + 1, priority=found.priority + 1)
            case "close" | "reopen" | "stale" | "merge":
                one = self.numbered(tx, first)
                if one is None:
                    return
                if what == "close" and one.open:
                    incidents.save(tx, one, closed(one))
                elif what == "stale":
                    incidents.save(tx, replace(one, version=one.version - 1), replace(one, priority=7))
                elif what == "reopen" and not one.open and one.merged_into is None:
                    if self.ask(tx, lambda tx: incidents.open_for(tx, one.folds_by, one.test)) is None:
                        self.save(tx, one, handling="acknowledged", disposition=None, closed_ms=None)
                elif what == "merge" and one.open:
                    into = self.numbered(tx, second)
                    if into is not None and into.open and into.id != one.id:
                        incidents.move_merged(tx, one.id, into.id)
                        self.save(tx, into, signals=into.signals + one.signals)
                        incidents.save(tx, one, closed(one, into.id))
            case "shift":
                dues.shift(tx, first)
            case "event":
                boot = f"{first:016x}"
                if signals.insert(tx, event(boot, second), None) is not None:
                    now = signals.heard_event(tx, "b-1", boot, second, NOW_MS, False)
                    if now != (true := signals.known_boot(tx, "b-1", boot)):
                        self.wrong.append(f"{now} is {true}")
            case "alive":
                signals.heard_alive(tx, "b-1", f"{first:016x}", NOW_MS)
            case "loss":
                signals.note_loss(tx, "b-1", f"{first:016x}", second, second)
            case "due":
                one = self.numbered(tx, first)
                if one is not None and second:
                    dues.put(tx, "escalation", str(one.id), NOW_MS + second)
                elif one is not None:
                    dues.remove(tx, "escalation", str(one.id))
            case "place":
                (row,) = bells.listing(tx, bell_id="b-1")
                place = places.Place(**{field.name: row[field.name] for field in fields(places.Place)})
                places.change(tx, "b-1", places.seen(row), replace(place, floor=first), second, "a", NOW_MS)
            case "bell":
                bells.set_state(tx, "b-1", first)
            case "note":
                carrier = Carrier(tx, Settings("g", cast(Any, None), ()), NOW_MS)
                carrier.write_down([entry(), entry(None if first else "gateway"), entry()])

    def numbered(self, tx: Tx, place: int) -> Incident | None:
        with suppress(UnknownIncident, IndexError):
            return incidents.get(tx, self.numbers[place])
        return None

    def save(self, tx: Tx, before: Incident, **changes: Any) -> None:
        incidents.save(tx, before, replace(before, version=before.version + 1, **changes))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(GROUPS, max_size=8))
def test_what_is_remembered_is_what_stands_there(store: Store, other: Store, groups: list[Any]) -> None:
    story = Story(f"story-{next(_keys)}/")
    for jobs, elsewhere in groups:
        together(other if elsewhere else store, *(story.job(*one) for one in jobs))
        for one in (store, other):
            one.write_now(story.everything)
        assert story.wrong == []
    assert store.read_now(audit.verify) is None


def test_a_case_that_is_closed_leaves_nothing_in_memory(store: Store) -> None:
    """A district closes thousands a day."""

    def story(tx: Tx) -> int:
        before = len(tx.memo)
        for number in range(50):
            state = case(f"bell/{number}")
            state = replace(state, id=incidents.insert(tx, state))
            dues.put(tx, "escalation", str(state.id), NOW_MS)
            incidents.shown(tx, state)
            assert incidents.shown(tx, state)["escalation"]["next_ms"] == NOW_MS
            after = closed(state)
            incidents.save(tx, state, after)
            dues.remove(tx, "escalation", str(state.id))
            assert incidents.shown(tx, after)["escalation"]["next_ms"] is None
        return len(tx.memo) - before

    assert store.write_now(story) == 0
