"""The wall clock is set while people wait: nothing is carried out early, late or twice, and the order stays."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path

import pytest
from gatehouse import CONSOLE, START_MS, STATION, Bell, Clock, Gatehouse
from hypothesis import given, settings
from hypothesis import strategies as st

from bellgate import clock as clock_module
from bellgate import engine as engine_module
from bellgate.clock import Clock as RealClock
from bellgate.clock import ClockMark
from bellgate.engine import Engine
from bellgate.store import dues

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Ticked:
    """A gateway whose engine ticks only when told."""

    def __init__(self, gate: Gatehouse) -> None:
        self.gate = gate
        self.loop = asyncio.new_event_loop()
        self.engine = Engine(gate.store, gate.clock, {})
        self.run(self._adopt())

    async def _adopt(self) -> None:
        await self.engine.start(self.gate.pipeline, by_itself=False)

    def run(self, work: Coroutine[None, None, None]) -> None:
        self.loop.run_until_complete(work)

    def tick(self, after_ms: int = 0) -> None:
        self.gate.clock.at_ms += after_ms
        self.run(self.engine.tick())

    def rounds(self) -> int:
        return sum(one["change"] == "escalated" for one in self.gate.events)

    def close(self) -> None:
        self.run(self.engine.stop())
        self.loop.close()
        self.gate.close()


@pytest.fixture
def ticked(gate: Gatehouse):
    made = Ticked(gate)
    yield made
    made.run(made.engine.stop())
    made.loop.close()


@pytest.mark.parametrize("step_ms", [DAY_MS, -DAY_MS, 5_000, -5_000, 30 * 365 * DAY_MS])
def test_escalation_keeps_its_distance(ticked: Ticked, bell: Bell, step_ms: int) -> None:
    gate = ticked.gate
    gate.press(bell)
    ticked.tick(50_000)
    gate.clock.set_by(step_ms)
    ticked.tick()
    kind = "clock_set_back" if step_ms < 0 else "clock_set_forward"
    assert str(abs(step_ms) // 1000) in str(gate.troubles()[kind, "clock"])
    assert gate.view(1)["escalation"]["next_ms"] == START_MS + 60_000 + step_ms
    ticked.tick(9_999)
    assert ticked.rounds() == 0
    ticked.tick(1)
    assert ticked.rounds() == 1
    ticked.tick(59_999)
    ticked.tick()
    assert ticked.rounds() == 1
    ticked.tick(1)
    assert ticked.rounds() == 2


def test_acknowledgement_lasts_as_long_as_was_meant(ticked: Ticked, bell: Bell) -> None:
    gate = ticked.gate
    gate.press(bell)
    gate.command(1, "acknowledge")
    gate.clock.set_by(DAY_MS)
    ticked.tick(179_999)
    assert gate.view(1)["handling"] == "acknowledged"
    ticked.tick(1)
    assert gate.view(1)["handling"] == "presented"


def test_a_press_between_the_step_and_the_tick_is_not_moved_away(ticked: Ticked, bell: Bell) -> None:
    """It is stored before the engine has noticed: its escalation must not wait a day longer."""
    gate = ticked.gate
    gate.clock.set_by(DAY_MS)
    gate.press(bell)
    ticked.tick()
    assert gate.view(1)["escalation"]["next_ms"] == gate.clock.at_ms + 60_000
    ticked.tick(60_000)
    assert ticked.rounds() == 1


def test_small_corrections_are_let_be(ticked: Ticked, bell: Bell) -> None:
    gate = ticked.gate
    gate.press(bell)
    for by_ms in (1_900, -1_900, 500):
        gate.clock.set_by(by_ms)
        ticked.tick()
    assert gate.troubles() == {} and gate.view(1)["escalation"]["next_ms"] == START_MS + 60_000


def test_living_bells_are_not_called_missing_and_dead_ones_are(ticked: Ticked, bell: Bell) -> None:
    gate = ticked.gate
    gate.hear(bell.up, bell.heartbeat())
    gate.clock.set_by(DAY_MS)
    ticked.tick(60_000)
    gate.hear(bell.up, bell.heartbeat())
    ticked.tick(120_000)
    assert ("bell_missing", bell.bell_id) not in gate.troubles()
    gate.clock.set_by(-DAY_MS)
    ticked.tick(59_999)
    assert ("bell_missing", bell.bell_id) not in gate.troubles()
    ticked.tick(1)
    assert "180" in str(gate.troubles()["bell_missing", bell.bell_id])


def test_a_row_that_was_taken_before_the_step_is_carried_out_once(ticked: Ticked, bell: Bell) -> None:
    gate = ticked.gate
    gate.press(bell)
    gate.clock.at_ms += 60_000
    taken = gate.store.write_now(lambda tx: dues.take(tx, gate.clock.now_ms(), 30_000, 10))
    gate.clock.set_by(DAY_MS)
    ticked.run(ticked.engine._clock_was_set(gate.clock.now_ms() and gate.clock.pending_ms()))
    for due in taken:
        ticked.run(gate.pipeline.fire(due))
    assert ticked.rounds() == 0, "it has moved: whoever took it holds nothing"
    ticked.tick()
    ticked.tick()
    assert ticked.rounds() == 1


@pytest.mark.parametrize("step_ms", [DAY_MS, -DAY_MS])
def test_clock_set_while_the_gateway_was_down(gate: Gatehouse, bell: Bell, tmp_path: Path, step_ms: int) -> None:
    """Ten seconds down, and a day set: the alarm that was due in fifty seconds is due in forty."""
    before = Ticked(gate)
    gate.press(bell)
    before.tick(10_000)
    before.run(before.engine.audit())
    gate.store.write_now(lambda tx: None)
    restarted = Clock(gate.clock.at_ms + 10_000 + step_ms)
    restarted.set_ms = step_ms
    after = gate.killed(tmp_path / "after")
    after.clock = restarted
    again = Gatehouse(after.folder, after.more, restarted)
    after.close()
    engine = Ticked(again)
    engine.tick()
    assert again.view(1)["escalation"]["next_ms"] == restarted.at_ms + 40_000
    engine.tick(39_999)
    assert engine.rounds() == 0
    engine.tick(1)
    assert engine.rounds() == 1
    engine.close()
    before.run(before.engine.stop())
    before.loop.close()


@pytest.mark.parametrize("step_ms", [90_000, -90_000, DAY_MS, -DAY_MS])
def test_clock_set_and_then_a_kill_moves_nothing_twice(
    gate: Gatehouse, bell: Bell, tmp_path: Path, step_ms: int
) -> None:
    """What was kept for the next start is older than the step, and what waits has been moved already."""
    before = Ticked(gate)
    gate.press(bell)
    before.tick(10_000)
    before.run(before.engine.audit())
    gate.store.write_now(lambda tx: None)
    gate.clock.set_by(step_ms)
    before.tick()
    due_ms = gate.view(1)["escalation"]["next_ms"]
    assert due_ms == gate.clock.at_ms + 50_000
    restarted = Clock(gate.clock.at_ms)
    restarted.set_ms = gate.clock.set_ms
    after = gate.killed(tmp_path / "after")
    again = Gatehouse(after.folder, after.more, restarted)
    after.close()
    engine = Ticked(again)
    engine.tick()
    assert again.view(1)["escalation"]["next_ms"] == due_ms
    engine.close()
    before.run(before.engine.stop())
    before.loop.close()


def test_receipt_numbers_give_the_order_whatever_the_clock_says(ticked: Ticked, bell: Bell) -> None:
    gate = ticked.gate
    for step_ms in (0, -DAY_MS, 2 * DAY_MS):
        gate.clock.set_by(step_ms)
        gate.press(bell)
        ticked.tick()
    assert [one["number"] for one in gate.view(1)["signals"]] == [1, 2, 3]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.sampled_from([0, 0, HOUR_MS, -HOUR_MS, 3_000, -90_000])), max_size=25)
)
def test_whatever_the_clock_does_the_rounds_come_by_the_time_that_has_passed(story: list[tuple[int, int]]) -> None:
    """Against an independent count: a round for each full minute, as the steady clock measures it."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        ticked = Ticked(Gatehouse(Path(folder) / "gate", STATION + CONSOLE))
        bell = ticked.gate.enrol(Bell())
        ticked.gate.press(bell)
        last_ms = passed_ms = rounds = 0
        for wait_ms, step_ms in story:
            ticked.gate.clock.set_by(step_ms)
            ticked.tick(wait_ms)
            passed_ms += wait_ms
            if passed_ms - last_ms >= 60_000:
                rounds, last_ms = rounds + 1, passed_ms
            assert ticked.rounds() == rounds, (passed_ms, step_ms)
        numbers = [json.loads(one.body)["data"].get("round") for one in ticked.gate.woken[1:]]
        assert numbers == list(range(1, rounds + 1)), "no round twice and none left out"
        ticked.close()


def test_the_real_clock_moves_on_until_a_step_is_accepted() -> None:
    hands = {"wall": 1_000_000, "steady": 5_000}
    clock = RealClock(lambda: hands["wall"], lambda: hands["steady"])
    assert clock.now_ms() == 1_000_000 and clock.pending_ms() == 0
    hands["wall"] += 500_000
    hands["steady"] += 100
    assert clock.now_ms() == 1_000_100 and clock.pending_ms() == 499_900
    hands["wall"] -= 400_000
    assert clock.now_ms() == 1_000_100 and clock.pending_ms() == 99_900
    clock.accept(99_900)
    assert clock.now_ms() == hands["wall"] and clock.pending_ms() == 0


@pytest.mark.parametrize(
    ("boot", "wall_ms", "pending_ms"),
    [
        ("same", 90_000, -9_000),
        ("same", 109_000, 10_000),
        ("same", 100_000, 0),
        ("other", 90_000, -10_000),
        ("other", 999_000, 0),
    ],
)
def test_what_was_kept_before_a_restart_is_compared(
    monkeypatch: pytest.MonkeyPatch, boot: str, wall_ms: int, pending_ms: int
) -> None:
    """Kept at 100,000 with the steady clock at 1,000; now that one stands at 0 or at 1,000."""
    monkeypatch.setattr(clock_module, "_boot", lambda: "same")
    steady = 1_000 if wall_ms == 100_000 else 0
    clock = RealClock(lambda: wall_ms, lambda: steady)
    clock.resume(ClockMark(100_000, 1_000, boot))
    assert clock.pending_ms() == pending_ms
    clock.resume(None)
    assert clock.pending_ms() == pending_ms


def test_this_machines_own_clock_answers() -> None:
    clock = RealClock()
    clock.look()
    state = clock.state()
    assert state.synchronised in (True, False, None)
    assert state.err_ms is None or state.err_ms >= 0
    mark = clock.mark()
    clock.resume(mark)
    assert clock.pending_ms() == 0 and mark.boot == clock_module._boot()


def test_the_auditors_silence_is_not_passed_over(ticked: Ticked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog is fed only while `alive`: an engine that ticks and is not audited is not."""
    ticked.tick()
    ticked.run(ticked.engine.audit())
    assert ticked.engine.alive()

    def broken(tx: object, before_ms: int) -> None:
        raise RuntimeError("no answer")

    monkeypatch.setattr(dues, "late", broken)
    ahead_s = 0.0
    monotonic = engine_module.time.monotonic
    monkeypatch.setattr(engine_module.time, "monotonic", lambda: monotonic() + ahead_s)
    for _ in range(4):
        ahead_s += 10
        ticked.tick()
        with pytest.raises(RuntimeError):
            ticked.run(ticked.engine.audit())
    assert not ticked.engine.alive()
    monkeypatch.undo()
    ticked.run(ticked.engine.audit())
    ticked.tick()
    assert ticked.engine.alive()
