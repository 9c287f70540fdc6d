"""What the pages say (see `bellgate.texts`), and in which language."""

from babel.core import negotiate_locale

from bellgate.texts import LANGUAGES, text, texts

__all__ = ["LANGUAGES", "choose", "text", "texts"]


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
