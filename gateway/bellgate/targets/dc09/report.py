"""A message of the outbox in a receiver's words. Pure."""

from collections.abc import Mapping
from typing import Any

from bellgate.config_dc09 import Dc09Target
from bellgate.core import alarm_codes
from bellgate.errors import TargetRefused
from bellgate.targets.dc09.frame import Premises, Report


def premises(target: Dc09Target, site: str | None, bell_id: str | None) -> Premises:
    """The bell's own account, else its site's, else the target's."""
    for wanted in (("bell", bell_id), ("site", site)):
        for one in target.premises:
            if wanted[1] is not None and getattr(one, wanted[0]) == wanted[1]:
                return Premises(one.account, _key(one.key or target.key), one.point)
    return Premises(target.account, _key(target.key))


def report(message: Mapping[str, Any]) -> Report | None:
    """The event in a CloudEvents message, or None if a receiver has no word for it. Raises TargetRefused."""
    type_, data = message["type"], message["data"]
    change = data["state"] if type_ == alarm_codes.SIGNAL else data["change"]
    info = data.get("info")
    code = alarm_codes.code(type_, data["what"], change, info, data.get("incident_what"))
    if code is None:
        return None
    if data.get("test") and code not in alarm_codes.TEST_CODES:
        raise TargetRefused(f"a test never goes out as {code}: report this fault")
    row = alarm_codes.pair(type_, data["what"], info)
    return Report(
        code=code,
        point=data.get("zone"),
        occurred_ms=_occurred_ms(type_, change, data),
        site=data.get("site"),
        room=data.get("name"),
        place=data.get("bell_id"),
        trigger=row.trigger if row is not None and code == row.new else None,
        lat=data.get("lat"),
        lon=data.get("lon"),
    )


def _occurred_ms(type_: str, change: str, data: Mapping[str, Any]) -> int | None:
    if type_ == alarm_codes.SIGNAL:
        return int(data["occurred"]["at_ms"])
    if type_ == alarm_codes.TROUBLE:
        return int(data["at_ms"])
    at_ms = data["times"]["closed_ms" if change == "close" else "opened_ms"]
    return None if at_ms is None else int(at_ms)


def _key(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)
