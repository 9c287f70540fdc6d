"""When a sounder sounds: pure decisions, drawn at random and looked at one by one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from test_cap_document import NOTICE

from bellgate.targets.sounding import Mount, Sound, Told, calls, decide, level, refused

NOW = NOTICE.sent_ms
HERE = Mount(heard=True, tests=False, on_ms=1_000, off_ms=500, max_ms=180_000)
STATION = replace(HERE, heard=False)


def told(**more) -> Told:
    notice = replace(NOTICE, **more)
    return Told(notice, notice.test, notice.hushed)


def test_press_sounds_for_its_time_and_every_round_begins_anew() -> None:
    press = told()
    assert decide(HERE, [press], NOW) == Sound(NOW, NOW + 180_000)
    assert decide(HERE, [press], NOW + 179_999) is not None
    assert decide(HERE, [press], NOW + 180_000) is None
    again = told(id="r", change="unacknowledged", round=3, sent_ms=NOW + 170_000)
    assert decide(HERE, [press, again], NOW + 180_000) == Sound(NOW + 170_000, NOW + 350_000)
    assert decide(HERE, [], NOW) is None


def test_only_a_call_begins_it() -> None:
    for heard, state, begins in (
        ("panic", "alarm", True),
        ("panic", "restore", False),
        ("cancel", "alarm", False),
        ("contact", "alarm", False),
        ("tamper", "alarm", True),
    ):
        assert calls(replace(NOTICE, heard=heard, state=state)) is begins
    for change, begins in (("unacknowledged", True), ("acknowledgement_expired", True), ("presented", False)):
        assert calls(replace(NOTICE, change=change, heard=None, state=None)) is begins


def test_silent_alarm_never_sounds_where_it_would_be_heard() -> None:
    for flags in ({"silent": True}, {"duress": True}):
        assert decide(HERE, [told(**flags)], NOW) is None
        assert decide(STATION, [told(**flags)], NOW) is not None
    # What the incident is now counts, not what the first press was: duress after panic ends the sound.
    assert decide(HERE, [Told(NOTICE, False, True)], NOW) is None


def test_test_sounds_only_where_tests_go() -> None:
    assert decide(HERE, [told(test=True)], NOW) is None
    assert decide(replace(HERE, tests=True), [told(test=True)], NOW) is not None


def test_clock_that_was_set_back_ends_with_the_next_round() -> None:
    old = told(sent_ms=NOW + 86_400_000)
    assert decide(HERE, [old], NOW) == Sound(NOW, NOW + 180_000)
    round_ = told(id="r", change="unacknowledged", round=1, sent_ms=NOW)
    assert decide(HERE, [old, round_], NOW + 200_000) is None


def test_pattern() -> None:
    sound = Sound(NOW, NOW + 2_000)
    at = [level(HERE, sound, NOW + ms) for ms in (0, 999, 1_000, 1_499, 1_500, 1_999, 2_000)]
    assert at == [(True, 1_000), (True, 1), (False, 500), (False, 1), (True, 500), (True, 1), (False, None)]
    assert level(replace(HERE, off_ms=0), sound, NOW + 500) == (True, 1_500)
    assert level(HERE, None, NOW) == (False, None)


messages = st.builds(
    told,
    id=st.uuids().map(lambda one: one.hex),
    incident=st.integers(1, 3),
    change=st.sampled_from(["signal", "unacknowledged", "acknowledgement_expired", "presented", "dispatch"]),
    heard=st.sampled_from(["panic", "cancel", "contact", "duress"]),
    state=st.sampled_from(["alarm", "restore"]),
    sent_ms=st.integers(NOW - 400_000, NOW + 400_000),
    version=st.integers(1, 9),
    round=st.integers(0, 9),
    test=st.booleans(),
    silent=st.booleans(),
    duress=st.booleans(),
)


@given(st.lists(messages, max_size=8), st.integers(NOW - 300_000, NOW + 300_000), st.booleans(), st.booleans())
def test_it_sounds_only_for_a_reason_and_never_longer_than_it_may(
    given_: list[Told], now_ms: int, heard: bool, tests: bool
) -> None:
    mount = replace(HERE, heard=heard, tests=tests)
    sound = decide(mount, given_, now_ms)
    reasons = [one for one in given_ if calls(one.notice) and refused(mount, one.test, one.hushed) is None]
    if sound is None:
        assert all(now_ms >= one.notice.sent_ms + mount.max_ms for one in reasons) or len(reasons) > 1
        return
    assert reasons
    assert sound.since_ms <= now_ms < sound.until_ms <= now_ms + mount.max_ms
    if heard:
        assert any(not one.hushed for one in reasons)
    if not tests:
        assert any(not one.test for one in reasons)


@given(st.integers(0, 200_000), st.integers(100, 60_000), st.integers(0, 60_000), st.integers(1_000, 200_000))
def test_level_holds_until_it_says(ahead_ms: int, on_ms: int, off_ms: int, max_ms: int) -> None:
    mount = replace(HERE, on_ms=on_ms, off_ms=off_ms)
    sound = Sound(NOW, NOW + max_ms)
    on, change_ms = level(mount, sound, NOW + ahead_ms)
    if change_ms is None:
        assert not on and ahead_ms >= max_ms
        return
    assert change_ms > 0 and level(mount, sound, NOW + ahead_ms + change_ms - 1)[0] is on
    after = NOW + ahead_ms + change_ms
    assert level(mount, sound, after)[0] is not on or after >= sound.until_ms
