"""Areas in Python and in SQL mean the same; watches are kept on both databases, and what is attended is never stale."""

import contextlib
import sqlite3
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core.attendance import ATTENDED, ENDED, Desk
from bellgate.errors import AnsimbellError
from bellgate.store import Store, areas, desks, dues

NOW_MS = 1_795_430_400_000
NAMES = st.text("ab-1", min_size=1, max_size=4)
AREAS = st.lists(st.builds(lambda name, star: name + star, NAMES, st.sampled_from(["", "*"])), max_size=3).map(tuple)


@given(AREAS, NAMES)
def test_sql_and_python_agree_on_what_lies_in_an_area(some: tuple[str, ...], site: str) -> None:
    sql, values = areas.condition(some, "site")
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        # The values in the order in which SQLite meets them: the condition's, then the site.
        (inside,) = database.execute(f"SELECT {sql} FROM (SELECT ? AS site)", (*values, site)).fetchone()
    assert bool(inside) == areas.sees(some, site)


@given(AREAS, AREAS, NAMES)
def test_what_lies_in_both_overlaps(one: tuple[str, ...], other: tuple[str, ...], site: str) -> None:
    if areas.sees(one, site) and areas.sees(other, site):
        assert areas.overlap(one, other) and areas.overlap(other, one)


@given(AREAS, AREAS)
def test_what_overlaps_has_a_site_in_both(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    if areas.overlap(one, other) and one and other:
        tried = [name.rstrip("*") for name in (*one, *other)]
        assert any(any(fnmatchcase(n, a) for a in one) and any(fnmatchcase(n, b) for b in other) for n in tried)


@pytest.mark.parametrize("wrong", ["", "Seongsu", "a b", "*a", "a*b", "a%", "a_b", "성수", "x" * 34])
def test_what_is_no_area_is_refused(wrong: str) -> None:
    with pytest.raises(AnsimbellError, match="is no area"):
        areas.written([wrong])


def test_a_watch_is_kept_and_what_is_attended_follows_it(store: Store) -> None:
    mine = Desk("a" * 32, "김하늘", "page-1", ("seongsu-*",), NOW_MS)
    assert not store.read_now(desks.nobody_attends), "nobody is missed where no watch ever began"
    store.write_now(lambda tx: desks.save(tx, mine))
    assert store.read_now(desks.nobody_attends) and store.read_now(desks.attended) == []
    attended = replace(mine, condition=ATTENDED, heard_ms=NOW_MS, proved_ms=NOW_MS, audio_ms=4_000)

    def asked_twice(tx: object) -> tuple[bool, bool, bool]:
        before = desks.watched(tx, "seongsu-012")  # remembered from now on
        desks.save(tx, attended)
        return before, desks.watched(tx, "seongsu-012"), desks.watched(tx, "wangsimni-1")

    assert store.write_now(asked_twice) == (False, True, False)
    assert store.read_now(lambda tx: desks.get(tx, mine.id)) == attended
    assert store.read_now(lambda tx: desks.of_operator(tx, "김하늘")) == [attended]
    store.write_now(lambda tx: desks.save(tx, replace(attended, condition=ENDED, ended_ms=NOW_MS)))
    assert store.read_now(desks.attended) == [] and store.read_now(desks.going_on) == []
    assert store.write_now(lambda tx: desks.forget(tx, NOW_MS)) == 0
    assert store.write_now(lambda tx: desks.forget(tx, NOW_MS + 1)) == 1


def test_a_clock_that_is_set_moves_a_watch_with_it(store: Store) -> None:
    desk = Desk("a" * 32, "김하늘", "page-1", (), NOW_MS, ATTENDED, NOW_MS, NOW_MS, NOW_MS)
    store.write_now(lambda tx: desks.save(tx, desk))
    store.write_now(lambda tx: dues.put(tx, "desk_lapsed", desk.id, NOW_MS + 10_000))
    store.write_now(lambda tx: dues.shift(tx, -3_600_000))
    kept = store.read_now(lambda tx: desks.get(tx, desk.id))
    assert kept is not None and kept.proved_ms == kept.signed_ms == NOW_MS - 3_600_000
    assert store.read_now(lambda tx: dues.next_ms(tx, "desk_lapsed", desk.id)) == NOW_MS + 10_000 - 3_600_000
