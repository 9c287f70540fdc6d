"""A message as canonical JSON bytes, and back.

Written out rather than left to `json.dumps`: MicroPython's dict has no order, and the two runtimes escape text
differently, while the bytes under a seal must be the same everywhere.
"""

import json

from .message import WireError, rows

_ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r"}


def _refuse(constant):
    raise ValueError("JSON has no " + constant)


# Left alone, CPython's reader takes NaN and Infinity for JSON; MicroPython's takes neither, and has no decoder class.
_loads = json.JSONDecoder(parse_constant=_refuse).decode if hasattr(json, "JSONDecoder") else json.loads


def _text(value):
    plain = True
    for char in value:
        code = ord(char)
        if code < 0x20 or code == 0x22 or code == 0x5C:
            plain = False
            break
    if plain:
        return '"' + value + '"'
    out = ['"']
    for char in value:
        code = ord(char)
        if code in _ESCAPES:
            out.append(_ESCAPES[code])
        elif code < 0x20:
            out.append("\\u{:04x}".format(code))
        else:
            out.append(char)
    out.append('"')
    return "".join(out)


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
    parts = ['"v":1,"type":' + _text(message["type"])]
    for name, _, _, _, _ in rows(message["type"]):
        if name in message:
            parts.append(_text(name) + ":" + _value(message[name]))
    if message.get("k", 0):
        parts.append('"k":' + str(message["k"]))
    return ("{" + ",".join(parts) + "}").encode()


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
