"""Properties over every message of the format: there and back, canonical bytes, and the library's own HMAC."""

import hashlib
import hmac
import json

from hypothesis import assume, given
from hypothesis import strategies as st

import bellwire
from bellwire import MAX_INT, MAX_PAYLOAD_BYTES
from bellwire.message import FIELDS, TYPES_BY_LEAF

keys = st.binary(min_size=32, max_size=32)
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
counts = st.integers(0, MAX_INT)
from_one = st.integers(1, MAX_INT)
hex16 = st.text("0123456789abcdef", min_size=16, max_size=16)
characters = st.characters(exclude_categories=["Cs"])


def text(low: int, high: int) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=low, max_size=high)


scalars = st.none() | st.booleans() | st.integers(-MAX_INT, MAX_INT) | text(0, 40)
# Written by hand beside the table in `message`: two statements of the format, so that each checks the other.
VALUES: dict[str, dict[str, st.SearchStrategy[object]]] = {
    "event": {
        "boot": hex16,
        "seq": from_one,
        "what": st.sampled_from(bellwire.WHATS),
        "state": st.sampled_from(["alarm", "restore"]),
        "age_ms": st.none() | counts,
        "zone": st.integers(1, 64),
        "t_ms": counts,
        "t_err_ms": counts,
        "try": counts,
        "info": st.dictionaries(text(1, 20), scalars, max_size=8),
    },
    "heartbeat": {
        "boot": hex16,
        "seq": counts,
        "n": from_one,
        "up_s": counts,
        "pending": counts,
        "kind": st.sampled_from(["store-bell", "home-set", "pendant"]),
        "fw": text(1, 64),
        "rssi": st.integers(-200, 100),
        "mains": st.booleans(),
        "bat_mv": counts,
        "heap": counts,
        "crash": counts,
        "armed": st.sampled_from(["off", "home", "away"]),
        "faults": st.lists(text(1, 20), max_size=8),
    },
    "status": {"state": st.sampled_from(["online", "offline"]), "boot": hex16},
    "receipt": {
        "boot": hex16,
        "seq": from_one,
        "stage": st.sampled_from(["stored", "presented", "acknowledged", "dispatched", "closed", "refused"]),
        "now_ms": counts,
        "reason": text(1, 200),
    },
    "command": {
        "id": hex16,
        "name": st.sampled_from(bellwire.COMMANDS),
        "now_ms": counts,
        "ttl_s": counts,
        "args": st.dictionaries(text(0, 20), scalars | st.lists(scalars, max_size=4), max_size=4),
    },
}


@st.composite
def spoken(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    """(topic, message): any message of the format on a topic where it may travel, its keys in any order."""
    leaf = draw(st.sampled_from(sorted(TYPES_BY_LEAF)))
    kind = draw(st.sampled_from(TYPES_BY_LEAF[leaf]))
    message: dict[str, object] = {"v": 1, "type": kind}
    for name, _, required in FIELDS[kind]:
        if required or draw(st.booleans()):
            message[name] = draw(VALUES[kind][name])
    shuffled = {name: message[name] for name in draw(st.permutations(sorted(message)))}
    return bellwire.join(draw(names), draw(names), leaf), shuffled


def test_the_strategies_cover_every_field_of_the_format():
    assert {kind: list(values) for kind, values in VALUES.items()} == {
        kind: [name for name, _, _ in fields] for kind, fields in FIELDS.items()
    }
    assert sorted(kind for kinds in TYPES_BY_LEAF.values() for kind in kinds) == sorted(FIELDS)


@given(spoken(), keys)
def test_what_is_packed_is_unpacked_the_same(said: tuple[str, dict[str, object]], key: bytes):
    topic, message = said
    assume(len(bellwire.encode(message)) + 65 <= MAX_PAYLOAD_BYTES)
    payload = bellwire.pack(message, topic, key)
    assert bellwire.unpack(payload, topic, {0: key}) == message
    assert payload.count(b"\n") == 1
    assert len(payload) <= MAX_PAYLOAD_BYTES


@given(spoken(), keys, st.integers(1, 255))
def test_a_message_under_a_numbered_key_says_its_number(said: tuple[str, dict[str, object]], key: bytes, number: int):
    topic, message = said
    assume(key != bytes(32))
    message["k"] = number
    assume(len(bellwire.encode(message)) + 65 <= MAX_PAYLOAD_BYTES)
    payload = bellwire.pack(message, topic, key)
    assert bellwire.unpack(payload, topic, {0: bytes(32), number: key}) == message


@given(spoken())
def test_the_bytes_are_those_of_json_without_white_space_in_the_formats_order(said: tuple[str, dict[str, object]]):
    _, message = said
    kind = message["type"]
    assert isinstance(kind, str)
    ordered = {"v": 1, "type": kind}
    ordered.update({name: message[name] for name, _, _ in FIELDS[kind] if name in message})
    written = json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()
    assert bellwire.encode(message) == written


@given(st.binary(max_size=64), st.binary(max_size=2048))
def test_the_seal_is_the_libraries_hmac(key: bytes, data: bytes):
    digest = hmac.new(key, data, hashlib.sha256).digest()
    for _ in range(2):  # a key is kept
        assert bellwire.hmac_sha256(key, data) == digest


@given(spoken(), keys, keys)
def test_another_key_never_opens(said: tuple[str, dict[str, object]], key: bytes, other: bytes):
    assume(key != other)
    topic, message = said
    assume(len(bellwire.encode(message)) + 65 <= MAX_PAYLOAD_BYTES)
    payload = bellwire.pack(message, topic, key)
    try:
        bellwire.unpack(payload, topic, {0: other})
    except bellwire.WireError as error:
        assert error.fault == "tag"
    else:
        raise AssertionError("opened")


@given(names, names, st.sampled_from(["up", "down", "status"]))
def test_a_topic_that_is_joined_is_parsed_the_same(site: str, bell_id: str, leaf: str):
    assert tuple(bellwire.parse(bellwire.join(site, bell_id, leaf))) == (site, bell_id, leaf)


@given(st.text(max_size=80))
def test_any_text_is_a_topic_or_a_wire_error(topic: str):
    try:
        parsed = bellwire.parse(topic)
    except bellwire.WireError as error:
        assert error.fault == "topic"
    else:
        assert bellwire.join(*parsed) == topic
