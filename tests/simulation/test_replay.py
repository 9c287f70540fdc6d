"""A seed that failed is cut down, played again, and looked at."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellnode import ring
from bellsim.world.fuzz import WrongSeeds, alone, read_keep, states
from bellsim.world.picture import page, svg
from bellsim.world.plan import make
from bellsim.world.replay import told
from bellsim.world.shrink import TRIES_MAX, shrink
from bellsim.world.world import run
from bellsim.year import town


@given(st.data())
def test_what_is_left_is_needed_and_no_more(data):
    count = data.draw(st.integers(1, 60))
    needed = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    tries = []

    def breaks(candidates):
        tries.extend(candidates)
        return [needed <= set(one) for one in candidates]

    found = shrink(count, breaks)
    assert found.tries == len(tries) <= TRIES_MAX
    assert needed <= set(found.keep) and (not found.done or set(found.keep) == needed)


def test_a_search_that_has_to_end_says_so_and_still_breaks():
    found = shrink(64, lambda candidates: [set(range(0, 64, 3)) <= set(one) for one in candidates], 12)
    assert not found.done and found.tries == 12 and set(range(0, 64, 3)) <= set(found.keep)


def test_a_bug_is_cut_down_to_the_power_cut_that_shows_it(monkeypatch):
    """A journal that keeps nothing: a press that cannot be sent, and the power goes."""
    monkeypatch.setattr(ring.Ring, "save", lambda self, records: None)
    days, bells = 0.1, 6  # one episode
    seed = next(seed for seed in range(30) if any(name == "lost" for name, _ in run(seed, days, bells).wrong))
    plan = make(seed, days, town.settle(bells))

    def breaks(candidates):
        outcomes = (run(seed, days, bells, plan.keep(keep)) for keep in candidates)
        return [any(name == "lost" for name, _ in outcome.wrong) for outcome in outcomes]

    found = shrink(len(plan.happenings), breaks, 40)
    kept = plan.keep(found.keep)
    assert len(kept.happenings) <= 5, f"seed {seed}: {kept.happenings}"
    assert any("cut" in one.what or one.what in ("street", "brownout_loop", "hang") for one in kept.happenings)


def test_a_plan_keeps_the_episodes_of_what_it_keeps():
    plan = make(8, 1.0, town.settle(20))
    assert plan.keep(range(len(plan.happenings))).happenings == plan.happenings
    last = plan.keep((len(plan.happenings) - 1,))
    assert last.episodes == plan.episodes[-1:] and plan.keep(()).episodes == ()


def test_a_replay_is_drawn_with_its_faults_and_what_was_broken(monkeypatch):
    monkeypatch.setattr(ring.Ring, "save", lambda self, records: None)
    outcome = next(one for one in map(run, range(8)) if one.wrong)
    drawn = svg(outcome)
    tree = ET.fromstring(drawn)
    texts = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "gateway" in texts and "checker" in texts, outcome.plan.seed
    faults = [line for line in outcome.trace if line.kind == "fault"]
    shown = {one.text for one in tree.iter("{http://www.w3.org/2000/svg}title")}
    assert faults and all(any(line.text in title for title in shown) for line in faults)
    width = float(tree.get("width"))
    assert all(0 <= float(one.get("cx")) <= width for one in tree.iter("{http://www.w3.org/2000/svg}circle"))
    html = page(outcome, "bellsim replay 1")
    assert "Broken" in html and "lost" in html and not re.search(r'(src|href)="http', html)
    assert html.count("\n") > len(list(told(outcome)))


def test_a_kept_part_is_played_alone():
    outcome = alone(2, 0.3, 20, (0,))
    assert len(outcome.plan.happenings) == 1 and not outcome.wrong
    with pytest.raises(WrongSeeds, match="--keep 999"):
        alone(2, 0.3, 20, (999,))


@pytest.mark.parametrize("text", ["a", "1,b", "-1"])
def test_a_wrong_keep_is_explained(text):
    with pytest.raises(WrongSeeds, match="--keep"):
        read_keep(text)


def test_faults_and_states_are_counted():
    outcome = run(2, 0.3)
    table = states(outcome.bites)
    assert sum(sum(row.values()) for row in table.values()) == sum(outcome.bites.values()) > 0
    assert read_keep("7, 3,3") == (3, 7)
