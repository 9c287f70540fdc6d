"""Wired contacts and tamper loops: readings in, what each line says out. Pure.

A line says one of four electrical conditions, and a fifth when nothing can be read. They are never mixed:

    short    the wires touch each other: tampered
    made     the contact joins its wires
    broken   the contact parts its wires
    cut      the wire is gone: tampered
    (None)   the input itself cannot be read: offline

A plain line (wiring "nc" or "no") has two levels, so a cut looks like broken and a short like made. A supervised line
("nc_eol", "no_eol") ends in two equal resistors R at the contact, one in series and one across the contact, and hangs
on a pull-up of the same R. The analogue input then reads, in thousandths of the supply: short 0, made 500, broken
667, cut 1000. An input that saturates below the supply is no harm, as long as it does so above 833.

A condition counts after it has lasted SETTLE_MS. Edges of a plain line carry their time, so a tick settles them. A
supervised line is sampled: only a further reading settles it, or one disturbed sample before a stall of the loop would
be an open door.
"""

from collections import namedtuple

ZONES_MAX = 64  # wire.md
NAME_CHARS_MAX = 32
TYPES = ("entry", "perimeter", "interior", "24h", "tamper")

# condition: up to below which reading, in thousandths. Half-way between the values above.
BANDS = (("short", 250), ("made", 583), ("broken", 833), ("cut", 1001))
HYSTERESIS = 20  # thousandths past a limit before a band is left: 13 mV of 650 is what an ESP32's converter trembles

# A door is never open for less than 200 ms; a reed contact trembles for 10. A wire is cut for good, and while a plug
# is pulled all four conditions pass by.
SETTLE_MS = {"made": 200, "broken": 200, "cut": 500, "short": 500}
OFFLINE_MS = 5000  # a busy converter answers at the next turn

# (wiring, condition): what the contact is. "nc": closed door = made.
CONTACT = {
    ("nc", "made"): "closed",
    ("nc", "broken"): "open",
    ("no", "made"): "open",
    ("no", "broken"): "closed",
    ("nc_eol", "made"): "closed",
    ("nc_eol", "broken"): "open",
    ("no_eol", "made"): "open",
    ("no_eol", "broken"): "closed",
}
WIRINGS = ("nc", "no", "nc_eol", "no_eol")

Zone = namedtuple("Zone", ("number", "name", "type", "wiring"))

# seen: the condition of the last reading, since since_ms; settled: the one that counts. None: not known yet.
# contact: "open" or "closed", the last that was told. quiet_ms: since when it cannot be read, or None.
Line = namedtuple("Line", ("zone", "seen", "since_ms", "settled", "contact", "quiet_ms", "offline"))


def parse(entries):
    """The tuple of Zone for a list of {"zone", "name", "type", "wiring"}. Raises ValueError: what and where."""
    if not isinstance(entries, list) or len(entries) > ZONES_MAX:
        raise ValueError(f'"zones" must be a list of at most {ZONES_MAX} zones')
    zones = []
    for place, entry in enumerate(entries):
        where = f"zones[{place}]"
        if not isinstance(entry, dict):
            raise ValueError(f"{where} must be an object with zone, name, type and wiring")
        number, name = entry.get("zone"), entry.get("name")
        if type(number) is not int or not 1 <= number <= ZONES_MAX:
            raise ValueError(f'{where}: "zone" must be a number from 1 to {ZONES_MAX}')
        if number in [zone.number for zone in zones]:
            raise ValueError(f"{where}: zone {number} is there twice")
        if type(name) is not str or not 1 <= len(name) <= NAME_CHARS_MAX:
            raise ValueError(f'{where}: "name" must be text of 1 to {NAME_CHARS_MAX} characters')
        for key, choices in (("type", TYPES), ("wiring", WIRINGS)):
            if entry.get(key) not in choices:
                raise ValueError(f'{where}: "{key}" must be one of {", ".join(choices)}')
        zones.append(Zone(number, name, entry["type"], entry["wiring"]))
    return tuple(zones)


def start(zones, now_ms):
    """A tuple of Line, one for each Zone; nothing is known yet."""
    return tuple([Line(zone, None, now_ms, None, None, None, False) for zone in zones])


def permille(mv, supply_mv):
    """A reading in thousandths of the supply, 0 to 1000."""
    return max(0, min(1000, mv * 1000 // supply_mv))


def band(reading, before=None):
    """The condition that `reading` (thousandths) means; `before`: the present one, which is left with hysteresis."""
    low = 0
    found = None
    for condition, limit in BANDS:
        if condition == before and low - HYSTERESIS <= reading < limit + HYSTERESIS:
            return before
        if found is None and reading < limit:
            found = condition
        low = limit
    if found is None or reading < 0:
        raise ValueError(f"a reading is 0 to 1000 thousandths, not {reading}")
    return found


def step(lines, given, now_ms):
    """(lines, effects) after one input.

    given: ("reading", zone, value, at_ms): value is a level for a plain line (1 = made; every edge, or polled),
        thousandths for a supervised one (every 50 to 100 ms), None when it could not be read; or ("tick",).
    effects: a tuple of
        ("contact", zone, "open" or "closed", at_ms)         also once after the start: what it was found to be
        ("tamper", zone, "cut" or "short", present, at_ms)
        ("offline", zone, present, at_ms)
    """
    if given[0] == "tick":
        effects = ()
        moved = []
        for line in lines:
            after, more = (line, ()) if _sampled(line) else _settle(line, now_ms)
            moved.append(after)
            effects += more
        return tuple(moved), effects
    if given[0] != "reading":
        raise ValueError(f"contacts take reading and tick, not {given[0]!r}")
    _, number, value, at_ms = given
    for place, line in enumerate(lines):
        if line.zone.number == number:
            after, effects = _read(line, value, at_ms)
            return lines[:place] + (after,) + lines[place + 1 :], effects
    raise ValueError(f"there is no zone {number}")


def _sampled(line):
    return line.zone.wiring in ("nc_eol", "no_eol")


def _read(line, value, at_ms):
    number = line.zone.number
    if value is None:
        quiet_ms = at_ms if line.quiet_ms is None else line.quiet_ms
        offline = at_ms - quiet_ms >= OFFLINE_MS
        effects = (("offline", number, True, quiet_ms),) if offline and not line.offline else ()
        return Line(line.zone, line.seen, line.since_ms, line.settled, line.contact, quiet_ms, offline), effects
    effects = (("offline", number, False, at_ms),) if line.offline else ()
    if _sampled(line):
        seen = band(value, line.seen)
    else:
        line, more = _settle(line, at_ms)  # what lasted until this edge
        effects += more
        seen = "made" if value else "broken"
    # What it was before a silence says nothing about the time of the silence.
    since_ms = line.since_ms if seen == line.seen and line.quiet_ms is None else at_ms
    line = Line(line.zone, seen, since_ms, line.settled, line.contact, None, False)
    line, more = _settle(line, at_ms)
    return line, effects + more


def _settle(line, until_ms):
    """Let `seen` count if it has lasted long enough."""
    seen, number, since_ms = line.seen, line.zone.number, line.since_ms
    if seen == line.settled or line.quiet_ms is not None or until_ms - since_ms < SETTLE_MS[seen]:
        return line, ()
    effects = ()
    contact = line.contact
    if line.settled in ("cut", "short"):
        effects += (("tamper", number, line.settled, False, since_ms),)
    if seen in ("cut", "short"):
        effects += (("tamper", number, seen, True, since_ms),)
    elif CONTACT[(line.zone.wiring, seen)] != contact:
        contact = CONTACT[(line.zone.wiring, seen)]
        effects += (("contact", number, contact, since_ms),)
    return Line(line.zone, seen, since_ms, seen, contact, None, line.offline), effects


def due_ms(lines):
    """When a tick next matters, or None. Supervised lines settle by their readings."""
    due = None
    for line in lines:
        if not _sampled(line) and line.seen != line.settled and line.quiet_ms is None:
            at_ms = line.since_ms + SETTLE_MS[line.seen]
            due = at_ms if due is None else min(due, at_ms)
    return due


def find(zones, number):
    """The Zone with this number. Raises ValueError."""
    for zone in zones:
        if zone.number == number:
            return zone
    raise ValueError(f"there is no zone {number}")


def event(zones, effect):
    """The event that an effect of `step` is on every bell, armed or not, or None.

    ("event", what, state, zone, info, at_ms): a tamper loop that opens and a line that is tampered with are "tamper",
    a line that cannot be read is a "fault". A tamper loop that is found closed after a start restores: it may have
    been told to be open before.
    """
    kind, number, at_ms = effect[0], effect[1], effect[-1]
    if kind == "tamper":
        return ("event", "tamper", "alarm" if effect[3] else "restore", number, {"how": effect[2]}, at_ms)
    if kind == "offline":
        return ("event", "fault", "alarm" if effect[2] else "restore", number, {"how": "zone_offline"}, at_ms)
    if find(zones, number).type != "tamper":
        return None
    return ("event", "tamper", "alarm" if effect[2] == "open" else "restore", number, {"how": "open"}, at_ms)
