"""The effects of the cores, carried out inside one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bellgate.core import escalation, supervision
from bellgate.core import incident as incident_core
from bellgate.core.effect import (
    AnswerStages,
    ClearDue,
    ClearTrouble,
    Climb,
    Effect,
    Escalate,
    Notify,
    RaiseTrouble,
    Record,
    SetDue,
    TellIncident,
    TellSignal,
)
from bellgate.core.incident import Incident
from bellgate.core.signal import Signal
from bellgate.errors import NotAllowed
from bellgate.pipeline.outbox import Outbox
from bellgate.pipeline.settings import Address, After, Settings
from bellgate.store import audit, bells, deliveries, dues, incidents, signals, troubles
from bellgate.store.base import Row, Tx
from bellgate.store.bells import Bell
from bellwire import join, pack

# A bell keeps at most some dozens of unanswered events; what is older it has long cleared from its journal.
STAGES_MAX = 64
# Changes that an attended console must make heard, unless it is a test.
SOUNDING = ("opened", "joined", "escalated", "acknowledgement_expired")


@dataclass(slots=True)
class Carrier:
    """Carries out effects in one transaction; what has to wait for the commit collects in `after`."""

    tx: Tx
    settings: Settings
    now_ms: int
    after: After = field(default_factory=After)

    def arrived(self, bell: Bell, before: Incident | None, signal: Signal) -> Incident:
        """A new signal (stored and numbered) joins the open incident, or opens a new one."""
        opens = before is None
        if before is None:
            before = incident_core.opened_by(signal, self.settings.policy.name)
        state, effects = incident_core.step(before, incident_core.Arrived(signal), self.now_ms)
        state = self._settle(bell, before, state, effects, signal)
        self._announce(state, "opened" if opens else "joined")
        return state

    def command(self, incident_id: int, given: incident_core.Command) -> None:
        """A person's command. Raises CommandRefused and its kinds, and then nothing has changed."""
        before, bell = self._load(incident_id)
        if given.action == "reopen" and (other := incidents.open_for(self.tx, bell.bell_id, before.test)):
            raise NotAllowed(f"bell {bell.bell_id} has the open incident {other.id}: handle that one")
        state, effects = incident_core.step(before, given, self.now_ms)
        self._announce(self._settle(bell, before, state, effects), given.action)

    def presented(self, incident_id: int, given: incident_core.Presented) -> None:
        """An attended console showed the incident. Raises CommandRefused and its kinds."""
        before, bell = self._load(incident_id)
        screens = [one.name for one in self.settings.addresses if one.on_screen]
        deliveries.displayed(self.tx, incident_id, screens, given.up_to_signal, self.now_ms)
        state, effects = incident_core.step(before, given, self.now_ms)
        state = self._settle(bell, before, state, effects)
        if state is not before or self.after.receipts:
            self._announce(state, "presented")

    def fire(self, due: dues.Due) -> None:
        """One due row, already removed."""
        match due.kind:
            case "escalation":
                before, bell = self._load(int(due.subject))
                state, effects = escalation.step(before, self.settings.policy, self.now_ms)
                state = self._settle(bell, before, state, effects)
                if effects:
                    self._announce(state, "escalated")
            case "lease":
                before, bell = self._load(int(due.subject))
                state, effects = incident_core.step(before, incident_core.LeaseExpired(), self.now_ms)
                state = self._settle(bell, before, state, effects)
                if effects:
                    self._announce(state, "acknowledgement_expired")
            case "supervision":
                self._silence(due.subject)
            case "clear_refusals":
                self.clear_trouble("message_refused", due.subject)
            case _:
                raise ValueError(f"a due row of an unknown kind: {due.kind} {due.subject}")

    def for_bell(self, bell: Bell, effects: Iterable[Effect]) -> None:
        """Effects of the supervision core."""
        for effect in effects:
            match effect:
                case SetDue(kind, due_ms):
                    dues.put(self.tx, kind, bell.bell_id, due_ms)
                case RaiseTrouble(kind, subject, detail):
                    self.raise_trouble(kind, subject, detail)
                case ClearTrouble(kind, subject):
                    self.clear_trouble(kind, subject)
                case AnswerStages():
                    for boot, seq, stage in signals.open_stages(self.tx, bell.bell_id, STAGES_MAX):
                        self.receipt(bell, boot, seq, stage)
                case _:
                    raise TypeError(f"not an effect of supervision: {effect}")

    def receipt(self, bell: Bell, boot: str, seq: int, stage: str, reason: str | None = None) -> None:
        """Tell the bell, after the commit."""
        message: dict[str, Any] = {
            "v": 1,
            "type": "receipt",
            "boot": boot,
            "seq": seq,
            "stage": stage,
            "now_ms": self.now_ms,
        }
        if reason is not None:
            message["reason"] = reason
        if bell.key_number:
            message["k"] = bell.key_number
        topic = join(bell.site, bell.bell_id, "down")
        self.after.receipts.append((topic, pack(message, topic, bell.key)))

    def raise_trouble(self, kind: str, subject: str, detail: str) -> None:
        """Open the line or count it again; only a new one is announced."""
        row = troubles.raise_(self.tx, kind, subject, detail, self.now_ms)
        if row["count"] == 1:
            self.after.events.append(trouble_event("raised", row))

    def clear_trouble(self, kind: str, subject: str) -> None:
        """Close the line, if it is open."""
        row = troubles.clear(self.tx, kind, subject, self.now_ms)
        if row is not None:
            self.after.events.append(trouble_event("cleared", row))

    def _silence(self, bell_id: str) -> None:
        bell = bells.get(self.tx, bell_id)
        if bell is None or bell.state == bells.REVOKED:
            return
        presence = bells.presence(self.tx, bell_id)
        after, effects = supervision.step(presence, supervision.Silence(), self.now_ms)
        if after is not presence:
            bells.save_presence(self.tx, after)
        self.for_bell(bell, effects)

    def _load(self, incident_id: int) -> tuple[Incident, Bell]:
        before = incidents.get(self.tx, incident_id)
        bell = bells.get(self.tx, before.bell_id)
        assert bell is not None  # a foreign key, and bells are never deleted
        return before, bell

    def _settle(
        self, bell: Bell, before: Incident, state: Incident, effects: Iterable[Effect], signal: Signal | None = None
    ) -> Incident:
        """Save the state, then carry out the effects on it; the state with its number."""
        flat: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Escalate):
                state, more = escalation.step(state, self.settings.policy, self.now_ms)
                flat += more
            else:
                flat.append(effect)
        if not before.id:
            state = replace(state, id=incidents.insert(self.tx, state))
        elif state is not before:
            incidents.save(self.tx, before, state)
        if signal is not None and before.id != state.id:
            signals.join(self.tx, signal.number, state.id)
        self._carry(bell, state, flat, signal)
        return state

    def _carry(self, bell: Bell, state: Incident, effects: Iterable[Effect], signal: Signal | None) -> None:
        subject = str(state.id)
        outbox = Outbox(self.tx, self.settings, self.now_ms, self.after)
        records: list[audit.Entry] = []
        told: list[Address] = []  # of this signal, in this transaction: not to be told again by the first round
        for effect in effects:
            match effect:
                case Climb(stage, up_to):
                    for boot, seq in signals.climb(self.tx, state.id, stage, up_to):
                        self.receipt(bell, boot, seq, stage)
                case Record(act, by, detail):
                    records.append(audit.Entry(self.now_ms, state.id, by, act, detail))
                case TellSignal():
                    assert signal is not None
                    told = self.settings.route(self.settings.reached(state.escalation_round), state.test)
                    outbox.signal(bell, state, signal, told)
                case TellIncident(change):
                    to = self.settings.route(deliveries.told(self.tx, state.id), state.test)
                    outbox.incident(bell, state, change, state.escalation_round, to)
                case Notify(targets, _, number):
                    to = [one for one in self.settings.route(targets, state.test) if one not in told]
                    outbox.incident(bell, state, "unacknowledged", number, to)
                case SetDue(kind, due_ms):
                    dues.put(self.tx, kind, subject, due_ms)
                case ClearDue(kind):
                    dues.remove(self.tx, kind, subject)
                case RaiseTrouble(kind, name, text):
                    self.raise_trouble(kind, name, text)
                case ClearTrouble(kind, name):
                    self.clear_trouble(kind, name)
                case _:
                    raise TypeError(f"not an effect of an incident: {effect}")
        if records:
            audit.append_all(self.tx, records)

    def _announce(self, state: Incident, change: str) -> None:
        self.after.events.append(
            {
                "type": "incident",
                "change": change,
                "incident": incidents.summary(self.tx, state.id),
                "sound": change in SOUNDING and not state.test,
            }
        )


def trouble_event(change: str, row: Row) -> dict[str, Any]:
    """The live event for a line of the trouble list."""
    return {"type": "trouble", "change": change, "trouble": dict(row)}
