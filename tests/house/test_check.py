"""The test command itself: what it counts, and what it says when it may not install."""

import importlib.util
import sys
from types import ModuleType

import pytest
from tree import ROOT


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_under_test", ROOT / "tests/check.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "check_under_test", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ended(check: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """Makes the next program that check.py starts end with this code and output."""

    def ends(code: int, out: str) -> ModuleType:
        monkeypatch.setattr(check, "run", lambda command, extra=None: (code, out))
        return check

    return ends


@pytest.mark.parametrize(
    ("code", "out", "counts"),
    [
        (0, "....\n4 passed in 0.10s\n", (4, 0, 0)),
        (1, "F.\nFAILED x - 3 passed in 1s\n1 failed, 1 passed, 2 skipped, 1 error in 61.20s (0:01:01)\n", (1, 2, 2)),
        (0, "12 passed, 1 xfailed, 1 xpassed, 3 deselected, 2 warnings in 0.5s\n", (13, 0, 1)),
        (3, "INTERNALERROR> boom\n", (0, 1, 0)),
        (5, "no tests ran in 0.01s\n", (0, 1, 0)),
        (1, "9 passed in 0.01s\n", (9, 1, 0)),
    ],
)
def test_pytest_is_counted_from_its_own_summary(ended, code, out, counts):
    outcome = ended(code, out).tests(None)
    assert (outcome.passed, outcome.failed, outcome.skipped) == counts
    if outcome.last_line:
        assert outcome.last_line == out.splitlines()[-1]


FEW = "FAILED tests/wire/test_a.py::test_one[x y] - AssertionError: a - b\n1 failed, 7 passed in 3.00s\n"


@pytest.mark.parametrize(
    ("again", "counts", "note"),
    [
        ((0, "1 passed in 0.50s\n"), (8, 0), "passed only when they ran alone: tests/wire/test_a.py::test_one[x y]"),
        ((1, "FAILED tests/wire/test_a.py::test_one[x y]\n1 failed in 0.50s\n"), (7, 1), ""),
        ((0, "1 skipped in 0.50s\n"), (7, 1), ""),
    ],
)
def test_a_test_that_passes_only_alone_is_named(check, monkeypatch, again, counts, note):
    answers, asked = [(1, FEW), again], []
    monkeypatch.setattr(check, "run", lambda command: asked.append(command) or answers.pop(0))
    outcome = check.tests(None)
    assert (outcome.passed, outcome.failed, outcome.note) == (*counts, note)
    assert asked[1][-1] == "tests/wire/test_a.py::test_one[x y]"


def test_a_run_that_was_broken_off_is_not_saved_by_the_tests_that_ran(check, monkeypatch):
    answers = [(2, FEW)]
    monkeypatch.setattr(check, "run", lambda command: answers.pop(0))
    outcome = check.tests(None)
    assert (outcome.passed, outcome.failed) == (7, 1) and not answers


def test_many_failures_are_no_accident(check, monkeypatch):
    many = "".join(f"FAILED tests/a.py::test_{n}\n" for n in range(6)) + "6 failed in 1.00s\n"
    answers = [(1, many)]
    monkeypatch.setattr(check, "run", lambda command: answers.pop(0))
    assert check.tests(None).failed == 6 and not answers


def test_the_lines_that_no_test_reaches_are_beside_the_verdict(ended):
    told = "42 pure modules, 3124 statements, 99.5 % reached; each at least 95 %"
    outcome = ended(0, f" 100.0 %  bellnode.pin\n{told}\n").lines()
    assert (outcome.passed, outcome.failed, outcome.note) == (1, 0, told)
    told = "42 pure modules, 3124 statements, 90.0 % reached; 1 below 95 %"
    outcome = ended(1, f"TOO LITTLE  bellnode.pin: …\n{told}\n").lines()
    assert (outcome.passed, outcome.failed, outcome.note) == (0, 1, told)
    assert ended(1, "Traceback …\n").lines().note == "exit code 1"


def test_the_last_lines_are_pytests_own_and_the_count_of_everything(check, capsys):
    outcome = check.Outcome(passed=4, skipped=2, last_line="4 passed, 2 skipped in 0.10s")
    assert check.report([("lint", check.Outcome(passed=1), 0.1), ("pytest", outcome, 2.0)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "4 passed, 2 skipped in 0.10s",
        "5 passed, 0 failed, 2 skipped",
    ]
    assert check.report([("lint", check.Outcome(failed=1), 0.1), ("pytest", outcome, 2.0)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "4 passed, 1 failed, 2 skipped"


def missing_part(check: ModuleType, monkeypatch: pytest.MonkeyPatch, ci: bool) -> list[list[str]]:
    asked: list[list[str]] = []
    monkeypatch.setattr(check, "CI", ci)
    monkeypatch.setattr(check, "PARTS", (check.Part("a-broker", "the tests of it", lambda: False),))
    monkeypatch.setattr(check, "apt", asked.append)
    monkeypatch.setattr(check.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(check.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    return asked


def test_a_person_is_told_what_to_install(check, monkeypatch, capsys):
    asked = missing_part(check, monkeypatch, ci=False)
    outcome = check.parts()
    assert not asked
    assert (outcome.failed, outcome.skipped) == (0, 1)
    assert "sudo apt-get install a-broker" in capsys.readouterr().out


def test_the_build_server_installs_and_fails_without(check, monkeypatch):
    asked = missing_part(check, monkeypatch, ci=True)
    outcome = check.parts()
    assert asked == [["a-broker"]]
    assert outcome.failed == 1


def test_a_second_run_installs_nothing(check, monkeypatch):
    asked = missing_part(check, monkeypatch, ci=True)
    monkeypatch.setattr(check, "PARTS", (check.Part("a-broker", "the tests of it", lambda: True),))
    assert check.parts().passed == 1
    assert not asked


def test_a_program_that_is_not_there_is_a_failure_and_no_traceback(check, capsys):
    assert check.run(["no-such-program-of-ours"])[0] == 127
    assert "cannot start no-such-program-of-ours" in capsys.readouterr().out


def test_a_step_that_hangs_is_ended_with_all_it_started(check, monkeypatch, capsys):
    monkeypatch.setattr(check, "STEP_DEADLINE_S", 1)
    code, out = check.run(["sh", "-c", "echo began; sleep 600 & sleep 600"])
    assert code < 0 and out == "began\n"
    assert "took longer than 1 s" in capsys.readouterr().out


def test_a_program_left_running_does_not_hold_up_the_step(check, monkeypatch):
    monkeypatch.setattr(check, "DRAIN_S", 0.2)
    code, out = check.run(["sh", "-c", "sleep 8 & echo done"])
    assert (code, out) == (0, "done\n")
