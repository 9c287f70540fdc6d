"""Payloads that no honest bell sends: mutations and noise, from any source of numbers. Runs on both runtimes.

`below(n)` gives an integer from 0 to n-1: `random.Random(seed).randrange`, or `Numbers(seed).below` on MicroPython.
"""

# What breaks readers of JSON and of integers, and what the format itself is made of.
FRAGMENTS = (
    b"null",
    b"true",
    b"-1",
    b"-0",
    b"0",
    b"1.5",
    b"1e999",
    b"NaN",
    b"-Infinity",
    b"9007199254740991",
    b"9007199254740992",
    b"9" * 400,
    b"[",
    b"{",
    b"}",
    b"]",
    b"[" * 300,
    b'{"v":' * 60,
    b"[[],{}]",
    b"{[]:1}",
    b"{}",
    b'""',
    b'"',
    b",",
    b":",
    b"\\",
    b"\n",
    b"\x00",
    b"\x80",
    b"\xff",
    b"\xc0\xa2",
    b"\xed\xa0\x80",
    b"\xf5\x90\x80\x80",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u00e9"',
    b'"\\x"',
    b'"k":1,',
    b'"k":255,',
    b'"v":2,',
    b'"type":"status",',
    b'"info":{"a":[1]},',
    b'"boot":"00A1B2C3D4E5F607",',
    b" ",
    b"\xef\xbb\xbf",
    "비상".encode(),
)


class Numbers:
    """A small linear congruential generator, the same on both runtimes (constants of Numerical Recipes)."""

    def __init__(self, seed):
        self._state = seed & 0xFFFFFFFF

    def below(self, limit):
        self._state = (self._state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._state >> 8) % limit  # the low bits of such a generator repeat soon


def _value_span(data, start):
    """(first, end) of the value that follows the first colon at or after `start`, roughly; None without one."""
    colon = data.find(b":", start)
    if colon < 0:
        return None
    end = colon + 1
    while end < len(data) and data[end] not in b",}":
        end += 1
    return colon + 1, end


def mutate(data, below):
    """`data` (bytes) with one to four edits: bits, bytes, spans, fragments and whole JSON values."""
    data = bytes(data)
    for _ in range(1 + below(4)):
        size = len(data)
        at = below(size + 1)
        kind = below(8)
        if kind == 0 and at < size:
            data = data[:at] + bytes([data[at] ^ (1 << below(8))]) + data[at + 1 :]
        elif kind == 1 and at < size:
            data = data[:at] + bytes([below(256)]) + data[at + 1 :]
        elif kind == 2:
            data = data[:at] + data[at + 1 + below(12) :]
        elif kind == 3:
            data = data[:at] + FRAGMENTS[below(len(FRAGMENTS))] + data[at:]
        elif kind == 4:
            data = data[:at] + data[at : at + below(40)] + data[at:]
        elif kind == 5 and below(4) == 0:
            data = data[:at]
        else:
            span = _value_span(data, at)
            if span:
                data = data[: span[0]] + FRAGMENTS[below(len(FRAGMENTS))] + data[span[1] :]
    return data


def noise(below):
    """Bytes that never were a message: up to a little over the limit, half of them made of the format's own pieces."""
    if below(2):
        return bytes([below(256) for _ in range(below(80))])
    return b"".join([FRAGMENTS[below(len(FRAGMENTS))] for _ in range(below(12))])
