"""100,000 random and mutated payloads: a message or a WireError, nothing else (CPython; a seed is printed)."""

import os
import random
from collections import Counter

from mutation import mutate, noise
from test_vectors import KEY, VECTORS

import bellwire
from bellwire import WireError

ROUNDS = 100_000
SEED = int(os.environ.get("ANSIMBELL_SEED", "20"))


def test_a_hundred_thousand_payloads_are_messages_or_wire_errors():
    below = random.Random(SEED).randrange
    good = [(entry["topic"], entry["payload"].encode()) for entry in VECTORS["good"]]
    faults: Counter[str] = Counter()
    for at in range(ROUNDS):
        topic, payload = good[below(len(good))]
        kind = below(10)
        if kind < 2:
            payload = mutate(payload, below)
        elif kind < 3:
            payload = noise(below)
        elif kind < 4:
            payload = bellwire.seal(noise(below), topic, KEY)
        else:  # behind the seal: what a peer with a key can say
            payload = bellwire.seal(mutate(payload[:-65], below), topic, KEY)
        try:
            message = bellwire.unpack(payload, topic, {0: KEY})
        except WireError as error:
            faults[error.fault] += 1
            continue
        except Exception as error:
            raise AssertionError(f"ANSIMBELL_SEED={SEED}, round {at}: {error!r} from {payload!r} on {topic}") from error
        faults["none"] += 1
        _stands_again(message, topic, f"ANSIMBELL_SEED={SEED}, round {at}: {payload!r}")
    assert faults.total() == ROUNDS
    rooms = {"none", "tag", "too_long", "body", "utf8", "json", "k", "v", "type", "boot", "seq", "state", "info"}
    assert not rooms - set(faults), f"never reached: {rooms - set(faults)}"
    assert faults["none"] > 1000, faults


def _stands_again(message: dict[str, object], topic: str, told: str) -> None:
    """What was taken can be sent again and reads the same, unless it holds what we never send (a fraction)."""
    try:
        again = bellwire.unpack(bellwire.pack(message, topic, KEY), topic, {0: KEY})
    except ValueError as error:
        assert "float" in str(error) or "bytes, at most" in str(error), told
        return
    assert all(message[name] == value for name, value in again.items()), told
