"""A message of the outbox, read for those who put it into other words: CAP, apprise, the sounder."""

import json
from collections.abc import Mapping
from typing import Any

from bellgate.core.alarm_codes import SIGNAL
from bellgate.core.frozen import frozen
from bellgate.store.deliveries import Delivery


@frozen
class Notice:
    """What one message says. change: "signal", or the change of handling. Times are Unix ms.

    incident: 0 for an alarm that could not be stored and is told from memory.
    what: the incident's kind, the heaviest so far; heard: what the bell said just now, None for a change of handling.
    begun_ms, begun_err_ms: when it happened, ± (None: any time before), as far as this message knows.
    """

    id: str
    incident: int
    change: str
    round: int
    version: int
    sent_ms: int
    site: str
    bell_id: str
    name: str
    address: str
    lat: float | None
    lon: float | None
    what: str
    heard: str | None
    state: str | None
    test: bool
    silent: bool
    duress: bool
    cancel_asked: bool
    late: bool
    clock_unsure: bool
    handling: str
    priority: int
    signals: int
    disposition: str | None
    begun_ms: int
    begun_err_ms: int | None

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Sorts the messages of one incident as they were made, even if the clock was set back in between."""
        return self.version, self.round, self.sent_ms, self.id

    @property
    def stored(self) -> bool:
        """False for an alarm that is told from memory, because the disk takes nothing."""
        return self.incident != 0

    @property
    def hushed(self) -> bool:
        """True if nobody near the bell may notice that it was pressed."""
        return self.silent or self.duress


def read(delivery: Delivery) -> Notice:
    """The notice in a delivery's body."""
    return read_body(delivery.id, delivery.type, delivery.round, delivery.body, delivery.created_ms)


def read_body(id_: str, type_: str, round_: int, body: str, created_ms: int) -> Notice:
    """The notice in a row of the outbox."""
    data: Mapping[str, Any] = json.loads(body)["data"]
    signal = type_ == SIGNAL
    begun = data["occurred"] if signal else {"at_ms": data["times"]["opened_ms"], "err_ms": None}
    return Notice(
        id=id_,
        incident=data["incident"],
        change="signal" if signal else data["change"],
        round=round_,
        version=data["version"],
        sent_ms=created_ms,
        site=data["site"],
        bell_id=data["bell_id"],
        name=data["name"],
        address=data["address"],
        lat=data["lat"],
        lon=data["lon"],
        what=data["incident_what"] if signal else data["what"],
        heard=data["what"] if signal else None,
        state=data["state"] if signal else None,
        test=data["test"],
        silent=data["silent"],
        duress=data["duress"],
        cancel_asked=data["cancel_asked"],
        late=bool(data.get("late")),
        clock_unsure=bool(data.get("clock_unsure")),
        handling=data["handling"],
        priority=data["priority"],
        signals=data["signals"],
        disposition=data.get("disposition"),
        begun_ms=begun["at_ms"],
        begun_err_ms=begun["err_ms"],
    )
