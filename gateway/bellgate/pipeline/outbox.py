"""Who is told, and the exact bytes. A body is fixed when its row is made: a repeat sends the same.

CloudEvents 1.0, JSON in structured mode. The CloudEvents id, the row's id and the webhook-id are one.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from bellgate.core.alarm_codes import INCIDENT, SIGNAL, TROUBLE
from bellgate.core.frozen import frozen
from bellgate.core.incident import Incident
from bellgate.core.signal import Signal
from bellgate.pipeline.settings import Address, After, Settings, press_id
from bellgate.store import deliveries
from bellgate.store.base import Row, Tx
from bellgate.store.bells import Bell
from bellgate.store.deliveries import Delivery

# How long a new row belongs to the hand-over in memory before the table is asked: longer than any single attempt, so
# that a busy target is not sent the same message twice.
HAND_OVER_MS = 120_000


@lru_cache(8)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@frozen
class Outbox:
    """Puts messages into the outbox of one transaction."""

    tx: Tx
    settings: Settings
    now_ms: int
    after: After

    def signal(self, bell: Bell, incident: Incident, signal: Signal, to: list[Address]) -> None:
        """One message about a new signal to each of these targets."""
        data = {
            "bell_id": bell.bell_id,
            "boot": signal.boot,
            "seq": signal.seq,
            "what": signal.what,
            "state": signal.state,
            "incident": incident.id,
            "site": bell.site,
            "test": signal.test,
            "zone": signal.zone,
            "info": dict(signal.info),
            "name": bell.name,
            "address": bell.address,
            "lat": bell.lat,
            "lon": bell.lon,
            "number": signal.number,
            "received_ms": signal.received_ms,
            "occurred": {
                "at_ms": signal.occurred.at_ms,
                "err_ms": signal.occurred.err_ms,
                "source": signal.occurred.source,
            },
            "late": signal.late,
            "clock_unsure": signal.clock_unsure,
            "signals": incident.signals,
            "incident_what": incident.what,
            "handling": incident.handling,
            "version": incident.version,
            "priority": incident.priority,
            "silent": incident.silent,
            "duress": incident.duress,
            "cancel_asked": incident.cancel_asked,
        }
        to = [one for one in to if one.takes(SIGNAL, signal.what)]
        self._put(SIGNAL, bell, (incident.id, signal.number, None), 0, data, to)

    def incident(self, bell: Bell, incident: Incident, change: str, number: int, to: list[Address]) -> None:
        """One message about a change of handling, or about round `number` of nobody having acknowledged."""
        data = {
            "incident": incident.id,
            "bell_id": bell.bell_id,
            "site": bell.site,
            "name": bell.name,
            "address": bell.address,
            "lat": bell.lat,
            "lon": bell.lon,
            "what": incident.what,
            "test": incident.test,
            "handling": incident.handling,
            "change": change,
            "round": number,
            "version": incident.version,
            "signals": incident.signals,
            "priority": incident.priority,
            "silent": incident.silent,
            "duress": incident.duress,
            "cancel_asked": incident.cancel_asked,
            "owner": incident.owner,
            "disposition": incident.disposition,
            "times": {
                "opened_ms": incident.opened_ms,
                "last_signal_ms": incident.last_signal_ms,
                "lease_until_ms": incident.lease_until_ms,
                "closed_ms": incident.closed_ms,
            },
        }
        to = [one for one in to if one.takes(INCIDENT, change)]
        if change == "unacknowledged" and any(one.told_once for one in to):
            told = deliveries.told(self.tx, incident.id)
            to = [one for one in to if not (one.told_once and one.name in told)]
        self._put(INCIDENT, bell, (incident.id, None, None), number, data, to)

    def trouble(self, bell: Bell | None, row: Row, change: str) -> None:
        """One message about a trouble, "raised" or "cleared", to each target that asks for such; none about itself."""
        kind, subject = row["kind"], row["subject"]
        to = [
            one
            for one in self.settings.addresses
            if one.takes(TROUBLE, kind) and one.name not in (subject, subject.rpartition("/")[0])
        ]
        if not to:
            return
        data = {
            "trouble": row["id"],
            "what": kind,
            "change": change,
            "subject": subject,
            "detail": row["detail"],
            "at_ms": self.now_ms,
            "test": False,
        }
        if bell is not None:
            data |= {"bell_id": bell.bell_id, "site": bell.site, "name": bell.name, "address": bell.address}
        self._put(TROUBLE, bell, (None, None, row["id"]), 0, data, to)

    def _put(
        self,
        kind: str,
        bell: Bell | None,
        about: tuple[int | None, int | None, int | None],
        number: int,
        data: dict[str, Any],
        to: Iterable[Address],
    ) -> None:
        """about: (incident, signal, trouble)"""
        rest = chance = ""
        made: list[tuple[Delivery, str, int]] = []
        press = None if about[1] is None else press_id(data["bell_id"], data["boot"], data["seq"])
        for place, address in enumerate(to):
            # The moment first: the newest rows then lie together in the index, and a storm writes fewer pages.
            chance = chance or secrets.token_hex(9)
            name = f"{self.now_ms:012x}{chance}{place:02x}"
            if not address.on_screen and not rest:
                rest = self._rest(kind, bell, data)
            # A console is told by the live event that follows this very commit: nothing is left to be sent.
            row = Delivery(
                id=name,
                target=address.name,
                type=kind,
                incident_id=about[0],
                signal_id=about[1],
                trouble_id=about[2],
                press=press,
                round=number,
                body="" if address.on_screen else f'{{"specversion":"1.0","id":"{name}",{rest}',
                attempts=0,
                created_ms=self.now_ms,
                due_ms=self.now_ms,
            )
            if address.on_screen:
                made.append((row, "sent", 0))
            else:
                made.append((row, "pending", self.now_ms + HAND_OVER_MS))
                self.after.deliveries.append(row)
        deliveries.insert_all(self.tx, made)

    def _rest(self, kind: str, bell: Bell | None, data: dict[str, Any]) -> str:
        """Everything after the id: the same for every target."""
        event = {
            "source": f"ansimbell/{self.settings.gateway_id}",
            "type": kind,
            "subject": "gateway" if bell is None else f"{bell.site}/{bell.bell_id}",
            "time": f"{_second(self.now_ms // 1000)}.{self.now_ms % 1000:03d}+00:00",
            "datacontenttype": "application/json",
            "data": data,
        }
        return orjson.dumps(event).decode()[1:]
