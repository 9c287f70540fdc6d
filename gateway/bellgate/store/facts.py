"""Small facts of the gateway itself: the canary's last trip, when it last listened."""

from bellgate.store.base import Tx


def of_gateway(name: str, gateway_id: str) -> str:
    """The name of a fact of which each gateway on the database has its own."""
    return f"{name}/{gateway_id}"


def get(tx: Tx, name: str) -> str | None:
    """The value (text), or None."""
    row = tx.one("SELECT value FROM fact WHERE name = ?", (name,))
    return None if row is None else str(row["value"])


def put(tx: Tx, name: str, value: str) -> None:
    """Set the value."""
    tx.put(
        "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def count_up(tx: Tx, name: str, highest: int) -> int:
    """The next number of a counter, 1 to highest and 1 again; each is given once, whoever of several asks."""
    row = tx.one(
        "INSERT INTO fact (name, value) VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET "
        "value = CAST(CAST(fact.value AS INTEGER) % ? + 1 AS TEXT) RETURNING value",
        (name, highest),
    )
    assert row is not None
    return int(row["value"])
