"""The seal, the limits of a payload, key rotation and topics, on both runtimes."""

from binascii import hexlify, unhexlify

import bellwire
from bellwire import MAX_PAYLOAD_BYTES, TAG_CHARS, WireError
from bellwire.seal import KEYS_MAX

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
UP = "bells/seongsu-012/b-7f3a/up"


def event(**changes):
    message = {"v": 1, "type": "event", "boot": "00a1b2c3d4e5f607", "seq": 1, "what": "panic", "state": "alarm"}
    message["age_ms"] = 0
    message.update(changes)
    return message


def fault_of(payload, topic=UP, keys=None):
    try:
        bellwire.unpack(payload, topic, {0: KEY} if keys is None else keys)
    except WireError as error:
        return error.fault
    return None


def event_of_size(size):
    """An event whose payload is exactly `size` bytes long."""
    info = {}
    message = event(info=info)
    for name in "abcdefgh":
        info[name] = ""
        missing = size - TAG_CHARS - 1 - len(bellwire.encode(message))
        info[name] = "x" * min(missing, 128)
        if missing <= 128:
            return message
    raise AssertionError("eight values cannot fill {} bytes".format(size))


def test_rfc_4231_test_cases():
    for key, data, tag in (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    ):
        assert bellwire.hmac_sha256(key, data) == unhexlify(tag)


def test_1024_bytes_go_and_1025_do_not():
    fits = bellwire.pack(event_of_size(MAX_PAYLOAD_BYTES), UP, KEY)
    assert MAX_PAYLOAD_BYTES == 1024 and len(fits) == 1024
    assert fault_of(fits) is None
    too_long = event_of_size(1025)
    try:
        bellwire.pack(too_long, UP, KEY)
    except ValueError as error:
        assert "1025" in str(error)
    else:
        raise AssertionError("sent")
    payload = bellwire.seal(bellwire.encode(too_long), UP, KEY)
    assert len(payload) == 1025
    assert fault_of(payload) == "too_long"
    assert fault_of(bytes(1025)) == "too_long"
    assert fault_of(bytes(100000)) == "too_long"


def test_a_payload_too_short_for_a_tag_is_refused():
    assert fault_of(b"") == "empty"
    for size in range(1, TAG_CHARS + 2):
        assert fault_of(b"\n" * size) == "tag", size
        assert fault_of(b"a" * size) == "tag", size


def test_a_tag_alone_seals_nothing():
    assert fault_of(bellwire.seal(b"", UP, KEY)) == "json"


def test_a_line_feed_in_the_body_is_refused_even_under_a_right_seal():
    body = bellwire.encode(event())
    for broken in (body + b"\n", b"\n" + body, body.replace(b",", b",\n", 1)):
        assert fault_of(bellwire.seal(broken, UP, KEY)) == "body"


def test_the_topic_is_under_the_seal():
    payload = bellwire.pack(event(), UP, KEY)
    for topic in ("bells/seongsu-012/b-7f3b/up", "bells/seongsu-013/b-7f3a/up", "bells/seongsu-012/b-7f3a/down"):
        assert fault_of(payload, topic) == "tag", topic


def test_the_key_decides():
    payload = bellwire.pack(event(), UP, KEY)
    assert fault_of(payload, keys={0: OTHER}) == "tag"
    assert fault_of(payload, keys={}) == "tag"


def test_a_key_is_32_bytes():
    for size in (0, 31, 33, 64):
        try:
            bellwire.pack(event(), UP, bytes(size))
        except ValueError:
            continue
        raise AssertionError("sealed under {} bytes".format(size))


def test_during_a_rotation_both_keys_open_and_k_must_tell_the_truth():
    keys = {0: KEY, 5: OTHER}
    assert fault_of(bellwire.pack(event(), UP, KEY), keys=keys) is None
    new = bellwire.pack(event(k=5), UP, OTHER)
    assert bellwire.unpack(new, UP, keys)["k"] == 5
    assert fault_of(new) == "tag", "a receiver without the new key"
    assert fault_of(bellwire.pack(event(k=5), UP, KEY), keys=keys) == "k"
    assert fault_of(bellwire.pack(event(), UP, OTHER), keys=keys) == "k"
    for number in (b"true", b'"5"', b"5.0", b"null", b"256", b"-1", b"[]"):
        body = bellwire.encode(event(k=5)).replace(b'"k":5', b'"k":' + number)
        assert fault_of(bellwire.seal(body, UP, OTHER), keys=keys) == "k", number
    for number in (256, -1, True, "5", 1.0, None):
        try:
            bellwire.pack(event(k=number), UP, OTHER)
        except ValueError:
            continue
        raise AssertionError("sent with k {!r}".format(number))


def test_open_sealed_tells_an_ill_formed_event_from_a_forged_one():
    body = bellwire.encode(event()).replace(b"panic", b"volcano")
    payload = bellwire.seal(body, UP, KEY)
    assert fault_of(payload) == "what"
    message, leaf = bellwire.open_sealed(payload, UP, {0: KEY})
    assert leaf == "up" and message["what"] == "volcano"
    assert bellwire.identity_fault(message) is None
    try:
        bellwire.open_sealed(payload, UP, {0: OTHER})
    except WireError as error:
        assert error.fault == "tag"
    else:
        raise AssertionError("opened under another key")


def test_any_kind_of_bytes_can_be_opened():
    payload = bellwire.pack(event(), UP, KEY)
    assert bellwire.unpack(bytearray(payload), UP, {0: KEY}) == event()
    assert bellwire.unpack(memoryview(payload), UP, {0: KEY}) == event()


def test_unseal_gives_the_body_and_the_number_of_the_key():
    body = bellwire.encode(event())
    payload = bellwire.seal(body, UP, OTHER)
    assert bellwire.unseal(payload, UP, {0: KEY, 9: OTHER}) == (body, 9)
    assert payload[len(body) + 1 :] == hexlify(bellwire.hmac_sha256(OTHER, UP.encode() + b"\n" + body))


def test_topics_are_made_and_read():
    assert bellwire.join("seongsu-012", "b-7f3a", "up") == UP
    for leaf in ("up", "down", "status"):
        topic = bellwire.parse(bellwire.join("a", "0", leaf))
        assert (topic.site, topic.bell_id, topic.leaf) == ("a", "0", leaf)
    for site, bell_id, leaf in (
        ("", "b", "up"),
        ("a", "B", "up"),
        ("a", "b", "UP"),
        ("a", "b", ""),
        ("a/b", "c", "up"),
    ):
        try:
            bellwire.join(site, bell_id, leaf)
        except ValueError:
            continue
        raise AssertionError("made of {!r}, {!r}, {!r}".format(site, bell_id, leaf))


def test_what_is_no_topic_is_refused():
    for topic in (
        "",
        "bells",
        "bells/a/b",
        "bells/a/b/up/",
        "/bells/a/b/up",
        "bells/a/b/sideways",
        "bells/+/b/up",
        "bells/a/#",
        "bell/a/b/up",
        "bells//b/up",
        "bells/-a/b/up",
        "bells/a/b-/up",
        "bells/a/B/up",
        "bells/a/종/up",
        "bells/a/b\n/up",
        "bells/{}/b/up".format("a" * 33),
        None,
        b"bells/a/b/up",
    ):
        try:
            bellwire.parse(topic)
        except WireError as error:
            assert error.fault == "topic"
        else:
            raise AssertionError("taken: {!r}".format(topic))


def test_names():
    for name in ("a", "0", "b-7f3a", "a--b", "x" * 32):
        assert bellwire.valid_name(name), name
    for name in ("", "-", "-a", "a-", "A", "a_b", "a.b", "a b", "a/b", "a+", "#", "종", "x" * 33, None, 1, b"a"):
        assert not bellwire.valid_name(name), name


def test_a_key_longer_than_a_block_is_refused():
    assert len(bellwire.hmac_sha256(bytes(64), b"x")) == 32
    try:
        bellwire.hmac_sha256(bytes(65), b"x")
        raise AssertionError("65 bytes were taken")
    except ValueError as error:
        assert "65 bytes, at most 64" in str(error)


def test_more_keys_than_are_kept_are_told_apart():
    first = last = bellwire.hmac_sha256(KEY, b"x")
    for number in range(KEYS_MAX + 1):
        tag = bellwire.hmac_sha256(number.to_bytes(4, "big"), b"x")
        assert tag not in (first, last)
        last = tag
    assert bellwire.hmac_sha256(KEY, b"x") == first
