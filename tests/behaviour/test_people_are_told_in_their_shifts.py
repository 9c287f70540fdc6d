"""Policies on the real pipeline: shifts that change during an alarm, conditions, empty steps, policies that vanish."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from gatehouse import SECRET, Bell, Clock, Gatehouse

S = 1_000
TOML = "".join(
    f'[[target]]\nname = "{name}"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\n'
    for name in ("station", "second", "kim", "lee", "chief", "siren")
)
TOML += """
[[person]]
name = "김하늘"
targets = ["kim"]
[[station]]
name = "당직"
[[shift]]
station = "당직"
days = ["mon", "tue", "wed", "thu", "fri"]
start = "09:00"
end = "18:00"
who = ["김하늘"]
[[shift]]
station = "당직"
start = "18:00"
end = "06:00"
who = ["lee"]
"""
POLICY = """
[[policy]]
name = "all"
[[policy.step]]
after_s = 0
targets = ["station"]
[[policy.step]]
after_s = 10
targets = ["second"]
when = "unseen"
[[policy.step]]
after_s = 20
targets = ["당직"]
[[policy.step]]
after_s = 30
targets = ["chief"]
when = "undispatched"
[[policy.step]]
after_s = 45
targets = ["station", "당직", "siren"]
"""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Seoul")).timestamp() * 1000)


def opened(tmp_path: Path, when: str, more: str = TOML + POLICY) -> Gatehouse:
    gate = Gatehouse(tmp_path / "gate", more, Clock(at(when)))
    gate.press(gate.enrol(Bell()))
    return gate


def rounds(gate: Gatehouse, since_ms: int) -> list[tuple[int, str]]:
    """(seconds, target) of every message that is not about what somebody did."""
    found = []
    for one in gate.woken:
        if json.loads(one.body)["data"].get("change") in (None, "unacknowledged"):
            found.append(((one.created_ms - since_ms) // S, one.target))
    return found


@pytest.fixture
def noon(tmp_path: Path) -> Iterator[Gatehouse]:
    gate = opened(tmp_path, "2026-11-23 12:00")
    yield gate
    gate.close()


def test_the_ladder_with_whoever_is_on_duty(noon: Gatehouse) -> None:
    start_ms = noon.clock.at_ms
    noon.fast_forward(110 * S)
    assert rounds(noon, start_ms) == [
        (0, "station"),
        (10, "second"),
        (20, "kim"),
        (30, "chief"),
        *((45, name) for name in ("station", "kim", "siren")),
        *((105, name) for name in ("station", "kim", "siren")),
    ]
    told = [one for one in noon.view(1)["timeline"] if one["act"] == "escalated"]
    assert [one["detail"]["step"] for one in told] == [0, 1, 2, 3, 4, 4]


def test_a_shift_that_begins_during_the_alarm_is_told_of_it(tmp_path: Path) -> None:
    gate = opened(tmp_path, "2026-11-23 17:59:30")
    start_ms = gate.clock.at_ms
    gate.fast_forward(50 * S)
    on_duty = [(after_s, name) for after_s, name in rounds(gate, start_ms) if name in ("kim", "lee")]
    assert on_duty == [(20, "kim"), (45, "lee")]
    gate.close()


def test_an_empty_step_is_skipped_at_once_and_the_record_says_so(tmp_path: Path) -> None:
    """Sunday morning: nobody is on call."""
    gate = opened(tmp_path, "2026-11-22 10:00")
    start_ms = gate.clock.at_ms
    gate.fast_forward(40 * S)
    assert rounds(gate, start_ms) == [(0, "station"), (10, "second"), (20, "chief")]
    (skipped,) = [one["detail"] for one in gate.view(1)["timeline"] if "skipped" in one["detail"]]
    assert skipped == {"step": 3, "round": 2, "skipped": "2"}
    gate.close()


def test_seen_is_not_taken_and_spares_only_the_second_console(noon: Gatehouse) -> None:
    start_ms = noon.clock.at_ms
    noon.fast_forward(5 * S)
    noon.present(1, 1)
    noon.fast_forward(25 * S)
    assert rounds(noon, start_ms) == [(0, "station"), (20, "kim"), (30, "chief")]


@pytest.mark.parametrize(("dispatched_s", "told"), [(None, [(30, "chief")]), (15, [])])
def test_the_chief_is_told_unless_help_is_dispatched(
    noon: Gatehouse, dispatched_s: int | None, told: list[tuple[int, str]]
) -> None:
    start_ms = noon.clock.at_ms
    noon.fast_forward(5 * S)
    noon.command(1, "acknowledge")
    if dispatched_s is not None:
        noon.fast_forward((dispatched_s - 5) * S)
        noon.command(1, "dispatch")
    noon.fast_forward(100 * S)
    assert rounds(noon, start_ms) == [(0, "station"), *told]
    assert noon.view(1)["escalation"]["next_ms"] is None
    noon.fast_forward(300 * S)
    after = [name for _, name in rounds(noon, start_ms)][1 + len(told) :]
    assert ("siren" in after) == (dispatched_s is None), "a forgotten acknowledgement goes on where it was"


def test_a_new_press_reaches_whoever_knows_and_whoever_is_on_duty_now(noon: Gatehouse) -> None:
    noon.fast_forward(21 * S)
    before = len(noon.woken)
    noon.hear(*again())
    assert {one.target for one in noon.woken[before:]} == {"station", "second", "kim"}


def again() -> tuple[str, bytes]:
    """The same bell presses a second time."""
    bell = Bell()
    bell.seq = 1
    return bell.up, bell.event()


@pytest.mark.parametrize("left", [TOML, TOML + POLICY.replace('"all"', '"other"')])
def test_a_policy_that_is_gone_after_a_restart(noon: Gatehouse, tmp_path: Path, left: str) -> None:
    noon.fast_forward(15 * S)
    noon.more = left
    after = noon.killed(tmp_path / "after")
    after.fast_forward(120 * S)
    names = {one.target for one in after.woken}
    assert names >= {"station", "kim", "siren"} and (("lee" in names) == (left == TOML)), "without any, everybody"
    assert after.view(1)["escalation"]["next_ms"] > after.clock.at_ms
    after.close()


def test_who_is_on_duty_changes_with_the_minute(noon: Gatehouse) -> None:
    """It is worked out once a minute; at the edge nobody is told by the old list."""
    roster = noon.config.roster()
    edge_ms = at("2026-11-23 18:00")
    plans = [roster.plan("all", edge_ms + ms).steps[2].targets for ms in (-1, 0, 59_999, -60_001, 0)]
    assert plans == [("kim",), ("lee",), ("lee",), ("kim",), ("lee",)]
