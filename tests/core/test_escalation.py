"""Who is told next: nobody waits for an empty step, nothing ends while nobody holds it, and a held alarm is quiet."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_incident import NOW_MS, signal, standing

from bellgate.core.effect import ClearDue, Effect, Notify, SetDue
from bellgate.core.escalation import CONDITIONS, DEFAULT, EVERY_TARGET, Policy, Step, begin, held, step
from bellgate.core.incident import HANDLING, Incident, opened_by

WHENS = sorted(CONDITIONS)


def told(effects: tuple[Effect, ...]) -> list[tuple[str, ...]]:
    return [one.targets for one in effects if isinstance(one, Notify)]


def due(effects: tuple[Effect, ...]) -> int:
    (one,) = [one.due_ms for one in effects if isinstance(one, SetDue)]
    return one


def fresh(handling: str = "received") -> Incident:
    return replace(standing(handling), escalation_from_ms=NOW_MS)


def ladder(*steps: tuple[int, str, str], repeat_ms: int = 60_000) -> Policy:
    """(seconds, targets, condition); "" is a step that nobody attends."""
    return Policy("p", tuple(Step(s * 1000, tuple(names.split()), when) for s, names, when in steps), repeat_ms)


PROMISED = ladder(
    (0, "station control", "unacknowledged"),
    (10, "second", "unseen"),
    (20, "supervisor", "unacknowledged"),
    (45, "station control second supervisor next siren phone", "unacknowledged"),
)


def play(policy: Policy, until_s: int, changes: dict[int, str] | None = None) -> list[tuple[int, tuple[str, ...]]]:
    """(second, targets) of everything that is told while the handling changes at the given seconds."""
    incident, now_ms = fresh(), NOW_MS
    incident, effects = begin(incident, policy, now_ms)
    found = [(0, names) for names in told(effects)]
    at_ms: int | None = due(effects)
    changes = dict(changes or {})
    while at_ms is not None and at_ms <= NOW_MS + until_s * 1000:
        for second in sorted(changes):
            if NOW_MS + second * 1000 < at_ms:
                incident = replace(incident, handling=changes.pop(second))
        incident, effects = step(incident, policy, at_ms)
        found += [((at_ms - NOW_MS) // 1000, names) for names in told(effects)]
        at_ms = due(effects) if any(isinstance(one, SetDue) for one in effects) else None
    return found


def test_the_promised_ladder() -> None:
    everyone = PROMISED.steps[-1].targets
    first = (0, ("station", "control"))
    assert play(PROMISED, 170) == [
        first,
        (10, ("second",)),
        (20, ("supervisor",)),
        (45, everyone),
        (105, everyone),
        (165, everyone),
    ]
    assert play(PROMISED, 50, {5: "presented"}) == [first, (20, ("supervisor",)), (45, everyone)]
    assert play(PROMISED, 600, {15: "acknowledged"}) == [first, (10, ("second",))]


def test_a_step_that_nobody_attends_is_skipped_at_once() -> None:
    policy = ladder((0, "", "unacknowledged"), (20, "", "unacknowledged"), (45, "night", "unacknowledged"))
    assert play(policy, 110)[:2] == [(0, ("night",)), (60, ("night",))]
    policy = ladder((0, "desk", "unacknowledged"), (20, "", "unacknowledged"), (45, "night", "unacknowledged"))
    assert play(policy, 50) == [(0, ("desk",)), (20, ("night",))]


def test_an_empty_step_whose_condition_is_gone_hurries_nobody() -> None:
    policy = ladder((0, "desk", "unacknowledged"), (10, "", "unseen"), (45, "night", "unacknowledged"))
    assert play(policy, 50, {5: "presented"}) == [(0, ("desk",)), (45, ("night",))]
    assert play(policy, 20) == [(0, ("desk",)), (10, ("night",))]


def test_the_last_step_that_is_attended_repeats_and_failing_that_everyone() -> None:
    policy = ladder((0, "desk", "unacknowledged"), (20, "", "unacknowledged"))
    assert play(policy, 150) == [(0, ("desk",)), (20, ("desk",)), (80, ("desk",)), (140, ("desk",))]
    nobody = ladder((0, "", "unacknowledged"), (20, "", "unseen"))
    assert play(nobody, 61, {1: "presented"}) == [(0, EVERY_TARGET), (60, EVERY_TARGET)]


def test_undispatched_goes_on_after_the_acknowledgement_and_ends_with_the_dispatch() -> None:
    policy = ladder((0, "desk", "unacknowledged"), (30, "chief", "undispatched"), (60, "all", "unacknowledged"))
    assert play(policy, 600, {5: "acknowledged"}) == [(0, ("desk",)), (30, ("chief",))]
    assert play(policy, 600, {5: "acknowledged", 20: "dispatched"}) == [(0, ("desk",))]
    until_help = ladder((0, "desk", "unacknowledged"), (30, "chief", "undispatched"))
    assert [at for at, _ in play(until_help, 160, {5: "acknowledged"})] == [0, 30, 90, 150]
    assert held(fresh("acknowledged"), until_help) == ()
    assert held(fresh("acknowledged"), DEFAULT) == (ClearDue("escalation"),)


def test_a_forgotten_acknowledgement_tells_whoever_is_next_at_once() -> None:
    incident, effects = begin(fresh(), PROMISED, NOW_MS)
    later_ms = NOW_MS + 185_000
    forgotten = replace(incident, handling="presented")
    after, effects = begin(forgotten, PROMISED, later_ms)
    assert told(effects) == [("second",)], "its own condition does not matter: somebody must hear that it is open"
    assert due(effects) == later_ms + 10_000 and after.escalation_step == 2


def test_after_a_stop_what_is_overdue_is_told_together() -> None:
    incident, _ = begin(fresh(), PROMISED, NOW_MS)
    after, effects = step(incident, PROMISED, NOW_MS + 3_600_000)
    (names,) = told(effects)
    assert set(names) == {"second", "supervisor", *PROMISED.steps[-1].targets} and len(names) == len(set(names))
    assert due(effects) == NOW_MS + 3_660_000 and after.escalation_round == 2


@pytest.mark.parametrize("handling", HANDLING)
@pytest.mark.parametrize("when", WHENS)
def test_every_pair_of_the_conditions(when: str, handling: str) -> None:
    policy = Policy("p", (Step(0, ("a",), when),), 60_000)
    incident = fresh(handling)
    after, effects = step(incident, policy, NOW_MS)
    if handling in CONDITIONS[when]:
        assert told(effects) == [("a",)] and due(effects) == NOW_MS + 60_000
    else:
        assert (after, effects) == (incident, ())
    assert not (incident.attended and when != "undispatched" and effects)


STEPS = st.lists(
    st.tuples(st.integers(1, 600_000), st.lists(st.sampled_from("abcd"), unique=True), st.sampled_from(WHENS)),
    min_size=1,
    max_size=5,
)


def made(raw: list[tuple[int, list[str], str]], repeat_ms: int, last: str) -> Policy:
    steps, at_ms = [], 0
    for number, (gap_ms, names, when) in enumerate(raw):
        at_ms += gap_ms if number else 0
        steps.append(Step(at_ms, tuple(names), last if number == len(raw) - 1 else when))
    return Policy("p", tuple(steps), repeat_ms)


@given(STEPS, st.integers(1_000, 600_000), st.sampled_from(["unacknowledged", "undispatched"]), st.data())
def test_while_nobody_holds_it_somebody_is_told_again_and_again(
    raw: list[tuple[int, list[str], str]], repeat_ms: int, last: str, data: st.DataObject
) -> None:
    """Whatever is attended when, however late the engine is, received or presented: it never falls silent."""
    policy = made(raw, repeat_ms, last)
    incident, effects = begin(fresh(), policy, NOW_MS)
    assert len(told(effects)) == 1
    now_ms = told_ms = NOW_MS
    rounds = 1
    longest_ms = policy.steps[-1].after_ms + policy.repeat_ms
    for _ in range(30):
        at_ms = due(effects)
        assert now_ms < at_ms <= now_ms + longest_ms
        now_ms = at_ms + data.draw(st.sampled_from([0, 0, 0, 250, 7_200_000]))
        handling = data.draw(st.sampled_from(["received", "presented"]))
        attended = tuple(replace(one, targets=one.targets if data.draw(st.booleans()) else ()) for one in policy.steps)
        incident, effects = step(replace(incident, handling=handling), replace(policy, steps=attended), now_ms)
        assert len(told(effects)) <= 1
        for names in told(effects):
            told_ms, rounds = now_ms, rounds + 1
            assert names, "a round that reaches nobody is no round"
        assert incident.escalation_round == rounds
        assert now_ms - told_ms <= longest_ms + 7_200_000
        assert due(effects) <= told_ms + longest_ms + 1 or told_ms < now_ms


@given(STEPS, st.integers(1_000, 600_000), st.integers(0, 2_000_000))
def test_attended_steps_are_told_at_their_time_and_in_their_order(
    raw: list[tuple[int, list[str], str]], repeat_ms: int, until_ms: int
) -> None:
    """An independent reading of the rules for an alarm that stays received and a policy with every step attended."""
    assume(all(names for _, names, _ in raw))
    policy = made(raw, repeat_ms, "unacknowledged")
    last_ms = policy.steps[-1].after_ms
    expected = [(one.after_ms, one.targets) for one in policy.steps]
    expected += [(last_ms + n * repeat_ms, policy.steps[-1].targets) for n in range(1, 60)]
    found = []
    incident, effects = begin(fresh(), policy, NOW_MS)
    now_ms = NOW_MS
    while len(found) < 60 and now_ms <= NOW_MS + until_ms:
        found += [(now_ms - NOW_MS, names) for names in told(effects)]
        now_ms = due(effects)
        incident, effects = step(incident, policy, now_ms)
    assert found == expected[: len(found)]


def test_a_new_incident_counts_from_its_first_signal() -> None:
    incident = opened_by(signal(), "p")
    assert incident.escalation_from_ms == signal().received_ms == incident.opened_ms
