"""What signals and people do to an incident: `step`. The table of what is possible stands in `incident`."""

from bellgate.core.effect import (
    ClearDue,
    Climb,
    Effect,
    Escalate,
    Held,
    Record,
    SetDue,
    TellIncident,
    TellSignal,
)
from bellgate.core.incident import (
    DISPOSITIONS,
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
)
from bellgate.core.signal import MEANINGS, Signal
from bellgate.errors import NotAllowed, StaleVersion
from bellwire import STAGES


def step(incident: Incident, given: Input, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    """The next state and what to do. Raises NotAllowed or StaleVersion, and then nothing has changed."""
    if isinstance(given, Arrived):
        return _arrived(incident, given.signal)
    if isinstance(given, Presented):
        return _presented(incident, given)
    if isinstance(given, LeaseExpired):
        return _lease_expired(incident, now_ms)
    if isinstance(given, Absorbed):
        return _absorbed(incident, given)
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
    alarm = signal.state == "alarm" and signal.meaning.opens
    heavier = alarm and signal.meaning.priority > _weight(incident.what)
    what = signal.what if heavier else incident.what
    after = incident.changed(
        what=what,
        priority=_priority(incident, signal, what) if alarm else incident.priority,
        silent=incident.silent or (alarm and signal.meaning.silent),
        duress=incident.duress or (alarm and signal.what == "duress"),
        # The last word counts, and the timeline keeps every one: who presses again after a cancel means it.
        cancel_asked=signal.what == "cancel" or (incident.cancel_asked and not alarm),
        restored=not alarm and (incident.restored or (signal.state == "restore" and signal.what == incident.what)),
        tampered=incident.tampered or (alarm and signal.what == "tamper" and what != "tamper"),
        signals=incident.signals + 1,
        first_signal=signal.number if first else incident.first_signal,
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


def _weight(what: str) -> int:
    return MEANINGS[what].priority


def _priority(incident: Incident, signal: Signal, what: str) -> int:
    """Never lower than before: the weight of the heaviest kind, and one more for each further press."""
    once_more = 0 if incident.signals == 0 else 1
    return max(signal.meaning.priority, min(incident.priority + once_more, _weight(what) + REPEATS_COUNTED))


def _absorbed(incident: Incident, given: Absorbed) -> tuple[Incident, tuple[Effect, ...]]:
    other = given.other
    handling = _next(incident, "absorb")
    if other.id == incident.id:
        raise NotAllowed(f"incident {incident.id} can't be merged with itself: name another one")
    if other.test != incident.test:
        raise NotAllowed(
            f"incident {other.id if other.test else incident.id} is a test: a test and a real alarm are never merged"
        )
    heavier = _weight(other.what) > _weight(incident.what)
    after = incident.changed(
        what=other.what if heavier else incident.what,
        priority=max(incident.priority, other.priority),
        silent=incident.silent or other.silent,
        duress=incident.duress or other.duress,
        tampered=incident.tampered or other.tampered,
        cancel_asked=incident.cancel_asked and other.cancel_asked,
        restored=incident.restored and other.restored,
        signals=incident.signals + other.signals,
        last_signal=max(incident.last_signal, other.last_signal),
        last_signal_ms=max(incident.last_signal_ms, other.last_signal_ms),
        version=incident.version + 1,
    )
    effects: list[Effect] = [Record("absorbed", given.by, {"from": other.id}), TellIncident("absorbed")]
    if incident.attended:
        # Whoever merged them has seen both, and what is done for one is done for the other.
        effects.insert(0, Climb(STAGE_OF[handling]))
    return after, tuple(effects)


def _presented(incident: Incident, given: Presented) -> tuple[Incident, tuple[Effect, ...]]:
    handling = _next(incident, "present")
    if handling == incident.handling:
        # A newer press of a case that somebody holds: with its sound heard on a console, it has been seen as well.
        return incident, (Climb(_higher("presented", STAGE_OF[handling]), given.up_to_signal),)
    after = incident.changed(handling=handling, stage=_higher(incident.stage, "presented"))
    return after, (
        Climb("presented", given.up_to_signal),
        Record("presented", given.console),
        TellIncident("presented"),
    )


def _lease_expired(incident: Incident, now_ms: int) -> tuple[Incident, tuple[Effect, ...]]:
    if incident.handling != "acknowledged" or incident.lease_until_ms is None or now_ms < incident.lease_until_ms:
        return incident, ()  # renewed, dispatched or closed in the meantime: the row was an old one
    after = incident.changed(
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
            effects.append(Held())
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
        case "merge":
            if given.into is None:
                raise NotAllowed(f"incident {incident.id}: say which incident it is merged into")
            changes |= {
                "owner": incident.owner or given.by,
                "disposition": "duplicate",
                "closed_ms": now_ms,
                "lease_until_ms": None,
                "offered_to": None,
                "merged_into": given.into,
            }
            detail["into"] = given.into
            effects += [ClearDue("escalation"), ClearDue("lease")]
        case "reopen":
            if incident.merged_into is not None:
                raise NotAllowed(
                    f"incident {incident.id} was merged into {incident.merged_into}, which holds its signals: "
                    f"handle that one"
                )
            changes |= {
                "owner": given.by,
                "disposition": None,
                "closed_ms": None,
                "lease_until_ms": now_ms + LEASE_MS,
                "escalation_step": 0,  # if this is forgotten too, it begins with whoever comes first
            }
            effects.append(SetDue("lease", now_ms + LEASE_MS))
        case "handoff":
            changes |= _handoff(incident, given)
            detail["to"] = incident.offered_to if given.decline else given.to if not given.accept else given.by
            detail["accepted"] = given.accept
            if given.decline:
                detail["declined"] = True
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
    if given.action not in ("note", "handoff", "reopen", "merge"):  # merged signals follow the other incident
        effects.insert(0, Climb(reached))
        changes["stage"] = _higher(incident.stage, reached)
    effects.append(Record(given.action, given.by, detail))
    if given.action != "note":
        effects.append(TellIncident(given.action))
    return incident.changed(**changes), tuple(effects)


def _refuse_if_held_by_another(incident: Incident, given: Command) -> None:
    if given.action == "acknowledge" and incident.attended and incident.owner not in (None, given.by):
        raise NotAllowed(f"incident {incident.id} is held by {incident.owner}: ask for a hand-off")


def _handoff(incident: Incident, given: Command) -> dict[str, object]:
    if given.accept:
        if incident.offered_to != given.by:
            raise NotAllowed(f"incident {incident.id} was not offered to {given.by}")
        return {"owner": given.by, "offered_to": None}
    if given.decline:
        if incident.offered_to is None or given.by not in (incident.offered_to, incident.owner):
            raise NotAllowed(f"incident {incident.id} has no offer that {given.by} could decline or take back")
        return {"offered_to": None}
    if incident.owner != given.by:
        raise NotAllowed(f"incident {incident.id} is held by {incident.owner}: only the holder can hand it off")
    if not given.to or given.to == given.by:
        raise NotAllowed(f"incident {incident.id}: a hand-off names the colleague it is offered to")
    return {"offered_to": given.to}
