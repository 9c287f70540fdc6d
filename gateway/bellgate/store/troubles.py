"""Things the operator must know; never mixed with alarms. One live line per kind and subject, counted.

`core.trouble` decides when a line is shown and when it ends, `core.storm` when several are gathered in a common one;
`pipeline.trouble_list` carries that out. Here are the rows.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from bellgate.core.trouble import KINDS, kind_of
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Row, Tx
from bellgate.texts import trouble as say

_COLUMNS = (
    "id, kind, subject, detail, info, state, raised_ms, last_ms, count, cleared_ms, bell_id, site, area, gathers, "
    "part_of"
)
_LIVE = "cleared_ms IS NULL"
_SHOWN = "cleared_ms IS NULL AND state <> 'rising'"
# In one live event: it is kept for pages that come back, and a district may have thousands of bells.
MEMBERS_TOLD = 50
Said = str | Mapping[str, str | int]


def raise_(tx: Tx, kind: str, subject: str, said: Said, at_ms: int) -> Row:
    """Open the line at once, or count it again with the newest detail: the row; `count` is 1 if it is new."""
    row = live(tx, kind, subject)
    if row is None:
        return insert(tx, kind, subject, said, at_ms)
    return again(tx, row, said, "open", at_ms)


def clear(tx: Tx, kind: str, subject: str, at_ms: int) -> Row | None:
    """Close the live line at once: the row, or None if there was none."""
    row = live(tx, kind, subject)
    return None if row is None else end(tx, row["id"], at_ms)


def live(tx: Tx, kind: str, subject: str) -> Row | None:
    """The line of this kind and subject, shown or about to be, or None."""
    sql = f"SELECT {_COLUMNS} FROM trouble WHERE kind = ? AND subject = ? AND {_LIVE}"
    return tx.one(sql, (kind, subject))


def get(tx: Tx, number: int) -> Row | None:
    """The line of this number while it lives, or None."""
    return tx.one(f"SELECT {_COLUMNS} FROM trouble WHERE id = ? AND {_LIVE}", (number,))


def one(tx: Tx, number: int) -> Row | None:
    """The line of this number, over or not; or None."""
    return tx.one(f"SELECT {_COLUMNS} FROM trouble WHERE id = ?", (number,))


def insert(
    tx: Tx,
    kind: str,
    subject: str,
    said: Said,
    at_ms: int,
    *,
    state: str = "open",
    place: tuple[str | None, str | None, str | None] = (None, None, None),
) -> Row:
    """A new line. said: the values of its text, or a reason. place: (bell_id, site, area); an area without a bell:
    its common line."""
    bell_id, site, area = place
    gathers = area is not None and bell_id is None
    info, detail = _texts(kind, subject, said)
    row = tx.one(
        "INSERT INTO trouble (kind, subject, detail, info, state, raised_ms, last_ms, count, bell_id, site, area, "
        f"gathers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (kind, subject, detail, info, state, at_ms, at_ms, 0 if gathers else 1, bell_id, site, area, int(gathers)),
    )
    assert row is not None
    return row


def again(tx: Tx, row: Row, said: Said, state: str, at_ms: int) -> Row:
    """It was said once more: counted, with the newest detail, in this state."""
    info, detail = _texts(row["kind"], row["subject"], said)
    after = tx.one(
        "UPDATE trouble SET detail = ?, info = ?, last_ms = ?, count = count + 1, state = ? WHERE id = ? "
        f"RETURNING {_COLUMNS}",
        (detail, info, at_ms, state, row["id"]),
    )
    assert after is not None
    return after


def set_state(tx: Tx, number: int, state: str) -> None:
    """Its state from now on."""
    tx.put("UPDATE trouble SET state = ? WHERE id = ?", (state, number))


def end(tx: Tx, number: int, at_ms: int) -> Row | None:
    """It is over; the row, or None if it was already."""
    return tx.one(
        f"UPDATE trouble SET cleared_ms = ?, state = 'cleared' WHERE id = ? AND {_LIVE} RETURNING {_COLUMNS}",
        (at_ms, number),
    )


def forget(tx: Tx, number: int) -> None:
    """It was never shown: leave nothing."""
    tx.put("DELETE FROM trouble WHERE id = ?", (number,))


# Common lines


def common(tx: Tx, kind: str, area: str) -> Row | None:
    """The common line of this kind and area, or None."""
    sql = f"SELECT {_COLUMNS} FROM trouble WHERE kind = ? AND area = ? AND gathers = 1 AND {_LIVE}"
    return tx.one(sql, (kind, area))


def alone(tx: Tx, kind: str, area: str, since_ms: int) -> list[Row]:
    """The shown lines of this kind and area that stand alone and began since then, the oldest first."""
    return tx.all(
        f"SELECT {_COLUMNS} FROM trouble WHERE kind = ? AND area = ? AND gathers = 0 AND part_of IS NULL AND {_SHOWN} "
        "AND raised_ms >= ? ORDER BY id",
        (kind, area, since_ms),
    )


def gather(tx: Tx, numbers: Collection[int], into: int, at_ms: int) -> None:
    """These lines stand in that one from now on."""
    tx.put(f"UPDATE trouble SET part_of = ? WHERE id IN ({', '.join('?' * len(numbers))})", (into, *numbers))
    tx.put("UPDATE trouble SET count = count + ?, last_ms = ? WHERE id = ?", (len(numbers), at_ms, into))


def left(tx: Tx, number: int) -> int:
    """How many lines in it are not over."""
    row = tx.one(f"SELECT COUNT(*) AS n FROM trouble WHERE part_of = ? AND {_LIVE}", (number,))
    return int(row["n"]) if row else 0


def part(tx: Tx, number: int) -> list[Row]:
    """Let the lines in it that are not over stand alone again; those lines."""
    sql = f"UPDATE trouble SET part_of = NULL WHERE part_of = ? AND {_LIVE} RETURNING {_COLUMNS}"
    return sorted(tx.all(sql, (number,)), key=lambda row: int(row["id"]))


# What people and programs see


def open_count(tx: Tx, kind: str) -> int:
    """How many lines of this kind live."""
    row = tx.one(f"SELECT COUNT(*) AS n FROM trouble WHERE kind = ? AND gathers = 0 AND {_LIVE}", (kind,))
    return int(row["n"]) if row else 0


def is_open(tx: Tx, kind: str, subject: str) -> bool:
    """True if this line lives."""
    return live(tx, kind, subject) is not None


def open_troubles(tx: Tx, areas: Areas = EVERYWHERE) -> list[Row]:
    """The list as people see it, newest first: each line that stands alone, and each common one with its `members`.

    areas: what is no bell's trouble is everybody's; of a common line, the bells in these areas.
    """
    inside, values = condition(areas, "site")
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM trouble WHERE {_SHOWN} AND (site IS NULL OR {inside}) ORDER BY last_ms DESC, id DESC",
        values,
    )
    members: dict[int, list[Row]] = {}
    for row in rows:
        if row["part_of"] is not None:
            members.setdefault(row["part_of"], []).append(row)
    return [
        shown(row, members.get(row["id"], ()))
        for row in rows
        if row["part_of"] is None and (not row["gathers"] or row["id"] in members)
    ]


def recently_cleared(tx: Tx, since_ms: int, limit: int, areas: Areas = EVERYWHERE) -> list[Row]:
    """Single lines that ended since then, the last first; each bell's by itself, wherever it stood."""
    inside, values = condition(areas, "site")
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM trouble WHERE cleared_ms >= ? AND gathers = 0 AND (site IS NULL OR {inside}) "
        "ORDER BY cleared_ms DESC, id DESC LIMIT ?",
        (since_ms, *values, limit),
    )
    return [shown(row) for row in rows]


def with_members(tx: Tx, row: Row, areas: Areas = EVERYWHERE) -> Row:
    """A common line as a live event shows it, with its first MEMBERS_TOLD in these areas; `bells` counts them all."""
    inside, values = condition(areas, "site")
    where = f"part_of = ? AND {_LIVE} AND {inside}"
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM trouble WHERE {where} ORDER BY id LIMIT ?", (row["id"], *values, MEMBERS_TOLD)
    )
    many = tx.one(f"SELECT COUNT(DISTINCT bell_id) AS n FROM trouble WHERE {where}", (row["id"], *values))
    return shown(row, rows, int(many["n"]) if many else 0)


def of_bell(tx: Tx, bell_id: str) -> list[Row]:
    """The shown lines of one bell, wherever they stand, newest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM trouble WHERE bell_id = ? AND {_SHOWN} ORDER BY id DESC", (bell_id,))
    return [shown(row) for row in rows]


def kinds_by_bell(tx: Tx) -> dict[str, list[str]]:
    """{bell_id: the kinds of its shown lines, newest first}."""
    found: dict[str, list[str]] = {}
    for row in tx.all(f"SELECT bell_id, kind FROM trouble WHERE bell_id IS NOT NULL AND {_SHOWN} ORDER BY id DESC"):
        found.setdefault(row["bell_id"], []).append(row["kind"])
    return found


def single_lines(tx: Tx) -> list[Row]:
    """Every single shown line, wherever it stands, newest first."""
    sql = f"SELECT {_COLUMNS} FROM trouble WHERE gathers = 0 AND {_SHOWN} ORDER BY last_ms DESC, id DESC"
    return [shown(row) for row in tx.all(sql)]


def live_lines(tx: Tx) -> list[Row]:
    """Every single line that is not over, shown or not, as the database has it."""
    return tx.all(f"SELECT {_COLUMNS} FROM trouble WHERE gathers = 0 AND {_LIVE} ORDER BY id")


def all_troubles(tx: Tx, limit: int = 200) -> list[Row]:
    """Open and cleared lines, newest first."""
    return [shown(row) for row in tx.all(f"SELECT {_COLUMNS} FROM trouble ORDER BY id DESC LIMIT ?", (limit,))]


def shown(row: Row, members: Collection[Row] = (), bells: int | None = None) -> Row:
    """A line as the API gives it: `values` are the places of its text; a common one has `bells` and `members`."""
    line = {name: row[name] for name in ("id", "kind", "subject", "detail", "state", "raised_ms", "last_ms", "count")}
    line |= {name: row[name] for name in ("cleared_ms", "bell_id", "site")} | {"values": json.loads(row["info"])}
    line["urgency"] = kind_of(row["kind"]).urgency
    if row["gathers"]:
        bells = len({one["bell_id"] for one in members}) if bells is None else bells
        line["values"] = {"bells": bells, "area": row["subject"]}
        line["detail"] = storm_text(line["values"])
        line["bells"] = bells
        line["members"] = [shown(one) for one in members]
    return line


def storm_text(values: Mapping[str, str | int]) -> str:
    """What a common line says, in English; values: bells and area."""
    return say("en", "storm", str(values["area"]), values)


def of_the_gone(tx: Tx) -> list[Row]:
    """Live lines about bells that were revoked or suspended; that a message was refused stays."""
    rows = tx.all(
        f"SELECT {', '.join('t.' + name for name in _COLUMNS.split(', '))} FROM trouble t "
        f"JOIN bell b ON b.bell_id = t.bell_id WHERE b.state <> 'active' AND t.{_LIVE} AND t.kind <> 'message_refused'"
    )
    return [row for row in rows if row["kind"] in KINDS]


def set_aside(tx: Tx, names: Collection[str], fresh: bool, at_ms: int) -> None:
    """A fresh database beside damaged ones that were set aside: say so until somebody has moved them away."""
    kind = "database_set_aside"
    for row in tx.all(f"SELECT subject FROM trouble WHERE kind = ? AND {_LIVE}", (kind,)):
        if row["subject"] not in names:
            clear(tx, kind, row["subject"], at_ms)
    if fresh:
        for name in names:
            raise_(tx, kind, name, {}, at_ms)


def _texts(kind: str, subject: str, said: Said) -> tuple[str, str]:
    """(info, detail)"""
    values = {"reason": said} if isinstance(said, str) else dict(said)
    return json.dumps(values, ensure_ascii=False), say("en", kind, subject, values)


def event(change: str, row: Row) -> dict[str, Any]:
    """The live event "raised", "changed", "gathered" (it stands in a common line now) or "cleared"."""
    return {"type": "trouble", "change": change, "trouble": shown(row) if "info" in row else dict(row)}
