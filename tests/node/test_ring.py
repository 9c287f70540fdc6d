"""The journal's ring on simulated flash: what it keeps, when it is full, worn or damaged. Both runtimes."""

import sys

from bellnode import journal, ring, ring_format
from bellnode.ring import Ring

# The simulator's flash runs on both runtimes, but MicroPython cannot import its package; and its neighbours have the
# names of modules of the chip.
sys.path.append(__file__[: -len("tests/node/test_ring.py")] + "simulator/bellsim")
storage = __import__("storage")
sys.path.pop()
SECTOR_BYTES, Flash, PowerCut = storage.SECTOR_BYTES, storage.Flash, storage.PowerCut


def event(seq, what="panic", **more):
    made = {"boot": "00000000000000aa", "seq": seq, "what": what, "state": "alarm", "t_ms": 1767225600000 + seq}
    made.update(more)
    return made


def opened(flash):
    """A ring after its start, and what it found."""
    made = Ring(flash)
    return made, made.load()


def again(flash):
    """What a start on the same flash finds."""
    return Ring(Flash(flash.sectors, flash.image)).load()


def fails(call, *given):
    """The errno of the OSError that a call raises."""
    try:
        call(*given)
    except OSError as fault:
        return fault.args[0]
    raise AssertionError("no OSError")


def place_of(flash, record):
    """Where a record's first slot lies."""
    return bytes(flash.image).index(ring_format.encode(record)) - ring_format.HEAD_BYTES


def test_what_is_saved_comes_back_in_order():
    flash = Flash(6)
    made, found = opened(flash)
    assert found == ([], False)
    a, b, c = (
        event(1),
        event(2, "test", info={"id": "x", "텍스트": "안심"}),
        event(3, "contact", zone=4, state="restore"),
    )
    for records in ([a], [a, b], [a, b, c], [a, c], [c], []):
        made.save(records)
        assert again(flash) == (records, False)
        made.mirror()
        assert again(flash) == (records, False)
    made.save([a])
    made.save([a])
    assert again(flash) == ([a], False) and made.dropped == 0


def test_a_record_is_what_it_was_whatever_is_in_it():
    for record in (
        {},
        {"boot": None, "seq": 1},
        {"seq": 0, "t_err_ms": 7},
        {"boot": "x", "later": [1, {"y": None}], "what": None},
        event(1, info={"a": 1.5, "b": True}),
    ):
        assert ring_format.decode(ring_format.encode(record)) == record, record
    for rubbish in (
        b"",
        b"{}",
        b"[[1]]",
        b"[1,2,3,4,5,6,7,8]",
        b"[1,2,3,4,5,6,7]",
        b"\xff",
        b"[0,{}]",
        b"[" * 500,
    ):
        assert ring_format.decode(rubbish) is None, rubbish


def test_what_lies_on_the_flash_is_where_every_firmware_looks_for_it():
    """Golden bytes: a bell that is given a new firmware still finds its alarms."""
    assert (ring_format.SECTOR_BYTES, ring_format.SLOT_BYTES, ring_format.SLOTS, ring_format.HEADERS) == (
        4096,
        32,
        126,
        (-1, 126),
    )
    assert ring_format.header(258) == b"bell\x01\x02\x01\x00\x00\xef\x71\x1c\xa9"
    data = ring_format.encode({"boot": "b", "seq": 1})
    assert data == b'["b",1]'
    assert ring_format.slot(7, data) == b"\xff\xff\xff\x01\xb7\x3c\x09\x35\x07\x00\x00\x00\x07\x00" + data


def test_large_numbers_come_back():
    for number in (1, 0x100, 0x01020304, 0xFFFFFFFE):
        assert ring_format.read_header(ring_format.header(number)) == (ring_format.FORMAT, number)
        packed = ring_format.slot(number, b"x" * 1000)
        assert ring_format.read_slot(packed, 0) == (number, b"x" * 1000, ring_format.slots(1000), False)


def test_a_press_takes_three_slots_and_no_wait():
    flash = Flash(8)
    made, _ = opened(flash)
    before = flash.count
    made.save([event(1, t_err_ms=40)])
    assert flash.count - before <= 2 and made.erases == 2  # it may reach over the end of a page; erased at the start
    assert ring_format.slots(len(ring_format.encode(event(123456, t_err_ms=400)))) == 3


def test_many_times_round_it_wears_evenly_and_little():
    flash = Flash(8)
    made, _ = opened(flash)
    stuck = event(1, "test", state="restore")
    live = [stuck]
    made.save(live)
    for seq in range(2, 2000):
        live = [stuck, event(seq, t_err_ms=40)]
        made.save(live)
        made.mirror()
        if seq % 500 == 0:
            made, found = opened(flash)
            assert found == (live, False)
    assert again(flash) == (live, False)
    assert made.moved >= 2
    assert max(flash.erases) - min(flash.erases) <= 1
    assert sum(flash.erases) / 2000 <= 0.04, sum(flash.erases)


def test_the_start_reads_each_sector_once_and_each_header():
    for sectors in (4, 16, 64):
        flash = Flash(sectors)
        made, _ = opened(flash)
        for seq in range(1, 50):
            made.save([event(seq)])
            made.mirror()
        device = Flash(sectors, flash.image)
        made = Ring(device)
        assert made.load() == ([event(49)], False)
        assert made.reads == device.reads <= 3 * sectors
        assert made.load() == ([event(49)], False) and made.reads == device.reads // 2  # counted for each start


def test_sectors_are_erased_when_nothing_waits_for_them():
    flash = Flash(8)
    made, _ = opened(flash)
    for seq in range(1, 1000):
        before = sum(flash.erases)
        made.save([event(seq)])
        assert sum(flash.erases) == before, "a press waited for an erase"
        made.mirror()
        assert sum(flash.erases) <= before + 1
    burst = 0
    while made.erases == sum(flash.erases):  # without a pause, it has to erase some time; not at once
        burst += 1
        before = made.erases
        made.save([event(1000 + burst)])
        if made.erases > before:
            break
    assert burst > 42


def test_a_full_ring_gives_up_lesser_events_first():
    flash = Flash(4)
    made, _ = opened(flash)
    room = made.capacity() // 3
    alarms = [event(seq) for seq in range(1, room)]
    lesser = [event(1000 + seq, "contact") for seq in range(1, 4)]
    made.save(alarms + lesser[:1])
    assert fails(made.save, alarms + lesser) == 28
    assert again(flash)[0] == alarms + lesser[2:] and made.dropped == 2
    made.save(alarms + lesser[2:])  # what is left fits
    newest = [event(2000), event(2001)]
    assert fails(made.save, alarms + lesser[2:] + newest) == 28
    kept = again(flash)[0]
    assert kept == alarms[:1] + alarms[2:] + newest, "the first, those after the second, and the newest"
    made.save(newest)
    assert again(flash) == (newest, False)
    for seq in range(3000, 3200):  # and it goes on, round and round
        made.save(newest + [event(seq, "test")])
        made.mirror()
    assert again(flash)[0] == newest + [event(3199, "test")]


def test_a_full_ring_lives_on_for_ever():
    flash = Flash(5)
    made, _ = opened(flash)
    room = made.capacity() // 3
    live = [event(seq) for seq in range(1, room + 1)]
    made.save(live)
    for seq in range(1000, 1160):
        live = live[:20] + live[21:] + [event(seq)]
        made.save(live)
        if seq % 3:
            made.mirror()
        if seq % 40 == 0:
            assert again(flash) == (live, False)
    assert again(flash) == (live, False)


def test_damage_to_any_byte_harms_one_record_at_most_and_is_told():
    flash = Flash(4)
    made, _ = opened(flash)
    gone, a, b = event(1), event(2, info={"id": "0123456789abcdef"}), event(3)
    made.save([gone])
    made.save([a])
    made.save([a, b])
    sector = place_of(flash, a) // SECTOR_BYTES
    slots_of_a = range(place_of(flash, a), place_of(flash, b))
    told = 0
    end = (sector + 1) * SECTOR_BYTES
    # The bytes between are erased, and all alike.
    for at in list(range(sector * SECTOR_BYTES, place_of(flash, b) + 200)) + list(range(end - 40, end)):
        hurt = Flash(4, flash.image)
        hurt.image[at] ^= 0x10 if at % 2 else 0x81
        found, faulty = Ring(hurt).load()
        if at in slots_of_a and found != [a, b]:
            assert found == [b] and faulty
            told += 1
            assert again(hurt) == ([b], False), "it is told once"
        elif found == [a]:
            told += 1  # b is the last one: a cut may have done this, so it is no fault
        else:
            assert found == [a, b], (at, found)
    assert told > 100


def test_garbage_from_the_factory_is_told_and_overwritten():
    flash = Flash(6, bytes([(at * 7919 >> 3) & 0xFF for at in range(6 * SECTOR_BYTES)]))
    made, found = opened(flash)
    assert found == ([], True)
    made.save([event(1)])
    assert again(flash) == ([event(1)], False)
    zeros = Flash(6, bytes(6 * SECTOR_BYTES))
    made, found = opened(zeros)
    made.save([event(1)])
    assert again(zeros) == ([event(1)], False)


def test_another_format_is_told_and_never_read():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1)])
    kept = ring_format.FORMAT
    ring.FORMAT = ring_format.FORMAT = kept + 1
    try:
        made, found = opened(flash)
        assert found == ([], True)
        made.save([event(2)])
        assert again(flash)[0] == [event(2)]
    finally:
        ring.FORMAT = ring_format.FORMAT = kept


def test_a_whole_record_that_makes_no_sense_is_told():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1)])
    made._append(made._number, b'{"not": "ours"}', False)
    made.save([event(1), event(2)])
    assert again(flash) == ([event(1), event(2)], True)


def test_a_broken_flash_raises_and_loses_nothing_that_was_there():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1)])
    flash.dead = True
    assert fails(made.save, [event(1), event(2)]) == 5
    assert fails(made.save, []) == 5
    flash.dead = False
    made.save([event(1), event(2)])
    assert again(flash) == ([event(1), event(2)], False)


def test_what_could_not_be_read_at_the_start_is_not_destroyed():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1), event(2)])
    flash.deaf = True
    made = Ring(flash)
    assert made.load() == ([], True)
    made.mirror()
    assert fails(made.save, [event(9)]) == 5
    flash.deaf = False
    made.save([event(9)])
    made.save([])
    assert again(flash)[0] == [event(1), event(2)]


def test_worn_sectors_are_left_out():
    flash = Flash(8)
    made, _ = opened(flash)
    flash.wear_out = 3
    seq = 0
    try:
        while seq < 5000:
            seq += 1
            made.save([event(seq)])
            made.mirror()
            if seq % 50 == 0:
                made, found = opened(flash)
                assert found[0] == [event(seq)]
    except OSError:
        pass
    assert 300 < seq < 5000, "it went on for long, and then it said so"
    found = again(flash)[0]
    assert found == [event(seq)] or found == [event(seq - 1)] or found == [event(seq - 1), event(seq)]


class Sticky(Flash):
    """Flash with one bit that is always 1."""

    def __init__(self, sectors, at):
        super().__init__(sectors)
        self.at = at

    def _do(self, kind, at, data):
        super()._do(kind, at, data)
        self.image[self.at] |= 0x40


def test_a_slot_that_does_not_take_the_record_is_passed_over():
    for at in (SECTOR_BYTES // 2 + 1, 32 + 14 + 3, SECTOR_BYTES + 2, 2 * SECTOR_BYTES - 32):
        flash = Sticky(4, at)
        made, _ = opened(flash)
        for seq in range(1, 600):
            made.save([event(seq, "test")])
            made.mirror()
        assert again(flash)[0] == [event(599, "test")]


def test_a_partition_that_is_none():
    for flash in (Flash(3), Flash(0)):
        try:
            Ring(flash)
        except ValueError:
            continue
        raise AssertionError("took a partition of three sectors")
    name = "no-such-folder.tmp"
    assert isinstance(journal.events(name, Flash(3)), journal.TwoCopies)
    assert isinstance(journal.events(name), journal.TwoCopies)
    assert isinstance(journal.events(name, Flash(4)), Ring)


def test_too_long_a_record_stops_no_other():
    flash = Flash(6)
    made, _ = opened(flash)
    long = event(1, info={"x": "y" * 1100})
    assert fails(made.save, [long, event(2)]) == 27
    assert again(flash) == ([event(2)], False)
    fits = event(3, info={"x": "y" * 900})
    made.save([fits, event(2)])
    assert again(flash)[0] == [event(2), fits]


def test_an_event_that_turned_is_kept_as_it_is_now():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1, "panic"), event(2, "panic")])
    made.save([event(1, "panic"), event(2, "holdup")])
    assert again(flash) == ([event(1, "panic"), event(2, "holdup")], False)
    made.save([event(1, "panic"), event(2, "holdup")])
    before = flash.count
    made.save([event(1, "panic"), event(2, "holdup")])
    assert flash.count == before, "what is on flash already is not written again"
    made.save([event(1, "panic")])
    assert again(flash) == ([event(1, "panic")], False), "neither copy comes back"


class Numb(Flash):
    """Flash that takes orders and does nothing."""

    numb = False

    def _do(self, kind, at, data):
        if not self.numb:
            super()._do(kind, at, data)


class Counted(Flash):
    """Flash that counts the marks it refused."""

    refused = 0

    def _do(self, kind, at, data):
        if self.dead and data == ring_format.MARK:
            self.refused += 1
        super()._do(kind, at, data)


def test_as_many_slots_as_one_sector_can_lack_are_kept_free():
    for sectors in (4, 8, 64):
        # One in use, two erased; and each of the others may end in a gap that the longest record did not fit into.
        room = (sectors - 3) * (ring_format.SLOTS - 32)
        assert Ring(Flash(sectors)).capacity() == room
    made = Ring(Flash(8))
    made._worn = [3, 5]
    assert made.capacity() == 3 * (ring_format.SLOTS - 32)


def test_a_flash_that_takes_nothing_says_so():
    flash = Numb(6)
    made, _ = opened(flash)
    made.save([event(1)])
    flash.numb = True
    assert fails(made.save, [event(1), event(2)]) == 5
    flash.numb = False
    made.save([event(1), event(3)])
    assert again(flash) == ([event(1), event(3)], False)


def test_a_flash_that_takes_nothing_from_the_first_day_has_no_room():
    flash = Numb(5)
    flash.numb = True
    made, found = opened(flash)
    assert found == ([], False)
    assert fails(made.save, [event(1)]) == 28  # every sector was tried, none took its header
    assert made.erases == 5 and made.capacity() < 0
    assert fails(made.save, [event(1)]) == 28 and made.erases == 5  # and none is tried again


def test_a_dead_flash_at_the_start_still_tells_what_it_holds():
    flash = Counted(4)
    made, _ = opened(flash)
    for seq in range(1, 6):
        made.save([event(more) for more in range(1, seq + 1)])
    for seq in (2, 4):
        flash.image[place_of(flash, event(seq)) + 20] ^= 1
    flash.dead = True
    made = Ring(flash)
    assert made.load() == ([event(1), event(3), event(5)], True)
    assert flash.refused == 1, "it marks no second one on a flash that refused the first"
    flash.dead = False
    assert again(flash) == ([event(1), event(3), event(5)], True), "so it is told again"


def test_one_sector_of_another_format_is_told():
    flash = Flash(6)
    made, _ = opened(flash)
    made.save([event(1)])
    sector = (place_of(flash, event(1)) // SECTOR_BYTES + 3) % 6
    assert again(flash) == ([event(1)], False)
    head = bytearray(ring_format.header(77))
    head[4] = ring_format.FORMAT + 1
    head[9:] = ring.crc32(bytes(head[:9])).to_bytes(4, "little")
    flash.image[sector * SECTOR_BYTES : sector * SECTOR_BYTES + len(head)] = head
    assert again(flash) == ([event(1)], True)


def test_a_record_that_broke_before_its_sector_is_erased_is_written_anew():
    flash = Flash(4)
    made, _ = opened(flash)
    stuck = event(1, "test", state="restore")
    made.save([stuck])
    flash.image[place_of(flash, stuck) + 20] ^= 1
    seq = 1
    while ring._key(stuck) in made._live and seq < 2000:
        seq += 1
        made.save([stuck, event(seq)])
        made.mirror()
    assert ring._key(stuck) not in made._live and made.moved == 0
    made.save([stuck, event(seq)])
    assert sorted([record["seq"] for record in again(flash)[0]]) == [1, seq]


def test_one_damaged_slot_is_damage_enough():
    flash = Flash(4)
    made, _ = opened(flash)
    small = [{"boot": "b", "seq": seq} for seq in (1, 2, 3)]
    made.save(small)
    assert ring_format.slots(len(ring_format.encode(small[0]))) == 1
    flash.image[place_of(flash, small[1]) + 20] ^= 1
    assert again(flash) == ([small[0], small[2]], True)


def test_a_damaged_sector_that_was_full_is_a_fault_and_not_a_cut():
    flash = Flash(5)
    made, _ = opened(flash)
    live = [event(1)]
    made.save(live)
    first = place_of(flash, live[0]) // SECTOR_BYTES
    while flash.image[(first + 1) * SECTOR_BYTES - 64] == 255 or len(live) < 44:  # until the next sector is in use
        live = live + [event(len(live) + 1)]
        made.save(live)
    last = [record for record in live if place_of(flash, record) // SECTOR_BYTES == first][-1]
    flash.image[place_of(flash, last) + 20] ^= 1
    found, faulty = again(flash)
    assert faulty and found == [record for record in live if record != last]
