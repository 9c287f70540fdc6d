"""Press tests inside one transaction: what `core.press_test` decides is carried out here.

The command goes to the bell after the commit, like a receipt, and so does the one that ends its test mode.
"""

import secrets
from collections.abc import Iterable
from dataclasses import replace

from bellgate.core import press_test
from bellgate.core.effect import ClearDue, Effect, Record, SetDue
from bellgate.core.frozen import frozen
from bellgate.core.incident import Command
from bellgate.core.press_test import CloseCase, Given, Order, PressTest
from bellgate.core.signal import Signal
from bellgate.errors import CommandRefused, NotAllowed
from bellgate.pipeline.carry import Carrier
from bellgate.pipeline.settings import BellCommand
from bellgate.store import audit, bells, dues, incidents, press_tests, signals
from bellgate.store.bells import Bell

REASON_CHARS = 100  # as a bell sends it; another make may send more


@frozen
class PressTests:
    """Begun by people, told on by bells and consoles, ended by both or by time."""

    carrier: Carrier

    def begin(self, bell_id: str, by: str, minutes: int) -> PressTest:
        """A new test, or the one that runs already. Raises NotAllowed for a bell that may not speak, RecordError."""
        carrier = self.carrier
        bell = bells.get(carrier.tx, bell_id)
        if bell is None or not bell.speaks:
            raise NotAllowed(f"bell {bell_id} is revoked, so nobody listens to it: enrol it again first")
        running = press_tests.running(carrier.tx, bell_id)
        if running is not None:
            return running
        made = PressTest(
            0, bell_id, bell.site, by, minutes, carrier.now_ms, secrets.token_hex(8), secrets.token_hex(8)
        )  # fmt: skip
        for earlier in press_tests.ending(carrier.tx, bell_id):  # its end, sent again, would end the new one
            self._step(earlier, Given("quiet"))
        busy = incidents.open_for(carrier.tx, carrier.folding(bell), False) is not None
        test, effects = press_test.begin(made, bells.presence(carrier.tx, bell_id).online, busy)
        test = replace(test, id=press_tests.insert(carrier.tx, test))
        detail: dict[str, str | int | bool | None] = {"bell_id": bell_id, "minutes": minutes}
        # It changes what a press means: no entry in the record, no test.
        audit.demand(carrier.tx, carrier.now_ms, None, by, "press_test", detail)
        self._carry(bell, test, effects)
        return test

    def end(self, number: int, by: str) -> None:
        """A person ends it. Raises NotAllowed if it is over."""
        test = press_tests.get(self.carrier.tx, number)
        if test is None or not test.running:
            raise NotAllowed("this press test is over already: begin a new one")
        self._step(test, Given("end", by))

    def answered(self, test: PressTest, signal: Signal) -> None:
        """The bell's answer to a command of this test."""
        if signal.info.get("id") != test.command:
            if signal.what == "test":
                self._take(test, Given("quiet"))
        elif signal.what == "test":
            self._take(test, Given("confirm"))
        else:
            self._take(test, Given("refuse", str(signal.info.get("reason", "?"))[:REASON_CHARS]))

    def heard(self, signal: Signal) -> None:
        """Any other signal: is it what a test of this bell waits for, or a real alarm instead?"""
        test = press_tests.running(self.carrier.tx, signal.bell_id) if signal.state == "alarm" else None
        if test is None:
            return
        if signal.meaning.opens and not signal.test:
            self._take(test, Given("alarm"))
        elif signal.test and signal.zone is None and "id" not in signal.info and _since(test, signal):
            self._take(test, Given("press", None, signal.number, signal.received_ms))

    def shown(self) -> None:
        """What this transaction has shown on a console: is a press among it that a test waits for?"""
        for (bell_id, boot, seq), console in self.carrier.after.shown:
            test = press_tests.running(self.carrier.tx, bell_id)
            row = None if test is None else signals.one(self.carrier.tx, bell_id, boot, seq)
            if test is not None and row is not None and row["number"] == test.signal:
                self._take(test, Given("show", console))

    def due(self, number: int) -> None:
        """The time of its state is over."""
        test = press_tests.get(self.carrier.tx, number)
        if test is not None and (test.running or test.end_tries):
            self._step(test, press_test.fell_due(test, self.carrier.now_ms))

    def _take(self, test: PressTest, given: Given) -> None:
        """Like `_step`, for what a bell or a console may say at any time."""
        if press_test.takes(test, given.sign):
            self._step(test, given)

    def _step(self, test: PressTest, given: Given) -> None:
        after, effects = press_test.step(test, given, self.carrier.now_ms)
        press_tests.save(self.carrier.tx, after)
        bell = bells.get(self.carrier.tx, test.bell_id)
        assert bell is not None  # a foreign key, and bells are never deleted
        self._carry(bell, after, effects)

    def _carry(self, bell: Bell, test: PressTest, effects: Iterable[Effect | Order | CloseCase]) -> None:
        carrier = self.carrier
        for effect in effects:
            match effect:
                case Order(command, minutes, now_ms, ttl_s):
                    args = {"test_mode_min": minutes}
                    carrier.after.commands.append(BellCommand(bell, command, "selftest", now_ms, ttl_s, args))
                case SetDue(kind, due_ms):
                    dues.put(carrier.tx, kind, str(test.id), due_ms)
                case ClearDue(kind):
                    dues.remove(carrier.tx, kind, str(test.id))
                case Record(act, by, detail):
                    carrier.write_down([audit.Entry(carrier.now_ms, None, by, act, detail)])
                case CloseCase():
                    self._close(test)
                case _:
                    raise TypeError(f"not an effect of a press test: {effect}")
        said = {"bell": bell.bell_id, "test": test.id, "state": test.state}
        carrier.after.notes.append({"event": "press_test", **said})

    def _close(self, test: PressTest) -> None:
        """The case of the press, unless somebody else has taken it: then that person closes it."""
        carrier = self.carrier
        number = None if test.signal is None else signals.incident_of(carrier.tx, test.signal)
        if number is None:
            return
        case = incidents.get(carrier.tx, number)
        if case.open and case.test and case.owner in (None, test.by):
            try:
                carrier.command(case.id, Command("close", test.by, case.version, disposition="test"))
            except CommandRefused as refused:  # the table of incidents has the last word
                carrier.after.notes.append({"event": "press_test_not_closed", "why": str(refused)})


def _since(test: PressTest, signal: Signal) -> bool:
    """Was it pressed after the test began? What comes out of a journal of unknown age proves nothing."""
    return signal.age_ms is not None and signal.received_ms - signal.age_ms >= test.begun_ms
