"""Who is told next, and when. The last step repeats for ever: an alarm that nobody took never falls silent."""

from dataclasses import dataclass, replace

from bellgate.core.effect import Effect, Notify, Record, SetDue
from bellgate.core.incident import Incident

EVERY_TARGET = ("*",)


@dataclass(frozen=True, slots=True)
class Step:
    """after_ms counts from the opening of the incident."""

    after_ms: int
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Steps in order of time; the last one is repeated every `repeat_ms`, for ever."""

    name: str
    steps: tuple[Step, ...]
    repeat_ms: int


# Without any policy in gateway.toml: every target at once, and again every minute until somebody acknowledges.
DEFAULT = Policy("default", (Step(0, EVERY_TARGET),), 60_000)


def step(incident: Incident, policy: Policy, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """One escalation step fell due for an open, unattended incident: notify, and set the next due row.

    An attended or closed incident escalates no further: returns it unchanged, without effects.
    """
    if incident.attended or not incident.open:
        return incident, ()
    index = min(incident.escalation_step, len(policy.steps) - 1)
    number = incident.escalation_round
    current = policy.steps[index]
    if index + 1 < len(policy.steps):
        # The distance between steps, from now: after a stop of the gateway each step is still carried out.
        wait_ms = policy.steps[index + 1].after_ms - current.after_ms
        index += 1
    else:
        wait_ms = policy.repeat_ms
    after = replace(incident, escalation_step=index, escalation_round=number + 1)
    return after, (
        Notify(current.targets, policy.steps.index(current), number),
        Record("escalated", "gateway", {"step": policy.steps.index(current), "round": number}),
        SetDue("escalation", now_ms + max(wait_ms, 1_000)),
    )
