"""A message as canonical JSON bytes, and back.

Written out rather than left to `json.dumps`: MicroPython's dict has no order, and the two runtimes escape text
differently, while the bytes under a seal must be the same everywhere.
"""

import json

from .message import ROOM, WireError, rows

# What has a short escape, and the letter of each.
_ESCAPED = b'"\\\b\t\n\f\r'
_LETTERS = b'"\\btnfr'


def _refuse(constant):
    raise ValueError("JSON has no " + constant)


# Left alone, CPython's reader takes NaN and Infinity for JSON; MicroPython's takes neither, and has no decoder class.
_loads = json.JSONDecoder(parse_constant=_refuse).decode if hasattr(json, "JSONDecoder") else json.loads


def _text(value):
    if ROOM and value.isprintable() and '"' not in value and "\\" not in value:
        return '"' + value + '"'
    # Byte by byte: MicroPython keeps each character that it was ever asked for as a text of its own, for good.
    data = value.encode()
    plain = True
    for code in data:
        if code < 0x20 or code == 0x22 or code == 0x5C:
            plain = False
            break
    if plain:
        return '"' + value + '"'
    out = bytearray(b'"')
    for code in data:
        place = _ESCAPED.find(bytes([code]))
        if place >= 0:
            out += b"\\" + _LETTERS[place : place + 1]
        elif code < 0x20:
            out += "\\u{:04x}".format(code).encode()
        else:
            out.append(code)
    return str(out, "utf-8") + '"'


def _value(value):
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_value(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ",".join([_text(key) + ":" + _value(value[key]) for key in value]) + "}"
    raise ValueError("the format writes no {}: {!r}".format(type(value).__name__, value))


def encode(message):
    """The body (bytes) of a checked message: known keys in the format's order, then "k"; nothing else is sent.

    `info` and `args` keep the order of the mapping that is given (an OrderedDict on MicroPython, if it matters).
    """
    parts = ['{"v":1,"type":' + _text(message["type"])]
    for name, _, _, _, _ in rows(message["type"]):
        if name in message:
            parts.append('"' + name + '":' + _value(message[name]))
    if message.get("k", 0):
        parts.append('"k":' + str(message["k"]))
    parts[-1] += "}"
    return ",".join(parts).encode()


def decode(body):
    """The JSON object (dict) in `body` (bytes). Raises WireError, and nothing else."""
    try:
        text = str(body, "utf-8")
    except ValueError:  # UnicodeError on both runtimes, and plain ValueError for some sequences
        raise WireError("utf8", "the body is not UTF-8")
    try:
        message = _loads(text)
    except (ValueError, RuntimeError):  # RuntimeError: CPython's RecursionError on a thousand brackets
        raise WireError("json", "the body is not JSON")
    if not isinstance(message, dict):
        raise WireError("json", "the body is not a JSON object")
    return message
