"""The trouble list inside one transaction: lines that come and go, and storms of them gathered into one.

A target that asks for troubles is told of every single line, gathered or not: a receiving centre counts each bell's.
The pages see a common line with its first members in the live event, and with all of them in `GET troubles`.
"""

from bellgate.core import storm, trouble
from bellgate.core.alarm_codes import TROUBLE
from bellgate.core.frozen import frozen
from bellgate.pipeline.outbox import Outbox
from bellgate.pipeline.settings import After, Settings
from bellgate.store import bells, dues, troubles
from bellgate.store.base import Row, Tx
from bellgate.store.bells import Bell
from bellgate.store.troubles import Said

DUE = "trouble"


@frozen
class TroubleList:
    """Raises and clears lines; events and deliveries wait in `after` for the commit."""

    tx: Tx
    settings: Settings
    now_ms: int
    after: After

    def raise_(self, kind: str, subject: str, said: Said, bell: Bell | None = None, *, ongoing: bool = False) -> None:
        """It is so; ongoing: still so, which counts nothing. bell: at hand, if it is a bell's trouble."""
        row = troubles.live(self.tx, kind, subject)
        before = trouble.ABSENT if row is None else str(row["state"])
        if ongoing and before in (trouble.RISING, trouble.OPEN):
            return
        after = trouble.step(trouble.kind_of(kind), before, trouble.RAISE, self.now_ms)
        if row is not None:
            row = troubles.again(self.tx, row, said, after.state, self.now_ms)
        else:
            if trouble.kind_of(kind).of_bell and bell is None:
                bell = bells.get(self.tx, subject.partition("/")[0])
            row = troubles.insert(
                self.tx,
                kind,
                subject,
                said,
                self.now_ms,
                state=after.state,
                place=(None, None, None) if bell is None else (bell.bell_id, bell.site, storm.area(bell.site)),
            )
        self._wait(row, after)
        if after.state == trouble.OPEN and before not in trouble.SHOWN:
            self._opened(row)

    def clear(self, kind: str, subject: str) -> None:
        """It is over."""
        row = troubles.live(self.tx, kind, subject)
        if row is not None:
            self._move(row, trouble.CLEAR)

    def due(self, number: int) -> None:
        """A state has lasted as long as it should."""
        row = troubles.get(self.tx, number)
        if row is not None:
            self._move(row, trouble.DUE)

    def drop(self, row: Row) -> None:
        """Nobody will ever say that it is over: its bell was revoked, its target is gone."""
        self._wait(row, trouble.Step(trouble.ABSENT, "none"))
        self._gone(row)

    def _move(self, row: Row, happened: str) -> None:
        before = str(row["state"])
        after = trouble.step(trouble.kind_of(row["kind"]), before, happened, self.now_ms)
        self._wait(row, after)
        if after.state == trouble.ABSENT:
            self._gone(row)
        elif after.state != before:
            troubles.set_state(self.tx, row["id"], after.state)
            if before == trouble.RISING:
                self._opened(row | {"state": after.state})

    def _wait(self, row: Row, after: trouble.Step) -> None:
        if after.due == "set":
            dues.put(self.tx, DUE, str(row["id"]), after.due_ms)
        elif after.due == "none":
            dues.remove(self.tx, DUE, str(row["id"]))

    def _opened(self, row: Row) -> None:
        self._tell(row, "raised")
        if row["area"] is None:
            self._announce("raised", row)
            return
        common = troubles.common(self.tx, row["kind"], row["area"])
        since_ms = self.now_ms - storm.FORM_WITHIN_MS
        alone = [] if common is not None else troubles.alone(self.tx, row["kind"], row["area"], since_ms)
        match storm.opened(common is not None, len(alone)):
            case storm.ALONE:
                self._announce("raised", row)
            case storm.FORM:
                area = row["area"]
                common = troubles.insert(self.tx, row["kind"], area, {}, self.now_ms, place=(None, None, area))
                troubles.gather(self.tx, [one["id"] for one in alone], common["id"], self.now_ms)
                for one in alone:
                    if one["id"] != row["id"]:
                        self._announce("gathered", one)
                self._announce_common("raised", common["id"])
            case storm.JOIN:
                assert common is not None
                troubles.gather(self.tx, [row["id"]], common["id"], self.now_ms)
                self._announce_common("changed", common["id"])

    def _gone(self, row: Row) -> None:
        if row["state"] == trouble.RISING:
            troubles.forget(self.tx, row["id"])
            return
        ended = troubles.end(self.tx, row["id"], self.now_ms)
        if ended is None:
            return
        self._tell(ended, "cleared")
        if ended["part_of"] is None:
            self._announce("cleared", ended)
            return
        if storm.closed(troubles.left(self.tx, ended["part_of"])) == storm.KEEP:
            self._announce_common("changed", ended["part_of"])
            return
        remaining = troubles.part(self.tx, ended["part_of"])
        common = troubles.end(self.tx, ended["part_of"], self.now_ms)
        if common is not None:
            self._announce("cleared", common)
        for one in remaining:
            self._announce("raised", one)

    def _announce(self, change: str, row: Row) -> None:
        self.after.events.append(troubles.event(change, row))

    def _announce_common(self, change: str, number: int) -> None:
        row = troubles.get(self.tx, number)
        assert row is not None
        line = troubles.with_members(self.tx, row)
        self.after.events.append(troubles.event(change, line))

    def _tell(self, row: Row, change: str) -> None:
        """The targets that ask for troubles; a trouble of a bell names it first in its subject."""
        if any(one.takes(TROUBLE, row["kind"]) for one in self.settings.addresses):
            bell = bells.get(self.tx, row["subject"].partition("/")[0])
            Outbox(self.tx, self.settings, self.now_ms, self.after).trouble(bell, row, change)
