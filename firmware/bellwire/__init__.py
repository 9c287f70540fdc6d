"""The wire format, version 1: one definition for the bell and for the gateway.

Runs unchanged on MicroPython and CPython; imports nothing of ours and nothing that MicroPython lacks.

    message   what may be said: fields, types, limits, and `WireError`
    codec     a message as canonical JSON bytes, and back
    seal      body LF tag: HMAC-SHA256 under the bell's key, the topic included
    topic     names and MQTT topics
    frame     the frames of the serial port; not joined with the others, and imported by its own name

`pack` and `unpack` join the four. Normative text: docs/protocol.md; golden bytes: tests/vectors/wire-v1.json.
"""

from .codec import decode, encode
from .message import (
    COMMANDS,
    KINDS,
    MAX_INT,
    MAX_PAYLOAD_BYTES,
    STAGES,
    WHATS,
    WireError,
    check,
    identity_fault,
)
from .seal import TAG_CHARS, hmac_sha256, seal, unseal
from .topic import NAME_CHARS_MAX, Topic, join, parse, valid_name

__all__ = (
    "COMMANDS",
    "KINDS",
    "MAX_INT",
    "MAX_PAYLOAD_BYTES",
    "NAME_CHARS_MAX",
    "STAGES",
    "TAG_CHARS",
    "WHATS",
    "Topic",
    "WireError",
    "check",
    "decode",
    "encode",
    "hmac_sha256",
    "identity_fault",
    "join",
    "open_sealed",
    "pack",
    "parse",
    "seal",
    "unpack",
    "unseal",
    "valid_name",
)


def pack(message, topic, key):
    """Check, encode and seal `message` (a dict, see `message`) for `topic` (text) under `key` (32 bytes).

    Returns the payload (bytes, at most MAX_PAYLOAD_BYTES). Raises ValueError if the message breaks the format: on
    the sending side that is our own bug, not the peer's. A dict key "k" above 0 must name the key that is given.
    """
    try:
        check(message, parse(topic).leaf)
    except WireError as fault:
        raise ValueError("will not send: {}".format(fault))
    payload = seal(encode(message), topic, key)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError("will not send: {} bytes, at most {}".format(len(payload), MAX_PAYLOAD_BYTES))
    return payload


def open_sealed(payload, topic, keys):
    """Verify the seal and parse the JSON, without checking the fields: (message as a dict, leaf of the topic).

    `keys` maps key number to key (32 bytes). For a receiver that wants to answer a well sealed but ill-formed event
    with `refused`; everybody else calls `unpack`. Raises WireError, and nothing else, whatever bytes arrive.
    """
    leaf = parse(topic).leaf
    body, number = unseal(payload, topic, keys)
    message = decode(body)
    named = message.get("k", 0)
    if type(named) is not int or named != number:
        raise WireError("k", "does not name key {}, which made the seal".format(number))
    return message, leaf


def unpack(payload, topic, keys):
    """Verify, decode and check a payload: the message as a dict of known and unknown keys.

    payload: bytes as they arrived. topic: text. keys: {number: 32 bytes}. Raises WireError naming the first fault,
    and never another type, whatever bytes arrive. Nothing is parsed before the seal has been verified.
    """
    message, leaf = open_sealed(payload, topic, keys)
    check(message, leaf)
    return message
