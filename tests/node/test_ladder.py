"""What is done about a network where nobody answers. Both runtimes."""

from bellnode import ladder

HOUR_MS = 3600000


def climb(until_ms, urgent=False, state=ladder.GROUND, from_ms=0, turn_ms=1000):
    """(state, [(rung, at_ms)]) of a silence from `from_ms`, looked at once a second as the shell does."""
    state, rung = ladder.step(state, "silent", from_ms)
    taken = [(rung, from_ms)]
    for now_ms in range(from_ms, until_ms, turn_ms):
        state, rung = ladder.step(state, "tick", now_ms, urgent)
        if rung is not None:
            taken.append((rung, now_ms))
    return state, taken


def test_the_rungs_come_mildest_first_at_their_times():
    assert climb(300001)[1] == [("socket", 0), ("dns", 20000), ("wifi", 60000), ("radio", 300000)]
    assert climb(120001, urgent=True)[1] == [("socket", 0), ("dns", 8000), ("wifi", 30000), ("radio", 120000)]


def test_there_is_no_rung_that_restarts_the_bell():
    assert [row[0] for row in ladder.RUNGS] == ["socket", "dns", "wifi", "radio"]
    state, taken = climb(7 * 24 * HOUR_MS, turn_ms=10000)
    assert {rung for rung, _ in taken} == {"socket", "dns", "wifi", "radio"}
    assert not ladder.may_restart(state, 7 * 24 * HOUR_MS, False)


def test_a_long_silence_is_met_ever_more_rarely_but_for_ever():
    _, taken = climb(48 * HOUR_MS, turn_ms=10000)
    radio = [at_ms for rung, at_ms in taken if rung == "radio"]
    gaps = [later - earlier for earlier, later in zip(radio, radio[1:])]  # noqa: RUF007 -- MicroPython has no pairwise
    assert gaps == sorted(gaps) and gaps[0] >= 600000 and gaps[-1] == gaps[-2]
    assert max(gaps) <= 3 * HOUR_MS and len(radio) >= 15


def test_whatever_answers_ends_the_silence_and_keeps_the_counts():
    state, _ = climb(70000)
    assert ladder.told(state) == "socket 1 dns 1 wifi 1"
    state, rung = ladder.step(state, "answered", 70000)
    assert rung is None and state.since_ms is None and ladder.due_ms(state) is None
    assert ladder.step(state, "tick", 10 * HOUR_MS) == (state, None)
    state, taken = climb(100000 + 20001, state=state, from_ms=100000)
    assert taken == [("socket", 100000), ("dns", 120000)]
    assert ladder.told(state) == "socket 2 dns 2 wifi 1"
    assert ladder.told(ladder.GROUND) == ""


def test_a_silence_is_reported_when_it_is_over_if_it_cost_more_than_a_lookup():
    assert ladder.report(ladder.GROUND, 5) is None
    assert ladder.report(climb(59000)[0], 59500) is None
    assert ladder.report(climb(61000)[0], 62000) == {"silent_s": 62, "ladder": "socket 1 dns 1 wifi 1"}
    state, taken = climb(5 * HOUR_MS, from_ms=1000)
    info = ladder.report(state, 5 * HOUR_MS)
    assert info["silent_s"] == 5 * 3600 - 1 and len(taken) > 6
    assert ladder.told(state) == info["ladder"] and len(info["ladder"]) <= 60


def test_more_silence_does_not_begin_it_anew():
    state, _ = ladder.step(ladder.GROUND, "silent", 5)
    assert ladder.step(state, "silent", 15000) == (state, None)
    assert ladder.due_ms(state) == 20005 and ladder.due_ms(state, True) == 8005


def test_only_a_dead_driver_restarts_and_not_twice_soon():
    state = ladder.GROUND
    for _ in range(ladder.DEAD_MAX):
        assert not ladder.may_restart(state, HOUR_MS, False)
        state, _ = ladder.step(state, "radio_dead", 0)
    assert ladder.may_restart(state, 1000, False)
    assert not ladder.may_restart(state, ladder.RESTART_PAUSE_MS - 1, True)
    assert ladder.may_restart(state, ladder.RESTART_PAUSE_MS, True)
    lives, _ = ladder.step(state, "radio_lives", 0)
    assert not ladder.may_restart(lives, 10 * HOUR_MS, False)
    spoke, _ = ladder.step(state, "answered", 0)
    assert not ladder.may_restart(spoke, 10 * HOUR_MS, False)


def test_an_unlisted_input_is_refused():
    try:
        ladder.step(ladder.GROUND, "restart", 0)
    except ValueError as fault:
        assert "restart" in str(fault)
    else:
        raise AssertionError("taken")
