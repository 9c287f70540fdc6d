"""Rubbish on the cable of a bell in service: a small run of `bellsim port-fuzz`, and what it sends."""

import asyncio
import random

from bellsim import portfuzz
from bellwire import frame


def test_presses_get_through_and_no_secret_comes_out():
    result = asyncio.run(portfuzz.measure(random_bytes=60_000, frames=600, presses=4))
    assert result["missed"] == [], result
    assert result["heard"] > 60_000 and result["answers"].get("ok", 0) >= 1 and len(result["answers"]) > 1


def test_the_same_seed_sends_the_same_and_nothing_is_too_long():
    first = [portfuzz.mutated(random.Random(5), number) for number in range(500)]
    assert first == [portfuzz.mutated(random.Random(5), number) for number in range(500)]
    assert max(map(len, first)) <= frame.REQUEST_BYTES_MAX + 8
