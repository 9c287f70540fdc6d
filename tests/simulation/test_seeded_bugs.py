"""A few of the bugs that are put in on purpose, each in the world that finds it. All of them: `python tests/seeded`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SEEDED = Path(__file__).resolve().parents[1] / "seeded"
# bug: (seed, property). If a world changes and finds one of these no more, docs/seeded-bugs.md has others.
FOUND = {
    "receipt_before_commit": (0, "vanished"),
    "duplicate_by_time": (0, "vanished"),
    "stage_may_fall": (0, "stage_fell"),
    "lease_never_ends": (0, "without_end_or_owner"),
}


@pytest.mark.parametrize("bug", FOUND)
def test_a_bug_put_in_on_purpose_is_found(bug: str) -> None:
    seed, by = FOUND[bug]
    command = [sys.executable, str(SEEDED / "hunt.py"), bug, str(seed), str(seed)]
    env = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["seed"], result["property"]) == (seed, by), f"{bug}, seed {seed}: {result}"
