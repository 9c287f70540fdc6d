"""Legal holds: incidents that retention may not touch, because a court or an investigation asked for them."""

from bellgate.errors import UnknownIncident
from bellgate.store import audit
from bellgate.store.base import Row, Tx


def put(tx: Tx, incident_id: int, by: str, reason: str, at_ms: int) -> None:
    """Hold it, and write down who said so. Raises UnknownIncident."""
    if tx.one("SELECT 1 AS one FROM incident WHERE id = ?", (incident_id,)) is None:
        raise UnknownIncident(f"there is no incident {incident_id}")
    tx.run(
        "INSERT INTO legal_hold (incident_id, by, reason, since_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (incident_id) DO UPDATE SET by = excluded.by, reason = excluded.reason",
        (incident_id, by, reason, at_ms),
    )
    audit.demand(tx, at_ms, incident_id, by, "legal_hold", {"reason": reason})


def release(tx: Tx, incident_id: int, by: str, reason: str, at_ms: int) -> None:
    """Let go of it, and write down who said so. Raises UnknownIncident if it was not held."""
    if not tx.run("DELETE FROM legal_hold WHERE incident_id = ?", (incident_id,)):
        raise UnknownIncident(f"incident {incident_id} is not held")
    audit.demand(tx, at_ms, incident_id, by, "legal_hold_released", {"reason": reason})


def held(tx: Tx) -> list[Row]:
    """Every hold: incident_id, by, reason, since_ms."""
    return tx.all("SELECT incident_id, by, reason, since_ms FROM legal_hold ORDER BY incident_id")
