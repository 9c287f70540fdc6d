"""The gateways that share this database: one, or several on a PostgreSQL.

A gateway gets a new number at each start, and leases name that number. Whether a number is alive is not a matter of
time but of a lock that the database lets go when the process ends: so what a killed gateway had in hand is taken over
within a tick, and what a slow one has in hand is not.
"""

from collections.abc import Collection

from bellgate.errors import StoreError
from bellgate.store import deliveries, dues
from bellgate.store.base import Tx


def join(tx: Tx, gateway_id: str, at_ms: int) -> int:
    """Be the gateway of this name from now on; its number. Raises StoreError if such a one runs elsewhere."""
    row = tx.one("SELECT number FROM gateway WHERE id = ?", (gateway_id,))
    living = tx.living()
    if row is not None and living is not None and row["number"] in living:
        raise StoreError(
            f"a gateway {gateway_id!r} runs with this database already: end it, or give this one its own gateway.id"
        )
    newest = tx.one("SELECT COALESCE(MAX(number), 0) AS number FROM gateway") or {"number": 0}
    number = int(newest["number"]) + 1
    tx.hold(number)
    tx.run(
        "INSERT INTO gateway (id, number, started_ms) VALUES (?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET number = excluded.number, started_ms = excluded.started_ms",
        (gateway_id, number, at_ms),
    )
    return number


def take_over(tx: Tx, living: Collection[int]) -> int:
    """Free the due rows and deliveries of whoever is not among the living; how many."""
    return dues.let_go(tx, living) + deliveries.let_go(tx, living)


def running(tx: Tx) -> list[str] | None:
    """The names of the gateways that run now; None while that cannot be said."""
    living = tx.living()
    if living is None:
        return None
    return [row["id"] for row in tx.all("SELECT id, number FROM gateway ORDER BY id") if row["number"] in living]
