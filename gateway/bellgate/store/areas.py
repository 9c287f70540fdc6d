"""Which sites somebody may see.

An area is a site ("seongsu-012") or a beginning with a star ("seongsu-*"); none at all means everywhere.
"""

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from bellgate.errors import AnsimbellError

Areas = tuple[str, ...]
EVERYWHERE: Areas = ()
AREAS_MAX = 100  # a city has 25 districts; more than this is a list of sites that belongs into one pattern
_PATTERN = re.compile(r"[a-z0-9-]{1,32}\*?|\*")


def sees(areas: Areas, site: str) -> bool:
    """Is the site in one of these areas?"""
    return not areas or any(fnmatchcase(site, area) for area in areas)


def overlap(one: Areas, other: Areas) -> bool:
    """May a site lie in both?"""
    return (
        not one
        or not other
        or any(fnmatchcase(a.rstrip("*"), b) or fnmatchcase(b.rstrip("*"), a) for a in one for b in other)
    )


def whole(areas: Areas, area: str) -> bool:
    """Does somebody with these areas see every site of the storm area ("seongsu-*", "market/*")?"""
    return not areas or any(fnmatchcase(area.removesuffix("/*"), one) for one in areas)


def condition(areas: Areas, column: str) -> tuple[str, list[str]]:
    """SQL that is true for rows whose `column` is a site in these areas, and its values."""
    if not areas:
        return "1 = 1", []
    return (
        f"({' OR '.join(f'{column} LIKE ?' for _ in areas)})",
        [area.replace("*", "%") for area in areas],  # a site has neither % nor _
    )


def read(text: str) -> Areas:
    """From the database."""
    return tuple(json.loads(text))


def written(areas: Iterable[str]) -> str:
    """For the database. Raises AnsimbellError for what is no area."""
    kept = list(dict.fromkeys(areas))
    for area in kept:
        if not _PATTERN.fullmatch(area):
            raise AnsimbellError(f'{area!r} is no area: write a site ("seongsu-012") or a beginning ("seongsu-*")')
    if len(kept) > AREAS_MAX:
        raise AnsimbellError(f"{len(kept)} areas are too many: at most {AREAS_MAX}; join some by a star")
    return json.dumps(kept)
