"""The button: bounce, short presses, holds. Both runtimes."""

from bellnode import button
from bellnode.latch import EDGES_MAX, Latch


def play(*edges, until_ms=None):
    """The patterns that (level, at_ms) edges give, ticked at every due moment up to until_ms."""
    state, seen = button.RELEASED, []
    for level, at_ms in edges:
        state, effects = button.step(state, ("edge", level, at_ms), at_ms)
        seen += effects
    while until_ms is not None and button.due_ms(state) is not None and button.due_ms(state) <= until_ms:
        now_ms = button.due_ms(state)
        state, effects = button.step(state, ("tick",), now_ms)
        seen += effects
    return seen


def test_a_press_counts_at_its_first_edge():
    assert play((1, 100)) == [("press", 100)]


def test_a_bouncing_press_is_one_press():
    edges = [(1, 100), (0, 101), (1, 103), (0, 104), (1, 109), (0, 300), (1, 302), (0, 303)]
    assert play(*edges, until_ms=1000) == [("press", 100), ("release", 303)]


def test_an_edge_that_says_nothing_new_is_nothing():
    assert play((0, 100), (0, 200), until_ms=1000) == []
    assert play((1, 100), (1, 150), until_ms=1000) == [("press", 100)]


def test_what_is_neither_edge_nor_tick_raises():
    try:
        button.step(button.RELEASED, ("nudge", 1, 0), 0)
    except ValueError as error:
        assert "edge and tick" in str(error)
        return
    raise AssertionError


def test_a_press_of_one_ms_is_not_lost():
    assert play((1, 100), (0, 101), until_ms=1000) == [("press", 100), ("release", 101)]


def test_two_presses_are_two():
    patterns = play((1, 100), (0, 200), (1, 260), (0, 300), until_ms=1000)
    assert patterns == [("press", 100), ("release", 200), ("press", 260), ("release", 300)]


def test_a_hold_is_reported_once_and_only_after_three_seconds():
    assert play((1, 100), until_ms=3099) == [("press", 100)]
    assert play((1, 100), until_ms=9000) == [("press", 100), ("hold", 3100)]
    assert play((1, 100), (0, 3099), until_ms=9000) == [("press", 100), ("release", 3099)]
    assert play((1, 100), (0, 9000), until_ms=9050) == [("press", 100), ("hold", 3100), ("release", 9000)]


def test_what_the_table_does_not_list_raises():
    for phase, sign in (("up", "opened"), ("up", "long"), ("held", "long"), ("down", "closed"), ("x", "y")):
        try:
            button.turn(phase, sign)
        except ValueError:
            continue
        raise AssertionError((phase, sign))


def test_a_late_interrupt_does_not_hide_a_short_press():
    latch = Latch(0)
    latch.note(0, 70)  # both edges of a press fell into one stall, and both handlers read "open"
    assert latch.take() == [(1, 70), (0, 70)]
    assert not latch.take()
    latch.note(1, 80)
    latch.note(1, 90)
    assert latch.take() == [(1, 80), (0, 90), (1, 90)]


def test_a_full_latch_keeps_the_newest_level_and_counts():
    latch = Latch(0)
    for place in range(EDGES_MAX + 5):
        latch.note((place + 1) % 2, place)
    taken = latch.take()
    assert len(taken) == EDGES_MAX and latch.missed == 5
    assert taken[0] == (1, 0) and taken[-1] == ((EDGES_MAX + 5) % 2, EDGES_MAX + 4)
