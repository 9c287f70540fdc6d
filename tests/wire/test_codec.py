"""Canonical bytes: order, escaping, and what is not JSON, on both runtimes."""

from collections import OrderedDict

import bellwire
from bellwire import WireError

KEY = bytes(range(32))
UP = "bells/seongsu-012/b-7f3a/up"
HEAD = b'{"v":1,"type":"event","boot":"00a1b2c3d4e5f607","seq":1,"what":"panic","state":"alarm","age_ms":0'


def event(**changes):
    message = {"v": 1, "type": "event", "boot": "00a1b2c3d4e5f607", "seq": 1, "what": "panic", "state": "alarm"}
    message["age_ms"] = 0
    message.update(changes)
    return message


def test_optional_keys_follow_in_the_formats_order_and_k_is_last():
    message = event(info=OrderedDict((("z", 1), ("a", 2))), t_err_ms=4, zone=2, t_ms=3, k=7)
    message["try"] = 5
    tail = b',"zone":2,"t_ms":3,"t_err_ms":4,"try":5,"info":{"z":1,"a":2},"k":7}'
    assert bellwire.encode(message) == HEAD + tail


def test_key_number_zero_is_not_written():
    assert bellwire.encode(event(k=0)) == HEAD + b"}"


def test_info_keeps_the_order_it_is_given():
    names = ("m", "b", "z", "a", "k", "y", "c", "x")
    message = event(info=OrderedDict([(name, at) for at, name in enumerate(names)]))
    wanted = ",".join(['"{}":{}'.format(name, at) for at, name in enumerate(names)])
    assert bellwire.encode(message) == HEAD + b',"info":{' + wanted.encode() + b"}}"


def test_text_is_escaped_only_where_json_demands_it():
    for text, written in (
        ("", b'""'),
        ("현관문", '"현관문"'.encode()),
        ('"', b'"\\""'),
        ("\\", b'"\\\\"'),
        ("/", b'"/"'),
        ("\b\t\n\f\r", b'"\\b\\t\\n\\f\\r"'),
        ("\x00\x01\x1f", b'"\\u0000\\u0001\\u001f"'),
        ("\x7f", b'"\x7f"'),
        ("\u2028\u2029", b'"\xe2\x80\xa8\xe2\x80\xa9"'),
        ("🔔", b'"\xf0\x9f\x94\x94"'),
        ('a"b\\c\nd', b'"a\\"b\\\\c\\nd"'),
    ):
        body = bellwire.encode(event(info={"t": text}))
        assert body == HEAD + b',"info":{"t":' + written + b"}}", text
        assert bellwire.decode(body)["info"]["t"] == text, text
        assert b"\n" not in body


def test_keys_are_escaped_too():
    assert bellwire.encode(event(info={'"': 1})) == HEAD + b',"info":{"\\"":1}}'


def test_what_is_not_a_json_object_is_refused():
    for body in (
        b"",
        b"null",
        b"1",
        b'"x"',
        b"[]",
        b"{",
        b"}",
        b'{"v":1',
        b"{}{}",
        b"nonsense",
        b"[" * 900,
        b'{"a":' * 180,
    ):
        try:
            bellwire.decode(body)
        except WireError as error:
            assert error.fault == "json", (body[:20], error.fault)
        else:
            raise AssertionError("taken: " + repr(body[:20]))


def test_numbers_that_json_does_not_have_are_refused():
    for word in (b"NaN", b"Infinity", b"-Infinity", b"0x10", b"1_0", b"1j"):
        try:
            bellwire.decode(b'{"a":' + word + b"}")
        except WireError as error:
            assert error.fault == "json", (word, error.fault)
        else:
            raise AssertionError("taken: " + repr(word))


def test_what_is_not_utf8_is_refused():
    for rubbish in (b"\xff", b"\x80", b"\xe2\x80", b"\xc3"):
        try:
            bellwire.decode(b'{"a":"' + rubbish + b'"}')
        except WireError as error:
            assert error.fault == "utf8", (rubbish, error.fault)
        else:
            raise AssertionError("taken: " + repr(rubbish))


def test_escapes_are_read_back():
    assert bellwire.decode(b'{"a":"\\u00e9\\n\\/\\""}') == {"a": '\u00e9\n/"'}
