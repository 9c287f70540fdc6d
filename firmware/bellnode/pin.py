"""PIN and duress PIN: how they are kept, how one is tried, and how fast. Pure.

Kept as PBKDF2-HMAC-SHA256 (RFC 8018) under a salt of the bell's own. Be clear about what that is worth: whoever
copies the flash tries the ten thousand codes of four digits within minutes, at any cost that a bell can bear. The
salt keeps two bells with the same code apart and makes a table of all codes useless; against fingers on the keypad
stands WAITS_MS.

Both codes share the salt: one derivation serves both, both are always compared, and every bit of both. So neither
the time nor anything else that can be watched tells a wrong code, the PIN and the duress PIN apart.
"""

import hashlib
from binascii import hexlify, unhexlify
from collections import namedtuple

DIGITS_MIN = 4
DIGITS_MAX = 8
SALT_BYTES = 16
HASH_BYTES = 32

# A trial blocks the loop: 1000 rounds take 3.3 ms under MicroPython on a PC. Nobody has measured an ESP32; at fifty
# times that it is a sixth of a second, in which edges are latched with their time and nothing is lost.
ROUNDS = 1000
ROUNDS_MAX = 10000

# How long the keypad is deaf after so many wrong codes in a row: the first two cost nothing, a person is in a hurry. At
# five minutes a try, half of the ten thousand codes take seventeen days.
WAITS_MS = (0, 0, 0, 10000, 30000, 60000, 120000, 300000)
WRONG_TOLD = 5  # wrong codes in a row after which somebody should know

# duress: 32 bytes; without a duress PIN 32 bytes that no code gives.
Pins = namedtuple("Pins", ("salt", "rounds", "pin", "duress"))
_NONE = bytes(HASH_BYTES)

_BLOCK_BYTES = 64


def derive(code, salt, rounds):
    """PBKDF2-HMAC-SHA256, 32 bytes. code: text, at most 64 bytes; salt: bytes. MicroPython lacks it."""
    key = code.encode()
    key += bytes(_BLOCK_BYTES - len(key))
    inner = bytes([byte ^ 0x36 for byte in key])
    outer = bytes([byte ^ 0x5C for byte in key])
    block = salt + b"\x00\x00\x00\x01"
    total = 0
    for _ in range(rounds):
        block = hashlib.sha256(outer + hashlib.sha256(inner + block).digest()).digest()
        total ^= int.from_bytes(block, "big")
    return total.to_bytes(HASH_BYTES, "big")


def valid(code):
    """True for text of 4 to 8 digits."""
    if type(code) is not str or not DIGITS_MIN <= len(code) <= DIGITS_MAX:
        return False
    for char in code:
        if char not in "0123456789":
            return False
    return True


def make(code, duress, salt, rounds=ROUNDS):
    """What the configuration keeps: {"salt", "rounds", "pin", "duress"}, bytes in hex. Raises ValueError.

    duress: text or None. salt: 16 random bytes, the bell's own.
    """
    for name, entry in (("PIN", code), ("duress PIN", duress)):
        if not valid(entry) and (entry is not None or name == "PIN"):
            raise ValueError(f"the {name} must be {DIGITS_MIN} to {DIGITS_MAX} digits")
    if code == duress:
        raise ValueError("the duress PIN must differ from the PIN")
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt is {SALT_BYTES} bytes, not {len(salt)}")
    kept = {"salt": salt, "pin": derive(code, salt, rounds)}
    kept = {name: str(hexlify(kept[name]), "ascii") for name in kept}
    kept["rounds"] = rounds
    kept["duress"] = None if duress is None else str(hexlify(derive(duress, salt, rounds)), "ascii")
    return kept


def parse(found):
    """The Pins in what `make` gave. Raises ValueError."""
    if not isinstance(found, dict):
        raise ValueError('"pin" must be an object with salt, rounds, pin and duress')
    rounds = found.get("rounds")
    if type(rounds) is not int or not 1 <= rounds <= ROUNDS_MAX:
        raise ValueError(f'"pin": "rounds" must be a number from 1 to {ROUNDS_MAX}')
    values = []
    for name, size in (("salt", SALT_BYTES), ("pin", HASH_BYTES), ("duress", HASH_BYTES)):
        text = found.get(name)
        if name == "duress" and text is None:
            values.append(_NONE)
            continue
        try:
            value = unhexlify(text)
        except (ValueError, TypeError):
            value = b""
        if len(value) != size:
            raise ValueError(f'"pin": "{name}" must be {2 * size} hex characters')
        values.append(value)
    return Pins(values[0], rounds, values[1], values[2])


def judge(pins, code):
    """One of "pin", "duress" and "wrong" for a code that was entered (any text)."""
    said = derive(code if valid(code) else "", pins.salt, pins.rounds)
    normal, duress = _difference(said, pins.pin), _difference(said, pins.duress)
    if normal == 0:
        return "pin"
    return "duress" if duress == 0 else "wrong"


def _difference(left, right):
    """0 if two byte strings of equal length are the same; every byte is looked at."""
    difference = 0
    for place in range(len(left)):
        difference |= left[place] ^ right[place]
    return difference


def wait_ms(wrong):
    """How long the keypad is deaf after `wrong` wrong codes in a row."""
    return WAITS_MS[min(wrong, len(WAITS_MS) - 1)]
