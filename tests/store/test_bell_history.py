"""A bell's past, its place and its owners, and troubles by area, on both databases."""

import pytest

from bellgate.core.incident import opened_by
from bellgate.core.signal import Moment, Signal
from bellgate.errors import AnsimbellError, StalePlace
from bellgate.store import Store, Tx, audit, bell_history, bells, incidents, people, places, signals, troubles
from bellgate.store.bells import Bell

NOW_MS = 1_795_430_400_000
YEAR_MS = bell_history.YEAR_MS


def bell(bell_id: str, site: str) -> Bell:
    return Bell(bell_id, site, "store-bell", "이름", "주소", 37.5, 127.0, b"k" * 32, 0, bell_id, "active", NOW_MS)


def heard(tx: Tx, bell_id: str, seq: int, what: str, closed: str = "", at_ms: int = NOW_MS, **more: object) -> int:
    """One signal with an incident of its own, perhaps closed; the incident's number."""
    site = "s-1" if bell_id == "b-1" else "t-1"
    signal = Signal(
        bell_id, site, "0" * 16, seq, what, "alarm", None, 0, 0, more, at_ms, Moment(at_ms, 0, "age"), False, False
    )
    incident = opened_by(signal, "none").changed(first_signal=seq, last_signal=seq, folds_by=f"{bell_id}/{seq}")
    number = incidents.insert(tx, incident)
    assert signals.insert(tx, signal, number)
    if closed:
        done = incidents.get(tx, number)
        incidents.save(tx, done, done.changed(handling="closed", disposition=closed, closed_ms=at_ms))
    return number


@pytest.fixture
def two(store: Store) -> Store:
    """b-1 at s-1, b-2 at t-1."""

    def add(tx: Tx) -> None:
        bells.add(tx, bell("b-1", "s-1"))
        bells.add(tx, bell("b-2", "t-1"))

    store.write_now(add)
    return store


def test_what_a_bell_went_through(two: Store) -> None:
    def story(tx: Tx) -> None:
        for seq, disposition in enumerate(("prank", "genuine", "duplicate", "test", "accidental"), 1):
            heard(tx, "b-1", seq, "panic", disposition)
        heard(tx, "b-1", 6, "panic", "prank", NOW_MS - YEAR_MS)
        heard(tx, "b-1", 7, "test", at_ms=NOW_MS - 5)
        heard(tx, "b-1", 8, "test", id="0" * 16)
        heard(tx, "b-1", 9, "panic")

    two.write_now(story)
    told = two.read_now(lambda tx: bell_history.background(tx, "b-1", NOW_MS))
    assert (told["closed_365d"], told["false_365d"], told["genuine_365d"]) == (3, 2, 1)
    assert told["last_test_ms"] == NOW_MS - 5 and told["battery_mv"] is None and told["online"] is False
    assert two.read_now(lambda tx: bell_history.last_test(tx, "b-2")) is None
    cases = two.read_now(lambda tx: bell_history.cases(tx, "b-1", 3))
    assert [(case["what"], case["handling"]) for case in cases][:2] == [("panic", "received"), ("test", "received")]
    assert [case["test"] for case in cases] == [False, True, True]
    (first, second) = two.read_now(lambda tx: bell_history.listing(tx, 31))
    assert (first["open_incidents"], first["open_alarms"], first["last_test_ms"]) == (3, 1, NOW_MS - 5)
    assert (second["open_incidents"], second["last_test_ms"], second["troubles"]) == (0, None, [])


def test_bells_by_area_and_by_name(two: Store) -> None:
    assert [row["bell_id"] for row in two.read_now(lambda tx: bells.listing(tx, ("t-*",)))] == ["b-2"]
    assert two.read_now(lambda tx: bells.listing(tx, ("t-*",), "b-1")) == []
    assert [row["bell_id"] for row in two.read_now(lambda tx: bells.listing(tx, bell_id="b-1"))] == ["b-1"]


PLACE = places.Place("이름", "새 주소", "2층", "", "", 37.6, 127.1)


def test_a_place_is_changed_on_what_was_seen(two: Store) -> None:
    def look(tx: Tx) -> str:
        return places.seen(bells.listing(tx, bell_id="b-1")[0])

    def change(seen: str, place: places.Place, confirm: bool = False) -> list[str]:
        return two.write_now(lambda tx: places.change(tx, "b-1", seen, place, confirm, "김하늘", NOW_MS))

    first = two.read_now(look)
    assert change(first, PLACE, confirm=True) == ["address", "floor", "lat", "lon"]
    with pytest.raises(StalePlace, match="look again"):
        change(first, PLACE)
    assert two.read_now(lambda tx: bells.get(tx, "b-1")).address == "새 주소"
    assert change(two.read_now(look), PLACE) == [], "nothing was changed, and nothing is written down"
    assert len(two.read_now(lambda tx: audit.acts(tx, "bell_place"))) == 1
    with pytest.raises(StalePlace):
        two.write_now(lambda tx: places.change(tx, "b-none", first, PLACE, False, "김하늘", NOW_MS))


def test_owners_are_named_on_what_was_seen(two: Store) -> None:
    def name(seen: list[str], now: list[str]) -> None:
        two.write_now(lambda tx: places.set_owners(tx, "b-1", seen, now, "김하늘", NOW_MS))

    for person, role in (("윤가람", "owner"), ("이서준", "dispatcher")):
        two.write_now(
            lambda tx, person=person, role=role: people.add_operator(tx, person, role, "tiger-lily-7788", NOW_MS)
        )
    name([], ["윤가람", "윤가람"])
    assert two.read_now(lambda tx: (places.owners(tx, "b-1"), places.owned(tx, "윤가람"))) == (["윤가람"], ["b-1"])
    with pytest.raises(StalePlace):
        name([], [])
    with pytest.raises(AnsimbellError, match="no user with the role owner"):
        name(["윤가람"], ["이서준"])
    two.write_now(lambda tx: bells.set_state(tx, "b-1", "revoked"))
    assert two.read_now(lambda tx: places.owned(tx, "윤가람")) == []


def test_troubles_by_area(two: Store) -> None:
    def story(tx: Tx) -> None:
        troubles.insert(tx, "bell_battery", "b-1", {}, NOW_MS, place=("b-1", "s-1", "s-*"))
        troubles.insert(tx, "bell_battery", "b-2", {}, NOW_MS, place=("b-2", "t-1", "t-*"))
        troubles.raise_(tx, "disk_low", "/data", {"folder": "/data"}, NOW_MS)

    def subjects(tx: Tx) -> list[str]:
        return sorted(line["subject"] for line in troubles.open_troubles(tx, ("t-*",)))

    two.write_now(story)
    assert two.read_now(subjects) == ["/data", "b-2"]
    assert two.read_now(troubles.kinds_by_bell) == {"b-1": ["bell_battery"], "b-2": ["bell_battery"]}
    two.write_now(lambda tx: [troubles.clear(tx, "bell_battery", name, NOW_MS + 5) for name in ("b-1", "b-2")])
    over = two.read_now(lambda tx: troubles.recently_cleared(tx, NOW_MS, 10, ("s-1",)))
    assert [line["subject"] for line in over] == ["b-1"]
    assert two.read_now(lambda tx: troubles.of_bell(tx, "b-1")) == []
