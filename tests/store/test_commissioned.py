"""Certificates, the line of identities at a place, and the one-time secret, on both databases."""

from typing import Any

import pytest

from bellgate.store import Store, Tx, bells, commissioned, retention
from bellgate.store.bells import REVOKED, Bell

NOW_MS = 1_795_430_400_000


def bell(bell_id: str, site: str = "s-1", **more: Any) -> Bell:
    return Bell(bell_id, site, "pendant", "x", "y", None, None, bytes(32), 0, "00", "active", NOW_MS, **more)


def put(tx: Tx, number: int, bell_id: str = "b-1", lacks: tuple[str, ...] = (), at_ms: int = NOW_MS) -> None:
    summary: dict[str, Any] = {"id": f"{number:032x}", "bell_id": bell_id, "stored_ms": at_ms, "made_ms": 1}
    summary |= {"posted_by": "script", "by": f"사람 {number}", "passed": not lacks, "kit_key": "00"}
    commissioned.put(tx, summary, lacks, {"n": number, "글": "한글"})


@pytest.fixture
def placed(store: Store) -> Store:
    store.write_now(lambda tx: bells.add(tx, bell("b-1")))
    return store


def test_one_comes_back_as_it_was_kept(placed: Store) -> None:
    placed.write_now(lambda tx: put(tx, 1, lacks=("press", "place")))
    kept = placed.read_now(lambda tx: commissioned.one(tx, f"{1:032x}"))
    assert kept is not None and kept["document"] == {"n": 1, "글": "한글"}
    assert (kept["passed"], kept["complete"], kept["lacks"]) == (False, False, ["press", "place"])
    assert placed.read_now(lambda tx: commissioned.one(tx, "0" * 32)) is None
    with pytest.raises(Exception, match=r"(?i)unique"):
        placed.write_now(lambda tx: put(tx, 1))


def test_a_bell_is_commissioned_by_its_newest_complete_one(placed: Store) -> None:
    def said() -> tuple[int | None, str | None]:
        (row,) = placed.read_now(bells.listing)
        return row["commissioned_ms"], row["commissioned_by"]

    assert said() == (None, None)
    placed.write_now(lambda tx: put(tx, 1, lacks=("press",)))
    assert said() == (None, None)
    placed.write_now(lambda tx: put(tx, 2, at_ms=NOW_MS + 1))
    placed.write_now(lambda tx: put(tx, 3, at_ms=NOW_MS + 1))
    placed.write_now(lambda tx: put(tx, 4, lacks=("failed",), at_ms=NOW_MS + 2))
    assert said() == (NOW_MS + 1, "사람 3")
    listed = placed.read_now(lambda tx: commissioned.of_bell(tx, "b-1", 3))
    assert [int(one["id"], 16) for one in listed] == [4, 3, 2] and "document" not in listed[0]


def test_a_wiped_place_takes_its_certificates_along(placed: Store) -> None:
    placed.write_now(lambda tx: put(tx, 1))
    placed.write_now(lambda tx: tx.run("UPDATE bell SET wiped_ms = 1"))
    assert placed.write_now(retention.places) == 1
    assert placed.read_now(lambda tx: commissioned.of_bell(tx, "b-1", 9)) == []


def test_a_line_of_identities_stays_at_its_site_and_never_turns_in_a_circle(placed: Store) -> None:
    for number in range(2, 30):
        new = bell(f"b-{number}", replaces=f"b-{number - 1}")
        placed.write_now(lambda tx, new=new: bells.add(tx, new))
    placed.write_now(lambda tx: bells.add(tx, bell("b-moved", "s-2", replaces="b-3")))
    assert placed.read_now(lambda tx: bells.line(tx, "b-3")) == ["b-3", "b-2", "b-1"]
    assert len(placed.read_now(lambda tx: bells.line(tx, "b-29"))) == bells.LINE_MAX
    assert placed.read_now(lambda tx: bells.line(tx, "b-moved")) == ["b-moved"]
    assert placed.read_now(lambda tx: bells.replaced_by(tx, "b-3")) == "b-moved"
    placed.write_now(lambda tx: tx.run("UPDATE bell SET replaces = 'b-2' WHERE bell_id = 'b-1'"))
    assert placed.read_now(lambda tx: bells.line(tx, "b-2")) == ["b-2", "b-1"]


def test_who_may_speak(placed: Store) -> None:
    placed.write_now(lambda tx: bells.add(tx, bell("b-2")))
    assert placed.read_now(bells.revoked) == []
    placed.write_now(lambda tx: bells.set_state(tx, "b-2", REVOKED))
    assert placed.read_now(bells.revoked) == ["b-2"]


def test_the_other_key_is_used_and_then_counts_for_an_hour(placed: Store) -> None:
    placed.write_now(lambda tx: bells.put_other_key(tx, "b-1", b"n" * 32, "11", "22"))
    waiting = placed.read_now(lambda tx: bells.known(tx, "b-1"))
    assert waiting.keys(NOW_MS + 10**12) == [bytes(32), b"n" * 32] and waiting.once_sha256 == "22"
    used = placed.write_now(lambda tx: bells.use_other_key(tx, bells.known(tx, "b-1"), NOW_MS))
    assert used.keys(NOW_MS + bells.OTHER_KEY_MS) == [b"n" * 32, bytes(32)]
    assert used.keys(NOW_MS + bells.OTHER_KEY_MS + 1) == [b"n" * 32]
    placed.write_now(lambda tx: bells.heard(tx, "b-1"))
    assert placed.read_now(lambda tx: bells.known(tx, "b-1")).once_sha256 is None
