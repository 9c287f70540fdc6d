"""The handling axis: what is listed happens, anything else raises and changes nothing; some things never happen."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core import escalation
from bellgate.core.effect import ClearDue, Climb, Escalate, Held, Record, SetDue, TellIncident, TellSignal
from bellgate.core.handling import step
from bellgate.core.incident import (
    DISPOSITIONS,
    HANDLING,
    LEASE_MS,
    REPEATS_COUNTED,
    STAGE_OF,
    TRANSITIONS,
    Absorbed,
    Arrived,
    Command,
    Incident,
    Input,
    LeaseExpired,
    Presented,
    opened_by,
)
from bellgate.core.signal import MEANINGS, read_event
from bellgate.errors import NotAllowed, StaleVersion
from bellwire import STAGES, WHATS

NOW_MS = 1_795_430_400_000
ACTIONS = sorted({action for _, action in TRANSITIONS})
PEOPLE = ("김하늘", "이바다", "박산")


def signal(number: int = 1, what: str = "panic", state: str = "alarm"):
    event = {"boot": "0" * 16, "seq": number, "what": what, "state": state, "age_ms": 0}
    return replace(read_event(event, "site", "b-1", NOW_MS, 0, False), number=number)


def standing(handling: str) -> Incident:
    """An incident in that state, held by 김하늘 where somebody must hold it."""
    incident, _ = step(opened_by(signal(), "default"), Arrived(signal()), NOW_MS)
    held = handling not in ("received", "presented", "closed")
    return replace(
        incident,
        id=7,
        handling=handling,
        stage=STAGE_OF[handling],
        owner="김하늘" if held or handling == "closed" else None,
        lease_until_ms=NOW_MS if handling == "acknowledged" else None,
        disposition="genuine" if handling == "closed" else None,
    )


def asked(incident: Incident, action: str) -> Input:
    if action == "present":
        return Presented("console", incident.last_signal)
    if action == "expire":
        return LeaseExpired()
    if action == "absorb":
        return Absorbed(replace(incident, id=8), "김하늘")
    more = {"disposition": "genuine", "to": "이바다", "text": "문이 잠겨 있음", "into": 8}
    return Command(action, "김하늘", incident.version, **more)


@pytest.mark.parametrize("handling", HANDLING)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_pair_of_the_table(handling: str, action: str) -> None:
    incident = standing(handling)
    if (handling, action) in TRANSITIONS:
        after, effects = step(incident, asked(incident, action), NOW_MS)
        assert after.handling == TRANSITIONS[handling, action]
        assert STAGES.index(after.stage) >= STAGES.index(incident.stage)
        assert any(isinstance(one, Record) for one in effects) or action == "present"
    elif action == "expire":  # an old due row, not a person's mistake: it does nothing
        assert step(incident, LeaseExpired(), NOW_MS) == (incident, ())
    else:
        with pytest.raises(NotAllowed, match=handling):
            step(incident, asked(incident, action), NOW_MS)


def test_every_state_is_reached_and_every_state_can_be_closed() -> None:
    assert {handling for handling, _ in TRANSITIONS} == set(HANDLING) == set(TRANSITIONS.values()) | {"received"}
    assert all((handling, "close") in TRANSITIONS for handling in HANDLING if handling != "closed")
    assert set(STAGE_OF) == set(HANDLING) and set(STAGE_OF.values()) == set(STAGES)


def test_unknown_action_is_not_allowed() -> None:
    with pytest.raises(NotAllowed):
        step(standing("received"), Command("explode", "김하늘", 1), NOW_MS)


def another(what: str, test: bool) -> Incident:
    """A second incident with three signals, to be merged into the one at hand."""
    return replace(standing("received"), id=8, what=what, priority=MEANINGS[what].priority, test=test, signals=3)


INPUTS = st.one_of(
    st.builds(
        lambda n, what, state: Arrived(signal(n, what, state)),
        st.integers(1, 50),
        st.sampled_from(WHATS),
        st.sampled_from(("alarm", "restore")),
    ),
    st.builds(Presented, st.just("console"), st.integers(0, 50)),
    st.just(LeaseExpired()),
    st.builds(lambda what, test: Absorbed(another(what, test), "이바다"), st.sampled_from(WHATS), st.booleans()),
    st.builds(
        Command,
        st.sampled_from([*ACTIONS, "nonsense"]),
        st.sampled_from(PEOPLE),
        st.just(-1),
        st.sampled_from([*DISPOSITIONS, None, "no idea"]),
        st.sampled_from([*PEOPLE, None]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([None, "", "메모"]),
        st.sampled_from([None, 7, 8]),
    ),
)


@given(st.lists(st.tuples(INPUTS, st.integers(0, 2 * LEASE_MS), st.booleans()), max_size=40))
def test_what_holds_whatever_people_do(story: list[tuple[Input, int, bool]]) -> None:
    """Due rows are kept as the pipeline keeps them: whoever is unattended must have an escalation coming."""
    now_ms = NOW_MS
    incident, effects = step(opened_by(signal(), "default"), Arrived(signal()), now_ms)
    due: dict[str, int] = {}
    incident = carry(incident, effects, due, now_ms)
    for given_input, wait_ms, stale in story:
        now_ms += wait_ms
        asked_for = given_input
        if isinstance(asked_for, Command):
            asked_for = replace(asked_for, version=incident.version - int(stale))
        try:
            after, effects = step(incident, asked_for, now_ms)
        except (NotAllowed, StaleVersion):
            continue
        if isinstance(asked_for, Command):
            assert not stale
            assert after.version == incident.version + (asked_for.action != "note")
        assert STAGES.index(after.stage) >= STAGES.index(incident.stage)
        assert after.version >= incident.version
        assert (after.handling == "closed") == (after.disposition is not None) == (after.closed_ms is not None)
        assert after.disposition in (None, *DISPOSITIONS)
        assert (after.owner is not None) == (after.attended or not after.open)
        assert after.signals == incident.signals + isinstance(asked_for, Arrived) + 3 * isinstance(asked_for, Absorbed)
        assert after.test == incident.test and not (isinstance(asked_for, Absorbed) and asked_for.other.test)
        assert (after.merged_into is None) or (not after.open and after.disposition == "duplicate")
        assert incident.priority <= after.priority <= MEANINGS[after.what].priority + REPEATS_COUNTED
        assert (after.handling == "acknowledged") == (after.lease_until_ms is not None)
        assert after.offered_to is None or (after.owner is not None and after.open), "only a holder has offered it"
        for one in effects:
            if isinstance(one, Climb):
                assert STAGES.index(one.stage) <= STAGES.index(after.stage)
        incident = carry(after, effects, due, now_ms)
        if incident.open and not incident.attended:
            assert "escalation" in due
        if incident.handling == "acknowledged":
            assert due["lease"] == incident.lease_until_ms


def carry(incident: Incident, effects, due: dict[str, int], now_ms: int) -> Incident:
    for one in effects:
        if isinstance(one, Escalate):
            incident, more = escalation.begin(incident, escalation.DEFAULT, now_ms)
            incident = carry(incident, more, due, now_ms)
        elif isinstance(one, Held):
            incident = carry(incident, escalation.held(incident, escalation.DEFAULT), due, now_ms)
        elif isinstance(one, SetDue):
            assert one.due_ms > now_ms
            due[one.kind] = one.due_ms
        elif isinstance(one, ClearDue):
            due.pop(one.kind, None)
    return incident


def test_acknowledgement_is_a_promise_for_three_minutes() -> None:
    incident = standing("received")
    held, effects = step(incident, Command("acknowledge", "김하늘", incident.version), NOW_MS)
    assert held.lease_until_ms == NOW_MS + LEASE_MS and SetDue("lease", NOW_MS + LEASE_MS) in effects
    assert step(held, LeaseExpired(), NOW_MS + LEASE_MS - 1) == (held, ())
    after, effects = step(held, LeaseExpired(), NOW_MS + LEASE_MS)
    assert after.handling == "presented" and after.owner is None and after.stage == "acknowledged"
    assert Escalate() in effects and TellIncident("acknowledgement_expired") in effects


def test_dispatch_ends_the_lease_for_good() -> None:
    incident = standing("acknowledged")
    after, effects = step(incident, Command("dispatch", "김하늘", incident.version), NOW_MS)
    assert after.lease_until_ms is None and ClearDue("lease") in effects
    assert step(after, LeaseExpired(), NOW_MS + 10 * LEASE_MS) == (after, ())


def test_hand_off_is_offered_and_accepted_by_name() -> None:
    incident = standing("dispatched")
    with pytest.raises(NotAllowed, match="only the holder"):
        step(incident, Command("handoff", "이바다", incident.version, to="박산"), NOW_MS)
    offered, _ = step(incident, Command("handoff", "김하늘", incident.version, to="이바다"), NOW_MS)
    assert offered.owner == "김하늘" and offered.offered_to == "이바다"
    with pytest.raises(NotAllowed, match="was not offered"):
        step(offered, Command("handoff", "박산", offered.version, accept=True), NOW_MS)
    taken, _ = step(offered, Command("handoff", "이바다", offered.version, accept=True), NOW_MS)
    assert taken.owner == "이바다" and taken.offered_to is None


def test_an_offer_is_declined_by_the_colleague_or_taken_back_by_the_holder() -> None:
    incident = standing("acknowledged")
    for by in ("김하늘", "이바다"):
        with pytest.raises(NotAllowed, match="no offer"):
            step(incident, Command("handoff", by, incident.version, decline=True), NOW_MS)
    offered, _ = step(incident, Command("handoff", "김하늘", incident.version, to="이바다"), NOW_MS)
    with pytest.raises(NotAllowed, match="no offer"):
        step(offered, Command("handoff", "박산", offered.version, decline=True), NOW_MS)
    for by in ("김하늘", "이바다"):
        after, effects = step(offered, Command("handoff", by, offered.version, decline=True), NOW_MS)
        assert after == offered.changed(offered_to=None, version=offered.version + 1)
        assert after.lease_until_ms == incident.lease_until_ms, "it renews nothing"
        assert Record("handoff", by, {"to": "이바다", "accepted": False, "declined": True}) in effects
        with pytest.raises(NotAllowed, match="was not offered"):
            step(after, Command("handoff", "이바다", after.version, accept=True), NOW_MS)


def test_nobody_takes_an_incident_from_its_holder() -> None:
    incident = standing("acknowledged")
    with pytest.raises(NotAllowed, match="held by 김하늘"):
        step(incident, Command("acknowledge", "이바다", incident.version), NOW_MS)


@pytest.mark.parametrize("disposition", [None, "", "whatever"])
def test_closing_needs_a_disposition(disposition: str | None) -> None:
    incident = standing("on_scene")
    with pytest.raises(NotAllowed, match="disposition"):
        step(incident, Command("close", "김하늘", incident.version, disposition=disposition), NOW_MS)


def test_first_signal_escalates_and_later_ones_tell() -> None:
    incident, effects = step(opened_by(signal(), "default"), Arrived(signal()), NOW_MS)
    assert [type(one) for one in effects] == [Record, TellSignal, Escalate]
    _, effects = step(incident, Arrived(signal(2)), NOW_MS)
    assert [type(one) for one in effects] == [Record, TellSignal]


@given(st.lists(st.sampled_from(WHATS), min_size=1, max_size=10))
def test_heaviest_signal_names_the_incident_and_nothing_makes_it_lighter(whats: list[str]) -> None:
    incident = standing("received")
    for number, what in enumerate(whats, 2):
        after, _ = step(incident, Arrived(signal(number, what)), NOW_MS)
        assert after.priority >= incident.priority
        assert after.silent >= incident.silent and after.duress >= incident.duress
        incident = after
    if "duress" in whats:
        assert incident.what == "duress" and incident.duress and incident.silent


def test_each_further_press_raises_the_priority_a_little_and_never_above_a_heavier_kind() -> None:
    incident = standing("received")
    seen = [incident.priority]
    for number in range(2, 20):
        incident, _ = step(incident, Arrived(signal(number)), NOW_MS)
        seen.append(incident.priority)
    assert seen == [80 + min(n, 9) for n in range(19)] and incident.signals == 19
    duress, _ = step(standing("received"), Arrived(signal(2, "duress")), NOW_MS)
    assert duress.priority > incident.priority
    for what, state in (("cancel", "alarm"), ("contact", "alarm"), ("battery", "alarm"), ("panic", "restore")):
        assert step(standing("received"), Arrived(signal(2, what, state)), NOW_MS)[0].priority == 80


def test_cancel_asks_and_closes_nothing_and_a_new_press_takes_it_back() -> None:
    asked_to, effects = step(standing("presented"), Arrived(signal(2, "cancel")), NOW_MS)
    assert asked_to.cancel_asked and asked_to.handling == "presented" and TellSignal() in effects
    assert not any(isinstance(one, ClearDue) for one in effects)
    again, _ = step(asked_to, Arrived(signal(3)), NOW_MS)
    assert not again.cancel_asked


def test_tampering_during_an_alarm_is_said_and_the_alarm_stays_what_it_is() -> None:
    attacked, effects = step(standing("acknowledged"), Arrived(signal(2, "tamper")), NOW_MS)
    assert attacked.tampered and attacked.what == "panic" and attacked.priority == 81 and TellSignal() in effects
    opened, _ = step(opened_by(signal(1, "tamper"), "p"), Arrived(signal(1, "tamper")), NOW_MS)
    assert not opened.tampered and opened.what == "tamper"
    worse, _ = step(opened, Arrived(signal(2, "panic")), NOW_MS)
    assert worse.what == "panic" and worse.priority == 80


def test_restored_means_the_alarm_itself_and_not_something_else() -> None:
    incident = standing("acknowledged")
    assert not step(incident, Arrived(signal(2, "tamper", "restore")), NOW_MS)[0].restored
    over, _ = step(incident, Arrived(signal(2, "panic", "restore")), NOW_MS)
    assert over.restored and over.open
    assert step(over, Arrived(signal(3, "tamper", "restore")), NOW_MS)[0].restored
    assert not step(over, Arrived(signal(3, "tamper")), NOW_MS)[0].restored


def test_merged_incident_ends_as_a_duplicate_and_tells_its_bell_nothing_false() -> None:
    incident = standing("received")
    merged, effects = step(incident, Command("merge", "김하늘", incident.version, into=8), NOW_MS)
    assert (merged.handling, merged.disposition, merged.merged_into) == ("closed", "duplicate", 8)
    assert ClearDue("escalation") in effects and ClearDue("lease") in effects
    assert not any(isinstance(one, Climb) for one in effects), "help for this presser goes on under the other number"
    with pytest.raises(NotAllowed, match="merged into 8"):
        step(merged, Command("reopen", "김하늘", merged.version), NOW_MS)
    with pytest.raises(NotAllowed, match="which incident"):
        step(incident, Command("merge", "김하늘", incident.version), NOW_MS)


def test_the_other_one_takes_over_the_heavier_of_both() -> None:
    incident, other = standing("dispatched"), another("duress", False)
    after, effects = step(incident, Absorbed(replace(other, silent=True, duress=True), "이바다"), NOW_MS)
    assert (after.what, after.priority, after.silent, after.duress) == ("duress", 100, True, True)
    assert Climb("dispatched") in effects, "what is done for one is done for the other"
    _, effects = step(standing("received"), Absorbed(other, "이바다"), NOW_MS)
    assert not any(isinstance(one, Climb) for one in effects)
    with pytest.raises(NotAllowed, match="is a test"):
        step(incident, Absorbed(another("test", True), "이바다"), NOW_MS)
    with pytest.raises(NotAllowed, match="itself"):
        step(incident, Absorbed(incident, "이바다"), NOW_MS)


NAMES = tuple(field.name for field in fields(Incident))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))
CASES = st.builds(Incident, **dict.fromkeys(NAMES, VALUES))


@given(CASES, st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_changed_is_what_replace_makes(incident: Incident, changes: dict[str, object]) -> None:
    before = replace(incident)
    after = incident.changed(**changes)
    assert after == replace(incident, **changes) and type(after) is Incident
    assert incident == before and hash(after) == hash(replace(incident, **changes))


@pytest.mark.parametrize("name", NAMES)
def test_changed_changes_the_one_field_that_is_named(name: str) -> None:
    incident, mark = standing("acknowledged"), object()
    after = incident.changed(**{name: mark})
    assert [one for one in NAMES if getattr(after, one) != getattr(incident, one)] == [name]
    assert getattr(after, name) is mark


def test_changed_knows_no_other_field() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        standing("received").changed(nonsense=1)
