"""What a seed plans for `bellsim chaos --minutes`: everything comes, in time, and nothing befalls a thing twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bellsim.chaos import plan

seeds = st.integers(0, 10**6).map(str)


def test_the_same_seed_plans_the_same() -> None:
    one, other = (plan.draw("7 embedded sqlite", 300, plan.KINDS, 2, 12) for _ in range(2))
    assert one == other != plan.draw("8 embedded sqlite", 300, plan.KINDS, 2, 12)


@given(seeds)
def test_every_kind_comes_in_five_minutes(seed: str) -> None:
    assert {fault.kind for fault in plan.draw(seed, 300, plan.KINDS, 2, 12)} == set(plan.KINDS)


@given(seeds, st.floats(3, 400), st.integers(1, 2), st.integers(1, 20))
def test_faults_end_in_time_and_each_thing_has_one_at_a_time(
    seed: str, length_s: float, gateways: int, bells: int
) -> None:
    faults = plan.draw(seed, length_s, plan.KINDS, gateways, bells)
    assert all(fault.at_s >= 0 and fault.at_s + fault.for_s <= length_s for fault in faults)
    assert all(fault.gateway < gateways for fault in faults)
    rows = [[fault for fault in faults if fault.kind in plan.SHARED]]
    rows += [[fault for fault in faults if bell in fault.bells] for bell in range(bells)]
    for row in rows:
        assert all(one.at_s + one.for_s <= other.at_s for one, other in pairwise(row)), row


@given(seeds)
def test_only_what_is_there_is_broken(seed: str) -> None:
    kinds = [kind for kind in plan.KINDS if not kind.startswith(("database", "disk"))]
    assert {fault.kind for fault in plan.draw(seed, 300, kinds, 1, 12)} == set(kinds)
    assert plan.draw(seed, 300, [], 1, 12) == []
