"""Bells: who may speak, under which key, and what is known of their life."""

import json
import secrets
from dataclasses import fields
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.core.supervision import Presence
from bellgate.errors import EnrolmentError
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Tx

# bells/gateway-<id>/canary/up is the gateway's own proof of life.
RESERVED = ("canary",)
# A suspended bell is heard like any other; only nobody is told that it is silent or ill.
ACTIVE, SUSPENDED, REVOKED = "active", "suspended", "revoked"
# After a bell was heard under one of two keys the other still counts so long: a bell that has tried its new file and
# went back to the old one must not be deaf.
OTHER_KEY_MS = 3_600_000
LINE_MAX = 20  # a bell every half year, for ten years


@frozen
class Bell:
    """One enrolled bell. lat, lon in degrees; key 32 bytes; fingerprint: SHA-256 of its certificate, hex.

    once_sha256: of the one-time secret, hex, until the bell was heard. other_key: during a rotation, the key that is
    not in use. replaces: the identity whose place it takes.
    """

    bell_id: str
    site: str
    kind: str
    name: str
    address: str
    lat: float | None
    lon: float | None
    key: bytes
    key_number: int
    fingerprint: str
    state: str
    enrolled_ms: int
    revision: int = 0
    once_sha256: str | None = None
    other_key: bytes | None = None
    other_until_ms: int | None = None
    replaces: str | None = None
    wiped_ms: int | None = None

    @property
    def speaks(self) -> bool:
        """May it speak at all?"""
        return self.state != REVOKED

    def keys(self, now_ms: int) -> list[bytes]:
        """Under which keys it may speak now, the likelier first."""
        other = self.other_key
        if other is None or (self.other_until_ms is not None and now_ms > self.other_until_ms):
            return [self.key]
        return [self.key, other]


_FIELDS = tuple(field.name for field in fields(Bell))
_COLUMNS = ", ".join(_FIELDS)
_GET = f"SELECT {_COLUMNS} FROM bell WHERE bell_id = ?"


def add(tx: Tx, bell: Bell) -> int:
    """Enrol; returns the new revision (`bell.revision` is ignored). Raises EnrolmentError if the name is taken."""
    if bell.bell_id in RESERVED:
        raise EnrolmentError(f"{bell.bell_id!r} is a name that the gateway keeps for itself: choose another bell_id")
    if get(tx, bell.bell_id) is not None:
        raise EnrolmentError(f"a bell {bell.bell_id} is enrolled already: a bell_id is unique in the whole estate")
    number = revision(tx) + 1
    values = [number if name == "revision" else getattr(bell, name) for name in _FIELDS]
    tx.put(f"INSERT INTO bell ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})", values)
    tx.memo.clear()
    return number


def get(tx: Tx, bell_id: str) -> Bell | None:
    """The bell, active or revoked, or None."""
    bell: Bell | None = tx.memo.get(("bell", bell_id))
    if bell is None and (row := tx.one(_GET, (bell_id,))) is not None:
        bell = tx.memo["bell", bell_id] = Bell(**row)
    return bell


def all_bells(tx: Tx) -> list[Bell]:
    """Every bell, by site and name."""
    return [Bell(**row) for row in tx.all(f"SELECT {_COLUMNS} FROM bell ORDER BY site, bell_id")]


def revoked(tx: Tx) -> list[str]:
    """The bells that may not speak any more."""
    return [
        str(row["bell_id"]) for row in tx.all("SELECT bell_id FROM bell WHERE state = ? ORDER BY bell_id", (REVOKED,))
    ]


def new_id(tx: Tx) -> str:
    """A bell_id that is not in use, such as "b-7f3a"; longer ones when the short ones get rare."""
    for digits in (4, 4, 4, 4, 6, 8, 12):
        name = "b-" + secrets.token_hex(digits // 2)
        if get(tx, name) is None:
            return name
    raise EnrolmentError("no free bell_id was found: name one with --bell-id")


def known(tx: Tx, bell_id: str) -> Bell:
    """The bell. Raises EnrolmentError for an unknown one."""
    bell = get(tx, bell_id)
    if bell is None:
        raise EnrolmentError(f"there is no bell {bell_id}: `bellgate bells` lists them")
    return bell


def set_state(tx: Tx, bell_id: str, state: str) -> int:
    """Set "active", "suspended" or "revoked"; returns the new revision. Raises EnrolmentError for an unknown bell."""
    number = revision(tx) + 1
    tx.memo.clear()
    if not tx.run("UPDATE bell SET state = ?, revision = ? WHERE bell_id = ?", (state, number, bell_id)):
        known(tx, bell_id)
    return number


def heard(tx: Tx, bell_id: str) -> None:
    """Its first verified heartbeat: the one-time secret is void."""
    tx.put("UPDATE bell SET once_sha256 = NULL WHERE bell_id = ?", (bell_id,))
    tx.memo.pop(("bell", bell_id), None)


def put_other_key(tx: Tx, bell_id: str, key: bytes, fingerprint: str, once_sha256: str) -> None:
    """A rotation begins: this key counts beside the one in use."""
    tx.run(
        "UPDATE bell SET other_key = ?, other_until_ms = NULL, fingerprint = ?, once_sha256 = ? WHERE bell_id = ?",
        (key, fingerprint, once_sha256, bell_id),
    )
    tx.memo.clear()


def use_other_key(tx: Tx, bell: Bell, now_ms: int) -> Bell:
    """It spoke under the other key: that is the one in use from now on."""
    assert bell.other_key is not None
    tx.run(
        "UPDATE bell SET key = ?, other_key = ?, other_until_ms = ? WHERE bell_id = ?",
        (bell.other_key, bell.key, now_ms + OTHER_KEY_MS, bell.bell_id),
    )
    tx.memo.pop(("bell", bell.bell_id), None)
    changed = get(tx, bell.bell_id)
    assert changed is not None
    return changed


def line(tx: Tx, bell_id: str) -> list[str]:
    """The bell and the identities that it took the place of at the same site, the newest first."""
    names = [bell_id]
    while len(names) < LINE_MAX:
        row = tx.one(
            "SELECT o.bell_id FROM bell b JOIN bell o ON o.bell_id = b.replaces AND o.site = b.site "
            "WHERE b.bell_id = ?",
            (names[-1],),
        )
        if row is None or row["bell_id"] in names:
            break
        names.append(str(row["bell_id"]))
    return names


def replaced_by(tx: Tx, bell_id: str) -> str | None:
    """The newest identity that takes this one's place."""
    row = tx.one("SELECT bell_id FROM bell WHERE replaces = ? ORDER BY revision DESC LIMIT 1", (bell_id,))
    return None if row is None else str(row["bell_id"])


def revision(tx: Tx) -> int:
    """Rises with every change of any bell: the broker's permissions follow it. 0 without bells."""
    row = tx.one("SELECT COALESCE(MAX(revision), 0) AS revision FROM bell")
    return int(row["revision"]) if row else 0


def home_sets(tx: Tx, site: str) -> int:
    """How many home sets that may speak hang at this site."""
    count: int | None = tx.memo.get(("home_sets", site))
    if count is None:
        sql = "SELECT COUNT(*) AS n FROM bell WHERE site = ? AND kind = 'home-set' AND state <> ?"
        row = tx.one(sql, (site, REVOKED))
        count = tx.memo["home_sets", site] = int(row["n"]) if row else 0
    return count


def presence(tx: Tx, bell_id: str) -> Presence:
    """What is known of the bell's life; all empty for one that was never heard."""
    row = tx.one("SELECT * FROM presence WHERE bell_id = ?", (bell_id,))
    if row is None:
        return Presence(bell_id)
    return Presence(
        bell_id=bell_id,
        boot=row["boot"],
        n=row["n"],
        online=bool(row["online"]),
        greeted=bool(row["greeted"]),
        last_seen_ms=row["last_seen_ms"],
        health=None if row["health"] is None else json.loads(row["health"]),
    )


def living_boot(tx: Tx, bell_id: str) -> str | None:
    """The start of the bell that its newest heartbeat came from, or None if it was never heard."""
    row = tx.one("SELECT boot FROM presence WHERE bell_id = ?", (bell_id,))
    return None if row is None else row["boot"]


def save_presence(tx: Tx, state: Presence) -> None:
    """Keep it."""
    health = None if state.health is None else json.dumps(dict(state.health), ensure_ascii=False)
    tx.put(
        "INSERT INTO presence (bell_id, boot, n, online, greeted, last_seen_ms, health) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (bell_id) DO UPDATE SET boot = excluded.boot, n = excluded.n, online = excluded.online, "
        "greeted = excluded.greeted, last_seen_ms = excluded.last_seen_ms, health = excluded.health",
        (state.bell_id, state.boot, state.n, int(state.online), int(state.greeted), state.last_seen_ms, health),
    )


def listing(tx: Tx, areas: Areas = EVERYWHERE, bell_id: str | None = None) -> list[dict[str, Any]]:
    """For people and the API: each bell in these areas (or this one of them) without its key, with its place, its
    presence and how many incidents are open; open_alarms: of these, no tests."""
    inside, values = condition(areas, "b.site")
    rows = tx.all(
        "SELECT b.bell_id, b.site, b.kind, b.name, b.address, b.floor, b.entrance, b.approach, b.lat, b.lon, "
        "b.confirmed_ms, b.confirmed_by, b.state, b.enrolled_ms, b.fingerprint, b.replaces, "
        "CASE WHEN b.once_sha256 IS NULL THEN 'done' ELSE 'waiting' END AS enrolment, "
        "c.commissioned_ms, c.commissioned_by, "
        "p.last_seen_ms, COALESCE(p.online, 0) AS online, p.boot, p.health, COALESCE(o.n, 0) AS open_incidents, "
        "COALESCE(o.alarms, 0) AS open_alarms "
        "FROM bell b LEFT JOIN presence p ON p.bell_id = b.bell_id "
        # A certificate counts that was complete and is no older than this identity.
        "LEFT JOIN (SELECT k.bell_id, k.stored_ms AS commissioned_ms, k.by AS commissioned_by FROM commissioning k "
        "WHERE k.lacks = '[]' AND NOT EXISTS (SELECT 1 FROM commissioning l WHERE l.bell_id = k.bell_id "
        "AND l.lacks = '[]' AND (l.stored_ms > k.stored_ms OR (l.stored_ms = k.stored_ms AND l.id > k.id)))) c "
        "ON c.bell_id = b.bell_id "
        "LEFT JOIN (SELECT s.bell_id, COUNT(DISTINCT i.id) AS n, "
        "COUNT(DISTINCT CASE WHEN i.test = 0 THEN i.id END) AS alarms "
        "FROM incident i JOIN signal s ON s.incident_id = i.id "
        "WHERE i.handling <> 'closed' GROUP BY s.bell_id) o ON o.bell_id = b.bell_id "
        f"WHERE {inside} AND (CAST(? AS TEXT) IS NULL OR b.bell_id = ?) ORDER BY b.site, b.bell_id",
        (*values, bell_id, bell_id),
    )
    for row in rows:
        row["online"] = bool(row["online"])
        row["health"] = None if row["health"] is None else json.loads(row["health"])
    return rows
