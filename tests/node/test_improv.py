"""Improv Wi-Fi Serial, the device's side: the data of its frames, by the public specification."""

from bellnode import improv

STATE, ERROR, RESULT = 1, 2, 4
INFO = ("Ansimbell", "0.1.0", "ESP32-S3", "a new bell")
CLEAR = (ERROR, b"\x00")


def test_the_present_state():
    assert improv.asked(b"\x02\x00", False, INFO) == ((CLEAR, (STATE, b"\x02")), None)
    assert improv.asked(b"\x02\x00", True, INFO) == ((CLEAR, (STATE, b"\x04"), (RESULT, b"\x02\x00")), None)


def test_who_it_is():
    frames, work = improv.asked(b"\x03\x00", False, ("Ansimbell", "1"))
    assert work is None and frames[1] == (RESULT, b"\x03\x0c\x09Ansimbell\x011")


def test_a_network_is_tried_and_then_told():
    data = b"\x01\x0a\x04Shop\x04\xeb\xb9\x84!"
    assert improv.asked(data, False, INFO) == ((CLEAR, (STATE, b"\x03")), ("wifi", "Shop", "비!"))
    assert improv.joined(True, True) == ((STATE, b"\x04"), (RESULT, b"\x01\x00"))
    assert improv.joined(False, False) == ((ERROR, b"\x03"), (STATE, b"\x02"))
    assert improv.joined(False, True) == ((ERROR, b"\x03"), (STATE, b"\x04"))


def test_a_scan_is_one_result_each_and_an_empty_one():
    assert improv.asked(b"\x04\x00", False, INFO) == ((CLEAR,), ("scan",))
    assert improv.scanned([("Shop", -61, True), ("Cafe", -80, False)]) == (
        (RESULT, b"\x04\x0d\x04Shop\x03-61\x03YES"),
        (RESULT, b"\x04\x0c\x04Cafe\x03-80\x02NO"),
        (RESULT, b"\x04\x00"),
    )


def test_what_is_malformed_or_unknown():
    bad = ((ERROR, b"\x01"),), None
    for data in (
        b"",
        b"\x01",
        b"\x02\x01",
        b"\x01\x03\x04a",
        b"\x01\x02\x01a",
        b"\x01\x02\x00\x00",
        b"\x01\x04\x01\xff\x01a",
    ):
        assert improv.asked(data, False, INFO) == bad, data
    assert improv.asked(b"\x09\x00", False, INFO) == (((ERROR, b"\x02"),), None)


def test_a_text_that_does_not_fit_is_left_out():
    kind, data = improv.result(4, ("a" * 200, "b" * 60, "c" * 40, "d" * 256))
    assert kind == RESULT and len(data) <= 255 and b"c" * 40 in data and b"b" not in data
