"""Small facts of the gateway itself: the canary's last trip, when it last listened."""

from bellgate.store.base import Tx


def get(tx: Tx, name: str) -> str | None:
    """The value (text), or None."""
    row = tx.one("SELECT value FROM fact WHERE name = ?", (name,))
    return None if row is None else str(row["value"])


def put(tx: Tx, name: str, value: str) -> None:
    """Set the value."""
    tx.run(
        "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
