"""The bugs that are put in on purpose: each fits the product as it is, breaks a promise that is judged, and is in the
table of the docs. That each is found is shown by `python tests/seeded`, and in small by tests/simulation."""

import importlib
import re
import subprocess
import sys

import pytest
from tree import ROOT

from bellsim.world.checker import PROPERTIES

LEAST = 25  # of the issue that asked for them


@pytest.fixture(scope="module")
def seeded():
    sys.path.insert(0, str(ROOT / "tests/seeded"))
    yield importlib.import_module("bugs"), importlib.import_module("patched")
    sys.path.remove(str(ROOT / "tests/seeded"))


def test_every_patch_fits_the_product(seeded):
    bugs, patched = seeded
    for bug in bugs.BUGS:
        patched.check(bug.patches)


def test_every_bug_has_a_name_and_a_promise_that_is_judged(seeded):
    found = seeded[0].BUGS
    assert len({bug.name for bug in found}) == len(found) >= LEAST
    assert not [bug.name for bug in found if not bug.breaks or set(bug.breaks) - set(PROPERTIES)]


def test_the_table_has_each_bug_and_says_that_it_was_found(seeded):
    text = (ROOT / "docs/seeded-bugs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+? \| `(\w+)` \| (\d+) \|", text, re.MULTILINE)
    found = {bug.name: bug for bug in seeded[0].BUGS}
    assert [name for name, *_ in rows] == list(found), "run python tests/seeded --write"
    for name, story, by, seeds in rows:
        assert story == found[name].story and by in found[name].breaks and 1 <= int(seeds) <= 200, name


def test_a_patch_that_fits_no_more_is_an_error(seeded):
    patched = seeded[1]
    gone = patched.Patch("bellgate.core.signal", "no such text stands there", "")
    with pytest.raises(patched.PatchError, match=r"bellgate\.core\.signal: stands there 0 times"):
        patched.check([gone])
    with pytest.raises(patched.PatchError, match=r"bellgate\.no_such_module: is gone"):
        patched.check([patched.Patch("bellgate.no_such_module", "x", "y")])


def test_a_bug_that_comes_too_late_is_an_error(seeded):
    patched = seeded[1]
    with pytest.raises(patched.PatchError, match="imported already"):
        patched.put_in([patched.Patch("bellsim.world.checker", "lost", "found")])


def test_what_is_imported_is_the_bug():
    program = (
        "from patched import Patch, put_in\n"
        "put_in([Patch('bellgate.core.signal', 'LATE_AFTER_MS = 60_000', 'LATE_AFTER_MS = 61_000')])\n"
        "from bellgate.core import signal\n"
        "print(signal.LATE_AFTER_MS)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT / "tests/seeded", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "61000"
