"""Which open incidents nobody holds and nobody will be told of, by the database alone."""

from typing import Any

from bellgate.store.base import Tx

OPEN = """
SELECT i.id, i.handling, i.owner, i.lease_until_ms, i.test, e.due_ms AS next_ms, l.due_ms AS lease_ms FROM incident i
LEFT JOIN due e ON e.kind = 'escalation' AND e.subject = CAST(i.id AS TEXT)
LEFT JOIN due l ON l.kind = 'lease' AND l.subject = CAST(i.id AS TEXT)
WHERE i.handling <> 'closed'
"""


def orphan(row: dict[str, Any]) -> str | None:
    """What is wrong with a row of OPEN, or None."""
    number, handling = row["id"], row["handling"]
    if handling in ("received", "presented"):
        return f"incident {number} is {handling} and nobody will be told" if row["next_ms"] is None else None
    if row["owner"] is None:
        return f"incident {number} is {handling} and nobody holds it"
    if handling == "acknowledged" and row["lease_ms"] is None:
        return f"the acknowledgement of incident {number} never ends"
    return None


def orphans(tx: Tx) -> list[str]:
    """All of them."""
    return [text for row in tx.all(OPEN) if (text := orphan(row)) is not None]
