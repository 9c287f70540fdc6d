"""A press test ends in a verdict whatever happens, and no real alarm is ever taken for a test that was passed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core.effect import ClearDue, Record, SetDue
from bellgate.core.press_test import (
    AGAIN_MS,
    DUE,
    HOLD_MS,
    ON_ITS_WAY_MS,
    RUNNING,
    SHOW_MS,
    TRANSITIONS,
    TRIES,
    VERDICTS,
    CloseCase,
    Given,
    Order,
    PressTest,
    begin,
    fell_due,
    step,
    takes,
)

NOW_MS = 1_795_430_400_000
MADE = PressTest(1, "b-7f3a", "seongsu-012", "김하늘", 10, NOW_MS, "a" * 16, "b" * 16)
SIGNS = {sign for _, sign in TRANSITIONS}
PRESS = Given("press", None, 7, NOW_MS + 9_000)


def walk(*signs: str) -> tuple[PressTest, list[Any]]:
    """The test after these, a second apart, and all effects."""
    test, effects = begin(MADE, True, False)
    found = list(effects)
    for number, sign in enumerate(signs, 1):
        what = PRESS if sign == "press" else Given(sign, "page-1" if sign in ("show", "end") else None)
        test, effects = step(test, what, NOW_MS + number * 1_000)
        found += effects
    return test, found


def test_the_table_leads_to_every_verdict_and_out_of_none() -> None:
    assert set(TRANSITIONS.values()) | {"offline", "busy"} == {*RUNNING, *VERDICTS}
    assert {state for state, _ in TRANSITIONS} == {*RUNNING, "unanswered"}
    assert all(takes(replace(MADE, state=state), "alarm") for state in RUNNING), "a real alarm counts at any time"
    assert all(TRANSITIONS[state, "end"] in VERDICTS for state in RUNNING), "a person can end it at any time"


def test_the_whole_way() -> None:
    test, effects = begin(MADE, True, False)
    assert effects == (Order("a" * 16, 10, NOW_MS, 30), SetDue(DUE, NOW_MS + AGAIN_MS))
    test, effects = step(test, Given("confirm"), NOW_MS + 300)
    assert (test.state, test.until_ms) == ("confirmed", NOW_MS + 300 + 600_000)
    assert effects == (SetDue(DUE, NOW_MS + 300 + 600_000 + ON_ITS_WAY_MS),)
    test, effects = step(test, PRESS, NOW_MS + 9_001)
    assert (test.state, test.signal, test.pressed_ms, test.verdict) == ("pressed", 7, NOW_MS + 9_000, None)
    assert effects == (SetDue(DUE, NOW_MS + 9_001 + SHOW_MS),)
    test, effects = step(test, Given("show", "page-1"), NOW_MS + 9_400)
    assert (test.verdict, test.shown_by, test.running) == ("passed", "page-1", True)
    assert effects == (SetDue(DUE, NOW_MS + 9_400 + HOLD_MS),)
    test, effects = step(test, fell_due(test), NOW_MS + 15_400)
    assert (test.verdict, test.ended_ms, test.running) == ("passed", NOW_MS + 15_400, False)
    assert effects == (
        ClearDue(DUE),
        Record("press_test_over", "gateway", {"bell_id": "b-7f3a", "verdict": "passed"}),
        Order("b" * 16, 0, NOW_MS + 15_400, 60),
        CloseCase(),
    )
    assert test.version == 5


def test_a_command_that_is_lost_is_sent_again_as_the_same_and_then_given_up() -> None:
    test, _ = begin(MADE, True, False)
    for number in range(2, TRIES + 1):
        test, effects = step(test, fell_due(test), NOW_MS + number * AGAIN_MS)
        assert effects[0] == Order("a" * 16, 10, NOW_MS, 30) and test.tries == number
    test, effects = step(test, fell_due(test), NOW_MS + 40_000)
    assert test.verdict == "unanswered" and not [one for one in effects if isinstance(one, Order)]
    # It answers after all: its test mode must not stay on while everybody believes that there is none.
    late, effects = step(test, Given("confirm"), NOW_MS + 50_000)
    assert late.verdict == "unanswered" and effects == (Order("b" * 16, 0, NOW_MS + 50_000, 60),)


@pytest.mark.parametrize(("online", "busy", "verdict"), [(False, False, "offline"), (True, True, "busy")])
def test_what_cannot_begin_sends_nothing(online: bool, busy: bool, verdict: str) -> None:
    test, effects = begin(MADE, online, busy)
    assert (test.verdict, test.running, test.command, test.ended_ms) == (verdict, False, "", NOW_MS)
    assert effects == (Record("press_test_over", "gateway", {"bell_id": "b-7f3a", "verdict": verdict}),)


@pytest.mark.parametrize("signs", [(), ("confirm",), ("confirm", "press"), ("confirm", "press", "show"), ("press",)])
def test_a_hold_is_a_real_alarm_whatever_was_said_before(signs: tuple[str, ...]) -> None:
    test, effects = walk(*signs, "alarm")
    assert test.verdict == "alarm" and not [one for one in effects if isinstance(one, CloseCase)]
    assert HOLD_MS > 3_000, "or it would be passed before the finger says what it means"


def test_nobody_pressed_and_the_bell_has_ended_it_by_itself() -> None:
    test, effects = walk("confirm", "over")
    assert test.verdict == "unpressed" and len([one for one in effects if isinstance(one, Order)]) == 1


def test_a_refusal_says_why_and_a_person_who_ends_it_stands_in_the_record() -> None:
    test, _ = step(begin(MADE, True, False)[0], Given("refuse", "armed"), NOW_MS + 100)
    assert (test.verdict, test.reason) == ("refused", "armed")
    test, effects = step(begin(MADE, True, False)[0], Given("end", "이서준"), NOW_MS)
    assert (test.verdict, test.reason) == ("ended", None)
    assert Record("press_test_over", "이서준", {"bell_id": "b-7f3a", "verdict": "ended"}) in effects
    # A bell ignores what is older than what it ran: the end is always newer than the beginning.
    assert Order("b" * 16, 0, NOW_MS + 1, 60) in effects


def test_an_unlisted_transition_raises_and_changes_nothing() -> None:
    for state in (*RUNNING, *VERDICTS):
        for sign in SIGNS:
            if (state, sign) not in TRANSITIONS:
                with pytest.raises(ValueError, match=f"that is {state} cannot take"):
                    step(replace(MADE, state=state), Given(sign), NOW_MS)


@given(st.lists(st.sampled_from(sorted(SIGNS)), max_size=12))
def test_whatever_happens_it_waits_for_a_time_or_is_over(signs: list[str]) -> None:
    test, effects = begin(MADE, True, False)
    waits = any(isinstance(one, SetDue) for one in effects)
    for number, sign in enumerate(signs):
        if not takes(test, sign):
            continue
        what = PRESS if sign == "press" else Given(sign, "x")
        was = test
        test, effects = step(test, what, NOW_MS + number)
        assert test.version == was.version + 1
        waits = (waits or any(isinstance(one, SetDue) for one in effects)) and ClearDue(DUE) not in effects
        assert test.running == waits == (test.ended_ms is None)
        assert test.verdict != "passed" or test.signal == 7, "nothing passes without a press"
