"""Mains and battery. Both runtimes."""

from bellnode import power

SETTINGS = power.parse({})


def begin(told=()):
    return power.start(SETTINGS, told, 0)


def play(state, *inputs):
    """(state, effects) of ((given…), now_ms) inputs."""
    seen = ()
    for given, now_ms in inputs:
        state, effects = power.step(state, given, now_ms)
        seen += effects
    return state, seen


def hold(state, mv, from_ms, for_ms=60000):
    """The battery reads `mv` every second."""
    return play(state, *[(("battery", mv), from_ms + at_ms) for at_ms in range(0, for_ms + 1, 1000)])


def test_a_flicker_is_no_event_and_an_outage_is_one():
    state, seen = play(begin(), (("mains", True), 0), (("tick",), 29999))
    assert seen == () and power.values(state) == {} and power.due_ms(state) == 30000
    state, seen = play(state, (("tick",), 30000))
    assert seen == () and power.values(state) == {"mains": True} and power.due_ms(state) is None
    state, seen = play(state, (("mains", False), 40000), (("mains", True), 49999), (("tick",), 90000))
    assert seen == ()
    state, seen = play(state, (("mains", False), 100000), (("tick",), 110000))
    assert seen == (("event", "mains", "alarm", None, None, 100000),) and power.told(state) == ("mains",)
    state, seen = play(state, (("mains", True), 120000), (("mains", False), 149999), (("tick",), 170000))
    assert seen == ()
    state, seen = play(state, (("mains", True), 200000), (("mains", True), 229999), (("mains", True), 230000))
    assert seen == (("event", "mains", "restore", None, None, 200000),) and power.told(state) == ()


def test_mains_that_are_away_at_the_start_are_told_once():
    state, seen = play(begin(), (("mains", False), 0), (("tick",), 10000))
    assert [effect[1:3] for effect in seen] == [("mains", "alarm")]
    state, seen = play(begin(power.told(state)), (("mains", False), 0), (("tick",), 99999))
    assert seen == () and power.values(state) == {"mains": False}
    state, seen = play(begin(("mains",)), (("mains", True), 0), (("tick",), 30000))
    assert [effect[1:3] for effect in seen] == [("mains", "restore")]


def test_levels_each_with_hysteresis():
    state, seen = hold(begin(), 4000, 0)
    assert seen == () and power.faults(state) == () and power.percent(state) == 82
    state, seen = hold(state, 3690, 100000)
    assert [e[1:3] + (e[4]["level"],) for e in seen] == [("battery", "alarm", "low")]
    assert power.faults(state) == ("battery_low",)
    state, seen = hold(state, 3779, 200000)
    assert seen == ()
    state, seen = hold(state, 3490, 300000)
    assert [e[4]["level"] for e in seen] == ["critical"] and seen[0][2] == "alarm"
    state, seen = hold(state, 3600, 400000)
    assert seen == () and power.faults(state) == ("battery_low",)
    state, seen = hold(state, 3790, 500000)
    assert [e[1:3] + (e[4]["level"],) for e in seen] == [("battery", "restore", "ok")] and power.told(state) == ()


def test_a_dip_while_the_radio_sends_is_no_event():
    state, _ = hold(begin(), 3900, 0)
    state, seen = play(state, (("battery", 3300), 100000), (("battery", 3300), 101000))
    state, more = hold(state, 3900, 102000)
    assert seen + more == () and power.values(state)["bat_mv"] > 3890


def test_a_battery_that_is_missing_or_comes_back():
    for nothing in (None, 0, 1999):
        state, _ = hold(begin(), 3900, 0)
        state, seen = hold(state, nothing, 100000)
        assert [e[1:3] + (e[4],) for e in seen] == [("battery", "alarm", {"level": "missing"})]
        assert power.values(state) == {} and power.percent(state) is None
        assert power.faults(state) == ("battery_missing",)
        state, seen = hold(state, 3900, 200000)
        assert seen[0][2] == "restore" and power.values(state) == {"bat_mv": 3900}


def test_what_was_told_before_the_restart_is_not_told_again():
    for level, mv in (("missing", 0), ("critical", 3400), ("low", 3600)):
        state, seen = hold(begin(("battery_" + level,)), mv, 0)
        assert seen == (), level
        state, seen = hold(state, 4000, 100000)
        assert [e[2] for e in seen] == ["restore"]


def test_state_of_charge_climbs_with_the_voltage():
    seen = []
    for mv in range(2900, 4300, 10):
        state, _ = power.step(begin(), ("battery", mv), 0)
        seen.append(power.percent(state))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 100
    assert power.percent(begin()) is None
    two = power.start(power.parse({"cells": 2}), (), 0)
    two, _ = power.step(two, ("battery", 7640), 0)
    assert power.percent(two) == 50


def test_what_is_not_listed_raises():
    for call, words in (
        (lambda: power.step(begin(), ("volts", 1), 0), "power takes"),
        (lambda: power.turn("ok", "ok"), "cannot become"),
        (lambda: power.parse([]), '"power"'),
        (lambda: power.parse({"cells": 0}), '"cells" must be a number from 1 to 4'),
        (lambda: power.parse({"mains_lost_s": 1.5}), '"mains_lost_s"'),
    ):
        try:
            call()
        except ValueError as error:
            assert words in str(error)
        else:
            raise AssertionError(words)
    for name, _ in power.LEVELS:
        for other, _ in power.LEVELS:
            assert (name == other) != ((name, other) in power.TABLE)
            assert name == "ok" or "battery_" + name in power.FAULTS


def test_a_level_counts_after_thirty_seconds_and_one_reading_moves_the_average_by_a_quarter():
    state, _ = hold(begin(), 3900, 0)
    state, seen = hold(state, 0, 100000, 29000)
    assert seen == ()
    state, seen = play(state, (("battery", 0), 130000))
    assert len(seen) == 1
    state, _ = hold(begin(), 3900, 0)
    state, _ = play(state, (("battery", 3300), 100000))
    assert power.values(state) == {"bat_mv": 3750}
