"""The handling axis: what is listed happens, anything else raises and changes nothing; some things never happen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.core import escalation
from bellgate.core.effect import ClearDue, Climb, Escalate, Notify, Record, SetDue, TellIncident, TellSignal
from bellgate.core.incident import (
    DISPOSITIONS,
    HANDLING,
    LEASE_MS,
    STAGE_OF,
    TRANSITIONS,
    Arrived,
    Command,
    Incident,
    Input,
    LeaseExpired,
    Presented,
    opened_by,
    step,
)
from bellgate.core.signal import read_event
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
    return Command(action, "김하늘", incident.version, disposition="genuine", to="이바다", text="문이 잠겨 있음")


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


INPUTS = st.one_of(
    st.builds(
        lambda n, what, state: Arrived(signal(n, what, state)),
        st.integers(1, 50),
        st.sampled_from(WHATS),
        st.sampled_from(("alarm", "restore")),
    ),
    st.builds(Presented, st.just("console"), st.integers(0, 50)),
    st.just(LeaseExpired()),
    st.builds(
        Command,
        st.sampled_from([*ACTIONS, "nonsense"]),
        st.sampled_from(PEOPLE),
        st.just(-1),
        st.sampled_from([*DISPOSITIONS, None, "no idea"]),
        st.sampled_from([*PEOPLE, None]),
        st.booleans(),
        st.sampled_from([None, "", "메모"]),
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
        assert after.signals == incident.signals + isinstance(asked_for, Arrived)
        assert (after.handling == "acknowledged") == (after.lease_until_ms is not None)
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
            incident, more = escalation.step(incident, escalation.DEFAULT, now_ms)
            incident = carry(incident, more, due, now_ms)
        elif isinstance(one, SetDue):
            assert one.due_ms > now_ms
            due[one.kind] = one.due_ms
        elif isinstance(one, ClearDue):
            due.pop(one.kind, None)
    return incident


POLICIES = st.lists(st.integers(1, 600_000), max_size=4).flatmap(
    lambda gaps: st.builds(
        escalation.Policy,
        st.just("p"),
        st.just(tuple(escalation.Step(sum(gaps[:n]), (f"t{n}",)) for n in range(len(gaps) + 1))),
        st.integers(1_000, 3_600_000),
    )
)


@given(POLICIES, st.integers(2, 30))
def test_escalation_never_ends_while_nobody_holds_it(policy: escalation.Policy, rounds: int) -> None:
    incident = standing("received")
    now_ms = NOW_MS
    told = []
    for number in range(rounds):
        incident, effects = escalation.step(incident, policy, now_ms)
        (notify,) = [one for one in effects if isinstance(one, Notify)]
        (due,) = [one for one in effects if isinstance(one, SetDue)]
        assert notify.round == number and due.kind == "escalation"
        assert now_ms < due.due_ms <= now_ms + max(600_000, policy.repeat_ms)
        told.append(notify.targets[0])
        now_ms = due.due_ms
    last = len(policy.steps) - 1
    assert told == [f"t{min(number, last)}" for number in range(rounds)]


@pytest.mark.parametrize("handling", [one for one in HANDLING if one not in ("received", "presented")])
def test_attended_and_closed_incidents_escalate_no_further(handling: str) -> None:
    incident = standing(handling)
    assert escalation.step(incident, escalation.DEFAULT, NOW_MS) == (incident, ())


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
