"""A bundle from `bellgate bundle`: everything for a day without a network, each bell sealed to its own QR code."""

import time
from pathlib import Path
from typing import Any

from bellgate import boundaries, bundle
from bellgate.errors import AnsimbellError
from bellkit import brought
from bellkit.brought import Brought
from bellkit.errors import FileError

# Afterwards addresses, stations and revocations may have changed behind the installer's back.
OLD_DAYS = 14
_DAY_MS = 24 * 3600 * 1000


def unlock(path: Path, qr: str, now_ms: int | None = None) -> Brought:
    """The enrolment file and the site of the bell whose QR code this is. Raises FileError."""
    bell_id = brought.bell_of(qr)
    once = brought.once_of(qr, bell_id)
    try:
        document = bundle.read(path)
    except AnsimbellError as error:
        raise FileError("unreadable", str(error)) from None
    try:
        sealed = bundle.unlock(document, bell_id, once)
    except AnsimbellError as error:
        raise FileError("forged", f"{path}: {error}") from None
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    if now_ms - int(document["made_ms"]) > OLD_DAYS * _DAY_MS:
        raise FileError("expired", f"{path}: was made over {OLD_DAYS} days ago. Make it anew: `bellgate bundle`")
    brought.check(sealed.enrolment, str(path))
    return Brought(bell_id, sealed.file, once, {**sealed.about, "stations": bundle.stations(document)})


def holding(stations: dict[str, Any], lat: float, lon: float) -> list[str]:
    """The stations of the bundle in whose area this position lies."""
    return [name for name, polygons in stations.items() if boundaries.inside(polygons, lat, lon)]
