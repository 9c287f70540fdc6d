"""The effects of the cores, carried out inside one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bellgate.core import escalation, handling, supervision
from bellgate.core import incident as incident_core
from bellgate.core.attendance import ATTENDED
from bellgate.core.correlation import HOME_KINDS, folds_by
from bellgate.core.effect import (
    AnswerStages,
    ClearDue,
    ClearTrouble,
    Climb,
    Effect,
    Escalate,
    Held,
    NoteLoss,
    Notify,
    RaiseTrouble,
    Record,
    SetDue,
    TellIncident,
    TellSignal,
)
from bellgate.core.escalation import Policy
from bellgate.core.incident import Incident
from bellgate.core.signal import Signal
from bellgate.errors import NotAllowed
from bellgate.pipeline.outbox import Outbox
from bellgate.pipeline.settings import Address, After, Receipt, Settings
from bellgate.pipeline.trouble_list import TroubleList
from bellgate.store import audit, bells, deliveries, desks, dues, incidents, signals
from bellgate.store.base import Row, Tx
from bellgate.store.bells import Bell
from bellgate.store.troubles import Said

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

    def folding(self, bell: Bell) -> str:
        """The key under which the bell's signals fold into one incident."""
        home_sets = bells.home_sets(self.tx, bell.site) if bell.kind in HOME_KINDS else 0
        return folds_by(bell.bell_id, bell.site, bell.kind, home_sets)

    def arrived(self, bell: Bell, before: Incident | None, signal: Signal, key: str) -> Incident:
        """A new signal (stored and numbered) joins the open incident, or opens a new one under this key."""
        opens = before is None
        if before is None:
            policy = self.settings.roster.choose(bell.site, bell.kind, signal.what)
            before = incident_core.opened_by(signal, policy, key)
        state, effects = handling.step(before, incident_core.Arrived(signal), self.now_ms)
        state, effects = self._outgrown(bell, before, state, effects)
        state = self._settle(bell, before, state, effects, signal)
        self.announce(state, "opened" if opens else "joined")
        return state

    def command(self, incident_id: int, given: incident_core.Command) -> None:
        """A person's command. Raises CommandRefused and its kinds, and then nothing has changed."""
        before, bell = self._load(incident_id)
        state, effects = handling.step(before, given, self.now_ms)
        if given.action == "reopen" and (other := incidents.open_for(self.tx, before.folds_by, before.test)):
            raise NotAllowed(f"bell {bell.bell_id} has the open incident {other.id}: handle that one")
        if given.action == "merge":
            self._merge(before, given)
        self.announce(self._settle(bell, before, state, effects), given.action)

    def _merge(self, merged: Incident, given: incident_core.Command) -> None:
        """The other half of a merge: the incident that goes on takes the signals over."""
        assert given.into is not None
        before, bell = self._load(given.into)
        state, effects = handling.step(before, incident_core.Absorbed(merged, given.by), self.now_ms)
        state, effects = self._outgrown(bell, before, state, effects)
        signals.move(self.tx, merged.id, state.id)
        incidents.move_merged(self.tx, merged.id, state.id)
        self.announce(self._settle(bell, before, state, effects), "absorbed")

    def presented(self, incident_id: int, given: incident_core.Presented) -> None:
        """An attended console showed the incident. Raises CommandRefused and its kinds."""
        if given.desk is not None:
            desk = desks.get(self.tx, given.desk)
            if desk is None or desk.condition != ATTENDED:
                raise NotAllowed(f"{given.console} is not attended: what it shows has not been presented to anybody")
        before, bell = self._load(incident_id)
        screens = [one.name for one in self.settings.addresses if one.on_screen]
        deliveries.displayed(self.tx, incident_id, screens, given.up_to_signal, self.now_ms)
        state, effects = handling.step(before, given, self.now_ms)
        state = self._settle(bell, before, state, effects)
        if before.test:
            told = [one for one in self.after.receipts if one.stage == "presented"]
            self.after.shown += [((one.bell.bell_id, one.boot, one.seq), given.console) for one in told]
        if state is not before or self.after.receipts:
            self.announce(state, "presented")

    def fire(self, due: dues.Due) -> None:
        """One due row, already removed."""
        match due.kind:
            case "escalation":
                before, bell = self._load(int(due.subject))
                state, effects = escalation.step(before, self._plan(before, bell), self.now_ms)
                state = self._settle(bell, before, state, effects)
                if any(isinstance(effect, Notify) for effect in effects):
                    self.announce(state, "escalated")
            case "lease":
                before, bell = self._load(int(due.subject))
                state, effects = handling.step(before, incident_core.LeaseExpired(), self.now_ms)
                state = self._settle(bell, before, state, effects)
                if effects:
                    self.announce(state, "acknowledgement_expired")
            case "supervision":
                self._silence(due.subject)
            case "trouble":
                self._list.due(int(due.subject))
            case _:
                raise ValueError(f"a due row of an unknown kind: {due.kind} {due.subject}")

    def for_bell(self, bell: Bell, effects: Iterable[Effect]) -> None:
        """Effects of the supervision core. A suspended bell's troubles are nobody's concern."""
        for effect in effects:
            if isinstance(effect, RaiseTrouble) and bell.state == bells.SUSPENDED:
                continue
            match effect:
                case SetDue(kind, due_ms):
                    dues.put(self.tx, kind, bell.bell_id, due_ms)
                case RaiseTrouble(kind, subject, said, ongoing):
                    self._list.raise_(kind, subject, said, bell, ongoing=ongoing)
                case ClearTrouble(kind, subject):
                    self.clear_trouble(kind, subject)
                case NoteLoss(boot, claimed_seq, lost):
                    signals.note_loss(self.tx, bell.bell_id, boot, claimed_seq, lost)
                case AnswerStages():
                    for boot, seq, stage in signals.open_stages(self.tx, bell.bell_id, STAGES_MAX):
                        self.receipt(bell, boot, seq, stage)
                case _:
                    raise TypeError(f"not an effect of supervision: {effect}")

    def receipt(self, bell: Bell, boot: str, seq: int, stage: str, reason: str | None = None) -> None:
        """Tell the bell, after the commit."""
        self.after.receipts.append(Receipt(bell, boot, seq, stage, self.now_ms, reason))

    def raise_trouble(self, kind: str, subject: str, said: Said, *, ongoing: bool = False) -> None:
        """Raise the line, or count it again unless it is only ongoing. said: the values in its text, or a reason."""
        self._list.raise_(kind, subject, said, ongoing=ongoing)

    def clear_trouble(self, kind: str, subject: str) -> None:
        """It is over, if there is such a line."""
        self._list.clear(kind, subject)

    def drop_trouble(self, row: Row) -> None:
        """End this line at once: nobody will ever say that it is over."""
        self._list.drop(row)

    @property
    def _list(self) -> TroubleList:
        return TroubleList(self.tx, self.settings, self.now_ms, self.after)

    def _silence(self, bell_id: str) -> None:
        bell = bells.get(self.tx, bell_id)
        if bell is None or bell.state == bells.REVOKED:
            return
        presence = bells.presence(self.tx, bell_id)
        after, effects = supervision.step(presence, supervision.Silence(), self.now_ms)
        if after is not presence:
            bells.save_presence(self.tx, after)
        self.for_bell(bell, effects)

    def _outgrown(
        self, bell: Bell, before: Incident, state: Incident, effects: tuple[Effect, ...]
    ) -> tuple[Incident, tuple[Effect, ...]]:
        """What began as a tampering is a panic now: if that has a policy of its own, its people are told at once."""
        if state.what == before.what:
            return state, effects
        policy = self.settings.roster.choose(bell.site, bell.kind, state.what)
        if policy == state.policy:
            return state, effects
        return state.changed(policy=policy, escalation_step=0), (*effects, Escalate())

    def _plan(self, state: Incident, bell: Bell) -> Policy:
        """Its policy with whoever is on duty now; one that gateway.toml no longer has is chosen anew."""
        name = state.policy
        if not self.settings.roster.knows(name):
            name = self.settings.roster.choose(bell.site, bell.kind, state.what)
        watched = not self.settings.has_screens or desks.watched(self.tx, bell.site)
        return self.settings.plan(name, self.now_ms, state.test, watched)

    def plan_of(self, state: Incident) -> Policy:
        """The policy of a case with whoever is there now."""
        return self._plan(state, self._bell(state.bell_id))

    def _who_hears(self, bell: Bell, state: Incident, effects: Iterable[Effect]) -> list[Address]:
        """Whom a new signal is told: whoever knows of the incident, and whoever is on duty for its first step."""
        names = {name for effect in effects if isinstance(effect, Notify) for name in effect.targets}
        if state.signals > 1:
            names.update(self._plan(state, bell).steps[0].targets)
            if not self.settings.is_everyone(names):
                names.update(deliveries.told(self.tx, state.id))
        return self.settings.route(names, state.test)

    def _bell(self, bell_id: str, at_hand: Bell | None = None) -> Bell:
        """The bell, if it is not at hand: an incident of a home has signals of several."""
        if at_hand is not None and bell_id == at_hand.bell_id:
            return at_hand
        bell = bells.get(self.tx, bell_id)
        assert bell is not None  # a foreign key, and bells are never deleted
        return bell

    def _load(self, incident_id: int) -> tuple[Incident, Bell]:
        before = incidents.get(self.tx, incident_id)
        return before, self._bell(before.bell_id)

    def _settle(
        self, bell: Bell, before: Incident, state: Incident, effects: Iterable[Effect], signal: Signal | None = None
    ) -> Incident:
        """Save the state, then carry out the effects on it; the state with its number."""
        flat: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Escalate):
                plan = self._plan(state, bell)
                state, more = escalation.begin(state, plan, self.now_ms)
                flat += [*more, *(escalation.held(state, plan) if state.attended else ())]
            elif isinstance(effect, Held):
                flat += escalation.held(state, self._plan(state, bell))
            else:
                flat.append(effect)
        if not before.id:
            state = state.changed(id=incidents.insert(self.tx, state))
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
                    for bell_id, boot, seq in signals.climb(self.tx, state.id, stage, up_to):
                        self.receipt(self._bell(bell_id, bell), boot, seq, stage)
                case Record(act, by, detail):
                    records.append(audit.Entry(self.now_ms, state.id, by, act, detail))
                case TellSignal():
                    assert signal is not None
                    told = self._who_hears(bell, state, effects)
                    outbox.signal(bell, state, signal, told)
                case TellIncident(change):
                    to = self.settings.route(deliveries.told(self.tx, state.id), state.test)
                    outbox.incident(self._bell(state.bell_id, bell), state, change, state.escalation_round, to)
                case Notify(targets, _, number):
                    to = [one for one in self.settings.route(targets, state.test) if one not in told]
                    outbox.incident(self._bell(state.bell_id, bell), state, "unacknowledged", number, to)
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
            self.write_down(records)

    def write_down(self, records: list[audit.Entry]) -> None:
        """Into the record; a record that takes nothing is trouble, and holds up no alarm."""
        # A full disk has ended the whole transaction: then this raises, and the alarm is tried again.
        error = self.tx.attempt(lambda: audit.append_all(self.tx, records))
        if error is not None:
            self.after.counts.append("record_failures")
            acts = ", ".join(record.act for record in records)
            self.raise_trouble("record_failing", "record", {"acts": acts, "reason": str(error)})

    def announce(self, state: Incident, change: str) -> None:
        """Tell the consoles, after the commit."""
        self.after.events.append(
            {
                "type": "incident",
                "change": change,
                "incident": incidents.shown(self.tx, state),
                "sound": change in SOUNDING and not state.test,
            }
        )
