"""Refused messages, counted by reason."""

from bellgate.store.base import Tx


def count(tx: Tx, reason: str, at_ms: int) -> None:
    """One more message refused for this reason (a short stable code)."""
    tx.put(
        "INSERT INTO refusal (reason, count, last_ms) VALUES (?, 1, ?) "
        "ON CONFLICT (reason) DO UPDATE SET count = refusal.count + 1, last_ms = excluded.last_ms",
        (reason, at_ms),
    )


def counts(tx: Tx) -> dict[str, int]:
    """{reason: how many}, since the database was made."""
    return {row["reason"]: row["count"] for row in tx.all("SELECT reason, count FROM refusal ORDER BY reason")}
