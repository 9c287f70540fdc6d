"""Consoles and who sits at them, inside one transaction: what `core.attendance` decides is carried out here."""

import secrets
from collections.abc import Iterable
from typing import Any

from bellgate.core import attendance, escalation
from bellgate.core.attendance import ATTENDED, Desk
from bellgate.core.effect import ClearDue, ClearTrouble, Effect, RaiseTrouble, Record, SetDue, Unattended
from bellgate.core.frozen import frozen
from bellgate.core.incident import Incident
from bellgate.errors import NotAllowed
from bellgate.pipeline.carry import Carrier
from bellgate.store import areas, audit, desks, dues, incidents

# Who was there when stands in the record; the rows of watches that are over are of no use after that.
KEPT_MS = 7 * 86_400_000


@frozen
class Attendance:
    """One person's console, begun, proved, broken and ended."""

    carrier: Carrier

    def begin(self, operator: str, console: str, within: areas.Areas) -> Desk:
        """A new watch on this page; one that the same page had before is over."""
        for old in desks.of_operator(self.carrier.tx, operator):
            if old.console == console:
                self._step(old, attendance.End())
        made = Desk(secrets.token_hex(16), operator, console, within, self.carrier.now_ms)
        desks.forget(self.carrier.tx, self.carrier.now_ms - KEPT_MS)
        desk, effects = attendance.begin(made, self.carrier.now_ms)
        self._carry(desk, effects)
        self.check()
        return desk

    def given(self, desk_id: str, operator: str, given: attendance.Input) -> Desk:
        """What the page or its person says. Raises NotAllowed."""
        return self._step(self._own(desk_id, operator), given)

    def proved(self, desk_id: str, operator: str, proof: attendance.Proof) -> tuple[Desk, str]:
        """A page's proof, and why it does not count ("" if it does). Raises NotAllowed."""
        desk = self._own(desk_id, operator)
        return self._step(desk, proof), attendance.flaw(desk, proof, self.carrier.now_ms)

    def end(self, desk_id: str, operator: str) -> Desk:
        """The person goes home. Raises NotAllowed while something is open that nobody else would see to."""
        desk = self._own(desk_id, operator)
        if desk.condition == attendance.ENDED:
            return desk
        open_now = [
            case for case in incidents.all_open(self.carrier.tx) if not case.test and areas.sees(desk.areas, case.site)
        ]
        return self._step(
            desk,
            attendance.End(
                tuple(case.id for case in open_now if not case.attended),
                () if self._elsewhere(desk) else tuple(case.id for case in open_now if case.owner == operator),
            ),
        )

    def due(self, kind: str, desk_id: str) -> None:
        """A due row of a watch."""
        desk = desks.get(self.carrier.tx, desk_id)
        if desk is not None and desk.ended_ms is None:
            self._step(desk, attendance.Lapsed() if kind == attendance.LAPSED else attendance.Unsigned())

    def check(self) -> None:
        """The condition of a console has changed: is there one that somebody attends?"""
        carrier = self.carrier
        if carrier.settings.has_screens and desks.nobody_attends(carrier.tx):
            carrier.raise_trouble("console_unattended", "console", {}, ongoing=True)
        else:
            carrier.clear_trouble("console_unattended", "console")

    def _own(self, desk_id: str, operator: str) -> Desk:
        desk = desks.get(self.carrier.tx, desk_id)
        if desk is None or desk.operator != operator:
            raise NotAllowed("this watch is not known: begin a new one")
        return desk

    def _step(self, desk: Desk, given: attendance.Input) -> Desk:
        carrier = self.carrier
        after, effects = attendance.step(desk, given, carrier.now_ms, carrier.settings.sign_within_ms)
        self._carry(after, effects)
        if after.condition != desk.condition:
            self.check()
        return after

    def _carry(self, desk: Desk, effects: Iterable[Effect]) -> None:
        carrier = self.carrier
        desks.save(carrier.tx, desk)
        for effect in effects:
            match effect:
                case SetDue(kind, due_ms):
                    dues.put(carrier.tx, kind, desk.id, due_ms)
                case ClearDue(kind):
                    dues.remove(carrier.tx, kind, desk.id)
                case Record(act, by, detail):
                    carrier.write_down([audit.Entry(carrier.now_ms, None, by, act, detail)])
                case RaiseTrouble(kind, subject, said):
                    carrier.raise_trouble(kind, subject, said)
                case ClearTrouble(kind, subject):
                    carrier.clear_trouble(kind, subject)
                case Unattended():
                    self._hurry(desk)
                case _:
                    raise TypeError(f"not an effect of a watch: {effect}")

    def _elsewhere(self, desk: Desk) -> bool:
        others = desks.of_operator(self.carrier.tx, desk.operator)
        return any(one.condition == ATTENDED and one.id != desk.id for one in others)

    def _hurry(self, desk: Desk) -> None:
        """Every case that this console alone showed, and every acknowledgement of a person who can't be seen now."""
        carrier = self.carrier
        elsewhere = self._elsewhere(desk)
        for case in incidents.all_open(carrier.tx):
            if case.test or not areas.sees(desk.areas, case.site):
                continue
            if case.owner == desk.operator and case.handling == "acknowledged":
                if not elsewhere:
                    self._shorten_lease(case)
            elif not case.attended and not desks.watched(carrier.tx, case.site):
                after, effects = escalation.hurry(case, carrier.plan_of(case), carrier.now_ms)
                incidents.save(carrier.tx, case, after)
                for effect in effects:
                    assert isinstance(effect, SetDue)
                    dues.put(carrier.tx, effect.kind, str(case.id), effect.due_ms)

    def _shorten_lease(self, case: Incident) -> None:
        carrier = self.carrier
        until_ms = carrier.now_ms + attendance.LEASE_UNATTENDED_MS
        if case.lease_until_ms is None or case.lease_until_ms <= until_ms:
            return
        incidents.save(carrier.tx, case, case.changed(lease_until_ms=until_ms))
        dues.put(carrier.tx, "lease", str(case.id), until_ms)
        carrier.announce(case, "lease_shortened")


def shown(desk: Desk, why: str = "") -> dict[str, Any]:
    """For its page and its colleagues; `why` it does not count, if it doesn't."""
    return {
        "desk": desk.id,
        "operator": desk.operator,
        "console": desk.console,
        "condition": desk.condition,
        "why": why,
        "begun_ms": desk.begun_ms,
        "heard_ms": desk.heard_ms,
        "signed_ms": desk.signed_ms,
    }
