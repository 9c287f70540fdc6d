"""The record of starts, on a real file system. Both runtimes."""

import os

from bellnode import life, starts


def folder():
    """A fresh folder below the present one; MicroPython has no tempfile."""
    name = "test-starts.tmp"
    try:
        os.mkdir(name)
    except OSError:
        for file in os.listdir(name):
            os.remove(name + "/" + file)
    return name


def gone(name):
    for file in os.listdir(name):
        os.remove(name + "/" + file)
    os.rmdir(name)


def test_a_boot_is_never_used_twice():
    name = folder()
    seen = set()
    for _ in range(20):  # a generator that gives the same bytes each time
        record = starts.Starts(name)
        boot, _, faults = record.begin(bytes(16), b"chip")
        assert len(boot) == 16 and faults == ()
        record.end()
        seen.add(boot)
    assert len(seen) == 20
    gone(name)
    name = folder()  # a wiped flash
    boot, _, _ = starts.Starts(name).begin(b"\x01" * 16, b"chip")
    assert boot not in seen
    gone(name)


def test_crashes_are_counted_and_clean_stops_are_not():
    name = folder()
    crashes = []
    for clean in (False, False, True, True, False, True):
        record = starts.Starts(name)
        crashes.append(record.begin(bytes(16), b"")[1])
        if clean:
            record.end()
    assert crashes == [0, 1, 2, 2, 2, 3]
    gone(name)


def test_a_crash_loop_is_told_as_safe_mode_until_a_run_was_steady():
    name = folder()
    safe = []
    for _ in range(4):
        record = starts.Starts(name)
        faults = record.begin(bytes(16), b"")[2]
        safe.append(record.safe)
        assert faults == (("safe_mode",) if record.safe else ())
    assert safe == [False, False, False, True]
    record.steady()
    again = starts.Starts(name)
    assert again.begin(bytes(16), b"")[2] == () and not again.safe
    gone(name)


def raised(text):
    try:
        raise ValueError(text)
    except ValueError as fault:
        return fault


def test_an_exception_is_kept_without_secrets_and_told_once():
    name = folder()
    record = starts.Starts(name, ("hunter2",))
    record.begin(bytes(16), b"")
    assert record.last_crash() is None
    record.crashed(raised("hunter2 is wrong"))
    again = starts.Starts(name)
    again.begin(bytes(16), b"")
    info = again.last_crash()
    assert (info["crash"], info["text"]) == ("ValueError", "* is wrong")
    assert info["at"].startswith("test_starts:")
    again.told()
    third = starts.Starts(name)
    third.begin(bytes(16), b"")
    assert third.last_crash() is None
    gone(name)


def test_a_restart_for_a_dead_radio_is_no_crash_and_is_known_once():
    name = folder()
    record = starts.Starts(name)
    record.begin(bytes(16), b"")
    assert not record.radio_restart
    record.radio()
    again = starts.Starts(name)
    assert again.begin(bytes(16), b"")[1] == 0 and again.radio_restart
    again.end()
    third = starts.Starts(name)
    third.begin(bytes(16), b"")
    assert not third.radio_restart
    gone(name)


def test_a_flash_that_takes_nothing_stops_nothing():
    record = starts.Starts("no-such-folder.tmp")
    boot, crash, faults = record.begin(b"\x07" * 16, b"chip")
    assert len(boot) == 16 and crash == 0 and faults == ("flash",)
    record.crashed(raised("x"))
    record.steady()
    assert record.end() is False
    assert record.last_crash()["crash"] == "ValueError"


def test_the_longest_report_fits_an_event():
    long = life.begin({"last": ["w" * 500, "x" * 500, "y" * 500]})[0]
    assert all([len(value) <= 128 for value in life.report(long).values()])
