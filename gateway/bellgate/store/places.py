"""Where a bell hangs and whose it is: what people change about it, each change on what they saw."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, fields

from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError, StalePlace
from bellgate.store import audit, dues
from bellgate.store.base import Row, Tx

OWNERS_MAX = 20  # a family, the staff of a shop
OWNED_MAX = 200  # a chain of shops; a phone shows no more in any useful way
# What help has to find: if it changes, somebody has to look again.
_FOUND_BY = ("address", "floor", "lat", "lon")


@frozen
class Place:
    """Where it hangs; lat, lon in degrees, both or neither."""

    name: str
    address: str
    floor: str
    entrance: str
    approach: str
    lat: float | None
    lon: float | None


_NAMES = tuple(field.name for field in fields(Place))


def seen(row: Row) -> str:
    """Which place somebody sees in a row of `bells.listing`: it changes whenever any part of it does."""
    return _digest([row[name] for name in (*_NAMES, "confirmed_ms")])


def change(tx: Tx, bell_id: str, was_seen: str, place: Place, confirm: bool, by: str, now_ms: int) -> list[str]:
    """Write the place down; the names of what changed. confirm: somebody found it right, and says so.

    A confirmation ends when address, floor or position change without a new one. Raises StalePlace, RecordError.
    """
    row = tx.one(f"SELECT {', '.join(_NAMES)}, confirmed_ms, confirmed_by FROM bell WHERE bell_id = ?", (bell_id,))
    if row is None or seen(row) != was_seen:
        raise StalePlace(f"the place of {bell_id} has changed since you looked at it: look again, then decide")
    changed = [name for name, value in asdict(place).items() if row[name] != value]
    confirmed = (row["confirmed_ms"], row["confirmed_by"])
    if confirm:
        confirmed = (now_ms, by)
    elif any(name in _FOUND_BY for name in changed):
        confirmed = (None, None)
    if not changed and not confirm:
        return []
    tx.run(
        f"UPDATE bell SET {', '.join(f'{name} = ?' for name in _NAMES)}, confirmed_ms = ?, confirmed_by = ? "
        "WHERE bell_id = ?",
        (*asdict(place).values(), *confirmed, bell_id),
    )
    tx.memo.clear()
    # Which parts, and not what they say: the record is kept for ever, and an address is somebody's home.
    detail: dict[str, str | int | bool | None] = {"bell": bell_id, "changed": ", ".join(changed), "confirmed": confirm}
    audit.demand(tx, now_ms, None, by, "bell_place", detail)
    return changed


def take_over(tx: Tx, old: str, new: str) -> None:
    """Another bell hangs at the same place: its notes, its confirmation and its owners are the new one's too."""
    names = "floor, entrance, approach, confirmed_ms, confirmed_by"
    row = tx.one(f"SELECT {names} FROM bell WHERE bell_id = ?", (old,))
    assert row is not None
    tx.run(
        f"UPDATE bell SET {', '.join(f'{name} = ?' for name in names.split(', '))} WHERE bell_id = ?",
        (*row.values(), new),
    )
    for operator in owners(tx, old):
        tx.run("INSERT INTO bell_owner (bell_id, operator) VALUES (?, ?)", (new, operator))
    tx.memo.clear()


def wipe(tx: Tx, bell_id: str, now_ms: int) -> None:
    """Somebody moved out: what no incident needs is erased. `retention.places` erases the rest."""
    tx.run(
        "UPDATE bell SET floor = '', entrance = '', approach = '', once_sha256 = NULL, wiped_ms = ? WHERE bell_id = ?",
        (now_ms, bell_id),
    )
    tx.run("DELETE FROM bell_owner WHERE bell_id = ?", (bell_id,))
    tx.run("UPDATE presence SET health = NULL, online = 0 WHERE bell_id = ?", (bell_id,))
    dues.remove(tx, "supervision", bell_id)
    tx.memo.clear()


def owners(tx: Tx, bell_id: str) -> list[str]:
    """Whose it is."""
    rows = tx.all("SELECT operator FROM bell_owner WHERE bell_id = ? ORDER BY operator", (bell_id,))
    return [str(row["operator"]) for row in rows]


def owned(tx: Tx, operator: str) -> list[str]:
    """The bells that are this person's, without those that were revoked."""
    rows = tx.all(
        "SELECT o.bell_id FROM bell_owner o JOIN bell b ON b.bell_id = o.bell_id "
        "WHERE o.operator = ? AND b.state <> 'revoked' ORDER BY o.bell_id LIMIT ?",
        (operator, OWNED_MAX),
    )
    return [str(row["bell_id"]) for row in rows]


def set_owners(tx: Tx, bell_id: str, were_seen: Collection[str], now: Collection[str], by: str, now_ms: int) -> None:
    """Whose it is from now on. Raises StalePlace, AnsimbellError for who is no owner, RecordError."""
    before, wanted = owners(tx, bell_id), sorted(set(now))
    if before != sorted(set(were_seen)):
        raise StalePlace(f"the owners of {bell_id} have changed since you looked at them: look again, then decide")
    for name in wanted:
        row = tx.one("SELECT role FROM operator WHERE name = ?", (name,))
        if row is None or row["role"] != "owner":
            raise AnsimbellError(f"{name} is no user with the role owner: add one on the page of people first")
    if wanted == before:
        return
    tx.run("DELETE FROM bell_owner WHERE bell_id = ?", (bell_id,))
    for name in wanted:
        tx.run("INSERT INTO bell_owner (bell_id, operator) VALUES (?, ?)", (bell_id, name))
    detail: dict[str, str | int | bool | None] = {"bell": bell_id, "owners": ", ".join(wanted)}
    audit.demand(tx, now_ms, None, by, "bell_owners", detail)


def _digest(values: list[object]) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()[:16]
