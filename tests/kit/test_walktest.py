"""The walk test as a decision: who is asked for, what counts, when it passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellkit import walktest
from bellkit.walktest import ASK_MS, FAILED, PASSED, RUNGS, RUNGS_MS, TABLE, UNPROVED, Ask, Walk, step

ASKS = walktest.asks_of(
    [{"zone": 1, "place": "zone1", "kind": "contact"}, {"zone": 9, "place": "case", "kind": "tamper"}]
)


def play(walk: Walk, *given_at: tuple) -> tuple[Walk, list]:
    """Each (now_ms, input) in turn; the walk and all effects."""
    effects: list = []
    for now_ms, *given_ in given_at:
        walk, more = step(walk, tuple(given_), now_ms)
        effects += more
    return walk, effects


def climb(at_ms: int, zone: int | None, seq: int, rungs: tuple[str, ...] = RUNGS) -> list[tuple]:
    return [(at_ms, "edge", zone, seq), *((at_ms + 1, "rung", seq, rung, place) for place, rung in enumerate(rungs))]


def test_every_input_is_asked_for_and_a_walk_in_which_all_arrives_passes() -> None:
    walk, effects = play(
        Walk(ASKS), (0, "begin"), *climb(10, None, 1), *climb(20, 1, 2), *climb(30, 9, 3), (40, "judged", ())
    )
    assert walk.result == PASSED and walk.phase == "over"
    assert [effect[1].kind for effect in effects if effect[0] == "ask"] == ["button", "contact", "tamper"]
    assert [one.rungs for one in walk.done] == [tuple(zip(RUNGS, range(5), strict=True))] * 3
    assert effects[-2][0] == "judge" and effects[-1] == ("over", PASSED)


def test_another_input_is_told_and_not_counted() -> None:
    walk, effects = play(Walk(ASKS), (0, "begin"), (5, "edge", 9, 1), (6, "rung", 1, "device", 1))
    assert effects[-1] == ("other", 9) and walk.phase == "asking" and not walk.rungs


def test_an_input_that_never_comes_fails_with_its_reason() -> None:
    walk, _ = play(Walk(ASKS[:1]), (0, "begin"), (ASK_MS - 1, "tick"))
    assert walk.phase == "asking"
    walk, _ = play(walk, (ASK_MS, "tick"), (ASK_MS, "judged", ()))
    assert walk.result == FAILED and walk.done[0].why == "nothing_came"


@pytest.mark.parametrize("missing", RUNGS)
def test_a_rung_that_is_never_reached_is_named(missing: str) -> None:
    climbed = tuple(rung for rung in RUNGS if rung != missing)
    walk, _ = play(Walk(ASKS[:1]), (0, "begin"), *climb(10, None, 1, climbed), (10 + RUNGS_MS, "tick"))
    assert walk.done[0].result == FAILED and walk.done[0].why == f"no_{missing}"


def test_what_speaks_against_the_bell_fails_a_walk_in_which_all_arrived() -> None:
    walk, _ = play(Walk(ASKS[:1]), (0, "begin"), *climb(10, None, 1), (20, "judged", ("station_wrong",)))
    assert walk.result == FAILED and walk.failures == ("station_wrong",)


def test_offline_what_cannot_be_seen_is_not_proved() -> None:
    walk, _ = play(Walk(ASKS[:1], ("device",)), (0, "begin"), *climb(10, None, 1, ("device",)), (20, "judged", ()))
    assert walk.result == UNPROVED and walk.done[0].why == "offline"


def test_an_ended_walk_has_proved_nothing() -> None:
    walk, _ = play(Walk(ASKS), (0, "begin"), *climb(10, None, 1), (20, "end"))
    assert walk.phase == "over" and walk.result == UNPROVED


@pytest.mark.parametrize(
    ("found", "against"),
    [
        ({"radio": {"state": "up", "rssi_dbm": -60}}, ()),
        ({"radio": {"state": "up", "rssi_dbm": -75}}, ("signal_thin",)),
        ({"radio": {"state": "up", "rssi_dbm": -85}}, ("signal_weak",)),
        ({"power": {"mains": True, "battery": "low"}}, ("battery_low",)),
        ({"power": {"mains": True, "battery": "critical"}}, ("battery_dead",)),
        ({"routing": {"agree": False}}, ("station_wrong",)),
        ({"routing": {"agree": "unproved"}}, ()),
    ],
)
def test_thin_margins_weak_batteries_and_a_wrong_station_fail_it(found: dict, against: tuple[str, ...]) -> None:
    assert walktest.against(found) == against


def test_an_unlisted_turn_raises() -> None:
    for phase in {phase for phase, _ in TABLE} | {"over"}:
        for sign in {sign for _, sign in TABLE}:
            if (phase, sign) not in TABLE:
                with pytest.raises(ValueError, match="cannot take"):
                    walktest.turn(phase, sign)


INPUTS = st.one_of(
    st.tuples(st.just("edge"), st.sampled_from([None, 1, 9, 4]), st.integers(1, 4)),
    st.tuples(st.just("rung"), st.integers(1, 4), st.sampled_from(RUNGS), st.none() | st.integers(0, 99)),
    st.tuples(st.just("tick")),
)


@given(st.lists(st.tuples(st.integers(0, 40_000), INPUTS), max_size=60))
def test_in_any_order_it_goes_on_and_no_rung_is_invented(given_: list) -> None:
    walk, _ = step(Walk(ASKS), ("begin",), 0)
    now_ms, climbed = 0, set()
    for passed_ms, one in given_:
        now_ms += passed_ms
        if one[0] == "rung":
            climbed.add((one[1], one[2]))
        walk, _ = step(walk, one, now_ms)
        assert len(walk.done) == walk.at + (walk.phase == "judging") or walk.phase == "over"
    for asked in walk.done:
        assert {(asked.seq, rung) for rung, _ in asked.rungs} <= climbed
        assert (asked.result == PASSED) == (set(dict(asked.rungs)) == set(RUNGS))
    assert walk.result != PASSED
    assert isinstance(walk.ask, Ask | None)
