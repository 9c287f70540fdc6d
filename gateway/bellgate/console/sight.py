"""What of a live event a person with these areas may see."""

from functools import partial
from typing import Any

from bellgate.store import Store, Tx, troubles
from bellgate.store.areas import Areas, overlap, sees, whole


async def event(store: Store, areas: Areas, told: dict[str, Any]) -> dict[str, Any] | None:
    """The event itself, one with less in it, or None. Raises StoreError."""
    if not areas or told["type"] not in ("incident", "trouble"):
        return told
    if told["type"] == "incident":
        return told if sees(areas, told["incident"]["site"]) else None
    line = told["trouble"]
    if "members" not in line:
        site = line.get("site")
        return told if site is None or sees(areas, site) else None
    if whole(areas, line["subject"]):
        return told
    if told["change"] != "cleared":
        line = await _own_part(store, areas, line)
        if line["members"]:
            return told | {"trouble": line}
    # None of these bells is in it, or none any more.
    bare = line | {"bells": 0, "members": [], "detail": "", "values": {"bells": 0, "area": line["subject"]}}
    return (
        told | {"change": "cleared", "trouble": bare} if overlap(areas, (line["subject"].removesuffix("/*"),)) else None
    )


async def _own_part(store: Store, areas: Areas, line: dict[str, Any]) -> dict[str, Any]:
    if line["bells"] > len({one["bell_id"] for one in line["members"]}):  # not all are named: ask
        return await store.read(partial(_read_part, areas, line))
    members = [one for one in line["members"] if sees(areas, one["site"])]
    bells = len({one["bell_id"] for one in members})
    values = {"bells": bells, "area": line["subject"]}
    detail = troubles.storm_text(values)
    return line | {"members": members, "bells": bells, "values": values, "detail": detail}


def _read_part(areas: Areas, line: dict[str, Any], tx: Tx) -> dict[str, Any]:
    row = troubles.one(tx, line["id"])
    return line | {"members": []} if row is None else troubles.with_members(tx, row, areas)
