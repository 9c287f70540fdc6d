"""body LF tag: the tag is lowercase hex of HMAC-SHA256(key, topic LF body).

The topic is under the tag, so a message cannot be moved to another bell or another direction.
HMAC is written out (RFC 2104) because MicroPython has hashlib but no hmac.
"""

import hashlib
from binascii import hexlify

from .message import MAX_PAYLOAD_BYTES, WireError

KEY_BYTES = 32
TAG_CHARS = 64
_BLOCK_BYTES = 64
# The two pads of RFC 2104 as one integer each: one exclusive-or instead of 64 steps of the interpreter.
_INNER = int.from_bytes(b"\x36" * _BLOCK_BYTES, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK_BYTES, "big")
# The halves of a key's HMAC, where a hash can be copied (CPython): a gateway needs a key at every message of its bell.
# As many as a large district has bells.
KEYS_MAX = 4096
_kept = {}


def _halves(key):
    if len(key) > _BLOCK_BYTES:
        raise ValueError("the key is {} bytes, at most {}".format(len(key), _BLOCK_BYTES))
    kept = _kept.get(key)
    if kept is None:
        padded = int.from_bytes(key + bytes(_BLOCK_BYTES - len(key)), "big")
        inner = hashlib.sha256((padded ^ _INNER).to_bytes(_BLOCK_BYTES, "big"))
        outer = hashlib.sha256((padded ^ _OUTER).to_bytes(_BLOCK_BYTES, "big"))
        if not hasattr(inner, "copy"):
            return inner, outer
        if len(_kept) >= KEYS_MAX:
            _kept.clear()
        kept = _kept[key] = (inner, outer)
    return kept[0].copy(), kept[1].copy()


def hmac_sha256(key, data):
    """HMAC-SHA256 of `data` (bytes) under `key` (bytes, at most 64): 32 bytes. RFC 2104."""
    return _of_parts(key, (data,))


def _of_parts(key, parts):
    # One after the other: joined, they would need as much room again in one piece.
    inner, outer = _halves(key)
    for part in parts:
        inner.update(part)
    outer.update(inner.digest())
    return outer.digest()


def _tag(body, topic, key):
    return hexlify(_of_parts(key, (topic.encode(), b"\n", body)))


def _same(left, right):
    """Compare two byte strings of equal length in constant time."""
    difference = 0
    for a, b in zip(left, right):
        difference |= a ^ b
    return difference == 0


def seal(body, topic, key):
    """The payload for `body` (bytes without LF) on `topic` (text) under `key` (32 bytes)."""
    if len(key) != KEY_BYTES:
        raise ValueError("a bell's key is {} bytes, not {}".format(KEY_BYTES, len(key)))
    return b"\n".join((body, _tag(body, topic, key)))


def unseal(payload, topic, keys):
    """Verify a payload: (body as bytes, number of the key that made the seal).

    keys: {number: 32 bytes}; during a rotation there are two, and each is tried, so that nothing is parsed before
    it is verified. Raises WireError.
    """
    size = len(payload)
    if size == 0:
        raise WireError("empty", "no payload")
    if size > MAX_PAYLOAD_BYTES:
        raise WireError("too_long", "{} bytes, at most {}".format(size, MAX_PAYLOAD_BYTES))
    cut = size - TAG_CHARS - 1
    if cut < 0 or payload[cut] != 10:
        raise WireError("tag", "the payload does not end in LF and {} hex characters".format(TAG_CHARS))
    body = bytes(payload[:cut])
    tag = bytes(payload[cut + 1 :])
    if b"\n" in body:
        raise WireError("body", "has a line feed inside")
    for number in keys:
        if _same(_tag(body, topic, keys[number]), tag):
            return body, number
    raise WireError("tag", "does not match: wrong key, wrong topic, or the message was changed")
