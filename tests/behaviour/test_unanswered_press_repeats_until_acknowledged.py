"""Nobody answers: everyone is told again every minute, for ever, across restarts; an acknowledgement ends it."""

import asyncio
import json
from pathlib import Path

import pytest
from gatehouse import CONSOLE, SECRET, START_MS, STATION, Bell, Gatehouse

from bellgate.core.incident import Command
from bellgate.errors import NotAllowed, StaleVersion, UnknownIncident

MINUTE_MS = 60_000
POLICY = f"""
[[target]]
name = "supervisor"
kind = "webhook"
url = "http://127.0.0.1:9/supervisor"
secret = "{SECRET}"
[[policy]]
name = "night"
repeat_s = 30
[[policy.step]]
after_s = 0
targets = ["station"]
[[policy.step]]
after_s = 20
targets = ["supervisor", "desk"]
"""


def told(gate: Gatehouse) -> list[tuple[str, str, str | None, int | None]]:
    """(target, type, change, round) of every message so far."""
    found = []
    for one in gate.woken:
        event = json.loads(one.body)
        found.append((one.target, event["type"][10:], event["data"].get("change"), event["data"].get("round")))
    return found


def test_every_target_every_minute_until_acknowledged(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    assert told(gate) == [("station", "signal", None, None)]  # the opening round is not told twice
    gate.fast_forward(5 * MINUTE_MS)
    rounds = [("station", "incident", "unacknowledged", number) for number in range(1, 6)]
    assert told(gate)[1:] == rounds
    desk = [one for one in gate.view(1)["deliveries"] if one["target"] == "desk"]
    assert [one["round"] for one in desk] == [0, 1, 2, 3, 4, 5]
    assert sum(one["change"] == "escalated" and one["sound"] for one in gate.events) == 5
    gate.present(1, 1)  # seen is not taken
    gate.fast_forward(MINUTE_MS)
    assert told(gate)[-1] == ("station", "incident", "unacknowledged", 6)
    gate.command(1, "dispatch")
    count = len(gate.woken)
    gate.fast_forward(120 * MINUTE_MS)
    assert len(gate.woken) == count
    assert gate.incidents()[0]["escalation"]["next_ms"] is None


def test_forgotten_acknowledgement_sounds_again(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.command(1, "acknowledge")
    gate.fast_forward(3 * MINUTE_MS - 1)
    assert gate.view(1)["handling"] == "acknowledged"
    gate.fast_forward(1)
    view = gate.view(1)
    assert view["handling"] == "presented" and view["owner"] is None and view["stage"] == "acknowledged"
    changes = [change for _, _, change, _ in told(gate)]
    assert changes == [None, "acknowledge", "acknowledgement_expired", "unacknowledged"]
    assert gate.events[-1]["change"] == "acknowledgement_expired" and gate.events[-1]["sound"]
    assert gate.heard_by(bell) == [(1, "stored"), (1, "acknowledged")]  # a stage never falls
    gate.fast_forward(2 * MINUTE_MS)
    assert [change for _, _, change, _ in told(gate)][4:] == ["unacknowledged"] * 2


def test_renewed_acknowledgement_is_not_ended_by_the_old_row(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.command(1, "acknowledge")
    gate.fast_forward(2 * MINUTE_MS)
    gate.command(1, "acknowledge")
    gate.fast_forward(2 * MINUTE_MS)
    assert gate.view(1)["handling"] == "acknowledged"


def test_steps_of_a_policy_and_its_repeats(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path / "gate", STATION + CONSOLE + POLICY)
    bell = gate.enrol(Bell())
    gate.press(bell)
    assert told(gate) == [("station", "signal", None, None)]
    gate.press(bell)  # before the second step: only those who know of it are told of the second press
    assert told(gate)[1:] == [("station", "signal", None, None)]
    gate.fast_forward(50_000)
    assert told(gate)[2:] == [("supervisor", "incident", "unacknowledged", number) for number in (1, 2)]
    gate.press(bell)
    assert {target for target, kind, _, _ in told(gate)[4:] if kind == "signal"} == {"station", "supervisor"}
    gate.command(1, "acknowledge")
    assert {target for target, _, change, _ in told(gate) if change == "acknowledge"} == {"station", "supervisor"}
    gate.close()


@pytest.mark.parametrize("present", [False, True], ids=["received", "presented"])
def test_killed_gateway_goes_on_where_it_was(gate: Gatehouse, bell: Bell, tmp_path: Path, present: bool) -> None:
    payload = gate.press(bell)
    gate.fast_forward(MINUTE_MS)
    if present:
        gate.present(1, 1)
    next_ms = gate.incidents()[0]["escalation"]["next_ms"]
    assert next_ms == START_MS + 2 * MINUTE_MS
    after = gate.killed(tmp_path / "after")
    assert after.incidents()[0]["escalation"] == {"policy": "default", "step": 0, "round": 2, "next_ms": next_ms}
    after.hear(bell.up, payload)  # the bell sends again what the dead gateway may not have answered
    assert after.count("signal") == 1
    assert after.heard_by(bell) == [(1, "presented" if present else "stored")]
    after.fast_forward(MINUTE_MS)
    assert told(after) == [("station", "incident", "unacknowledged", 2)]
    after.command(1, "acknowledge")
    assert after.heard_by(bell)[-1] == (1, "acknowledged")
    after.close()


def test_gateway_that_was_down_for_an_hour_tells_at_once(gate: Gatehouse, bell: Bell, tmp_path: Path) -> None:
    gate.press(bell)
    gate.clock.at_ms += 60 * MINUTE_MS
    after = gate.killed(tmp_path / "after")
    after.fast_forward(0)
    assert told(after) == [("station", "incident", "unacknowledged", 1)]
    after.fast_forward(MINUTE_MS)
    assert len(told(after)) == 2
    after.close()


def test_commands_that_are_refused_change_nothing(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.command(1, "acknowledge")
    before = gate.view(1)
    with pytest.raises(NotAllowed, match="held by 김하늘"):
        gate.command(1, "acknowledge", by="이바다")
    with pytest.raises(NotAllowed, match="disposition"):
        gate.command(1, "close")
    with pytest.raises(UnknownIncident):
        gate.present(99, 1)
    with pytest.raises(StaleVersion):
        asyncio.run(gate.pipeline.command(1, Command("dispatch", "김하늘", 1)))
    assert gate.view(1) == before


def test_reopening_beside_an_open_incident_is_refused(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.command(1, "close", disposition="prank")
    gate.press(bell)
    with pytest.raises(NotAllowed, match="open incident 2"):
        gate.command(1, "reopen")
    gate.command(2, "close", disposition="duplicate")
    assert gate.command(1, "reopen")["handling"] == "acknowledged"
