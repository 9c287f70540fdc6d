"""The judge of `bellsim chaos`: each fault that a campaign could show is found, and nothing else is."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bellsim.chaos.reckoning import Campaign, ran_s, reckon, together
from bellsim.receiver import Arrival

WALL_S = 1_795_430_400.0
PRESS = ("b-1", "0" * 16, 1)


def signal(at_s: float, key: str = "k1", press: tuple[str, str, int] = PRESS, signals: int = 1) -> Arrival:
    data = {"bell_id": press[0], "boot": press[1], "seq": press[2], "incident": 1, "signals": signals}
    return Arrival(at_s, key, {"type": "ansimbell.signal", "time": stamp(at_s), "data": data})


def stamp(at_s: float) -> str:
    return datetime.fromtimestamp(WALL_S + at_s, UTC).isoformat()


def round_(made_s: float, at_s: float | None = None, key: str = "") -> Arrival:
    data = {"incident": 1, "change": "unacknowledged"}
    body = {"type": "ansimbell.incident", "time": stamp(made_s), "data": data}
    return Arrival(made_s if at_s is None else at_s, key or f"r{made_s}", body)


def reckoned(*arrivals: Arrival, **more: Any) -> dict[str, Any]:
    given = {
        "presses": frozenset({PRESS}),
        "stored": frozenset({PRESS}),
        "kept": {PRESS: 1},
        "arrivals": sorted(arrivals, key=lambda one: one.at_s),
        "kills_s": [],
        "running": [(0.0, 100.0)],
        "repeat_s": 5.0,
        "end_s": 12.0,
        "wall_ahead_s": WALL_S,
    } | more
    return reckon(Campaign(**given))


def test_good_campaign() -> None:
    result = reckoned(signal(1), round_(6.2), round_(11.4), end_s=12)
    bad = ("lost", "stored_but_lost", "invented", "duplicate_signals", "repeated_deliveries", "late_escalations")
    assert [result[name] for name in bad] == [0] * 6
    assert result["escalations"] == 2 and 0.1 < result["latest_s"] < 0.3


def test_press_without_signal_or_without_webhook_is_lost() -> None:
    assert reckoned(signal(1), kept={})["lost"] == reckoned(signal(1), kept={})["stored_but_lost"] == 1
    assert reckoned()["lost"] == 1
    assert reckoned(kept={}, stored=frozenset())["stored_but_lost"] == 0


def test_press_that_nobody_made() -> None:
    assert reckoned(signal(1), kept={PRESS: 1, ("b-2", "x", 1): 1})["invented"] == 1


def test_second_signal_of_one_press() -> None:
    assert reckoned(signal(1), kept={PRESS: 2})["duplicate_signals"] == 1
    assert reckoned(signal(1), signal(1.1, "k2"))["duplicate_signals"] == 1


def test_repeat_is_blamed_on_the_kill_before_it() -> None:
    result = reckoned(signal(1), signal(3), round_(6), round_(6, 9, "r6"), kills_s=[2.0, 8.0])
    assert result["repeated_deliveries"] == 2
    assert (result["most_repeated_by_one_kill"], result["repeated_without_kill"]) == (1, 0)
    assert reckoned(signal(1), signal(3))["repeated_without_kill"] == 1


def test_late_and_missing_rounds() -> None:
    assert reckoned(signal(1), round_(7.1), end_s=8)["late_escalations"] == 1  # due at 6
    assert reckoned(signal(1), round_(6.1, 7.1), end_s=8)["late_escalations"] == 1  # made in time, told late
    assert reckoned(signal(1), end_s=7.5)["late_escalations"] == 1  # never came
    assert reckoned(signal(1), end_s=6.5)["late_escalations"] == 0


def test_nobody_can_be_late_while_nothing_runs() -> None:
    running = [(0.0, 5.0), (20.0, 100.0)]
    assert reckoned(signal(1), round_(20.5), end_s=21, running=running)["late_escalations"] == 0
    assert reckoned(signal(1), round_(21.2), end_s=22, running=running)["late_escalations"] == 1


spans = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: (min(pair), max(pair))), max_size=8)


@given(spans, st.floats(0, 100), st.floats(0, 100))
def test_together_runs_exactly_when_one_of_them_does(
    several: list[tuple[float, float]], at_s: float, to_s: float
) -> None:
    joined = together(several)
    assert all(one[1] < other[0] for one, other in pairwise(joined))
    assert any(start <= at_s <= end for start, end in several) == any(start <= at_s <= end for start, end in joined)
    assert 0 <= ran_s(joined, at_s, to_s) <= max(0.0, to_s - at_s) + 1e-6
