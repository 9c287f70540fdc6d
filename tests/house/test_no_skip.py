"""The rule of tests/conftest.py proved on a small suite: with CI=true nothing may skip, and the test is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tree import ROOT

SUITE = """
import pytest

def test_runs(): pass
def test_skips(): pytest.skip("no mosquitto: sudo apt-get install mosquitto")
@pytest.mark.skip(reason="by mark")
def test_marked(): pass
@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert False
@pytest.mark.xfail(reason="not any more")
def test_expected_in_vain(): pass
@pytest.fixture
def part(): pytest.skip("no Chromium")
def test_lacks_a_part(part): pass
"""


def outcome(folder: Path, ci: str) -> tuple[int, str]:
    shutil.copy(ROOT / "tests/conftest.py", folder)
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "test_whole.py").write_text(
        "import pytest\npytest.importorskip('no_such_module')\ndef test_never(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    env = os.environ | {"CI": ci, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_on_a_laptop_a_test_may_skip(tmp_path: Path):
    code, out = outcome(tmp_path, "")
    assert code == 0, out
    assert "1 passed, 4 skipped, 1 xfailed, 1 xpassed" in out


def test_on_the_build_server_it_may_not(tmp_path: Path):
    code, out = outcome(tmp_path, "true")
    assert code == 1, out
    assert "3 failed, 1 passed, 3 errors" in out, out
    for name in ("skips", "marked", "expected_to_fail", "expected_in_vain", "lacks_a_part"):
        assert f"test_suite.py::test_{name} - not run, and CI=true allows no skip" in out, name
    assert "test_whole.py - not run" in out
    assert "sudo apt-get install mosquitto" in out
