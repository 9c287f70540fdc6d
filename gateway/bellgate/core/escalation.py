"""Who is told next, and when. The last step that somebody attends repeats for ever: no alarm falls silent by itself.

A policy comes in as it stands at one moment: each step with the targets that are on duty now. A step whose condition
no longer holds is passed over; a step that nobody attends is skipped, and the next one takes its turn at once.
"""

from bellgate.core.effect import ClearDue, Effect, Notify, Record, SetDue
from bellgate.core.frozen import frozen
from bellgate.core.incident import Incident

EVERY_TARGET = ("*",)

# What a step waits for: the handling in which it is carried out. A step that is due in another one has lost its reason.
CONDITIONS: dict[str, tuple[str, ...]] = {
    "unseen": ("received",),
    "unacknowledged": ("received", "presented"),
    "undispatched": ("received", "presented", "acknowledged"),
}
# The shortest distance between two rounds: a policy cannot become a storm.
REPEAT_MIN_MS = 1_000


@frozen
class Step:
    """after_ms counts from the beginning of the escalation. targets: who attends it now; none: nobody does."""

    after_ms: int
    targets: tuple[str, ...]
    when: str = "unacknowledged"


@frozen
class Policy:
    """Steps in order of time, the first at 0; the last one that is attended is repeated every `repeat_ms`."""

    name: str
    steps: tuple[Step, ...]
    repeat_ms: int


# Without any policy in gateway.toml: every target at once, and again every minute until somebody acknowledges.
DEFAULT = Policy("default", (Step(0, EVERY_TARGET),), 60_000)


def begin(incident: Incident, policy: Policy, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """Start, or start again, at the incident's present step; somebody is told at once, whatever that step waits for."""
    index = min(incident.escalation_step, len(policy.steps) - 1)
    started = incident.changed(escalation_step=index, escalation_from_ms=now_ms - policy.steps[index].after_ms)
    return _carry_out(started, policy, now_ms, at_once=True)


def step(incident: Incident, policy: Policy, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """The due row of an incident fell due: tell whoever's turn it is, and set the next row.

    Overdue steps (the gateway was down) are carried out together. Where nobody waits to be told any more, returns the
    incident unchanged, without effects.
    """
    if not _may_come(incident, policy, 0):
        return incident, ()
    return _carry_out(incident, policy, now_ms, at_once=False)


def hurry(incident: Incident, policy: Policy, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """Whoever showed it is gone: the next step that somebody waits for takes its turn now, not at its time."""
    last = len(policy.steps) - 1
    first = min(incident.escalation_step, last)
    waits = (n for n in range(first, last + 1) if incident.handling in CONDITIONS[policy.steps[n].when])
    number = next(waits, last)
    from_ms = min(incident.escalation_from_ms, now_ms - policy.steps[number].after_ms)
    return incident.changed(escalation_from_ms=from_ms), (SetDue("escalation", now_ms),)


def held(incident: Incident, policy: Policy) -> tuple[Effect, ...]:
    """Somebody took the incident: escalation ends, unless the policy goes on until help is dispatched."""
    return () if _may_come(incident, policy, incident.escalation_step) else (ClearDue("escalation"),)


def _may_come(incident: Incident, policy: Policy, first: int) -> bool:
    """True if a step from `first` on (the last one at least: it repeats) is carried out in the present handling."""
    steps = policy.steps[min(first, len(policy.steps) - 1) :]
    return any(incident.handling in CONDITIONS[one.when] for one in steps)


def _carry_out(
    incident: Incident, policy: Policy, now_ms: int, *, at_once: bool
) -> tuple[Incident, tuple[Effect, ...]]:
    """at_once: whoever comes first is told now, whatever the step waits for."""
    steps, last = policy.steps, len(policy.steps) - 1
    index = min(incident.escalation_step, last)
    turn = at_once or index == last  # its time has come, whatever after_ms says: the last one repeats
    told: list[int] = []
    skipped: list[int] = []
    while index <= last and (turn or incident.escalation_from_ms + steps[index].after_ms <= now_ms):
        if at_once or incident.handling in CONDITIONS[steps[index].when]:
            attended = bool(steps[index].targets)
            (told if attended else skipped).append(index)
            turn = not attended  # nobody is there: the next one takes its turn now
            at_once = at_once and not attended
        index += 1
    if index > last and not told:
        if incident.attended:
            return incident.changed(escalation_step=last), (ClearDue("escalation"),)
        told = _whoever_is_there(incident, policy)
    effects: list[Effect] = []
    number = incident.escalation_round
    if told:
        targets = tuple(dict.fromkeys(name for one in told for name in steps[one].targets)) or EVERY_TARGET
        detail: dict[str, str | int | bool | None] = {"step": told[-1], "round": number}
        if skipped:
            detail["skipped"] = ", ".join(str(one) for one in skipped)
        effects += [Notify(targets, told[-1], number), Record("escalated", "gateway", detail)]
        number += 1
    if index > last:
        due_ms = now_ms + max(policy.repeat_ms, REPEAT_MIN_MS)
    else:
        due_ms = max(incident.escalation_from_ms + steps[index].after_ms, now_ms + 1)
    effects.append(SetDue("escalation", due_ms))
    return incident.changed(escalation_step=min(index, last), escalation_round=number), tuple(effects)


def _whoever_is_there(incident: Incident, policy: Policy) -> list[int]:
    """Nobody attends the last step: the latest step that reaches somebody; failing that the last, to every target."""
    wanted = [n for n, one in enumerate(policy.steps) if incident.handling in CONDITIONS[one.when] and one.targets]
    anyone = [n for n, one in enumerate(policy.steps) if one.targets]
    return (wanted or anyone or [len(policy.steps) - 1])[-1:]
