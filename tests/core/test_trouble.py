"""The life of a line: the table is whole, nothing flaps, nothing waits for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core import storm
from bellgate.core.trouble import (
    ABSENT,
    CLEAR,
    DUE,
    FALLING,
    KINDS,
    OPEN,
    RAISE,
    RISING,
    SHOWN,
    TRANSITIONS,
    Kind,
    step,
)

NOW_MS = 1_795_430_400_000
WAITS = st.sampled_from((0, 1_000, 60_000))
ANY_KIND = st.builds(Kind, WAITS, WAITS, st.sampled_from((None, 5_000, 3_600_000)))


def test_every_state_knows_what_to_do_except_the_absent_that_waits_for_nothing() -> None:
    listed = {(state, happened) for state in (ABSENT, RISING, OPEN, FALLING) for happened in (RAISE, CLEAR, DUE)}
    assert listed - set(TRANSITIONS) == {(ABSENT, DUE)}
    with pytest.raises(KeyError):
        step(Kind(), ABSENT, DUE, NOW_MS)


@given(ANY_KIND, st.lists(st.tuples(st.sampled_from((RAISE, CLEAR)), st.integers(0, 120_000)), max_size=40))
def test_a_line_is_shown_after_its_time_and_ends_after_its_time(kind: Kind, story: list[tuple[str, int]]) -> None:
    """A model beside the table: when it began, when it ended, when it was last said."""
    state, due_ms, now_ms = ABSENT, None, NOW_MS
    since = over = said = None
    for happened, wait_ms in [*story, (CLEAR, 10_000_000)]:
        until_ms = now_ms + wait_ms
        while due_ms is not None and due_ms <= until_ms:
            now_ms = due_ms
            before = state
            made = step(kind, state, DUE, now_ms)
            state, due_ms = made.state, made.due_ms if made.due == "set" else None
            if before == RISING:
                assert state == OPEN and now_ms == since + kind.raise_after_ms
                said = now_ms  # to people: what it expires after
            if before == OPEN:
                assert now_ms == said + kind.expires_ms
                over = now_ms
            if before == FALLING:
                assert state == ABSENT and now_ms == over + kind.clear_after_ms
        now_ms = until_ms
        before = state
        made = step(kind, state, happened, now_ms)
        state = made.state
        due_ms = {"keep": due_ms, "none": None}.get(made.due, made.due_ms)
        if happened == RAISE:
            said = now_ms
            since = now_ms if before == ABSENT else since
            assert state in (RISING, OPEN)
            assert before not in SHOWN or state == OPEN  # what is shown stays shown
        elif before == OPEN:
            over = now_ms
        assert state != RISING or due_ms == since + kind.raise_after_ms
        assert state != FALLING or due_ms == over + kind.clear_after_ms
        assert (due_ms is not None) == (state in (RISING, FALLING) or (state == OPEN and kind.expires_ms is not None))
    if due_ms is not None:
        assert step(kind, state, DUE, due_ms).state == ABSENT


def test_times_of_the_kinds_are_sane() -> None:
    for name, kind in KINDS.items():
        assert 0 <= kind.raise_after_ms <= 600_000 and 0 <= kind.clear_after_ms <= 600_000, name
        assert kind.expires_ms is None or kind.expires_ms > 0, name
        assert not (kind.of_bell and kind.of_target), name


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_storm_forms_well_above_where_it_falls_apart(alone: int, left: int) -> None:
    assert storm.opened(True, alone) == storm.JOIN
    if storm.opened(False, alone) == storm.FORM:
        assert storm.closed(alone) == storm.KEEP and storm.closed(alone - 1) == storm.KEEP
    assert (storm.closed(left) == storm.APART) == (left <= storm.APART_AT)


@pytest.mark.parametrize(
    ("site", "area"), [("seongsu-012", "seongsu-*"), ("a-b-c", "a-b-*"), ("home", "home/*"), ("-x", "-x/*")]
)
def test_area_is_the_beginning_of_the_sites_name(site: str, area: str) -> None:
    assert storm.area(site) == area
