"""Which byte was changed? A hash that does not fit says only that something was; trying every single byte says what.

A row has some hundred bytes, so there are some ten thousand rows that differ from it in one byte: a fraction of a
second. What was changed in more than one place stays unnamed.
"""

from collections.abc import Callable, Iterator
from typing import Any

_INT_BYTES = 8
# A note is at most some thousand bytes; beyond this the search would take minutes.
_TEXT_MAX_BYTES = 4_096

Fields = tuple[Any, ...]


def one_byte(fields: Fields, fits: Callable[[Fields], bool]) -> tuple[int, str] | None:
    """(which of the fields, what was changed in words) if one byte was; None if no single byte explains it.

    fits(fields): True for the row as it was.
    """
    for place, value in enumerate(fields):
        for was, said in _neighbours(value):
            if fits((*fields[:place], was, *fields[place + 1 :])):
                return place, said
    return None


def _neighbours(value: Any) -> Iterator[tuple[Any, str]]:
    """Every value that differs in one byte, or is nothing at all, and the change in words."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield None, f"{value} stands where nothing stood"
        seen = set()
        text = str(value)
        for place, digit in enumerate(text):
            seen |= {int(text[:place] + other + text[place + 1 :]) for other in "0123456789" if other != digit}
        raw = value.to_bytes(_INT_BYTES, "big", signed=True)
        for place in range(_INT_BYTES):
            head, tail = raw[:place], raw[place + 1 :]
            seen |= {int.from_bytes(head + bytes((other,)) + tail, "big", signed=True) for other in range(256)}
        for was in sorted(seen):
            yield was, f"{value} was {was}"
    elif isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        if len(raw) > _TEXT_MAX_BYTES:
            return
        for place in range(len(raw)):
            head, tail = raw[:place], raw[place + 1 :]
            for other in range(256):
                try:
                    was_text = (head + bytes((other,)) + tail).decode("utf-8")
                except UnicodeDecodeError:
                    continue
                yield was_text, f"byte {place + 1} is {raw[place]:#04x}, was {other:#04x}{_around(was_text, value)}"


def _around(was: str, now: str) -> str:
    """The changed character in its place, for a reader."""
    for place, (a, b) in enumerate(zip(was, now, strict=False)):
        if a != b:
            left = now[max(0, place - 8) : place]
            return f" (…{left}[{b}]…, was [{a}])"
    return ""
