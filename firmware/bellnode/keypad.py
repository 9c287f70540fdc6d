"""A keypad's keys -> what the person wants. Pure.

1234#   the PIN, 4 to 8 digits: disarms, silences, ends an entry delay
*1      arm, somebody stays at home         *2   arm, everybody leaves
*3      arm as *2, open doors and windows left out
*0      I am fine
**      take the press back, while the cancel window runs
"""

from collections import namedtuple

FORGET_MS = 5000  # half a code is no code any more: the next person begins anew
DIGITS_MAX = 8

# typed: digits so far. star: True after a lone *. at_ms: the last key.
Keypad = namedtuple("Keypad", ("typed", "star", "at_ms"))

EMPTY = Keypad("", False, 0)

STARRED = {
    "0": ("checkin",),
    "1": ("arm", "home", False),
    "2": ("arm", "away", False),
    "3": ("arm", "away", True),
    "*": ("cancel",),
}


def step(pad, key, at_ms):
    """(pad, wish): wish is None, or one of the tuples above, or ("pin", digits), or ("unknown",)."""
    pad = Keypad(*pad)
    if at_ms - pad.at_ms >= FORGET_MS:
        pad = EMPTY
    if key not in "0123456789*#" or len(key) != 1:
        raise ValueError(f"a keypad has no key {key!r}")
    if pad.star:
        return Keypad("", False, at_ms), STARRED.get(key, ("unknown",))
    if key == "*":
        return Keypad("", True, at_ms), None
    if key == "#":
        return Keypad("", False, at_ms), ("pin", pad.typed) if pad.typed else ("unknown",)
    if len(pad.typed) == DIGITS_MAX:
        return Keypad("", False, at_ms), ("unknown",)
    return Keypad(pad.typed + key, False, at_ms), None
