"""The golden bytes of tests/vectors/wire-v1.json, both ways, on both runtimes."""

import json
from binascii import unhexlify
from collections import OrderedDict

import bellwire

_HERE = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."

with open(_HERE + "/../vectors/wire-v1.json", "rb") as _file:
    VECTORS = json.loads(str(_file.read(), "utf-8"))
KEY = unhexlify(VECTORS["key_hex"])

# The fault each bad payload must be refused for: a right refusal for a wrong reason hides a hole.
FAULTS = {
    "another bell's topic": "tag",
    "another direction": "tag",
    "another key": "tag",
    "one bit of the body changed": "tag",
    "no tag": "tag",
    "tag in capitals": "tag",
    "empty": "empty",
    "not JSON": "json",
    "an array": "json",
    "version 2": "v",
    "seq 0": "seq",
    "seq a string": "seq",
    "seq true": "seq",
    "negative age": "age_ms",
    "age a fraction": "age_ms",
    "unknown what": "what",
    "boot too short": "boot",
    "boot in capitals": "boot",
    "missing state": "state",
    "number beyond 2^53-1": "seq",
    "not UTF-8": "utf8",
    "too long": "too_long",
}


def test_every_good_payload_reads_as_its_message():
    assert len(VECTORS["good"]) >= 12
    for entry in VECTORS["good"]:
        message = bellwire.unpack(entry["payload"].encode(), entry["topic"], {0: KEY})
        assert message == entry["body"], entry["name"]


def test_every_good_message_writes_its_payload_byte_for_byte():
    for entry in VECTORS["good"]:
        assert bellwire.pack(entry["body"], entry["topic"], KEY) == entry["payload"].encode(), entry["name"]


def test_the_order_of_the_keys_that_are_given_does_not_matter():
    for entry in VECTORS["good"]:
        backwards = OrderedDict([(name, entry["body"][name]) for name in sorted(entry["body"], reverse=True)])
        assert bellwire.pack(backwards, entry["topic"], KEY) == entry["payload"].encode(), entry["name"]


def test_every_bad_payload_is_refused_for_its_own_fault():
    assert sorted([entry["name"] for entry in VECTORS["bad"]]) == sorted(FAULTS)
    for entry in VECTORS["bad"]:
        try:
            bellwire.unpack(unhexlify(entry["payload_hex"]), entry["topic"], {0: KEY})
        except bellwire.WireError as error:
            assert error.fault == FAULTS[entry["name"]], (entry["name"], error.fault)
        else:
            raise AssertionError("taken: " + entry["name"])


def test_one_changed_bit_anywhere_is_refused():
    entry = VECTORS["good"][0]
    payload = entry["payload"].encode()
    for at in range(len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 1
        try:
            bellwire.unpack(bytes(changed), entry["topic"], {0: KEY})
        except bellwire.WireError as error:
            assert error.fault in ("tag", "body"), (at, error.fault)
        else:
            raise AssertionError("taken with byte {} changed".format(at))
