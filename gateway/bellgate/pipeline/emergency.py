"""The disk takes nothing: alarms still go out, from memory.

Each alarm that cannot be stored is told once to every target and to every page, with incident number 0: "not stored".
The bell gets no `stored`, for it would not be true; it goes on sending. When the disk works again, the alarm is stored
and told once more, now with its incident. Until then nothing is escalated, so nobody is left out at the start.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bellgate.core import incident as incident_core
from bellgate.core import trouble
from bellgate.core.escalation import EVERY_TARGET
from bellgate.core.signal import Signal, read_event
from bellgate.pipeline.intake import opened
from bellgate.pipeline.outbox import Outbox
from bellgate.pipeline.settings import After, Inbound, Settings, press_id
from bellgate.store.base import Row
from bellgate.store.bells import Bell
from bellwire import MAX_PAYLOAD_BYTES, WireError, check, parse

# As many as a district has bells; beyond it the oldest are forgotten, and told again if they come again.
TOLD_MAX = 10_000
KIND = "alarm_not_stored"


class Emergency:
    """Tells from memory. Called from the writer's thread and the broker's; one call at a time."""

    def __init__(self, settings: Settings, announce: Callable[[dict[str, Any]], None]) -> None:
        self._settings, self._announce = settings, announce
        self._bells: dict[str, Bell] = {}
        self._told: OrderedDict[tuple[str, str, int], str] = OrderedDict()
        self._shown: set[str] = set()  # bells with an open line on the pages
        self.told = 0

    def know(self, bells: Iterable[Bell]) -> None:
        """Who may speak: kept in memory for the time when the database cannot be read."""
        self._bells = {bell.bell_id: bell for bell in bells if bell.speaks}

    def after(self, inbound: Inbound, now_ms: int, clock_unsure: bool) -> After | None:
        """What to hand out for a message that could not be stored; None if it is no alarm, or was told already."""
        try:
            topic = parse(inbound.topic)
            bell = self._bells.get(topic.bell_id)
            if bell is None or topic.leaf != "up" or inbound.retained or len(inbound.payload) > MAX_PAYLOAD_BYTES:
                return None
            if bell.site != topic.site:
                return None
            bell, message, leaf = opened(bell, inbound, now_ms)
            check(message, leaf)
        except WireError:
            return None  # refused and counted when the disk works again
        if message["type"] != "event":
            return None
        signal = read_event(message, bell.site, bell.bell_id, inbound.received_ms, inbound.waited_ms, clock_unsure)
        identity = (signal.bell_id, signal.boot, signal.seq)
        if identity in self._told or not signal.meaning.opens or signal.state != "alarm":
            return None
        self._told[identity] = bell.bell_id
        self._shown.add(bell.bell_id)
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        self.told += 1
        after = After()
        incident = incident_core.opened_by(signal, "none")
        outbox = Outbox(_Nowhere(), self._settings, now_ms, after)
        outbox.signal(bell, incident, signal, self._settings.route(EVERY_TARGET, signal.test))
        after.events.append(_event("raised", bell, signal, now_ms))
        press = press_id(*identity)
        after.notes.append({"event": "told_from_memory", "press": press, "targets": len(after.deliveries)})
        return after

    def over(self, now_ms: int) -> None:
        """The disk works again: what was told is being stored, and the lines about it are closed."""
        for bell_id in self._shown:
            self._announce({"type": "trouble", "change": "cleared", "trouble": _row(bell_id, "", now_ms, now_ms)})
        self._shown.clear()  # but what was told stays told: the disk may fail again before it is stored


def _event(change: str, bell: Bell, signal: Signal, now_ms: int) -> dict[str, Any]:
    detail = f"{'TEST ' if signal.test else ''}{signal.what}: {bell.name}, {bell.address}"
    row = _row(bell.bell_id, detail, now_ms, None)
    row["site"] = bell.site
    row["values"] = {"what": "test" if signal.test else signal.what, "name": bell.name, "address": bell.address}
    return {"type": "trouble", "change": change, "trouble": row, "sound": not signal.test}


def _row(bell_id: str, detail: str, at_ms: int, cleared_ms: int | None) -> Row:
    times = {"raised_ms": at_ms, "last_ms": at_ms, "cleared_ms": cleared_ms}
    row = {"id": f"{KIND}/{bell_id}", "kind": KIND, "subject": bell_id, "detail": detail, "count": 1, "values": {}}
    row |= {"bell_id": bell_id, "site": None, "urgency": trouble.kind_of(KIND).urgency}
    return row | times


class _Nowhere:
    """A transaction that keeps nothing: the outbox makes its messages in it as always."""

    holder = 0
    alone = True

    def __init__(self) -> None:
        self.memo: dict[Any, Any] = {}

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return []

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        return None

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        return 0

    def put(self, sql: str, params: Sequence[Any] = ()) -> None:
        return

    def attempt(self, change: Callable[[], None]) -> Exception | None:
        change()
        return None

    def hold(self, number: int) -> None:
        return

    def living(self) -> frozenset[int] | None:
        return None

    def tell(self, text: str) -> None:
        return
