"""What lamp, sounder, strobe and siren show of a node: which state of `indicator`'s table each of them plays. Pure.

An open alarm always has the lamp. A silent bell is never heard, and a silent or duress event changes nothing of what is
heard: only loud alarms sound, for siren_s or until they are silenced; the strobe goes on until they are closed.
"""

from bellnode import alarm, cancel, clock, daily, happen


def step(node, now_ms):
    """(node, effects): ("show", state, discreet, dim) and ("sound", state, still), each if it changed."""
    effects = []
    if node.rest.identify_ms is not None and now_ms >= node.rest.identify_ms:
        node = happen.changed(node, identify_ms=None)
    if node.rest.key is not None and now_ms >= node.rest.key[1]:
        node = happen.changed(node, key=None)
    if node.rest.tested_ms is not None and now_ms >= node.rest.tested_ms:
        node = happen.changed(node, tested_ms=None)
    if node.quiet_ms is not None and now_ms >= node.quiet_ms:
        node = happen.changed(node, quiet_ms=None)
    settings = node.rest.settings
    dim = daily.is_night(settings.night, clock.estimate(node.clock, now_ms)[0], settings.utc_offset_min)
    lamp = _lamp(node) + (dim,)
    if lamp != node.lamp:
        if lamp[:2] != node.lamp[:2]:
            effects.append(("log", f"lamp {lamp[0]}"))
        node = happen.changed(node, lamp=lamp)
        effects.append(("show",) + lamp)
    voice = ("idle", False) if settings.silent else _voice(node)
    if voice != node.voice:
        node = happen.changed(node, voice=voice)
        effects.append(("sound",) + voice)
    return node, effects


def _lamp(node):
    """(state, discreet)"""
    rung, discreet = alarm.shown_now(node.alarms, node.rest.settings.silent)
    if rung != "idle":
        return rung, discreet
    for state, on in (
        ("identify", node.rest.identify_ms is not None),
        ("cancel_window", _may_be_taken_back(node)),
        (node.rest.sound and node.rest.sound.split("_")[0], node.rest.sound is not None and node.rest.sound != "siren"),
        ("reminder", node.rest.remind),
        ("test_stored", node.rest.tested_ms is not None),
        ("test_mode", node.rest.testing.mode == "on"),
    ):
        if on:
            return state, node.rest.settings.silent
    return "idle", node.rest.settings.silent


def _may_be_taken_back(node):
    return node.held is not None and node.held[1] not in alarm.SILENT and cancel.due_ms(node.rest.window) is not None


def _voice(node):
    """(state, still): still leaves the strobe alone on"""
    still = node.quiet_ms is None
    # An intrusion is the home set's to sound: the code ends it there. Its lamp stays.
    loud = [shown for shown in node.alarms if shown.what not in alarm.SILENT and shown.what != "intrusion"]
    rung = alarm.lamp(loud)
    if rung != "idle" and not still:
        return rung, False
    if node.rest.sound == "siren" and not still:
        return "siren", False
    for state, on in (
        (node.rest.key and node.rest.key[0], node.rest.key is not None),
        (node.rest.sound, node.rest.sound is not None and node.rest.sound != "siren"),
        ("cancel_window", _may_be_taken_back(node)),
        ("reminder", node.rest.remind),
        ("identify", node.rest.identify_ms is not None),
        (rung, rung != "idle"),
        ("siren", node.rest.sound == "siren"),
    ):
        if on:
            return state, state == rung or state == "siren"
    return "idle", False


def dues(node):
    """When a tick next matters: a list of ms and Nones."""
    return [node.rest.identify_ms, node.rest.key and node.rest.key[1], node.quiet_ms, node.rest.tested_ms]
