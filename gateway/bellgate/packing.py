"""Packing a bundle: enrolment files with what the installer must know of each place, and the stations' outlines."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bellgate import bundle, enrolment, routing, signing
from bellgate.boundaries import Area
from bellgate.config import Config
from bellgate.errors import EnrolmentError
from bellgate.pki import Issued
from bellgate.store import Tx, audit, bells

# Of a bell's row, what whoever goes there must know.
_ABOUT = ("site", "kind", "name", "address", "floor", "entrance", "approach", "lat", "lon")


def pack(
    tx: Tx, config: Config, signer: Issued, bell_ids: Sequence[str], folder: Path, by: str, now_ms: int
) -> dict[str, Any]:
    """The signed bundle of these bells, whose enrolment files lie in `folder`.

    Raises EnrolmentError for a bell that was heard already, or whose file is missing or is not its newest one.
    """
    names = list(dict.fromkeys(bell_ids))
    if len(names) > bundle.BELLS_MAX:
        raise EnrolmentError(f"{len(names)} bells are too many for one bundle: at most {bundle.BELLS_MAX}")
    entries = [_entry(tx, config, bell_id, folder, now_ms) for bell_id in names]
    audit.demand(tx, now_ms, None, by, "bundled", {"bells": ", ".join(names)[:500], "n": len(names)})
    known = config.boundaries
    document = {
        "v": 1,
        "kind": bundle.KIND,
        "gateway": config.gateway.id,
        "console": config.page_origin,
        "made_ms": now_ms,
        "bells": entries,
        "stations": [
            {"name": one.name, "area": [area.code for area in areas], "polygons": _polygons(areas)}
            for one in config.stations
            if (areas := one.areas(known))
        ],
        "attribution": known.attribution,
    }
    return signing.sign(document, signer)


def write(document: Mapping[str, Any], path: Path) -> None:
    """Into a new file, mode 0600. Raises EnrolmentError."""
    enrolment.write_new(path, json.dumps(document, ensure_ascii=False).encode("utf-8"), "--out")


def _entry(tx: Tx, config: Config, bell_id: str, folder: Path, now_ms: int) -> dict[str, str]:
    bell = bells.known(tx, bell_id)
    again = f"`bellgate bell rotate {bell_id}` makes a new one"
    if not bell.speaks:
        raise EnrolmentError(f"{bell_id} is revoked: nothing of it may be carried about")
    if bell.once_sha256 is None:
        raise EnrolmentError(f"{bell_id} was heard already, so its file's one-time secret is void: {again}")
    path = folder / f"{bell_id}.json"
    data = enrolment.read_bytes(path)
    made = enrolment.parse(data, str(path))
    if made.bell_id != bell_id or made.once_bytes is None or made.once_sha256 != bell.once_sha256:
        raise EnrolmentError(f"{path}: is not the newest enrolment file of {bell_id}: find that one, or {again}")
    (row,) = bells.listing(tx, bell_id=bell_id)
    found = routing.of(config, row, now_ms)
    about = {name: row[name] for name in _ABOUT}
    about |= {"expected": list(found.expected), "routing": found.as_dict()}
    return bundle.seal(data, about, bell_id, made.once_bytes)


def _polygons(areas: Sequence[Area]) -> list[Any]:
    return [polygon for area in areas for polygon in area.polygons]
