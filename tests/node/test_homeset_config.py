"""The home set's settings to their edges, and which kept record is believed. Both runtimes."""

from test_homeset import KEPT_CODES, ZONES

from bellnode import homeset_config


def test_each_time_is_taken_up_to_its_edges_and_no_further():
    for name, default, least, most in (("exit_s", 45, 10, 300), ("entry_s", 30, 10, 120), ("siren_s", 180, 30, 900)):
        place = {"exit_s": "exit_ms", "entry_s": "entry_ms", "siren_s": "siren_ms"}[name]
        assert getattr(homeset_config.parse({}, ZONES), place) == default * 1000
        for value in (least, most):
            assert getattr(homeset_config.parse({name: value}, ZONES), place) == value * 1000
        for value in (least - 1, most + 1, str(least), None, True, float(least)):
            try:
                homeset_config.parse({name: value}, ZONES)
            except ValueError as error:
                assert f'"{name}" must be a number of seconds from {least} to {most}' in str(error)
            else:
                raise AssertionError((name, value))


def test_what_is_not_set_up_is_none():
    read = homeset_config.parse({"tell_contacts": True}, ZONES)
    assert (read.zones, read.tell_contacts, read.pins, read.window) == (ZONES, True, None, None)
    assert homeset_config.parse({}, ZONES).tell_contacts is False
    read = homeset_config.parse({"pin": KEPT_CODES, "checkin": {"from": "08:00", "until": "10:00"}}, ZONES)
    assert read.pins is not None and read.window.from_ms == 8 * 3600000


def record(**changes):
    """A record as ("keep", …) gives it, after a start: lists, no tuples."""
    made = {"phase": "alarm", "mode": "away", "bypass": [1], "memory": [2, 3], "cause": 2, "wrong": 4, "day": 20000}
    made.update({"standing": [[2, "intrusion"], [4, "tamper"], [5, "fault"]], "missed": True})
    made.update(changes)
    return made


def test_what_was_kept_comes_back():
    assert homeset_config.kept(record(), ZONES) == {
        "phase": "alarm",
        "mode": "away",
        "bypass": (1,),
        "memory": (2, 3),
        "standing": ((2, "intrusion"), (4, "tamper"), (5, "fault")),
        "cause": 2,
        "wrong": 4,
        "day": 20000,
        "missed": True,
    }
    for changes in ({"wrong": 0}, {"day": None}, {"cause": None}, {"phase": "off", "mode": "off"}, {"mode": "home"}):
        found = homeset_config.kept(record(**changes), ZONES)
        for name in changes:
            assert found[name] == changes[name]
    for phase in ("exit", "set", "entry"):
        assert homeset_config.kept(record(phase=phase), ZONES)["phase"] == phase
    for missed in (False, None, 1, "yes"):
        assert homeset_config.kept(record(missed=missed), ZONES)["missed"] is False


def test_what_no_home_set_keeps_is_not_believed():
    for changes in (
        {"phase": "off"},
        {"mode": "off"},
        {"phase": "on"},
        {"phase": "on", "mode": "off"},
        {"mode": "out"},
        {"wrong": -1},
        {"wrong": "4"},
        {"wrong": None},
        {"wrong": True},
        {"day": "20000"},
        {"day": 1.5},
        {"bypass": None},
        {"memory": 3},
        {"standing": [2]},
        {"standing": [[2]]},
        {"standing": None},
        {"cause": []},
    ):
        found = homeset_config.kept(record(**changes), ZONES)
        assert found is None or (changes == {"cause": []} and found["cause"] is None), changes
    for name in ("phase", "mode", "bypass", "memory", "standing", "cause", "wrong", "day"):
        less = record()
        del less[name]
        assert homeset_config.kept(less, ZONES) is None, name
    for rubbish in (None, [], "armed", 7):
        assert homeset_config.kept(rubbish, ZONES) is None


def test_zones_that_are_gone_and_words_that_are_none_are_left_out():
    found = homeset_config.kept(record(standing=[[2, "intrusion"], [1, "panic"], [1, "tamper"]]), ZONES[:1])
    assert (found["bypass"], found["memory"], found["standing"], found["cause"]) == ((1,), (), ((1, "tamper"),), None)
