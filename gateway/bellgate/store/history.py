"""Searching incidents, open and closed, newest first.

There is no index for it: a press would pay for each. The rows are read from the newest back until the page is full,
and what is looked up in other tables (a bell's name, a note) is found once and not for each row.
"""

import json
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.store import incidents
from bellgate.store.areas import EVERYWHERE, Areas, condition
from bellgate.store.base import Tx

WORDS_MAX = 5  # each one reads the notes once
# What a person does with a case; "presented" is a page's, "opened" a bell's.
PEOPLE_ACTS = (
    *("acknowledge", "dispatch", "en_route", "on_scene", "clear", "close"),
    *("merge", "absorbed", "reopen", "handoff", "note"),
)
_BELL = ("bell_id", "name", "address", "floor", "entrance", "approach")
_BY = str(PEOPLE_ACTS)


@frozen
class Wanted:
    """Which incidents. None or "": any.

    text: words that all must be in name, address, site, bell or a note, or the incident's number. by: who has done
    something with it. from_ms: opened since then; until_ms: and before that. before: only lower numbers, the next page.
    """

    text: str = ""
    what: str | None = None
    disposition: str | None = None
    handling: str | None = None
    test: bool | None = None
    by: str = ""
    from_ms: int | None = None
    until_ms: int | None = None
    before: int | None = None


def search(tx: Tx, wanted: Wanted, limit: int, areas: Areas = EVERYWHERE) -> list[dict[str, Any]]:
    """Incidents as in a list, the newest first."""
    parts, values = _conditions(wanted)
    inside, sites = condition(areas, "i.site")
    return incidents.chosen(tx, " AND ".join([*parts, inside]), (*values, *sites), limit)


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    plain = (
        ("i.what = ?", wanted.what),
        ("i.disposition = ?", wanted.disposition),
        ("i.handling = ?", wanted.handling),
        ("i.test = ?", wanted.test),
        ("i.opened_ms >= ?", wanted.from_ms),
        ("i.opened_ms < ?", wanted.until_ms),
        ("i.id < ?", wanted.before),
    )
    for part, value in plain:
        if value is not None:
            parts.append(part)
            values.append(value)
    if wanted.by:
        parts.append(f"(i.owner = ? OR i.id IN (SELECT incident_id FROM audit WHERE by = ? AND act IN {_BY}))")
        values += [wanted.by, wanted.by]
    for word in wanted.text.split()[:WORDS_MAX]:
        part, more = _word(word)
        parts.append(part)
        values += more
    return parts, values


def _word(word: str) -> tuple[str, list[Any]]:
    """In the bell's row, in the incident's site, in a note, or the incident's number itself."""
    like = f"%{_pattern(word)}%"
    # A note stands in the record as JSON, so the word is looked for as JSON would write it.
    note = f'%"text":"%{_pattern(json.dumps(word, ensure_ascii=False)[1:-1])}%'
    bell = " OR ".join(f"LOWER({column}) LIKE ? ESCAPE '\\'" for column in _BELL)
    parts = [
        f"i.bell_id IN (SELECT bell_id FROM bell WHERE {bell})",
        "i.site LIKE ? ESCAPE '\\'",
        f"i.id IN (SELECT incident_id FROM audit WHERE act IN {_BY} AND LOWER(detail) LIKE ? ESCAPE '\\')",
    ]
    values: list[Any] = [*([like] * len(_BELL)), like, note]
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) <= 18:
        parts.append("i.id = ?")
        values.append(int(number))
    return f"({' OR '.join(parts)})", values


def _pattern(word: str) -> str:
    """For LIKE … ESCAPE. Only A to Z have their small letters: the same on both databases, and Hangul has none."""
    for sign in "\\%_":
        word = word.replace(sign, f"\\{sign}")
    return "".join(char.lower() if char.isascii() else char for char in word)
