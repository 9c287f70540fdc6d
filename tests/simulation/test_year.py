"""A few days of policy time with everything that a year has; and a sabotaged gateway is seen, each in its way."""

import asyncio
import random
from typing import Any

import pytest
from test_measures import measured

from bellgate.core import escalation
from bellgate.core.effect import SetDue
from bellgate.pipeline.settings import Settings
from bellgate.store import dues
from bellsim.year import town
from bellsim.year.overseer import FAULTS
from bellsim.year.year import measure

SEEDS = (5, 6, 7, 8)


def test_a_few_days_with_twenty_bells() -> None:
    result = measured("year", "--bells", "20", "--days", "3", "--seed", "2")
    assert result["ok"], result["first_faults"]
    assert result["incidents"] > 10 and result["rounds"] > result["incidents"] and result["messages"] > result["rounds"]
    assert min(result[name] for name in ("kills", "clock_steps", "outages", "commands", "checks")) > 0


def played(seed: int = 3) -> dict[str, Any]:
    return asyncio.run(measure(20, 3, seed, lambda _: None))


def test_the_same_seed_brings_the_same_story() -> None:
    first, second = played(), played()
    for result in (first, second):
        # How long it took; and a killed gateway repeats what it had sent and not yet written down.
        result.pop("elapsed_s"), result.pop("messages")
    assert first == second and first["ok"]


def _late(monkeypatch: pytest.MonkeyPatch) -> None:
    put = dues.put
    monkeypatch.setattr(dues, "put", lambda tx, kind, subject, due_ms: put(tx, kind, subject, due_ms + 5_000))


def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    put, chance = dues.put, random.Random(1)

    def sometimes(tx: Any, kind: str, subject: str, due_ms: int) -> None:
        if kind != "escalation" or chance.random() > 0.05:
            put(tx, kind, subject, due_ms)

    monkeypatch.setattr(dues, "put", sometimes)


def _deaf_to_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dues, "shift", lambda tx, by_ms: None)


def _everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Settings.route
    monkeypatch.setattr(Settings, "route", lambda self, names, test: route(self, names, False))


def _wrong_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town, "on_call", lambda at_ms: "park")
    from bellsim.year import overseer

    monkeypatch.setattr(overseer, "on_call", lambda at_ms: "park")


def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    take = dues.take
    monkeypatch.setattr(dues, "take", lambda tx, at_ms, lease, limit: take(tx, at_ms - 3_000, lease, limit))


def _silent(monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out = escalation._carry_out

    def late_repeat(incident: Any, policy: Any, now_ms: int, *, at_once: bool) -> Any:
        state, effects = carry_out(incident, policy, now_ms, at_once=at_once)
        slower = (SetDue(one.kind, one.due_ms + 5_000) if isinstance(one, SetDue) else one for one in effects)
        return state, tuple(slower)

    monkeypatch.setattr(escalation, "_carry_out", late_repeat)


def _heartless(monkeypatch: pytest.MonkeyPatch) -> None:
    put = dues.put
    monkeypatch.setattr(
        dues, "put", lambda tx, kind, subject, due_ms: kind != "supervision" and put(tx, kind, subject, due_ms)
    )


def _twice(monkeypatch: pytest.MonkeyPatch) -> None:
    step = escalation.step

    def again(incident: Any, policy: Any, now_ms: int) -> Any:
        state, effects = step(incident, policy, now_ms)
        more, _ = step(state, policy, now_ms) if effects else (state, ())
        return more, effects

    monkeypatch.setattr(escalation, "step", again)


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (_late, {"silences"}),
        (_forgetful, {"without_end_or_owner"}),
        (_deaf_to_steps, {"silences", "late_dues", "too_early"}),
        (_everybody, {"tests_to_police"}),
        (_wrong_shift, {"wrong_hands"}),
        (_slow, {"late_dues"}),
        (_silent, {"silences"}),
        (_twice, {"fired_twice"}),
        (_heartless, {"unmissed"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_sabotaged_gateway_is_seen(monkeypatch: pytest.MonkeyPatch, sabotage: Any, found: set[str]) -> None:
    sabotage(monkeypatch)
    results = []
    for seed in SEEDS:  # what is sabotaged has to come up in the story
        results.append(played(seed))
        if any(results[-1][name] for name in found):
            assert not results[-1]["ok"] and results[-1]["first_faults"] and results[-1]["missed"]
            return
    raise AssertionError([{name: result[name] for name in FAULTS} for result in results])


def test_the_towns_own_calendar_and_the_gateways_are_two_that_agree() -> None:
    """The overseer's reading of the shifts against the gateway's own, hour by hour over a year with its holidays."""
    import tempfile
    from pathlib import Path

    from bellgate.config import load

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "gateway.toml").write_text(town.toml(), encoding="utf-8")
        roster = load(Path(folder)).roster()
    start_ms = town.start_ms(town.date(2026, 1, 1))
    for hour in range(366 * 24):
        at_ms = start_ms + hour * 3_600_000
        assert roster.duty.on_duty(["당직"], at_ms) == (town.on_call(at_ms),), town.local(at_ms)
