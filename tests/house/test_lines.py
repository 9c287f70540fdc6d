"""The verdict on lines that no test reaches: which module, which lines. The step itself is in tests/check.py."""

import importlib.util
import sys
from types import ModuleType

import pytest
from tree import ROOT


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lines_under_test", ROOT / "tests/lines.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(module)
    return module


def test_a_module_below_the_limit_is_named_with_its_lines(lines: ModuleType):
    found = {
        "bellnode.good": (100, [7, 8, 9, 40, 42]),
        "bellnode.short": (100, [1, 2, 3, 50, 98, 99]),
        "empty": (0, []),
    }
    assert lines.below(found) == ["bellnode.short: 94.0 % of the lines; no test reaches 1-3, 50, 98-99"]


@pytest.mark.parametrize(("missing", "code"), [(5, 0), (6, 1)])
def test_the_exit_code_says_it(lines: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys, missing: int, code: int):
    monkeypatch.setattr(lines, "reached", lambda: {"bellnode.one": (100, list(range(10, 10 + missing)))})
    assert lines.main() == code
    out = capsys.readouterr().out.splitlines()
    assert ("TOO LITTLE" in out[1]) == bool(code)
    assert out[-1].startswith(f"1 pure modules, 100 statements, {100 - missing}.0 % reached")


def test_nothing_measured_is_a_failure(lines: ModuleType, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines, "reached", dict)
    assert lines.main() == 1
