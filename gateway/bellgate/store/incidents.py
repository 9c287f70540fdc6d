"""The cases that people handle, and how they are shown."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from bellgate.core.incident import Incident
from bellgate.errors import StaleVersion, UnknownIncident
from bellgate.store import audit, deliveries, dues, signals
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Row, Tx

_FIELDS = tuple(field.name for field in fields(Incident))
_FLAGS = ("test", "silent", "duress", "cancel_asked", "restored", "tampered")
_KEPT = tuple(name for name in _FIELDS if name != "id")
_values = attrgetter(*_KEPT)
_INSERT = f"INSERT INTO incident ({', '.join(_KEPT)}) VALUES ({', '.join('?' * len(_KEPT))}) RETURNING id"
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM incident"

_STATES = {"open": "i.handling <> 'closed'", "closed": "i.handling = 'closed'", "all": "1 = 1"}
_VIEW = (
    "SELECT i.*, b.kind, b.name, b.address, b.floor, b.entrance, b.approach, b.confirmed_ms, b.confirmed_by, "
    "b.lat, b.lon, d.due_ms AS next_ms, "
    "s.occurred_ms, s.occurred_err_ms, s.occurred_source, s.late, s.clock_unsure "
    "FROM incident i JOIN bell b ON b.bell_id = i.bell_id "
    "LEFT JOIN due d ON d.kind = 'escalation' AND d.subject = CAST(i.id AS TEXT) "
    "LEFT JOIN signal s ON s.id = i.first_signal"
)
_ONE = f"{_VIEW} WHERE i.id = ?"


def _incident(row: Row) -> Incident:
    for name in _FLAGS:
        row[name] = bool(row[name])
    return Incident(**row)


def open_for(tx: Tx, folds_by: str, test: bool) -> Incident | None:
    """The open case under this key: there is at most one, tests apart from real alarms.

    Where the latest case under the key was merged into one that is still open, that one.
    """
    known: Incident | None = tx.memo.get(("open", folds_by, test))
    if known is not None:
        return known
    key = (folds_by, int(test))
    row = tx.one(f"{_SELECT} WHERE folds_by = ? AND test = ? AND handling <> 'closed'", key)
    if row is None:
        row = tx.one(
            f"{_SELECT} WHERE handling <> 'closed' AND id = "
            "(SELECT merged_into FROM incident WHERE folds_by = ? AND test = ? ORDER BY id DESC LIMIT 1)",
            key,
        )
    return None if row is None else _incident(row)


def move_merged(tx: Tx, from_incident: int, to_incident: int) -> None:
    """What was merged into the one has gone on with it into the other."""
    tx.run("UPDATE incident SET merged_into = ? WHERE merged_into = ?", (to_incident, from_incident))


def get(tx: Tx, incident_id: int) -> Incident:
    """The case. Raises UnknownIncident."""
    row = tx.one(f"{_SELECT} WHERE id = ?", (incident_id,))
    if row is None:
        raise UnknownIncident(f"there is no incident {incident_id}")
    return _incident(row)


def insert(tx: Tx, incident: Incident) -> int:
    """A new case; its number."""
    row = tx.one(_INSERT, _values(incident))
    assert row is not None
    number = int(row["id"])
    _keep(tx, incident.changed(id=number))
    return number


def _keep(tx: Tx, incident: Incident) -> None:
    """For `open_for`: the next press of a storm need not read it again."""
    key = ("open", incident.folds_by, incident.test)
    if incident.open:
        tx.memo[key] = incident
    else:
        tx.memo.pop(key, None)


def save(tx: Tx, before: Incident, after: Incident) -> None:
    """Write `after` over `before`. Raises StaleVersion if the row is no longer what `before` says."""
    both = zip(_KEPT, _values(before), _values(after), strict=True)
    changed = {name: value for name, was, value in both if value is not was and value != was}
    if not changed:
        return
    # Only what changed: a press moves five columns of thirty, and none that an index is over.
    sql = f"UPDATE incident SET {', '.join(name + ' = ?' for name in changed)} WHERE id = ? AND version = ?"
    if not tx.run(sql, (*changed.values(), before.id, before.version)):
        raise StaleVersion(f"incident {before.id} has changed since version {before.version}: look at it again")
    _keep(tx, after)


def views(
    tx: Tx, state: str = "open", limit: int = 200, before_id: int | None = None, areas: Areas = EVERYWHERE
) -> list[dict[str, Any]]:
    """Cases for people and the API, newest first. state: "open", "closed" or "all"."""
    inside, values = condition(areas, "i.site")
    before = f"{_STATES[state]} AND {inside} AND (CAST(? AS BIGINT) IS NULL OR i.id < ?)"
    return chosen(tx, before, (*values, before_id, before_id), limit)


def chosen(tx: Tx, where: str, values: Sequence[Any], limit: int) -> list[dict[str, Any]]:
    """The newest cases for which this SQL of a module beside us is true; the case is `i`."""
    rows = tx.all(f"{_VIEW} WHERE {where} ORDER BY i.id DESC LIMIT ?", (*values, limit))
    return [_shown_row(row) for row in rows]


def summary(tx: Tx, incident_id: int) -> dict[str, Any] | None:
    """One case as in a list, or None."""
    row = tx.one(_ONE, (incident_id,))
    return None if row is None else _shown_row(row)


def shown(tx: Tx, saved: Incident) -> dict[str, Any]:
    """`summary` of a case that this transaction has saved. What stays as it is while the case is open (its place, its
    first signal) is read once: a storm tells the consoles of every press."""
    key = ("shown", saved.id)
    row: Row | None = tx.memo.pop(key, None)
    if row is None:
        row = tx.one(_ONE, (saved.id,))
        assert row is not None
        next_ms = row["next_ms"]
    else:
        next_ms = dues.next_ms(tx, "escalation", str(saved.id))
    if saved.open:
        tx.memo[key] = row
    return _shown(saved, row, next_ms)


def view(tx: Tx, incident_id: int) -> dict[str, Any] | None:
    """One case with its signals, deliveries and timeline, or None."""
    shown = summary(tx, incident_id)
    if shown is None:
        return None
    shown["signals"] = signals.of_incident(tx, incident_id)
    shown["deliveries"] = deliveries.of_incident(tx, incident_id)
    shown["timeline"] = audit.timeline(tx, incident_id)
    return shown


def all_open(tx: Tx) -> list[Incident]:
    """Every open case, the oldest first."""
    return [_incident(row) for row in tx.all(f"{_SELECT} WHERE handling <> 'closed' ORDER BY id")]


def site(tx: Tx, incident_id: int) -> str | None:
    """Where it is, or None if there is no such case."""
    row = tx.one("SELECT site FROM incident WHERE id = ?", (incident_id,))
    return None if row is None else str(row["site"])


def open_of(tx: Tx, bell_id: str) -> list[int]:
    """The open cases that began at this bell."""
    return [
        int(row["id"])
        for row in tx.all("SELECT id FROM incident WHERE bell_id = ? AND handling <> 'closed' ORDER BY id", (bell_id,))
    ]


def forgotten(tx: Tx) -> list[int]:
    """Open cases that nobody holds and that no due row will bring up again: there must be none."""
    rows = tx.all(
        "SELECT i.id FROM incident i LEFT JOIN due d ON d.kind = 'escalation' AND d.subject = CAST(i.id AS TEXT) "
        "WHERE i.handling IN ('received', 'presented') AND d.kind IS NULL"
    )
    return [int(row["id"]) for row in rows]


def _shown_row(row: Row) -> dict[str, Any]:
    return _shown(_incident({name: row[name] for name in _FIELDS}), row, row["next_ms"])


def _shown(case: Incident, row: Row, next_ms: int | None) -> dict[str, Any]:
    """row: of `_VIEW`, for what is not the case's own."""
    return {
        "id": case.id,
        "bell_id": case.bell_id,
        "site": case.site,
        "kind": row["kind"],
        "name": row["name"],
        "address": row["address"],
        "floor": row["floor"],
        "entrance": row["entrance"],
        "approach": row["approach"],
        "confirmed_ms": row["confirmed_ms"],
        "confirmed_by": row["confirmed_by"],
        "lat": row["lat"],
        "lon": row["lon"],
        "what": case.what,
        "test": case.test,
        "priority": case.priority,
        "silent": case.silent,
        "duress": case.duress,
        "handling": case.handling,
        "stage": case.stage,
        "version": case.version,
        "signals": case.signals,
        "signal_count": case.signals,
        "last_signal": case.last_signal,
        "cancel_asked": case.cancel_asked,
        "restored": case.restored,
        "tampered": case.tampered,
        "opened_ms": case.opened_ms,
        "last_signal_ms": case.last_signal_ms,
        "owner": case.owner,
        "offered_to": case.offered_to,
        "lease_until_ms": case.lease_until_ms,
        "disposition": case.disposition,
        "closed_ms": case.closed_ms,
        "merged_into": case.merged_into,
        "late": bool(row["late"]),
        "clock_unsure": bool(row["clock_unsure"]),
        "occurred": signals.occurred(row),
        "escalation": {
            "policy": case.policy,
            "step": case.escalation_step,
            "round": case.escalation_round,
            "next_ms": next_ms,
        },
    }
