"""What the pages say, in Korean and English, from locale/<language>.po.

The catalogues are read when the gateway starts, not compiled to .mo: a wheel needs no build step then, a translator's
change is seen after a restart, and reading both takes a few milliseconds. Keys are names ("action.dispatch") and not
English sentences, because neither language is the original: a control centre in Seoul words things its own way.
"""

from functools import cache
from importlib.resources import files

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

# The first is the default.
LANGUAGES = ("ko", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Every text of one of LANGUAGES, by key."""
    with (files(__package__) / "locale" / f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    return {str(message.id): str(message.string) for message in catalog if message.id}


def text(language: str, key: str, **values: str | int) -> str:
    """One text with its {places} filled in."""
    return texts(language)[key].format(**values)


def choose(preferred: str | None, accept_language: str | None) -> str:
    """The language of a page: the one that was chosen, else the browser's wish, else the default."""
    if preferred in LANGUAGES:
        return preferred
    return negotiate_locale(_wishes(accept_language or ""), LANGUAGES, sep="-") or LANGUAGES[0]


def _wishes(accept_language: str) -> list[str]:
    """The languages of an Accept-Language header, most wanted first; what can't be read is left out."""
    wishes: list[tuple[float, str]] = []
    for part in accept_language[:200].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            wish = float(weight) if weight else 1.0
        except ValueError:
            continue
        if wish > 0 and name.replace("-", "").isascii() and name.replace("-", "").isalnum():
            wishes.append((-wish, name.split("-")[0].lower()))
    return [name for _, name in sorted(wishes, key=lambda wish: wish[0])]
