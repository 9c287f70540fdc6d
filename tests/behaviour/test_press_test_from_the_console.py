"""A press test: the bell's own firmware takes a press for a test, and nobody but test targets hears of it; a finger
that stays on the button is a real alarm, and everybody does."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from gatehouse import CONSOLE, SECRET, Bell, Gatehouse
from wired import Wired

from bellgate.core.press_test import ON_ITS_WAY_MS, SHOW_MS
from bellgate.errors import NotAllowed, RecordError
from bellgate.store import audit, bell_history, bells, press_tests

POLICE = f"""
[[target]]
name = "police"
kind = "webhook"
url = "http://127.0.0.1:9/police"
secret = "{SECRET}"
"""
INSTALLER = POLICE.replace("police", "installer") + "test = true\n"


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    gate = Gatehouse(tmp_path / "gate", POLICE + INSTALLER + CONSOLE)
    yield Wired(gate)
    gate.close()


def told(wired: Wired, target: str) -> list[bool]:
    """Whether each message to this target was a test."""
    return [json.loads(one.body)["data"]["test"] for one in wired.gate.woken if one.target == target]


def test_a_press_in_the_window_reaches_test_targets_alone_and_passes(wired: Wired) -> None:
    wired.begin()
    assert wired.test().state == "confirmed" and wired.lamps[-1] == "test_mode"
    assert wired.gate.incidents() == [], "the bell's answer is nobody's case"
    wired.wait(20_000)
    wired.press()
    assert (wired.test().state, wired.test().verdict) == ("pressed", None)
    (case,) = wired.gate.incidents()
    assert case["test"] and case["signals"] == 1
    wired.gate.present(case["id"], case["last_signal"])
    assert (wired.test().verdict, wired.test().shown_by) == ("passed", "console 김하늘")
    wired.wait(10_000)
    test = wired.test()
    assert (test.state, test.running) == ("passed", False)
    view = wired.gate.view(case["id"])
    assert (view["handling"], view["disposition"], view["owner"]) == ("closed", "test", "김하늘")
    assert wired.lamps[-1] == "idle", "the bell is out of its test mode before its ten minutes are over"
    assert told(wired, "police") == [] and told(wired, "installer") and all(told(wired, "installer"))
    # The next press is nobody's test any more.
    wired.press()
    wired.wait(1_000)
    assert set(told(wired, "police")) == {False}


def test_a_hold_in_the_window_is_a_real_alarm_to_everybody(wired: Wired) -> None:
    wired.begin()
    wired.wait(5_000)
    wired.press(hold_ms=3_500)
    real, test = wired.gate.incidents()
    assert (real["what"], real["test"], test["test"]) == ("panic", False, True)
    assert False in told(wired, "police") and True not in told(wired, "police")
    assert wired.test().verdict == "alarm"
    wired.wait(60_000)
    assert wired.gate.view(real["id"])["handling"] == "received", "it is no test's business to close it"
    assert wired.gate.view(test["id"])["handling"] == "received"


def test_a_hold_after_it_seemed_to_have_passed_is_an_alarm_all_the_same(wired: Wired) -> None:
    wired.begin()
    wired.give("edge", 1, wired.now_ms)
    wired.wait(300)
    (case,) = wired.gate.incidents()
    wired.gate.present(case["id"], case["last_signal"])
    assert wired.test().verdict == "passed"
    wired.wait(4_000)
    wired.give("edge", 0, wired.now_ms)
    assert wired.test().verdict == "alarm" and False in told(wired, "police")


def test_a_window_without_a_press_says_so_and_the_bell_has_closed_it_itself(wired: Wired) -> None:
    wired.begin(minutes=1)
    wired.wait(60_000 + ON_ITS_WAY_MS + 1_000)
    assert wired.test().verdict == "unpressed"
    wired.press()
    wired.wait(1_000)
    assert set(told(wired, "police")) == {False}, "a press after the window is a real one"


def test_a_press_that_no_console_showed_has_passed_and_says_that_nobody_saw_it(wired: Wired) -> None:
    wired.begin()
    wired.press()
    wired.wait(SHOW_MS + 1_000)
    assert (wired.test().verdict, wired.test().shown_ms) == ("passed", None)


def test_a_command_that_is_lost_comes_again_and_one_that_never_arrives_is_named(wired: Wired) -> None:
    wired.deaf = True
    wired.begin()
    wired.wait(7_000)
    wired.deaf = False
    wired.wait(4_000)
    assert wired.test().state == "confirmed" and wired.test().tries == 3
    wired.end(1)
    assert wired.test().verdict == "ended" and wired.lamps[-1] == "idle"
    wired.deaf = True
    wired.begin()
    wired.wait(40_000)
    assert wired.test(2).verdict == "unanswered"


def test_whoever_ends_it_and_whoever_began_it_stand_in_the_record(wired: Wired) -> None:
    wired.begin(minutes=3)
    again = wired.begin(by="이서준")
    assert (again.id, again.minutes) == (1, 3), "one at a time"
    wired.end(1)
    with pytest.raises(NotAllowed, match="over already"):
        wired.end(1)
    said = {
        act: wired.gate.store.read_now(lambda tx, act=act: audit.acts(tx, act))
        for act in ("press_test", "press_test_over")
    }
    assert [(row["by"], row["detail"]) for row in said["press_test"]] == [
        ("김하늘", {"bell_id": wired.bell.bell_id, "minutes": 3})
    ]
    assert [(row["by"], row["detail"]["verdict"]) for row in said["press_test_over"]] == [("이서준", "ended")]


def test_nobody_turns_presses_into_tests_while_an_alarm_is_open_or_without_the_record(wired: Wired) -> None:
    wired.press()
    assert wired.begin().verdict == "busy"
    assert wired.lamps[-1] != "test_mode"
    wired.gate.command(1, "close", disposition="accidental")
    wired.gate.store.write_now(
        lambda tx: tx.run("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END")
    )
    with pytest.raises(RecordError):
        wired.begin()
    assert wired.lamps[-1] != "test_mode"


def test_a_bell_that_is_not_heard_is_not_asked(gate: Gatehouse) -> None:
    gate.enrol(Bell())
    made = asyncio.run(gate.pipeline.press_tests(lambda tests: tests.begin("b-7f3a", "김하늘", 10)))
    assert made.verdict == "offline" and gate.receipts == []
    gate.store.write_now(lambda tx: bells.set_state(tx, "b-7f3a", bells.REVOKED))
    with pytest.raises(NotAllowed, match="revoked"):
        asyncio.run(gate.pipeline.press_tests(lambda tests: tests.begin("b-7f3a", "김하늘", 10)))


def test_a_refusal_is_the_tests_verdict_and_no_trouble(wired: Wired) -> None:
    wired.deaf = True
    test = wired.begin()
    info = {"id": test.command, "name": "selftest", "reason": "armed"}
    wired.gate.hear(wired.bell.up, Bell.event(_later(wired.bell), "fault", info=info))
    assert (wired.test().verdict, wired.test().reason) == ("refused", "armed")
    assert wired.gate.troubles() == {}
    # A fault that answers nobody is trouble as ever.
    wired.gate.hear(wired.bell.up, Bell.event(_later(wired.bell), "fault", info={"id": "0" * 16}))
    assert ("bell_fault", wired.bell.bell_id) in wired.gate.troubles()


def test_what_was_pressed_before_the_test_proves_nothing(wired: Wired) -> None:
    wired.wait(60_000)
    wired.begin()
    late = _later(wired.bell)
    wired.gate.hear(wired.bell.up, late.event("test", age_ms=30_000, info={"input": "button"}))
    wired.gate.hear(wired.bell.up, late.event("test", age_ms=None, info={"input": "button"}))
    wired.gate.hear(wired.bell.up, late.event("test", zone=3, info={"input": "contact"}))
    assert wired.test().state == "confirmed"


def test_it_outlives_a_killed_gateway(wired: Wired, tmp_path: Path) -> None:
    wired.begin()
    wired.wait(1_000)
    wired.gate = wired.gate.killed(tmp_path / "next")
    wired._read = 0
    wired.press()
    assert wired.test().state == "pressed"
    wired.wait(SHOW_MS + 5_000)
    assert wired.test().verdict == "passed" and wired.lamps[-1] == "idle"
    wired.gate.close()


def test_a_press_test_counts_as_the_months_and_its_answer_does_not(wired: Wired) -> None:
    wired.begin()
    (row,) = wired.gate.store.read_now(lambda tx: bell_history.listing(tx, 31))
    assert row["last_test_ms"] is None
    wired.press()
    (row,) = wired.gate.store.read_now(lambda tx: bell_history.listing(tx, 31))
    assert row["last_test_ms"] is not None and row["test_due_ms"] == row["last_test_ms"] + 31 * 86_400_000
    assert wired.gate.store.read_now(lambda tx: press_tests.running(tx, wired.bell.bell_id)) is not None


def _later(bell: Bell) -> Bell:
    """The same bell, with numbers that its firmware has not used."""
    bell.seq += 1_000
    return bell
