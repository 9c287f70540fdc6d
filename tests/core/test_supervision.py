"""Supervision under random histories: a replay changes nothing, silence is always noticed, life always clears it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bellgate.core.effect import AnswerStages, ClearTrouble, NoteLoss, RaiseTrouble, SetDue
from bellgate.core.supervision import (
    MISSING_AFTER_MS,
    OFFLINE_GRACE_MS,
    EventHeard,
    Heartbeat,
    Presence,
    Silence,
    Status,
    losses,
    step,
)

NOW_MS = 1_795_430_400_000
BOOT, OTHER = "a" * 16, "b" * 16
NEW = Presence("b-1")


def beat(n: int, boot: str = BOOT, superseded: bool = False, stored: int = 0, **more: object) -> Heartbeat:
    message = {"v": 1, "type": "heartbeat", "boot": boot, "seq": 0, "n": n, "up_s": 1, "pending": 0, "kind": "pendant"}
    return Heartbeat(message | {"fw": "1"} | more, superseded, stored)


PRESENCES = st.builds(
    Presence,
    st.just("b-1"),
    st.sampled_from((None, BOOT)),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
    st.one_of(st.none(), st.integers(NOW_MS - 10 * MISSING_AFTER_MS, NOW_MS)),
    st.sampled_from((None, {"faults": ["flash"]}, {})),
)


@given(PRESENCES, st.integers(1, 10), st.booleans(), st.sampled_from((BOOT, OTHER)))
def test_replay_changes_nothing(presence: Presence, n: int, superseded: bool, boot: str) -> None:
    after, effects = step(presence, beat(n, boot, superseded), NOW_MS)
    if superseded or (boot == presence.boot and n <= presence.n):
        assert after is presence and effects == ()
    else:
        assert (after.boot, after.n, after.online, after.greeted, after.last_seen_ms) == (boot, n, True, True, NOW_MS)
        assert SetDue("supervision", NOW_MS + MISSING_AFTER_MS) in effects
        assert ClearTrouble("bell_missing", "b-1") in effects
        assert (AnswerStages() in effects) == (not (presence.greeted and presence.boot == boot))


@given(PRESENCES)
def test_status_of_a_superseded_start_changes_nothing(presence: Presence) -> None:
    for state in ("online", "offline"):
        assert step(presence, Status({"state": state, "boot": BOOT}, True), NOW_MS) == (presence, ())


@given(PRESENCES, st.integers(0, 3 * MISSING_AFTER_MS))
def test_silence_is_noticed_or_looked_at_again(presence: Presence, wait_ms: int) -> None:
    now_ms = NOW_MS + wait_ms
    after, effects = step(presence, Silence(), now_ms)
    if presence.last_seen_ms is None:
        assert effects == ()  # enrolled, never heard: nothing to miss yet
    elif presence.online and now_ms - presence.last_seen_ms < MISSING_AFTER_MS:
        assert effects == (SetDue("supervision", presence.last_seen_ms + MISSING_AFTER_MS),)
    else:
        assert not after.online
        (trouble,) = effects
        assert isinstance(trouble, RaiseTrouble) and trouble.kind == "bell_missing"


@given(st.lists(st.integers(1_000, 4 * MISSING_AFTER_MS), min_size=1, max_size=30))
def test_missing_exactly_while_silent_for_too_long(gaps_ms: list[int]) -> None:
    """Heartbeats after random gaps, due rows carried out at their time: the trouble is open when it must be."""
    presence, now_ms, due_ms, missing = NEW, NOW_MS, None, False
    for n, gap_ms in enumerate(gaps_ms, 1):
        until_ms = now_ms + gap_ms
        while due_ms is not None and due_ms <= until_ms:
            now_ms, due_ms = due_ms, None
            presence, effects = step(presence, Silence(), now_ms)
            for one in effects:
                due_ms = one.due_ms if isinstance(one, SetDue) else due_ms
                missing = missing or isinstance(one, RaiseTrouble)
        now_ms = until_ms
        assert missing == (n > 1 and gap_ms >= MISSING_AFTER_MS)
        presence, effects = step(presence, beat(n), now_ms)
        for one in effects:
            due_ms = one.due_ms if isinstance(one, SetDue) else due_ms
            missing = missing and not isinstance(one, ClearTrouble)
        assert not missing


def test_offline_is_looked_at_after_a_grace_and_greets_again() -> None:
    presence, _ = step(NEW, beat(1), NOW_MS)
    after, effects = step(presence, Status({"state": "offline", "boot": BOOT}, False), NOW_MS)
    assert not after.online and effects == (SetDue("supervision", NOW_MS + OFFLINE_GRACE_MS),)
    after, _ = step(after, Status({"state": "online", "boot": BOOT}, False), NOW_MS)
    assert not after.greeted
    _, effects = step(after, beat(2), NOW_MS)
    assert AnswerStages() in effects


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3))
def test_loss_is_what_the_bell_counted_and_we_did_not_store(seq: int, stored: int, pending: int) -> None:
    _, effects = step(NEW, beat(1, stored=stored, seq=seq, pending=pending), NOW_MS)
    lost = [one for one in effects if isinstance(one, RaiseTrouble)]
    assert [one.kind for one in lost] == (["events_lost"] if pending == 0 and stored < seq else [])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_event_raises_or_clears_the_loss_of_its_start(stored: int, highest: int, claimed: int, told: int) -> None:
    effects = losses("b-1", EventHeard(BOOT, stored, highest, claimed, told))
    lost = max(0, max(highest, claimed) - stored)
    said = [one for one in effects if isinstance(one, RaiseTrouble | ClearTrouble)]
    assert len(said) == (lost != told)  # nothing new, nothing said
    for one in said:
        assert isinstance(one, RaiseTrouble if lost else ClearTrouble)
        assert (one.kind, one.subject) == ("events_lost", f"b-1/{BOOT}")
    assert [one.lost for one in effects if isinstance(one, NoteLoss)] == ([lost] if lost != told else [])


@given(st.booleans(), st.integers(1, 5))
def test_mains_in_a_heartbeat_is_believed_even_if_its_event_was_lost(mains: bool, n: int) -> None:
    _, effects = step(NEW, beat(n, mains=mains), NOW_MS)
    said = [one for one in effects if isinstance(one, RaiseTrouble | ClearTrouble) and one.kind == "bell_mains"]
    assert said == [ClearTrouble("bell_mains", "b-1") if mains else RaiseTrouble("bell_mains", "b-1", {}, True)]


@given(st.sets(st.sampled_from(("flash", "button", "rtc"))), st.sets(st.sampled_from(("flash", "button", "rtc"))))
def test_faults_follow_the_heartbeats(before: set[str], now: set[str]) -> None:
    presence = replace(NEW, boot=BOOT, health={"faults": sorted(before)})
    _, effects = step(presence, beat(1, faults=sorted(now)), NOW_MS)
    raised = {one.subject for one in effects if isinstance(one, RaiseTrouble)}
    cleared = {one.subject for one in effects if isinstance(one, ClearTrouble) and one.kind == "bell_fault"}
    assert raised == {f"b-1/{name}" for name in now} and cleared == {f"b-1/{name}" for name in before - now}
