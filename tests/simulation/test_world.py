"""The whole system on virtual time: every promise holds in a fixed set of worlds, and a broken promise is seen."""

import pytest

from bellgate.core import supervision
from bellgate.pipeline import flow
from bellnode import alarm, ring
from bellsim.world.fuzz import WrongSeeds, fuzz, read_seeds
from bellsim.world.pace import LEAD_MS
from bellsim.world.plan import MIN, Happening, Plan, S, make
from bellsim.world.world import run
from bellsim.year import town

# Each of these once found a fault of the product, or of the world itself.
KEPT = {
    1: "a fault while a fault was told of left the bell deaf: it took no input any more",
    3: "a retained hello, handed out before what the broker had kept, made the living start of a bell an old one",
    13: "a frozen broker that holds every connection it was given",
    30: "after a restart the lamp showed the stage of an earlier press",
    33: "messages of one moment in another order than they were sent",
    35: "the same after a loop of brownouts",
    119: "a press out of the journal was taken for older than what the gateway remembered of before it",
    137: "a gateway killed right after its clock was set moved everything that waited a second time",
    265: "the same, and an acknowledgement ended too early",
    354: "a bell that was back before its gateway had forgotten its open press, and stayed dark for it",
}


def test_every_promise_holds_in_the_fixed_worlds():
    lines = []
    result = fuzz(sorted({*range(6), *KEPT}), 1.0, 20, lines.append)
    wrong = [line for line in lines if line["wrong"]]
    assert not wrong, f"bellsim replay {wrong[0]['seed']}: {wrong}"
    assert result["ok"] and result["simulated_s"] > 24 * 3_600 * 6
    assert sum(line["events"] for line in lines) > 50 and sum(result["faults"].values()) > 30


def test_the_same_seed_is_the_same_world():
    first, second = run(4, 0.3), run(4, 0.3)
    assert first.digest == second.digest and first.trace == second.trace
    assert run(5, 0.3).digest != first.digest


def test_a_plan_can_be_cut_down_and_played_again():
    plan = make(8, 0.3, town.settle(20))
    assert plan == make(8, 0.3, town.settle(20)) and plan.happenings
    fewer = type(plan)(plan.seed, plan.days, plan.bells, plan.episodes, plan.happenings[:1])
    outcome = run(8, 0.3, plan=fewer)
    assert not outcome.wrong and outcome.counts.get("fault", 0) + outcome.counts.get("press", 0) <= 3


# Worlds in which the product did right, and was once called wrong.
RIGHT = {
    "an incident that was opened while the clock was an hour ahead has an end, too": (
        (5 * S, "clock_step", "gateway", 60 * S, 60 * MIN),
        (10 * S, "press", "b-0002"),
    ),
    "a broker that dies between two looks forgets the last will of a bell whose power went": (
        (111 * S, "power_cut", "b-0003", 250 * S),
        (136 * S, "broker_amnesia", "broker-1", 2 * S),
    ),
    "a bell that is back for half a second between two looks speaks, and is silent anew": (
        (21 * S, "power_cut", "b-0003", 221 * S),
        (243 * S, "power_cut", "b-0003", 100 * S),
    ),
    "what falls due on a full disk is done as soon as there is room, 50 ms before a look": (
        (21 * S, "power_cut", "b-0003", 200 * S),
        (225 * S, "disk_full", "gateway", 64_950),
    ),
}


def _played(happenings):
    begin_ms, first_ms = 10 * MIN, 10 * MIN + LEAD_MS
    kept = tuple(sorted(Happening(first_ms + at_ms, *rest) for at_ms, *rest in happenings))
    return run(0, 0.02, plan=Plan(0, 0.02, 20, ((begin_ms, first_ms + 400 * S),), kept))


@pytest.mark.parametrize("story", RIGHT)
def test_what_is_right_is_not_called_wrong(story):
    assert not _played(RIGHT[story]).wrong


@pytest.mark.parametrize("story", [story for story in RIGHT if "b-0003" in str(RIGHT[story])])
def test_a_silence_that_nobody_tells_of_is_found_in_the_same_worlds(story, monkeypatch):
    monkeypatch.setattr(supervision, "RaiseTrouble", lambda *given, **more: supervision.AnswerStages())
    assert "unmissed" in {name for name, _ in _played(RIGHT[story]).wrong}


def _found(seeds) -> set[str]:
    return {name for seed in seeds for name, _ in run(seed).wrong}


def test_a_journal_that_keeps_nothing_is_found(monkeypatch):
    monkeypatch.setattr(ring.Ring, "save", lambda self, records: None)
    assert "lost" in _found(range(4))


def test_a_lamp_that_shows_an_earlier_press_is_found(monkeypatch):
    right = alarm._receipt

    def wrong(alarms, given, now_ms):
        after = right(alarms, given, now_ms)
        return after if len(after) == len(alarms) else tuple([one for one in after if one not in alarms]) + alarms

    monkeypatch.setattr(alarm, "_receipt", wrong)
    assert "lamp_lies" in _found([30, 35])


def test_a_fault_that_the_gateway_catches_and_goes_on_after_is_found(monkeypatch):
    monkeypatch.setattr(flow, "_said", lambda event: 1 / 0)  # after the answers: nobody else would notice
    assert "crash" in _found([0])


@pytest.mark.parametrize("text", ["", "x", "3..1", "-1", "1..x", "0..9999999"])
def test_wrong_seeds_are_explained(text):
    with pytest.raises(WrongSeeds, match="--seeds"):
        read_seeds(text)


def test_seeds_are_read():
    assert read_seeds("7") == range(7, 8) and read_seeds("0..3") == range(4)
