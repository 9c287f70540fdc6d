"""One message from the broker: verify, refuse or keep, and answer. Nothing here trusts what it reads.

A refusal is counted under a short stable code (retained, too_long, topic, unknown_bell, revoked, tag, json, v, seq, …),
shown in the trouble list, and never raises an alarm. A duplicate is answered and changes nothing else.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bellgate.core import supervision
from bellgate.core.effect import ClearTrouble, RaiseTrouble
from bellgate.core.signal import Signal, read_event
from bellgate.core.supervision import EventHeard, Heartbeat, Status
from bellgate.pipeline.carry import Carrier
from bellgate.pipeline.press_tests import PressTests
from bellgate.pipeline.settings import Inbound, press_id
from bellgate.store import audit, bells, incidents, press_tests, refusals, signals, troubles
from bellgate.store.base import Tx
from bellgate.store.bells import Bell
from bellwire import MAX_PAYLOAD_BYTES, WireError, check, identity_fault, open_sealed, parse

CANARY = "canary"
BY = "gateway"  # in the record
ANSWERS = ("test", "fault")  # what a bell answers a command with
# Whoever invents names must not fill the disk or the operator's list; beyond this they share one line.
SUBJECTS_MAX = 100
_SHARED = "?"
_REASON_CHARS = 200  # of a receipt's `reason`, see bellwire

OnCanary = Callable[[Tx, bytes], None]


def take(carrier: Carrier, inbound: Inbound, clock_unsure: bool, on_canary: OnCanary | None) -> None:
    """Read one message and carry out what it asks for. Refusals are carried out too: nothing is raised for them."""
    bell: Bell | None = None
    try:
        topic = parse(inbound.topic)
        if topic.bell_id == CANARY and topic.site.startswith("gateway-"):
            if topic.site == f"gateway-{carrier.settings.gateway_id}" and topic.leaf == "up" and on_canary is not None:
                on_canary(carrier.tx, inbound.payload)
            return
        if inbound.retained and topic.leaf != "status":
            raise WireError("retained", "an alarm is never retained: the broker's permissions should forbid it")
        if len(inbound.payload) > MAX_PAYLOAD_BYTES:
            raise WireError("too_long", f"{len(inbound.payload)} bytes, at most {MAX_PAYLOAD_BYTES}")
        if topic.leaf == "down":
            raise WireError("topic", "only the gateway speaks on .../down")
        bell = _speaker(carrier.tx, topic.site, topic.bell_id)
        bell, message, leaf = opened(bell, inbound, carrier.now_ms)
        try:
            check(message, leaf)
        except WireError as fault:
            if leaf == "up" and identity_fault(message) is None:
                carrier.receipt(bell, message["boot"], message["seq"], "refused", str(fault)[:_REASON_CHARS])
            raise
    except WireError as fault:
        _refuse(carrier, inbound.topic, bell, fault)
        return
    match message["type"]:
        case "event":
            _event(carrier, inbound, bell, message, clock_unsure)
        case "heartbeat":
            _heartbeat(carrier, bell, message)
        case "status":
            _status(carrier, bell, message, inbound.retained)


def opened(bell: Bell, inbound: Inbound, now_ms: int) -> tuple[Bell, dict[str, Any], str]:
    """(the bell with the key that made the seal, message, leaf of the topic). Raises WireError.

    During a rotation there are two keys. Whoever speaks under one is answered under the same.
    """
    first, *others = bell.keys(now_ms)
    try:
        return bell, *open_sealed(inbound.payload, inbound.topic, {bell.key_number: first})
    except WireError as fault:
        if fault.fault != "tag" or not others:
            raise
    message, leaf = open_sealed(inbound.payload, inbound.topic, {bell.key_number: others[0]})
    return replace(bell, key=others[0], other_key=first), message, leaf


def _speaker(tx: Tx, site: str, bell_id: str) -> Bell:
    bell = bells.get(tx, bell_id)
    if bell is None:
        raise WireError("unknown_bell", f"no bell {bell_id} is enrolled here: `bellgate enrol` registers one")
    if bell.site != site:
        raise WireError("unknown_bell", f"bell {bell_id} is enrolled at site {bell.site}, not {site}")
    if bell.state == bells.REVOKED:
        raise WireError("revoked", f"bell {bell_id} is revoked: take it down, or enrol it again")
    return bell


def _refuse(carrier: Carrier, topic: str, bell: Bell | None, fault: WireError) -> None:
    tx = carrier.tx
    subject = bell.bell_id if bell is not None else topic if _well_formed(topic) else _SHARED
    kind = "message_refused"
    if not troubles.is_open(tx, kind, subject) and troubles.open_count(tx, kind) >= SUBJECTS_MAX:
        subject = _SHARED
    refusals.count(tx, fault.fault, carrier.now_ms)
    carrier.raise_trouble(kind, subject, str(fault))
    carrier.after.counts.append("refused")


def _well_formed(topic: str) -> bool:
    try:
        parse(topic)
    except WireError:
        return False
    return True


def _event(carrier: Carrier, inbound: Inbound, bell: Bell, message: dict[str, Any], clock_unsure: bool) -> None:
    tx = carrier.tx
    signal = read_event(message, bell.site, bell.bell_id, inbound.received_ms, inbound.waited_ms, clock_unsure)
    press = press_id(signal.bell_id, signal.boot, signal.seq)
    key = carrier.folding(bell)
    answers = press_tests.of_command(tx, bell.bell_id, signal.info.get("id")) if signal.what in ANSWERS else None
    before = None if answers is not None else incidents.open_for(tx, key, signal.test)
    number = signals.insert(tx, signal, before.id if before else None)
    if number is None:
        stage = signals.stage(tx, bell.bell_id, signal.boot, signal.seq)
        assert stage is not None
        carrier.receipt(bell, signal.boot, signal.seq, stage)
        carrier.after.counts.append("duplicates")
        carrier.after.notes.append({"event": "press_again", "press": press, "stage": stage})
        return
    signal = signal.numbered(number)
    carrier.receipt(bell, signal.boot, signal.seq, "stored")
    carrier.after.counts.append("signals")
    if signal.what == "test":
        carrier.after.tests.append(((signal.bell_id, signal.boot, signal.seq), inbound.received_ms))
    # Of unknown age and from a start that is not the living one: it comes out of the journal of an earlier start.
    earlier = signal.age_ms is None and bells.living_boot(tx, bell.bell_id) not in (None, signal.boot)
    boot = signals.heard_event(tx, bell.bell_id, signal.boot, signal.seq, carrier.now_ms, earlier)
    heard = EventHeard(signal.boot, boot.stored, boot.highest_seq, boot.claimed_seq, boot.lost)
    carrier.for_bell(bell, supervision.losses(bell.bell_id, heard))
    incident = change = None
    if answers is not None:  # whoever began the test waits for it, and nobody else needs to know
        PressTests(carrier).answered(answers, signal)
    else:
        if signal.meaning.trouble:
            carrier.for_bell(bell, [_trouble(signal)])
        if before is not None or (signal.meaning.opens and signal.state == "alarm"):
            incident = carrier.arrived(bell, before, signal, key).id
            change = "opened" if before is None else "joined"
        PressTests(carrier).heard(signal)
    said = {"signal": number, "incident": incident, "change": change, "what": signal.what, "state": signal.state}
    waited_ms = carrier.now_ms - inbound.received_ms
    carrier.after.notes.append({"event": "press_stored", "press": press, **said, "waited_ms": waited_ms})


def _trouble(signal: Signal) -> RaiseTrouble | ClearTrouble:
    kind = f"bell_{signal.what}"
    if signal.state == "restore":
        return ClearTrouble(kind, signal.bell_id)
    said = ", ".join(f"{name} {value}" for name, value in signal.info.items())
    return RaiseTrouble(kind, signal.bell_id, {"fault": said or "?"} if signal.what == "fault" else {})


def _heartbeat(carrier: Carrier, bell: Bell, message: dict[str, Any]) -> None:
    known = signals.known_boot(carrier.tx, bell.bell_id, message["boot"])
    presence = bells.presence(carrier.tx, bell.bell_id)
    if known is None:
        known = signals.Boot(False, 0, 0)
    given = Heartbeat(message, known.superseded, known.stored, known.highest_seq, known.claimed_seq, known.lost)
    after, effects = supervision.step(presence, given, carrier.now_ms)
    if after is presence:
        carrier.after.counts.append("replays")
        return
    if after.boot != presence.boot:
        signals.heard_alive(carrier.tx, bell.bell_id, message["boot"], carrier.now_ms)
    if after.boot != presence.boot or bell.once_sha256 is not None or bell.other_key is not None:
        _identity(carrier, bell)
    bells.save_presence(carrier.tx, after)
    carrier.for_bell(bell, effects)
    carrier.after.counts.append("heartbeats")


def _identity(carrier: Carrier, bell: Bell) -> None:
    """What a heartbeat says of the enrolment: its file is in use now, and whoever it replaces may no longer speak."""
    tx = carrier.tx
    stored = bells.get(tx, bell.bell_id)
    assert stored is not None
    records: list[audit.Entry] = []

    def note(act: str, detail: dict[str, str | int | bool | None]) -> None:
        records.append(audit.Entry(carrier.now_ms, None, BY, act, detail))

    if bell.key == stored.other_key:
        waited = stored.other_until_ms is None
        stored = bells.use_other_key(tx, stored, carrier.now_ms)
        note("key_in_use", {"bell_id": bell.bell_id, "rotated": waited})
    if stored.once_sha256 is not None and (stored.other_key is None or stored.other_until_ms is not None):
        bells.heard(tx, bell.bell_id)
        note("enrolment_used", {"bell_id": bell.bell_id})
    if stored.replaces is not None:
        old = bells.get(tx, stored.replaces)
        if old is not None and old.speaks:
            bells.set_state(tx, old.bell_id, bells.REVOKED)
            note("revoked", {"bell_id": old.bell_id, "replaced_by": bell.bell_id})
    if records:
        carrier.write_down(records)


def _status(carrier: Carrier, bell: Bell, message: dict[str, Any], retained: bool) -> None:
    known = signals.known_boot(carrier.tx, bell.bell_id, message["boot"])
    presence = bells.presence(carrier.tx, bell.bell_id)
    if retained and message["boot"] != presence.boot:
        # A broker hands it out when we subscribe, perhaps before what it kept of an earlier start. That would then look
        # like the newer one, and the living bell would never be believed again. Its heartbeat is coming.
        carrier.after.counts.append("replays")
        return
    after, effects = supervision.step(presence, Status(message, known is not None and known.superseded), carrier.now_ms)
    if after is presence:
        carrier.after.counts.append("replays")
        return
    if message["state"] == "online" and message["boot"] != presence.boot:
        signals.heard_alive(carrier.tx, bell.bell_id, message["boot"], carrier.now_ms)
    if after != presence:
        bells.save_presence(carrier.tx, after)
    carrier.for_bell(bell, effects)
    carrier.after.counts.append("statuses")
