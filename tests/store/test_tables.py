"""The SQL of the table groups: what they promise beyond what the stories show."""

import pytest

from bellgate.errors import EnrolmentError, UnknownIncident
from bellgate.store import Store, audit, bells, dues, facts, incidents, refusals, troubles

NOW_MS = 1_795_430_400_000


def bell(bell_id: str = "b-7f3a") -> bells.Bell:
    return bells.Bell(bell_id, "s", "pendant", "이름", "주소", 37.5, 127.0, b"k" * 32, 0, "ff", "active", NOW_MS)


def test_bells_and_their_revision(store: Store) -> None:
    assert store.write_now(lambda tx: bells.add(tx, bell())) == 1
    assert store.write_now(lambda tx: bells.add(tx, bell("b-2"))) == 2
    assert store.write_now(lambda tx: bells.set_state(tx, "b-7f3a", "revoked")) == 3
    assert store.read_now(bells.revision) == 3
    assert store.read_now(lambda tx: bells.get(tx, "b-nobody")) is None
    kept = store.read_now(lambda tx: bells.get(tx, "b-7f3a"))
    assert kept is not None and kept.key == b"k" * 32 and (kept.state, kept.revision) == ("revoked", 3)
    assert "key" not in store.read_now(bells.listing)[0]
    assert store.write_now(bells.new_id).startswith("b-")
    with pytest.raises(EnrolmentError, match="enrolled already"):
        store.write_now(lambda tx: bells.add(tx, bell()))
    with pytest.raises(EnrolmentError, match="keeps for itself"):
        store.write_now(lambda tx: bells.add(tx, bell("canary")))
    with pytest.raises(EnrolmentError, match="no bell b-nobody"):
        store.write_now(lambda tx: bells.set_state(tx, "b-nobody", "revoked"))


def chain(store: Store, count: int = 5) -> None:
    for number in range(count):
        store.write_now(lambda tx, n=number: audit.append(tx, NOW_MS + n, None, "김하늘", "note", {"text": f"글 {n}"}))


def test_audit_chain_holds(store: Store) -> None:
    assert store.read_now(audit.verify) is None
    chain(store)
    assert store.read_now(audit.verify) is None


@pytest.mark.parametrize("column", ["at_ms", "by", "act", "detail", "incident_id", "hash"])
def test_any_changed_column_is_found(store: Store, column: str) -> None:
    chain(store)
    store.write_now(lambda tx: tx.run(f"UPDATE audit SET {column} = '7' WHERE id = 3"))
    assert store.read_now(audit.verify) == 3


def test_removed_and_swapped_rows_are_found(store: Store) -> None:
    chain(store)
    store.write_now(lambda tx: tx.run("DELETE FROM audit WHERE id = 2"))
    assert store.read_now(audit.verify) == 3


def test_audit_of_many_pages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_PAGE", 2)
    chain(store, 7)
    assert store.read_now(audit.verify) is None
    store.write_now(lambda tx: tx.run("UPDATE audit SET by = 'x' WHERE id = 6"))
    assert store.read_now(audit.verify) == 6


def test_trouble_is_one_open_line_and_counted(store: Store) -> None:
    first = store.write_now(lambda tx: troubles.raise_(tx, "k", "s", "one", 1))
    second = store.write_now(lambda tx: troubles.raise_(tx, "k", "s", "two", 2))
    assert (first["id"], second["count"], second["detail"], second["raised_ms"]) == (second["id"], 2, "two", 1)
    assert store.write_now(lambda tx: troubles.clear(tx, "k", "s", 3)) is not None
    assert store.write_now(lambda tx: troubles.clear(tx, "k", "s", 4)) is None
    third = store.write_now(lambda tx: troubles.raise_(tx, "k", "s", "three", 5))
    assert third["id"] != first["id"] and third["count"] == 1
    assert len(store.read_now(troubles.all_troubles)) == 2


def test_due_row_that_moved_is_not_carried_out(store: Store) -> None:
    store.write_now(lambda tx: dues.put(tx, "escalation", "1", 100))
    (due,) = store.write_now(lambda tx: dues.take(tx, 100, 50, 10))
    assert store.write_now(lambda tx: dues.take(tx, 100, 50, 10)) == []  # leased
    store.write_now(lambda tx: dues.put(tx, "escalation", "1", 500))
    assert not store.write_now(lambda tx: dues.finish(tx, due))
    assert store.read_now(lambda tx: dues.next_ms(tx, "escalation", "1")) == 500
    (again,) = store.write_now(lambda tx: dues.take(tx, 500, 50, 10))
    assert store.write_now(lambda tx: dues.finish(tx, again))


def test_lease_that_ended_is_taken_again_and_the_late_holder_is_too_late(store: Store) -> None:
    store.write_now(lambda tx: dues.put(tx, "lease", "1", 100))
    (first,) = store.write_now(lambda tx: dues.take(tx, 100, 50, 10))
    (second,) = store.write_now(lambda tx: dues.take(tx, 150, 50, 10))
    assert not store.write_now(lambda tx: dues.finish(tx, first))
    assert store.write_now(lambda tx: dues.finish(tx, second))


def test_oldest_due_rows_come_first(store: Store) -> None:
    for number in (5, 3, 9, 1, 7):
        store.write_now(lambda tx, n=number: dues.put(tx, "lease", str(n), n))
    assert [one.due_ms for one in store.write_now(lambda tx: dues.take(tx, 100, 50, 3))] == [1, 3, 5]


def test_unknown_incident(store: Store) -> None:
    assert store.read_now(lambda tx: incidents.view(tx, 5)) is None
    with pytest.raises(UnknownIncident):
        store.read_now(lambda tx: incidents.get(tx, 5))


def test_facts_and_refusals(store: Store) -> None:
    for name, value in (("a", "1"), ("b", "값"), ("a", "2")):
        store.write_now(lambda tx, n=name, v=value: facts.put(tx, n, v))
        store.write_now(lambda tx, n=name: refusals.count(tx, n, NOW_MS))
    assert store.read_now(lambda tx: [facts.get(tx, name) for name in "abc"]) == ["2", "값", None]
    assert store.read_now(refusals.counts) == {"a": 2, "b": 1}
