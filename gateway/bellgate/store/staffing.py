"""Who could take a case over now."""

from collections.abc import Sequence
from typing import Any

from bellgate.core.attendance import ATTENDED
from bellgate.store import areas
from bellgate.store.base import Tx
from bellgate.store.sessions import SESSION_IDLE_MS


def who_may_take(tx: Tx, site: str, roles: Sequence[str], now_ms: int) -> list[dict[str, Any]]:
    """People of these roles whose areas hold the site: name, role, on_watch, signed_in; those on watch first."""
    rows = tx.all(
        "SELECT o.name, o.role, o.areas, "
        "EXISTS (SELECT 1 FROM desk d "
        "WHERE d.operator = o.name AND d.condition = ? AND d.ended_ms IS NULL) AS watches, "
        "EXISTS (SELECT 1 FROM session s WHERE s.operator = o.name AND s.last_used_ms > ?) AS signed_in "
        f"FROM operator o WHERE o.disabled_ms IS NULL AND o.role IN ({', '.join('?' * len(roles))})",
        (ATTENDED, now_ms - SESSION_IDLE_MS, *roles),
    )
    found = [
        {
            "name": row["name"],
            "role": row["role"],
            "on_watch": bool(row["watches"]),
            "signed_in": bool(row["signed_in"]),
        }
        for row in rows
        if areas.sees(areas.read(row["areas"]), site)
    ]
    return sorted(found, key=lambda one: (not one["on_watch"], not one["signed_in"], one["name"]))
