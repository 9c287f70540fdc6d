"""The live events of one gateway, told to the others on the same database: a page on any of them shows them all.

Only what to look up is told, with the commit; the other gateway reads the row itself. On a database with one gateway
nothing is sent.
"""

import json
from typing import Any

from bellgate.store import incidents, troubles
from bellgate.store.base import Tx


def tell(tx: Tx, events: list[dict[str, Any]]) -> None:
    """Inside the transaction that made them."""
    if tx.alone:
        return
    for event in events:
        told = {"type": event["type"], "change": event["change"], "id": event[event["type"]]["id"]}
        tx.tell(json.dumps(told | ({"sound": event["sound"]} if "sound" in event else {})))


def read(tx: Tx, text: str) -> dict[str, Any] | None:
    """The event again, from what another gateway told; None if there is nothing to show."""
    told = json.loads(text)
    number = told.pop("id")
    if told["type"] == "incident":
        case = incidents.summary(tx, number)
        return None if case is None else {**told, "incident": case}
    row = troubles.one(tx, number)
    if row is None:
        return None
    line = troubles.with_members(tx, row) if row["gathers"] else row
    return {**told, **troubles.event(told["change"], line)}
