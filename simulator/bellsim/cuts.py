"""The power-cut campaign's worker: runs a story on simulated flash, cuts it everywhere, and looks at what is left.

Runs on MicroPython, with the firmware's own journal: the ring on raw flash, and the files on MicroPython's own
LittleFS. A story is run once while every program and erase is logged. Then, for each of them, the flash is rebuilt as
it was just before it, and as a half-done one leaves it, and a new bell starts on that: this is the same flash that a
device which stops there would have, without running the story anew for every cut. The start after a cut is cut as
well, on a device that really stops.

What is checked after each start: every record whose save had returned, and which was not being given up, is there with
its exact content; nothing is there that was never saved, or twice; no damage is reported, for a cut is none; and the
bell can go on: save, deliver, start again.
"""

import gc
import json
import sys

from bellnode import journal, ring, ring_format
from bellsim import storage

PLACE = "/cut"
OUTBOX_MAX = 32
REFUSED = 19  # each 19th event is refused
REFUSED_MAX = 8
BOOTS = 4  # of one story
HALVES = {storage.PROGRAM: 2, storage.ERASE: 10}  # half-done ones of each operation: there are few erases
RECOVERY_OPERATIONS = 9  # the second cut comes among the first ones after the first: what a start and a save do
WHATS = ("panic", "panic", "panic", "holdup", "contact", "mains", "test", "fault")


class Wrong(Exception):
    """A start after a cut did not find what it should have."""


class Chance:
    """Numbers from a seed, the same on both runtimes."""

    def __init__(self, seed: int) -> None:
        self._state = seed * 7919 + 17
        for _ in range(4):
            self.below(2)

    def below(self, end: int) -> int:
        """0 to end - 1."""
        self._state = (self._state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self._state >> 8) % end


def record(number: int, chance: Chance) -> dict:
    """An event as the outbox keeps it."""
    made = {"boot": f"{number // 50:016x}", "seq": number, "what": WHATS[chance.below(len(WHATS))], "state": "alarm"}
    if number > 5:
        made["t_ms"] = 1767225600000 + number * 60000
        made["t_err_ms"] = 5 + chance.below(400)
    if made["what"] == "test":
        made["info"] = {"id": f"{number * 77777:016x}", "reason": "unknown setting"[: chance.below(16)]}
    elif made["what"] == "contact":
        made["zone"] = 1 + chance.below(8)
    return made


def outboxes(chance: Chance, live: list, first: int, count: int):
    """The lists that an outbox hands to the journal while `count` events come and go, an outage now and then."""
    outage = 0
    for number in range(first, first + count):
        live = live + [record(number, chance)]
        yield live
        outage = outage - 1 if outage else chance.below(20) if chance.below(30) == 0 else 0
        while not outage and chance.below(5):
            # A refused event stays for ever, so a ring has to carry it on; the others go in their order, but for a few.
            refused = [kept["seq"] for kept in live if kept["seq"] % REFUSED == 0]
            going = [at for at, kept in enumerate(live) if kept["seq"] not in refused[-REFUSED_MAX:]]
            if not going:
                break
            gone = going[0 if chance.below(4) else chance.below(len(going))]
            live = live[:gone] + live[gone + 1 :]
            yield live
        live = live[-OUTBOX_MAX + 1 :]


class State:
    """What a bell has been told is safe (`acked`), and what a save under way would make of it (`target`)."""

    def __init__(self, acked: list, target: list, settings: tuple, boots: int) -> None:
        self.acked = acked
        self.target = target
        self.settings = settings  # the texts that the file may hold
        self.boots = boots  # identities of starts that were used


def compare(state: State, found: list, faulty: bool) -> str:
    """ "" or what is wrong: "lost", "invented" or "false_fault"."""
    for kept in state.acked:
        if kept in state.target and kept not in found:
            return "lost"
    for place, kept in enumerate(found):
        if (kept not in state.acked and kept not in state.target) or kept in found[:place]:
            return "invented"
    if [kept["seq"] for kept in found] != sorted([kept["seq"] for kept in found]):
        return "invented"
    return "false_fault" if faulty else ""


class RingBell:
    """A journal in the ring. `make`: the class, or a mutant of it."""

    aged = 300

    def __init__(self, make, sectors: int) -> None:
        self.make = make
        self.sectors = sectors

    def fresh(self) -> storage.Flash:
        return storage.Flash(self.sectors)

    def start(self, flash: storage.Flash):
        """(journal, records, faulty, settings, boot) after a start; the last two are for files only."""
        made = self.make(flash)
        found, faulty = made.load()
        return made, found, faulty, None, None

    def write(self, text: str) -> None:
        """Change the settings."""

    def stop(self) -> None:
        """Let go of the flash."""


class FileBell:
    """Journal, record of starts and settings in files on LittleFS."""

    aged = 20

    def __init__(self, make, sectors: int) -> None:
        self.make = make
        self.sectors = sectors
        self.mounted = False

    def fresh(self) -> storage.Flash:
        import vfs  # noqa: PLC0415 -- only MicroPython has it

        flash = storage.Flash(self.sectors)
        vfs.VfsLfs2.mkfs(flash)
        return flash

    def start(self, flash: storage.Flash):
        import vfs  # noqa: PLC0415

        self.stop()
        vfs.mount(vfs.VfsLfs2(flash), PLACE)
        self.mounted = True
        from bellnode import staged, starts  # noqa: PLC0415

        boot, _, faults = starts.Starts(PLACE).begin(bytes(16), b"")
        made = self.make(PLACE, "journal")
        found, faulty = made.load()
        faulty = faulty or "journal" in faults or "flash" in faults
        value, there = staged.load_json(PLACE + "/settings.json", 4096)
        return made, found, faulty, json.dumps(value) if there else "", boot

    def write(self, text: str) -> None:
        from bellnode import staged  # noqa: PLC0415

        staged.replace(PLACE + "/settings.json", text.encode())

    def stop(self) -> None:
        import vfs  # noqa: PLC0415

        if self.mounted:
            self.mounted = False
            vfs.umount(PLACE)


class Campaign:
    """Cuts stories until there were `cuts`, or `enough` faults. tell: called now and then with the count so far."""

    def __init__(self, bell, seed: int, cuts: int, enough: int, tell) -> None:
        self.bell = bell
        self.seed = seed
        self.wanted = cuts
        self.enough = enough
        self.wrong = 0
        self.tell = tell
        self.counts = {
            "cuts": 0,
            "second_cuts": 0,
            "half_done": 0,
            "stories": 0,
            "lost": 0,
            "invented": 0,
            "false_fault": 0,
            "boot_repeated": 0,
            "mount_failures": 0,
            "uncut": 0,  # not as it should be although nothing was cut
            "records": 0,
            "erases": 0,
        }
        self.first = ""  # the first thing that went wrong, and how to see it again

    def run(self) -> dict:
        """The counts."""
        story = 0
        while not self._done():
            self._story(self.seed * 1000 + story)
            story += 1
            self.counts["stories"] += 1
        return self.counts

    def _done(self) -> bool:
        return self.counts["cuts"] >= self.wanted or self.wrong >= self.enough

    def _story(self, seed: int) -> None:
        chance = Chance(seed)
        flash = self.bell.fresh()
        live: list = []
        number = 1
        if chance.below(4):  # most stories begin on a flash that has been used for a while
            made = self.bell.start(flash)[0]
            number += self.bell.aged + chance.below(self.bell.aged)
            for after in outboxes(chance, live, 1, number - 1):
                made.save(after)
                made.mirror()
                live = after
        image = bytearray(flash.image)
        flash.log = log = []
        settings = self.bell.start(storage.Flash(self.bell.sectors, image))[3]
        boots: list = []
        marks: list = []  # (operations before it, State)

        def begin(target: list, *texts: str) -> None:
            marks.append((len(log), State(live, target, (settings,) + texts, len(boots))))

        for _ in range(BOOTS):
            begin(live)
            made, found, faulty, text, boot = self.bell.start(flash)
            if found != live or faulty or text != settings:
                self._wrong("uncut", seed, 0, 0, "without any cut")
            boots.append(boot)
            if text is not None:
                changed = json.dumps({"night": [number, 7]})
                begin(live, changed)
                self.bell.write(changed)
                settings = changed
            count = 6 + chance.below(10)
            for after in outboxes(chance, live, number, count):
                begin(after)
                made.save(after)
                live = after
                begin(live)
                made.mirror()
            number += count
        self.counts["records"] += number - 1
        self.counts["erases"] += sum(flash.erases)
        self.bell.stop()
        self._cut(seed, chance, image, log, marks, boots)

    def _cut(self, seed: int, chance: Chance, image: bytearray, log: list, marks: list, boots: list) -> None:
        place = 0
        for number, (kind, at, data) in enumerate(log):
            while place + 1 < len(marks) and marks[place + 1][0] <= number:
                place += 1
            # An operation belongs to the last thing that was begun before it.
            state = marks[place][1]
            names = boots[: state.boots]
            for half in range(1 + HALVES[kind]):
                if self._done():
                    return
                left = bytearray(image)
                if half:
                    storage.half(left, kind, at, data, seed * 65536 + number * 16 + half)
                    self.counts["half_done"] += 1
                self._start(seed, number, half, chance, left, state, names)
            storage.apply(image, kind, at, data)
            if number % 32 == 0:
                gc.collect()
                self.tell(self.counts["cuts"])

    def _start(
        self,
        seed: int,
        number: int,
        half: int,
        chance: Chance,
        left: bytearray,
        state: State,
        names: list,
    ) -> None:
        self.counts["cuts"] += 1
        second = storage.Flash(self.bell.sectors, left)
        second.cut_at = chance.below(RECOVERY_OPERATIONS)
        second.cut_seed = chance.below(3)
        new = record(100000 + number, chance)
        try:
            made, found, boot = self._check(second, state, names)
            names = names + [boot]
            keep = found[1:] + [new]
            state = State(found, keep, state.settings, 0)
            made.save(keep)
            state = State(keep, keep, state.settings, 0)
            made.mirror()
        except storage.PowerCut:
            self.counts["cuts"] += 1
            self.counts["second_cuts"] += 1
            half += 100  # told apart in the report
        except Wrong as fault:
            return self._wrong(str(fault), seed, number, half)
        except Exception as fault:
            return self._wrong("mount_failures", seed, number, half, f"{type(fault).__name__} {fault}")
        try:
            third = storage.Flash(self.bell.sectors, second.image)
            made, found, boot = self._check(third, state, names)
            names = names + [boot]
            for after in (found + [record(200000, chance)], [record(200001, chance)]):
                made.save(after)
                made.mirror()
            self._check(third, State(after, after, state.settings, 0), names)
        except Wrong as fault:
            self._wrong(str(fault), seed, number, half)
        except Exception as fault:
            self._wrong("mount_failures", seed, number, half, f"{type(fault).__name__} {fault}")
        finally:
            self.bell.stop()

    def _check(self, flash: storage.Flash, state: State, names: list):
        """(journal, records, boot) of a start on this flash. Raises Wrong."""
        made, found, faulty, text, boot = self.bell.start(flash)
        wrong = compare(state, found, faulty)
        if wrong:
            raise Wrong(wrong)
        if text not in state.settings:
            raise Wrong("lost")
        if boot is not None and boot in names:
            raise Wrong("boot_repeated")
        return made, found, boot

    def _wrong(self, what: str, seed: int, number: int, half: int, why: str = "") -> None:
        self.counts[what] += 1
        self.wrong += what != "uncut"
        if not self.first:
            self.first = f"{what}: story {seed}, operation {number}, half {half} {why}"


# --- mutants: journals with one fault each, which the campaign has to see


class Unflushed(journal.TwoCopies):
    """Files that are never flushed nor closed."""

    files: list = []

    def _write(self, end, data):
        import os  # noqa: PLC0415

        file = open(self._path + end + ".new", "wb")  # noqa: SIM115
        self.files.append(file)
        if len(self.files) > 3:
            self.files.pop(0).close()  # as the collector would, some time
        file.write(data)
        os.rename(self._path + end + ".new", self._path + end)


class Later(ring.Ring):
    """A ring that says "saved" and writes when there is time."""

    def save(self, records):
        self.later = records

    def mirror(self):
        if hasattr(self, "later"):
            ring.Ring.save(self, self.later)
        ring.Ring.mirror(self)


class MarksFirst(ring.Ring):
    """A ring that marks a record as gone before its copy is written."""

    def _append(self, number, data, copying):
        if copying:
            for entry in self._live.values():
                if entry[0] == number:
                    self._program(entry[1], entry[2], ring_format.MARK)
        return ring.Ring._append(self, number, data, copying)


class HeadersStay(ring.Ring):
    """A ring that erases a sector without clearing its headers before."""

    def _program(self, sector, place, data):
        if data != bytes(ring_format.HEADER_BYTES):
            ring.Ring._program(self, sector, place, data)


def without_crc() -> None:
    """A ring that believes every slot whose head makes sense."""

    def read_slot(view, at):
        size = view[at + 12] | view[at + 13] << 8
        if not 0 < view[at + 3] <= ring_format.SLOTS_MAX or ring_format.slots(size) != view[at + 3]:
            return None
        data = bytes(view[at + ring_format.HEAD_BYTES : at + ring_format.HEAD_BYTES + size])
        number = int.from_bytes(view[at + 8 : at + 12], "little")
        return number, data, view[at + 3], ring_format.is_gone(view, at)

    ring_format.read_slot = read_slot
    ring.read_slot = read_slot


KINDS = {
    "ring": (RingBell, ring.Ring, 16),
    "small ring": (RingBell, ring.Ring, 6),
    "files": (FileBell, journal.TwoCopies, 24),
    "files without flush": (FileBell, Unflushed, 24),
    "ring that writes later": (RingBell, Later, 6),
    "ring that marks first": (RingBell, MarksFirst, 6),
    "ring with headers left": (RingBell, HeadersStay, 6),
    "ring without CRC": (RingBell, ring.Ring, 6),
}


def main(kind: str, seed: int, cuts: int, enough: int) -> None:
    """Run one campaign; prints {"done": n} now and then, and {"result": {…}} last."""
    bell, make, sectors = KINDS[kind]
    if kind == "ring without CRC":
        without_crc()

    def tell(done: int) -> None:
        print(json.dumps({"done": done}))

    campaign = Campaign(bell(make, sectors), seed, cuts, enough, tell)
    counts = campaign.run()
    print(json.dumps({"result": counts, "first": campaign.first, "runtime": sys.implementation.name}))
