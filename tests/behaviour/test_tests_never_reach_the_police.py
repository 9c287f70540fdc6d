"""A test goes only to targets that take tests, whatever the policy says; a real alarm goes to all."""

import json
from pathlib import Path

from gatehouse import SECRET, Bell, Gatehouse

TARGETS = f"""
[[target]]
name = "police"
kind = "webhook"
url = "http://127.0.0.1:9/police"
secret = "{SECRET}"
[[target]]
name = "installer"
kind = "webhook"
url = "http://127.0.0.1:9/installer"
secret = "{SECRET}"
test = true
[[policy]]
name = "all"
[[policy.step]]
after_s = 0
targets = ["police", "installer"]
"""


def test_test_reaches_only_test_targets_in_every_round_and_change(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path / "gate", TARGETS)
    bell = gate.enrol(Bell())
    gate.press(bell, "test")
    gate.fast_forward(300_000)
    gate.command(1, "acknowledge")
    gate.command(1, "close", disposition="test")
    assert len(gate.woken) == 8
    assert {one.target for one in gate.woken} == {"installer"}
    assert all(json.loads(one.body)["data"]["test"] for one in gate.woken)
    assert not any(one["sound"] for one in gate.events if one["type"] == "incident")
    gate.close()


def test_real_press_beside_an_open_test_is_an_incident_of_its_own_and_reaches_all(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path / "gate", TARGETS)
    bell = gate.enrol(Bell())
    gate.press(bell, "test")
    gate.press(bell)
    assert [(one["id"], one["test"]) for one in gate.incidents()] == [(2, False), (1, True)]
    assert {one.target for one in gate.woken if one.incident_id == 2} == {"police", "installer"}
    gate.press(bell, "test")
    assert gate.view(1)["signal_count"] == 2 and gate.view(2)["signal_count"] == 1
    gate.close()


def test_test_without_any_test_target_is_still_stored_and_answered(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell, "test")
    assert gate.woken == [] and gate.heard_by(bell) == [(1, "stored")]
    assert [one["target"] for one in gate.view(1)["deliveries"]] == ["desk"]
