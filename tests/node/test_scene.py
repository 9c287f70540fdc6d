"""What goes before what on the lamp and in the ear. Both runtimes."""

from story import BOOT, Story

from bellnode import alarm, cancel, happen, scene, testmode

# Everything that can be on the lamp of a bell without an open alarm, the first that is on has it.
LAMPS = ("identify", "cancel_window", "entry", "reminder", "test_stored", "test_mode")
# The same for the ear.
VOICES = ("refuse", "entry_soon", "cancel_window", "reminder", "identify")


def all_at_once(silent=False):
    """A node on which all of LAMPS and VOICES stand at once, until 10 s."""
    node = Story(silent=silent).node
    window, _ = cancel.step(cancel.start(3000), ("press", "panic", 0, None, None), 0)
    return happen.changed(
        node,
        identify_ms=10000,
        held=(1, "panic", 0),
        window=window,
        sound="entry_soon",
        remind=True,
        tested_ms=10000,
        testing=testmode.step(testmode.OFF, ("on", 600000, "installer", False), 0)[0],
        key=("refuse", 10000),
    )


def without(node, name):
    """The node on which this one is over."""
    over = {
        "identify": {"identify_ms": None},
        "cancel_window": {"held": None},
        "entry": {"sound": None},
        "entry_soon": {"sound": None},
        "reminder": {"remind": False},
        "test_stored": {"tested_ms": None},
        "test_mode": {"testing": testmode.OFF},
        "refuse": {"key": None},
    }
    return happen.changed(node, **over[name])


def alarmed(node, what, stage=None):
    alarms, _ = alarm.step(node.alarms, ("press", BOOT, 9, what, 0), 0)
    if stage:
        alarms, _ = alarm.step(alarms, ("receipt", BOOT, 9, stage, what, ()), 0)
    return happen.changed(node, alarms=alarms)


def shown(node, now_ms=0):
    """({"show": …, "sound": …}, the node)"""
    node, effects = scene.step(node, now_ms)
    return {effect[0]: effect[1:] for effect in effects}, node


def test_the_lamp_has_an_order():
    node = all_at_once()
    for name in LAMPS:
        said, _ = shown(node)
        assert said["show"] == (name, False, False), name
        node = without(node, name)
    assert "show" not in shown(node)[0]


def test_the_ear_has_an_order():
    node = all_at_once()
    for name in VOICES:
        said, _ = shown(node)
        assert said["sound"] == (name, False), name
        node = without(node, name)
    assert "sound" not in shown(node)[0]


def test_an_open_alarm_has_the_lamp_and_a_loud_one_the_ear():
    node = happen.changed(alarmed(all_at_once(), "panic"), quiet_ms=5000)
    said, node = shown(node)
    assert said["show"][0] == "sending" and said["sound"] == ("sending", False)
    said, node = shown(node, 4999)
    assert said == {}
    said, node = shown(node, 5000)  # silenced by its time: what else there is to hear comes forward
    assert said["sound"] == ("refuse", False) and node.quiet_ms is None
    for name in VOICES:
        node = without(node, name)
    assert shown(node)[0]["sound"] == ("sending", True)  # and in the end the strobe


def test_a_secret_alarm_is_shown_faintly_and_never_heard():
    for what in alarm.SILENT:
        said, _ = shown(happen.changed(alarmed(Story().node, what), quiet_ms=5000))
        assert said["show"] == ("sending", True, False) and "sound" not in said


def test_an_intrusion_sounds_as_the_home_set_says():
    node = happen.changed(alarmed(Story().node, "intrusion"), sound="siren", quiet_ms=5000)
    said, node = shown(node)
    assert said["show"][0] == "sending" and said["sound"] == ("siren", False)
    assert shown(node, 5000)[0]["sound"] == ("siren", True)
    node = happen.changed(node, sound=None)
    assert shown(node, 5000)[0]["sound"] == ("idle", False)


def test_a_silent_bell_is_never_heard():
    node = happen.changed(alarmed(all_at_once(silent=True), "panic"), quiet_ms=5000)
    said, node = shown(node)
    assert said["show"] == ("sending", True, False) and "sound" not in said
    node = happen.changed(node, alarms=())
    for name in LAMPS:
        said, node = shown(node)
        assert said["show"] == (name, True, False) and "sound" not in said, name
        node = without(node, name)


def test_what_is_over_at_its_moment_is_over_and_asked_for():
    node = happen.changed(all_at_once(), quiet_ms=10000)
    assert scene.dues(node) == [10000, 10000, 10000, 10000]
    _, before = shown(node, 9999)
    assert scene.dues(before) == [10000, 10000, 10000, 10000]
    _, after = shown(node, 10000)
    assert scene.dues(after) == [None, None, None, None]
