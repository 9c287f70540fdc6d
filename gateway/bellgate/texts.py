"""What people read, in Korean and English, from console/locale/<language>/*.po, one file a page.

The catalogues are read when the gateway starts, not compiled to .mo: a wheel needs no build step then, a translator's
change is seen after a restart, and reading both takes a few milliseconds. Keys are names ("action.dispatch") and not
English sentences, because neither language is the original: a control centre in Seoul words things its own way.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

# The first is the default.
LANGUAGES = ("ko", "en")
_PLACE = re.compile(r"\{(\w+)\}")


@cache
def texts(language: str) -> dict[str, str]:
    """Every text of one of LANGUAGES, by key."""
    found: dict[str, str] = {}
    for part in (files("bellgate") / "console" / "locale" / language).iterdir():
        with part.open("rb") as file:
            catalog = read_po(file, locale=language)
        found |= {str(message.id): str(message.string) for message in catalog if message.id}
    return found


def text(language: str, key: str, **values: str | int) -> str:
    """One text with its {places} filled in."""
    return texts(language)[key].format(**values)


def trouble(language: str, kind: str, subject: str, values: Mapping[str, str | int]) -> str:
    """What a line of the trouble list says. A kind without a text says what it was given; an empty place shows."""
    known = texts(language)
    key = f"trouble_detail.{kind}"
    line = known.get(key, "{reason}" if "reason" in values else "")
    places = {"subject": subject, **values}
    if f"why.{values.get('why')}" in known:
        places["why"] = known[f"why.{values['why']}"]
    return _PLACE.sub(lambda place: str(places.get(place[1], place[0])), line)
