"""An incident: what people do about the signals of one bell. The table is the machine.

Only a listed transition happens; anything else raises `NotAllowed` and changes nothing. The stage that the bell
hears never falls, even when the handling does (an expired acknowledgement, a reopened case).
"""

from dataclasses import dataclass, replace

from bellgate.core.effect import (
    ClearDue,
    Climb,
    Effect,
    Escalate,
    Record,
    SetDue,
    TellIncident,
    TellSignal,
)
from bellgate.core.signal import Signal
from bellgate.errors import NotAllowed, StaleVersion
from bellwire import STAGES

HANDLING = (
    "received",
    "presented",
    "acknowledged",
    "dispatched",
    "en_route",
    "on_scene",
    "cleared",
    "closed",
)

# (handling, action): handling afterwards. Docs draw their diagram from this table.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("received", "present"): "presented",
    ("presented", "present"): "presented",
    ("acknowledged", "present"): "acknowledged",
    ("dispatched", "present"): "dispatched",
    ("en_route", "present"): "en_route",
    ("on_scene", "present"): "on_scene",
    ("cleared", "present"): "cleared",
    ("received", "acknowledge"): "acknowledged",
    ("presented", "acknowledge"): "acknowledged",
    ("acknowledged", "acknowledge"): "acknowledged",  # the holder again: renews the lease, covers newer presses
    ("dispatched", "acknowledge"): "dispatched",
    ("en_route", "acknowledge"): "en_route",
    ("on_scene", "acknowledge"): "on_scene",
    ("cleared", "acknowledge"): "cleared",
    ("received", "dispatch"): "dispatched",  # whoever sends help has seen the alarm
    ("presented", "dispatch"): "dispatched",
    ("acknowledged", "dispatch"): "dispatched",
    ("dispatched", "en_route"): "en_route",
    ("dispatched", "on_scene"): "on_scene",
    ("en_route", "on_scene"): "on_scene",
    ("dispatched", "clear"): "cleared",
    ("en_route", "clear"): "cleared",
    ("on_scene", "clear"): "cleared",
    ("received", "close"): "closed",
    ("presented", "close"): "closed",
    ("acknowledged", "close"): "closed",
    ("dispatched", "close"): "closed",
    ("en_route", "close"): "closed",
    ("on_scene", "close"): "closed",
    ("cleared", "close"): "closed",
    ("acknowledged", "expire"): "presented",
    ("closed", "reopen"): "acknowledged",
    ("received", "note"): "received",
    ("presented", "note"): "presented",
    ("acknowledged", "note"): "acknowledged",
    ("dispatched", "note"): "dispatched",
    ("en_route", "note"): "en_route",
    ("on_scene", "note"): "on_scene",
    ("cleared", "note"): "cleared",
    ("closed", "note"): "closed",
    ("acknowledged", "handoff"): "acknowledged",
    ("dispatched", "handoff"): "dispatched",
    ("en_route", "handoff"): "en_route",
    ("on_scene", "handoff"): "on_scene",
    ("cleared", "handoff"): "cleared",
}

# What the bell is told while the handling stands there.
STAGE_OF: dict[str, str] = {
    "received": "stored",
    "presented": "presented",
    "acknowledged": "acknowledged",
    "dispatched": "dispatched",
    "en_route": "dispatched",
    "on_scene": "dispatched",
    "cleared": "dispatched",
    "closed": "closed",
}

DISPOSITIONS = ("genuine", "accidental", "prank", "device_fault", "test", "duplicate", "nobody_found")

# An acknowledgement without dispatch is a promise to act; after this it counts as forgotten and sounds again.
LEASE_MS = 180_000


@dataclass(frozen=True, slots=True)
class Incident:
    """One case. `version` rises with every signal and every command, so that nobody decides on an old picture."""

    id: int
    bell_id: str
    site: str
    what: str
    test: bool
    priority: int
    silent: bool
    duress: bool
    handling: str = "received"
    stage: str = "stored"
    version: int = 1
    signals: int = 0
    cancel_asked: bool = False
    restored: bool = False
    opened_ms: int = 0
    last_signal_ms: int = 0
    last_signal: int = 0
    owner: str | None = None
    offered_to: str | None = None
    lease_until_ms: int | None = None
    disposition: str | None = None
    closed_ms: int | None = None
    policy: str = "default"
    escalation_step: int = 0
    escalation_round: int = 0

    @property
    def open(self) -> bool:
        """True until somebody closed it."""
        return self.handling != "closed"

    @property
    def attended(self) -> bool:
        """True while a person holds it."""
        return self.handling not in ("received", "presented", "closed")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new signal for this incident (never a duplicate: the store has decided that)."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Presented:
    """An attended console rendered the incident up to this signal, with its sound running."""

    console: str
    up_to_signal: int


@dataclass(frozen=True, slots=True)
class Command:
    """A person's command. `version` is what the person saw."""

    action: str
    by: str
    version: int
    disposition: str | None = None
    to: str | None = None
    accept: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseExpired:
    """The acknowledgement's due row fell due."""


Input = Arrived | Presented | Command | LeaseExpired


def opened_by(signal: Signal, policy: str) -> Incident:
    """A new incident, not yet numbered (id 0), before its first signal is counted."""
    return Incident(
        id=0,
        bell_id=signal.bell_id,
        site=signal.site,
        what=signal.what,
        test=signal.test,
        priority=signal.meaning.priority,
        silent=signal.meaning.silent,
        duress=False,
        opened_ms=signal.received_ms,
        version=0,
        policy=policy,
    )


def step(incident: Incident, given: Input, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """The next state and what to do. Raises NotAllowed or StaleVersion, and then nothing has changed."""
    if isinstance(given, Arrived):
        return _arrived(incident, given.signal)
    if isinstance(given, Presented):
        return _presented(incident, given)
    if isinstance(given, LeaseExpired):
        return _lease_expired(incident, now_ms)
    return _command(incident, given, now_ms)


def _next(incident: Incident, action: str) -> str:
    handling = TRANSITIONS.get((incident.handling, action))
    if handling is None:
        raise NotAllowed(
            f"incident {incident.id} is {incident.handling}: {action.replace('_', ' ')} is not possible from there"
        )
    return handling


def _higher(stage: str, other: str) -> str:
    return max(stage, other, key=STAGES.index)


def _arrived(incident: Incident, signal: Signal) -> tuple[Incident, tuple[Effect, ...]]:
    first = incident.signals == 0
    alarm = signal.state == "alarm" and signal.what != "cancel"
    heavier = alarm and signal.meaning.priority > incident.priority
    after = replace(
        incident,
        what=signal.what if heavier else incident.what,
        priority=max(incident.priority, signal.meaning.priority) if alarm else incident.priority,
        silent=incident.silent or (alarm and signal.meaning.silent),
        duress=incident.duress or (alarm and signal.what == "duress"),
        cancel_asked=incident.cancel_asked or signal.what == "cancel",
        restored=signal.state == "restore" if signal.state == "restore" or alarm else incident.restored,
        signals=incident.signals + 1,
        last_signal=max(incident.last_signal, signal.number),
        last_signal_ms=signal.received_ms,
        version=incident.version + 1,
    )
    effects: list[Effect] = [
        Record(
            "opened" if first else "joined",
            f"bell {signal.bell_id}",
            {"what": signal.what, "state": signal.state, "signal": signal.number},
        ),
        TellSignal(),
    ]
    if first:
        effects.append(Escalate())
    elif STAGE_OF[incident.handling] == "dispatched":
        # Help is on the way to this person already: true for the new press too, and the presser must not doubt it.
        effects.append(Climb("dispatched", signal.number))
    return after, tuple(effects)


def _presented(incident: Incident, given: Presented) -> tuple[Incident, tuple[Effect, ...]]:
    handling = _next(incident, "present")
    if handling == incident.handling:
        # A newer press of a case that somebody holds: with its sound heard on a console, it has been seen as well.
        return incident, (Climb(_higher("presented", STAGE_OF[handling]), given.up_to_signal),)
    after = replace(incident, handling=handling, stage=_higher(incident.stage, "presented"))
    return after, (
        Climb("presented", given.up_to_signal),
        Record("presented", given.console),
        TellIncident("presented"),
    )


def _lease_expired(incident: Incident, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    if incident.handling != "acknowledged" or incident.lease_until_ms is None or now_ms < incident.lease_until_ms:
        return incident, ()  # renewed, dispatched or closed in the meantime: the row was an old one
    after = replace(
        incident,
        handling=_next(incident, "expire"),
        owner=None,
        offered_to=None,
        lease_until_ms=None,
        version=incident.version + 1,
    )
    return after, (
        Record("acknowledgement_expired", "gateway", {"owner": incident.owner}),
        TellIncident("acknowledgement_expired"),
        Escalate(),
    )


def _command(incident: Incident, given: Command, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    if given.version != incident.version:
        raise StaleVersion(
            f"incident {incident.id} is at version {incident.version}, the command was made on version "
            f"{given.version}: look at the present state and decide again"
        )
    handling = _next(incident, given.action)
    _refuse_if_held_by_another(incident, given)
    detail: dict[str, str | int | bool | None] = {}
    changes: dict[str, object] = {"handling": handling, "version": incident.version + 1}
    effects: list[Effect] = []
    match given.action:
        case "acknowledge":
            changes["owner"] = given.by
            changes["offered_to"] = None
            if handling == "acknowledged":
                changes["lease_until_ms"] = now_ms + LEASE_MS
                effects.append(SetDue("lease", now_ms + LEASE_MS))
            effects.append(ClearDue("escalation"))
        case "dispatch" | "en_route" | "on_scene" | "clear":
            changes["owner"] = incident.owner or given.by
            changes["lease_until_ms"] = None
            effects += [ClearDue("escalation"), ClearDue("lease")]
        case "close":
            if given.disposition not in DISPOSITIONS:
                raise NotAllowed(
                    f"incident {incident.id}: closing needs a disposition, one of {', '.join(DISPOSITIONS)}"
                )
            changes |= {
                "owner": incident.owner or given.by,
                "disposition": given.disposition,
                "closed_ms": now_ms,
                "lease_until_ms": None,
                "offered_to": None,
            }
            detail["disposition"] = given.disposition
            effects += [ClearDue("escalation"), ClearDue("lease")]
        case "reopen":
            changes |= {
                "owner": given.by,
                "disposition": None,
                "closed_ms": None,
                "lease_until_ms": now_ms + LEASE_MS,
            }
            effects.append(SetDue("lease", now_ms + LEASE_MS))
        case "handoff":
            changes |= _handoff(incident, given)
            detail["to"] = given.to if not given.accept else given.by
            detail["accepted"] = given.accept
            if given.accept and handling == "acknowledged":
                changes["lease_until_ms"] = now_ms + LEASE_MS
                effects.append(SetDue("lease", now_ms + LEASE_MS))
        case "note":
            if not given.text:
                raise NotAllowed(f"incident {incident.id}: a note needs a text")
            changes = {}
    if given.text:
        detail["text"] = given.text
    reached = STAGE_OF[handling]
    if given.action not in ("note", "handoff", "reopen"):
        effects.insert(0, Climb(reached))
        changes["stage"] = _higher(incident.stage, reached)
    effects.append(Record(given.action, given.by, detail))
    if given.action != "note":
        effects.append(TellIncident(given.action))
    return replace(incident, **changes), tuple(effects)  # type: ignore[arg-type]


def _refuse_if_held_by_another(incident: Incident, given: Command) -> None:
    if given.action == "acknowledge" and incident.attended and incident.owner not in (None, given.by):
        raise NotAllowed(f"incident {incident.id} is held by {incident.owner}: ask for a hand-off")


def _handoff(incident: Incident, given: Command) -> dict[str, object]:
    if given.accept:
        if incident.offered_to != given.by:
            raise NotAllowed(f"incident {incident.id} was not offered to {given.by}")
        return {"owner": given.by, "offered_to": None}
    if incident.owner != given.by:
        raise NotAllowed(f"incident {incident.id} is held by {incident.owner}: only the holder can hand it off")
    if not given.to or given.to == given.by:
        raise NotAllowed(f"incident {incident.id}: a hand-off names the colleague it is offered to")
    return {"offered_to": given.to}
