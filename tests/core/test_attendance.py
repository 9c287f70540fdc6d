"""A console counts only while it proves itself: the table is whole, no broken page is believed, no break is silent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core.attendance import (
    ATTENDED,
    AUDIO_STILL_MS,
    BEGUN,
    CONDITIONS,
    ENDED,
    LAPSE_MS,
    LAPSED,
    STALE_MS,
    TRANSITIONS,
    UNSIGNED,
    Desk,
    End,
    Heard,
    Input,
    Lapsed,
    Proof,
    Unsigned,
    begin,
    flaw,
    step,
)
from bellgate.core.effect import ClearDue, ClearTrouble, RaiseTrouble, Record, SetDue, Unattended
from bellgate.errors import NotAllowed

NOW_MS = 1_795_430_400_000
SIGN_MS = 1_200_000
INPUTS = {"proved", "flawed", "unsigned", "lapsed", "heard", "unheard", "end"}
DESK = Desk("d" * 32, "김하늘", "page-1", (), NOW_MS)


def good(now_ms: int, audio_ms: int = 0, signed_ago_ms: int = 0) -> Proof:
    return Proof(now_ms - 1_000, audio_ms or now_ms - NOW_MS + 1, True, now_ms - signed_ago_ms)


def attended() -> Desk:
    desk, _ = begin(DESK, NOW_MS)
    desk, _ = step(desk, Heard(True, good(NOW_MS + 2_000)), NOW_MS + 2_000, SIGN_MS)
    assert desk.condition == ATTENDED
    return desk


def test_every_condition_knows_what_to_do_and_an_ended_watch_takes_nothing() -> None:
    assert set(TRANSITIONS) == {(one, happened) for one in CONDITIONS if one != ENDED for happened in INPUTS}
    assert set(TRANSITIONS.values()) == set(CONDITIONS)
    over = replace(DESK, condition=ENDED)
    with pytest.raises(NotAllowed, match="begin a new one"):
        step(over, good(NOW_MS), NOW_MS, SIGN_MS)


def test_it_counts_only_after_a_person_heard_the_sound() -> None:
    desk, effects = begin(DESK, NOW_MS)
    assert SetDue(LAPSED, NOW_MS + LAPSE_MS) in effects
    desk, _ = step(desk, good(NOW_MS + 4_000), NOW_MS + 4_000, SIGN_MS)
    assert desk.condition == BEGUN
    deaf, _ = step(desk, Heard(False, good(NOW_MS + 5_000)), NOW_MS + 5_000, SIGN_MS)
    assert deaf.condition == BEGUN
    mute, _ = step(desk, Heard(True, replace(good(NOW_MS + 5_000), audio_ms=0)), NOW_MS + 5_000, SIGN_MS)
    assert mute.condition == BEGUN and mute.heard_ms is None, "a person can't have heard a page without sound"
    desk, effects = step(desk, Heard(True, good(NOW_MS + 5_000)), NOW_MS + 5_000, SIGN_MS)
    assert (desk.condition, desk.heard_ms) == (ATTENDED, NOW_MS + 5_000)
    assert SetDue(LAPSED, NOW_MS + 5_000 + LAPSE_MS) in effects
    assert SetDue(UNSIGNED, NOW_MS + 5_000 + SIGN_MS) in effects


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"heartbeat_ms": NOW_MS + 10_000 - STALE_MS - 1}, "stale"),
        ({"audio_ms": 0}, "mute"),
        ({"audio_ms": 1}, "mute"),
        ({"visible": False}, "hidden"),
    ],
)
def test_a_flawed_proof_ends_the_attendance_at_once(change: dict[str, int], why: str) -> None:
    now_ms = NOW_MS + 10_000
    before = attended()
    proof = replace(good(now_ms), **change)  # type: ignore[arg-type]
    assert flaw(before, proof, now_ms) == why
    desk, effects = step(before, proof, now_ms, SIGN_MS)
    assert desk.condition == "deaf"
    assert Unattended() in effects
    assert RaiseTrouble("console_silent", "김하늘 on page-1", {"why": why}) in effects
    again, effects = step(desk, proof, now_ms + 4_000, SIGN_MS)
    assert Unattended() not in effects and again.condition == "deaf", "said once"
    back, effects = step(desk, good(now_ms + 8_000), now_ms + 8_000, SIGN_MS)
    assert back.condition == ATTENDED and ClearTrouble("console_silent", "김하늘 on page-1") in effects


def test_two_proofs_in_the_same_moment_need_not_show_a_clock_that_moved() -> None:
    desk = attended()
    soon = desk.proved_ms + AUDIO_STILL_MS - 1
    assert flaw(desk, replace(good(soon), audio_ms=desk.audio_ms), soon) == ""
    assert flaw(desk, replace(good(soon + 1), audio_ms=desk.audio_ms), soon + 1) == "mute"


def test_silence_and_absence_are_found_and_over_when_the_page_and_the_person_are_back() -> None:
    desk = attended()
    late = desk.proved_ms + LAPSE_MS
    silent, effects = step(desk, Lapsed(), late, SIGN_MS)
    assert silent.condition == "silent" and Unattended() in effects and ClearDue(UNSIGNED) in effects
    assert not any(isinstance(effect, SetDue) for effect in effects)
    back, _ = step(silent, good(late + 5), late + 5, SIGN_MS)
    assert back.condition == ATTENDED

    absent, effects = step(desk, Unsigned(), desk.signed_ms + SIGN_MS, SIGN_MS)
    assert absent.condition == "absent" and Unattended() in effects
    at = desk.signed_ms + SIGN_MS + 4_000
    still, _ = step(absent, good(at, signed_ago_ms=SIGN_MS), at, SIGN_MS)
    assert still.condition == "absent", "the page is well, but nobody is there"
    back, _ = step(absent, good(at), at, SIGN_MS)
    assert back.condition == ATTENDED


def test_nobody_goes_home_with_something_open() -> None:
    desk = attended()
    with pytest.raises(NotAllowed, match="nobody has taken incident 4, 9"):
        step(desk, End(untaken=(4, 9)), NOW_MS, SIGN_MS)
    with pytest.raises(NotAllowed, match="you hold incident 7"):
        step(desk, End(held=(7,)), NOW_MS, SIGN_MS)
    over, effects = step(desk, End(), NOW_MS + 9_000, SIGN_MS)
    assert (over.condition, over.ended_ms) == (ENDED, NOW_MS + 9_000)
    assert {ClearDue(LAPSED), ClearDue(UNSIGNED)} <= set(effects[:2])
    assert any(isinstance(effect, Record) and effect.act == "watch_ended" for effect in effects)


PROOFS = st.builds(
    lambda fresh, audio, visible, signed: ("proof", fresh, audio, visible, signed),
    st.booleans(), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
STORY = st.lists(
    st.tuples(st.integers(100, 9_000), st.one_of(PROOFS, st.sampled_from(["heard", "unheard", "lapsed", "unsigned"]))),
    max_size=40,
)


@given(STORY)
def test_whatever_happens_it_counts_exactly_while_everything_is_proved(story: list) -> None:
    desk, _ = begin(DESK, NOW_MS)
    now_ms, audio_ms, heard = NOW_MS, 1, False
    for wait_ms, what in story:
        now_ms += wait_ms
        before = desk
        given: Input
        match what:
            case ("proof", fresh, audio, visible, signed):
                audio_ms += wait_ms
                given = Proof(
                    now_ms - (0 if fresh else STALE_MS + 1),
                    audio_ms if audio else 0,
                    visible,
                    now_ms if signed else now_ms - SIGN_MS,
                )
                expected = heard and fresh and audio and visible and signed
            case "heard" | "unheard":
                audio_ms += wait_ms
                given = Heard(what == "heard", good(now_ms, audio_ms))
                heard = heard or what == "heard"
                expected = what == "heard"
            case "lapsed":
                given, expected = Lapsed(), False
            case _:
                given, expected = Unsigned(), False
        desk, effects = step(desk, given, now_ms, SIGN_MS)
        assert (desk.condition == ATTENDED) == expected
        assert (Unattended() in effects) == (before.condition == ATTENDED and not expected)
        if desk.condition == ENDED:
            return
        waits = {effect.kind for effect in effects if isinstance(effect, SetDue)}
        assert what == "lapsed" or LAPSED in waits, "a page that falls silent is always found"
        assert not expected or UNSIGNED in waits
