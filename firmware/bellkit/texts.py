"""What people read, in Korean and English, from locale/<language>/*.po; keys are names, as in the console."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from babel.core import negotiate_locale
from babel.messages.pofile import read_po

# The first is the default.
LANGUAGES = ("ko", "en")


@cache
def texts(language: str) -> dict[str, str]:
    """Every text of one of LANGUAGES, by key."""
    found: dict[str, str] = {}
    for part in (files("bellkit") / "locale" / language).iterdir():
        with part.open("rb") as file:
            catalog = read_po(file, locale=language)
        found |= {str(message.id): str(message.string) for message in catalog if message.id}
    return found


class Words:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """One text with its {places} filled in."""
        return texts(self.language)[key].format(**values)

    def known(self, key: str, otherwise: str) -> str:
        """The text, or what stands for it where there is none."""
        return texts(self.language).get(key, otherwise)


def choose(wanted: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language: the one that is wanted, else what LC_ALL, LC_MESSAGES or LANG say, else the default."""
    if wanted is not None:
        return wanted
    said = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    name = said.partition(".")[0].partition("_")[0]
    return negotiate_locale([name], LANGUAGES) or LANGUAGES[0]
