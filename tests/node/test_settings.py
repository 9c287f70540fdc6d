"""settings.json: what is wrong, what to do, and that a broken value never stops a bell. Both runtimes."""

from bellnode import boards, settings


def read(kind="store-bell", **found):
    return settings.read_all(found, kind)


def test_without_a_file_a_bell_is_what_its_kind_is():
    for kind, silent, press, outputs in (
        ("store-bell", False, "loud", settings.OUTPUTS),
        ("home-set", False, "loud", settings.OUTPUTS),
        ("pendant", True, "silent", ()),
    ):
        found, errors = read(kind)
        assert not errors
        assert (found.silent, found.press, found.outputs) == (silent, press, outputs)
        assert found.zones == () and found.brokers is None and found.wifi is None
        assert (found.home is not None) == (kind == "home-set")


def test_every_wrong_value_is_named_with_its_remedy_and_replaced():
    usual = read()[0]
    for key, value, word in (
        ("board", "esp8266", "esp32-c3"),
        ("board", [], "esp32-c3"),
        ("silent", "yes", "true or false"),
        ("press", "triple", "loud"),
        ("press", {}, "loud"),
        ("press", "fine", "home-set"),
        ("cancel_ms", 5001, "5000"),
        ("cancel_ms", True, "5000"),
        ("cancel_ms", 3000, "keypad"),
        ("keypad", 1, "true or false"),
        ("outputs", ["horn"], "siren"),
        ("outputs", "siren", "siren"),
        ("supply", ["solar"], "mains"),
        ("siren_s", -1, "900"),
        ("zones", {}, "list"),
        ("zones", [{"zone": 1, "name": "x", "type": "tamper", "wiring": "nc"}], "input"),
        ("zones", [{"zone": 0, "name": "x", "type": "tamper", "wiring": "nc", "input": "case"}], "1 to 64"),
        ("power", {"cells": 9}, "cells"),
        ("power", [], "object"),
        ("night", [22], "hours"),
        ("night", [22, 24], "hours"),
        ("utc_offset_min", 9999, "840"),
        ("selftest_hour", 24, "23"),
        ("brokers", [], "brokers"),
        ("brokers", [{"host": "x", "port": 0, "server_name": "y"}], "port"),
        ("wifi", [{"ssid": ""}], "ssid"),
        ("home", {}, "home-set"),
        ("colour", 1, "no setting"),
        ("v", 2, "version 1"),
    ):
        found, errors = read(**{key: value})
        assert len(errors) == 1, (key, value, errors)
        text = errors[0]
        assert key in text and word in text and text.endswith("."), text
        assert "Correct" in text or "Write" in text or "Take it out" in text, text
        assert found == usual, (key, value)


def test_one_wrong_value_leaves_the_others_as_they_are():
    found, errors = read(siren_s=30, night=[22, 7], cancel_ms=-5, wifi=[{"ssid": "shop", "password": "pass word"}])
    assert len(errors) == 1 and (found.siren_s, found.night) == (30, (22, 7))
    assert found.wifi == (("shop", "pass word"),)


def test_a_secret_is_in_no_message():
    found = {"wifi": [{"ssid": "shop", "password": "geheim99"}, {"ssid": ""}]}
    found["home"] = {"pin": {"salt": "geheim99"}}
    for kind in ("store-bell", "home-set"):
        errors = settings.read_all(found, kind)[1]
        assert len(errors) == 2 and "geheim99" not in "".join(errors), errors


def test_anything_that_is_no_object_gives_the_defaults():
    for rubbish in (None, [], "x", 5, True):
        found, errors = settings.read_all(rubbish, "store-bell")
        assert len(errors) == 1 and found == read()[0]


def test_a_silent_bell_has_the_silent_press_and_no_window():
    assert read(silent=True)[0].press == "silent"
    assert read(silent=True, press="choice")[0].press == "choice"
    found, errors = read(silent=True, keypad=True, cancel_ms=1000)
    assert found.cancel_ms == 0 and len(errors) == 1
    assert settings.read_all({}, "store-bell", True)[0].silent
    assert not settings.read_all({"silent": False}, "pendant", True)[0].silent


def test_zones_know_their_input():
    zones = [{"zone": 1, "name": "door", "type": "entry", "wiring": "nc", "input": "zone1"}]
    zones.append({"zone": 9, "name": "case", "type": "tamper", "wiring": "nc", "input": "case"})
    found, errors = read("home-set", zones=zones)
    assert not errors and found.inputs == ("zone1", "case")
    assert [zone.number for zone in found.zones] == [1, 9] and found.home.zones == found.zones
    zones[1]["input"] = "zone1"
    assert len(read(zones=zones)[1]) == 1


def test_safe_mode_keeps_what_an_alarm_needs():
    full = read("home-set", silent=True, wifi=[{"ssid": "x"}], night=[1, 2], siren_s=5)[0]
    bare = settings.safe(full)
    assert (bare.silent, bare.wifi, bare.siren_s, bare.press) == (True, (("x", ""),), 5, "silent")
    assert bare.home is None and bare.night is None and bare.zones == () and not bare.keypad


def test_changes_are_merged_and_null_is_the_default_again():
    after = settings.merged({"siren_s": 5, "night": [1, 2]}, {"siren_s": 9, "night": None, "silent": True})
    assert after == {"v": 1, "siren_s": 9, "silent": True}
    assert settings.merged(None, {}) == {"v": 1}


def test_every_board_gives_each_wire_a_pin_of_its_own():
    for name in boards.BOARDS:
        pins = boards.BOARDS[name]
        used = [pins.button, pins.lamp, pins.sounder, pins.strobe, pins.siren, pins.case, pins.mains, pins.battery]
        used += list(pins.zones) + list(pins.rows) + list(pins.columns) + ([pins.wall] if pins.wall is not None else [])
        assert None not in used and len(set(used)) == len(used), name
        for place in settings.INPUTS:
            assert boards.place(pins, place) is None or boards.place(pins, place) in used
        assert not pins.rows or (len(pins.rows), len(pins.columns)) == (len(boards.KEYS), len(boards.KEYS[0]))
    # What the chips' data sheets forbid: flash, and analogue inputs that are not on ADC1.
    plain, small = boards.BOARDS["esp32"], boards.BOARDS["esp32-c3"]
    assert not [pin for pin in plain.zones + (plain.battery,) if not 32 <= pin <= 39]
    assert not [pin for pin in (plain.lamp, plain.sounder, plain.strobe, plain.siren) if pin in (0, 2, 5, 12, 15)]
    assert small.battery <= 4 and not {2, 8, 9} & {pin for pin in small[:-1] if isinstance(pin, int)}
    assert [boards.BOARDS[name].boot for name in ("esp32", "esp32-s3", "esp32-c3")] == [0, 0, 9]  # the chips' own
    s3 = boards.BOARDS["esp32-s3"]
    assert not [pin for pin in s3.zones + (s3.battery,) if not 1 <= pin <= 10]


def test_a_board_is_found_by_its_chip():
    for machine, name in (
        ("Generic ESP32S3 module with ESP32S3", "esp32-s3"),
        ("ESP32-C3 module", "esp32-c3"),
        ("Generic ESP32 module with ESP32", "esp32"),
        ("linux", boards.DEFAULT),
    ):
        assert boards.named(None, machine) is boards.BOARDS[name]
    assert boards.named("esp32-c3", "ESP32S3") is boards.BOARDS["esp32-c3"]
