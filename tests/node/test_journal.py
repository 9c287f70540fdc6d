"""The journal of events in its files, on a real file system. Both runtimes."""

import os

from bellnode import journal

A = {"boot": "00000000000000aa", "seq": 1, "what": "panic", "state": "alarm"}
B = {"boot": "00000000000000aa", "seq": 2, "what": "test", "state": "alarm", "info": {"id": "x"}}


def folder():
    """A fresh folder below the present one; MicroPython has no tempfile."""
    name = "test-journal.tmp"
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


def spoil(path, place):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[place] ^= 1
    with open(path, "wb") as file:
        file.write(data)


def test_what_is_saved_comes_back():
    name = folder()
    events = journal.events(name)
    assert events.load() == ([], False)
    for records in ([A], [A, B], [B], []):
        events.save(records)
        assert journal.events(name).load() == (records, False)
        events.mirror()
        assert journal.events(name).load() == (records, False)
    gone(name)


def test_what_can_wait_waits_for_the_receipt_but_not_for_ever():
    later_ms = journal.SPARE_MS
    assert journal.spare_ms(5000, False, 5000) == 0
    assert [journal.spare_ms(5000, True, now_ms) for now_ms in (5000, 5001)] == [later_ms, later_ms - 1]
    assert [journal.spare_ms(5000, True, 5000 + later_ms + more) for more in (-1, 0, 1)] == [1, 0, 0]


class Store:
    """Takes what it is given, or only so many records, or nothing at all."""

    def __init__(self, keeps=9, dead=False):
        self.keeps, self.dead, self.saved = keeps, dead, []

    def save(self, records):
        if self.dead:
            raise OSError(5)
        self.saved.append(records)

    def load(self):
        return self.saved[-1][: self.keeps], False


def test_the_self_test_writes_reads_back_and_leaves_what_was_there():
    store = Store()
    assert journal.check(store, [A]) is None and store.saved == [[A, journal.PROBE], [A]]
    assert journal.check(Store(keeps=1), [A]) == "lost what was written"
    assert journal.check(Store(dead=True), [A]).startswith("does not take a record: ")
    name = folder()
    events = journal.events(name)
    assert journal.check(events, [A, B]) is None and events.load() == ([A, B], False)
    gone(name)


def test_a_self_test_that_a_power_cut_ended_leaves_nothing_to_send():
    probe = dict(journal.PROBE)
    assert not journal.usable(probe)  # no event has its number
    probe["seq"] = 1
    assert journal.usable(probe)  # and otherwise it is one: as long, and of the same fields
    store = Store()
    store.save([A, journal.PROBE, B])
    assert journal.load_events(store) == ([A, B], False)


def test_a_record_of_another_firmware_is_left_out_and_reported():
    store = Store()
    store.save([A, {"boot": A["boot"], "seq": 7, "what": "earthquake", "state": "alarm"}])
    assert journal.load_events(store) == ([A], True)


def test_either_copy_may_be_damaged():
    for end in (".a", ".b"):
        name = folder()
        events = journal.events(name)
        events.save([A, B])
        events.mirror()
        spoil(name + "/journal" + end, 30)
        records, faulty = journal.events(name).load()
        assert records == [A, B] and faulty
        assert "journal" + end + ".bad" in os.listdir(name)
        gone(name)


def test_a_lost_first_copy_is_noticed():
    name = folder()
    events = journal.events(name)
    events.save([A])
    events.mirror()
    os.remove(name + "/journal.a")
    assert journal.events(name).load() == ([A], True)
    gone(name)


def test_a_half_written_file_is_never_read():
    name = folder()
    events = journal.events(name)
    events.save([A])
    with open(name + "/journal.a.new", "wb") as file:  # the power went before the rename
        file.write(journal.encode([A, B])[:40])
    assert journal.events(name).load() == ([A], False)
    gone(name)


class HalfWritten:
    """A file that takes half of what it is given: the power went."""

    opened = []

    def __init__(self, path, mode):
        self.opened.append(path)
        self.file = open(path, mode)  # noqa: SIM115 -- it is the context manager

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        return len(data) // 2


def test_a_power_cut_in_the_middle_of_a_save_leaves_what_was():
    name = folder()
    events = journal.events(name)
    events.save([A])
    journal.open = HalfWritten
    try:
        events.save([A, B])
    except OSError:
        pass
    else:
        raise AssertionError("half a file was taken for a whole one")
    finally:
        del journal.open
    assert journal.events(name).load() == ([A], False)
    assert HalfWritten.opened == [name + "/journal.a.new"]
    journal.open = lambda path, mode: HalfWritten.opened.append(path) or open(path, mode)  # noqa: SIM115
    try:
        events.save([B])
        events.mirror()
    finally:
        del journal.open
    assert HalfWritten.opened[1:] == [name + "/journal.a.new", name + "/journal.b.new"]  # never the file itself
    gone(name)


def test_whole_lines_of_a_damaged_file_are_kept():
    data = journal.encode([A, B])
    first = data.index(b"\n") + 1
    second = data.index(b"\n", first) + 1
    assert journal.decode(data) == ([A, B], True)
    assert journal.decode(data[:second]) == ([A], False)
    assert journal.decode(data[first:]) == ([A, B], False)
    assert journal.decode(data[:first] + b"rubbish\n" + data[second:]) == ([B], False)
    assert journal.decode(b"") == ([], False) and journal.decode(b"\xff\xfe\n\n") == ([], False)


def test_what_is_between_the_lines_or_after_them_is_a_fault():
    data = journal.encode([A])
    assert journal.decode(data + b"rubbish\n") == ([A], False)
    for text in (b"{oops", b"[1]", b"\xff"):  # marked well, and no record
        line = journal._mark(text) + b" " + text + b"\n"
        assert journal.decode(data + line) == ([A], False), text
        assert journal.decode(line + data) == ([{"lines": 1}, A], False), text
    assert journal.decode(data[:-1]) == ([A], True)  # the last line's end says nothing that its mark does not
    assert journal.decode(journal.encode([{"lines": 1}, A])) == ([{"lines": 1}, A], True)  # only the first line counts


def test_the_second_copy_is_written_once():
    name = folder()
    events = journal.events(name)
    events.mirror()
    assert os.listdir(name) == []  # nothing saved, nothing to bring up
    events.save([A])
    events.mirror()
    os.remove(name + "/journal.b")
    events.mirror()
    assert os.listdir(name) == ["journal.a"]
    gone(name)


def test_only_events_that_can_be_sent_are_usable():
    assert journal.usable(A) and journal.usable(B)
    for wrong in ({}, {"boot": "x"}, {"boot": A["boot"], "seq": 0, "what": "panic", "state": "alarm"}):
        assert not journal.usable(wrong)


def test_a_flash_that_takes_nothing_stops_nothing():
    assert journal.events("no-such-folder.tmp").load() == ([], False)
    try:
        journal.events("no-such-folder.tmp").save([A])
    except OSError:
        return
    raise AssertionError("saved nowhere")
