"""The enrolment file: what is wrong, and what to do. Both runtimes."""

import json
from binascii import b2a_base64

from bellnode import config


def text(data):
    return str(b2a_base64(data), "utf-8").strip()


def good():
    return {
        "v": 1,
        "bell_id": "b-1",
        "site": "seongsu",
        "kind": "store-bell",
        "key": text(bytes(range(32))),
        "ca_der": text(b"\x30\x01"),
        "cert_der": text(b"\x30\x02"),
        "key_der": text(b"\x30\x03"),
        "brokers": [{"host": "gw.local", "port": 8883, "server_name": "gw"}],
    }


def parsed(**changes):
    found = good()
    found.update(changes)
    return config.parse(json.dumps({key: found[key] for key in found if found[key] != "-"}).encode())


def test_a_good_file_is_read():
    found = parsed()
    assert found.key == bytes(range(32)) and found.brokers == (config.Broker("gw.local", 8883, "gw"),)
    assert (found.silent, found.wifi) == (False, ())
    assert parsed(wifi=[{"ssid": "shop", "password": "secret"}]).wifi == (("shop", "secret"),)


def test_who_is_silent():
    assert parsed(silent=True).silent and parsed(kind="pendant").silent
    assert not parsed(kind="home-set").silent


def test_every_fault_says_where_and_what_to_do():
    for changes, word in (
        ({"v": 2}, '"v"'),
        ({"bell_id": "B 1"}, '"bell_id"'),
        ({"site": "-"}, '"site"'),
        ({"kind": "toaster"}, "store-bell"),
        ({"key": text(bytes(31))}, "31 bytes"),
        ({"key": "-"}, '"key" is missing'),
        ({"key": 5}, '"key" is missing'),
        ({"ca_der": text(b"-----BEGIN")}, "PEM"),
        ({"brokers": []}, '"brokers"'),
        ({"brokers": [5]}, "broker 1"),
        ({"brokers": [{"port": 1, "server_name": "x"}]}, '"host"'),
        ({"brokers": [{"host": "x", "port": 0, "server_name": "x"}]}, '"port"'),
        ({"brokers": [{"host": "x", "port": True, "server_name": "x"}]}, '"port"'),
        ({"silent": "yes"}, '"silent"'),
        ({"wifi": {}}, '"wifi"'),
        ({"wifi": [{}]}, '"ssid"'),
        ({"wifi": [{"ssid": "x", "password": 5}]}, "password"),
    ):
        try:
            parsed(**changes)
        except config.ConfigError as fault:
            assert word in str(fault) and "config.json" in str(fault) and str(fault).endswith("."), str(fault)
            assert "Enrol" in str(fault) or "Write" in str(fault) or "Correct" in str(fault)
            continue
        raise AssertionError(changes)


def test_what_is_no_file_of_ours_is_told_so():
    for data in (b"", b"\xff\xff", b"[1]", b"{", b"null"):
        try:
            config.parse(data)
        except config.ConfigError:
            continue
        raise AssertionError(data)
    try:
        config.read("no-such-file.json")
    except config.ConfigError as fault:
        assert "no-such-file.json is not here" in str(fault)
    else:
        raise AssertionError("read")
