"""The journal's ring against a model: any order of saves, pauses, restarts and cuts, on flash of any content."""

import random

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bellnode import ring, ring_format
from bellnode.ring import Ring
from bellsim.storage import SECTOR_BYTES, Flash, PowerCut

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
records = st.dictionaries(
    st.sampled_from(("boot", "seq", "what", "state", "t_ms", "t_err_ms", "zone", "info", "later")),
    scalars,
    max_size=9,
)


@given(records | st.builds(lambda record, more: record | {"info": more}, records, st.dictionaries(st.text(), scalars)))
def test_a_record_comes_back_as_it_was(record):
    assert ring_format.decode(ring_format.encode(record)) == record


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    found = ring_format.decode(data)
    assert found is None or isinstance(found, dict)
    ring_format.read_sector(memoryview(data + b"\xff" * (SECTOR_BYTES - len(data))))
    ring_format.read_header(data + b"\xff" * 13)


@given(st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=300), st.data())
def test_a_slot_is_whole_or_none(number, payload, data):
    slot = ring_format.slot(number, payload)
    view = bytearray(slot + b"\xff" * (SECTOR_BYTES - len(slot)))
    assert ring_format.read_slot(view, 0) == (number, payload, ring_format.slots(len(payload)), False)
    at = data.draw(st.integers(0, len(slot) - 1))
    view[at] ^= data.draw(st.integers(1, 255))
    if at < 3:
        assert ring_format.read_slot(view, 0)[:3] == (number, payload, ring_format.slots(len(payload)))
        assert not ring_format.is_gone(view, 0)
    else:
        assert ring_format.read_slot(view, 0) is None


@settings(max_examples=30)
@given(st.integers(4, 6), st.integers(0, 2**32), st.integers(0, 3))
def test_a_flash_of_any_content_becomes_a_ring(sectors, seed, erased):
    image = bytearray(random.Random(seed).randbytes(sectors * SECTOR_BYTES))
    image[: erased * SECTOR_BYTES] = b"\xff" * erased * SECTOR_BYTES
    flash = Flash(sectors, image)
    made = Ring(flash)
    found, faulty = made.load()
    assert found == [] and faulty
    record = {"boot": "00000000000000aa", "seq": 1}
    made.save([record])
    assert Ring(flash).load() == ([record], False)


class Model(RuleBasedStateMachine):
    """`safe`: what the last save that returned was given; `maybe`: what one that was cut was given, or the same."""

    @initialize(sectors=st.integers(4, 7), page=st.sampled_from((1, 4, 16, 256)))
    def begin(self, sectors, page):
        self.flash = Flash(sectors, page=page)
        self.safe = self.maybe = []
        self.seq = 0
        self.start()

    def start(self):
        self.ring = Ring(self.flash)
        found, faulty = self.ring.load()
        assert not faulty
        self.check(found)
        self.safe = self.maybe = found

    def check(self, found):
        assert all(record in found for record in self.safe if record in self.maybe)
        assert all(record in self.safe or record in self.maybe for record in found)
        assert [record["seq"] for record in found] == sorted({record["seq"] for record in found})

    def save(self, target):
        try:
            self.ring.save(target)
        except PowerCut:
            self.maybe = target
            raise
        self.safe = self.maybe = target

    def new(self, size, alarm):
        self.seq += 1
        return {
            "boot": "00000000000000aa",
            "seq": self.seq,
            "what": "panic" if alarm else "test",
            "state": "alarm",
            "info": {"x": "y" * size},
        }

    def act(self, count, size, gone, pauses):
        for _ in range(count):
            after = [*self.safe, self.new(size, gone % 2)]
            used = sum(ring_format.slots(len(ring_format.encode(record))) for record in after)
            while used > self.ring.capacity():
                used -= ring_format.slots(len(ring_format.encode(after.pop(gone % len(after)))))
            self.save(after)
            if pauses:
                self.ring.mirror()
            if self.safe and gone % 4:
                self.save([record for place, record in enumerate(self.safe) if place != gone % len(self.safe)])
                self.ring.mirror()

    @rule(
        count=st.integers(1, 40),
        size=st.sampled_from((0, 20, 60, 300, 900)),
        gone=st.integers(0, 40),
        pauses=st.booleans(),
    )
    def live(self, count, size, gone, pauses):
        self.act(count, size, gone, pauses)

    @rule()
    def restart(self):
        self.start()
        assert self.ring.load() == (self.safe, False)

    @rule(
        at=st.integers(0, 60),
        half=st.integers(0, 1000),
        gone=st.integers(0, 40),
        size=st.sampled_from((0, 60, 900)),
    )
    def cut(self, at, half, gone, size):
        self.flash.cut_at = self.flash.count + at
        self.flash.cut_seed = half
        try:
            self.act(40, size, gone, True)
            self.flash.cut_at = -1
        except PowerCut:
            self.flash = Flash(self.flash.sectors, self.flash.image, self.flash.page)
            self.start_cut_again(half)

    def start_cut_again(self, half):
        """The power goes once more, during the start."""
        self.flash.cut_at = half % 9
        self.flash.cut_seed = half // 9
        try:
            Ring(self.flash).load()
        except PowerCut:
            pass
        self.flash = Flash(self.flash.sectors, self.flash.image, self.flash.page)
        self.start()

    @precondition(lambda self: self.safe)
    @rule()
    def deliver_all(self):
        self.save([])

    @invariant()
    def is_on_flash(self):
        if hasattr(self, "flash"):
            assert Ring(Flash(self.flash.sectors, self.flash.image)).load() == (self.safe, False)


Model.TestCase.settings = settings(max_examples=40, stateful_step_count=12)
TestRing = Model.TestCase


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=80), st.integers(4, 5), st.sampled_from((0, 200)))
def test_a_full_ring_never_gives_up_an_alarm_before_a_lesser_event(alarms, sectors, size):
    flash = Flash(sectors)
    made = Ring(flash)
    made.load()
    live = []
    for seq, alarm in enumerate(alarms):
        what = "panic" if alarm else "contact"
        live.append({"boot": "00", "seq": seq, "what": what, "state": "alarm", "info": {"x": "y" * size}})
        try:
            made.save(live)
        except OSError as fault:
            assert fault.args == (28,)
    found, faulty = Ring(flash).load()
    assert (not faulty and live[-1] in found) or not ring.is_alarm(live[-1])
    missing = [record for record in live if record not in found]
    if any(ring.is_alarm(record) for record in missing):
        assert all(ring.is_alarm(record) for record in found)
    assert bool(missing) == (made.dropped > 0)
