"""A few thousand mutated payloads on both runtimes; CPython alone reads 100,000 in test_mutated_cpython."""

from mutation import Numbers, mutate, noise

import bellwire
from bellwire import WireError

KEY = bytes(range(32))
UP = "bells/seongsu-012/b-7f3a/up"
SEED = 20
ROUNDS = 8000

BODY = (
    b'{"v":1,"type":"event","boot":"00a1b2c3d4e5f607","seq":4,"what":"contact","state":"alarm","age_ms":12,"zone":2,'
    b'"t_ms":1795430400123,"t_err_ms":45,"try":2,"info":{"name":"door","n":1,"x":null}}'
)


def test_a_mutated_payload_is_a_message_or_a_wire_error():
    numbers = Numbers(SEED)
    faults = {}
    for at in range(ROUNDS):
        kind = at % 4
        if kind == 0:
            payload = mutate(bellwire.seal(BODY, UP, KEY), numbers.below)
        elif kind == 1:
            payload = bellwire.seal(noise(numbers.below), UP, KEY)
        else:  # the parser behind the seal is the part that a peer with a key reaches
            payload = bellwire.seal(mutate(BODY, numbers.below), UP, KEY)
        try:
            bellwire.unpack(payload, UP, {0: KEY})
            fault = "none"
        except WireError as error:
            fault = error.fault
        except Exception as error:
            raise AssertionError("seed {}, round {}: {!r} from {!r}".format(SEED, at, error, payload))
        faults[fault] = faults.get(fault, 0) + 1
    # Every room of the reader was entered, or the test has proved less than it says.
    for fault in ("none", "tag", "too_long", "body", "utf8", "json", "v", "type", "boot", "seq", "age_ms", "info"):
        assert faults.get(fault, 0) > 0, (fault, faults)
