"""Contacts and tamper loops: open, closed, cut, short and offline kept apart. Both runtimes."""

from bellnode import contacts

PLAIN = [
    {"zone": 1, "name": "현관", "type": "entry", "wiring": "nc"},
    {"zone": 2, "name": "창문", "type": "perimeter", "wiring": "no"},
    {"zone": 9, "name": "케이스", "type": "tamper", "wiring": "nc"},
]
EOL = [
    {"zone": 3, "name": "금고", "type": "24h", "wiring": "nc_eol"},
    {"zone": 4, "name": "뒷문", "type": "entry", "wiring": "no_eol"},
]
SHORT, MADE, BROKEN, CUT = 0, 500, 667, 1000


def begin(entries):
    return contacts.start(contacts.parse(entries), 0)


def play(lines, *readings):
    """(lines, effects) of (zone, value, at_ms) readings; (at_ms,) is a tick."""
    seen = ()
    for reading in readings:
        given = ("tick",) if len(reading) == 1 else ("reading",) + reading
        lines, effects = contacts.step(lines, given, reading[-1])
        seen += effects
    return lines, seen


def test_a_plain_contact_counts_after_it_has_lasted():
    lines, seen = play(begin(PLAIN), (1, 1, 0), (199,))
    assert seen == () and contacts.due_ms(lines) == 200
    lines, seen = play(lines, (200,))
    assert seen == (("contact", 1, "closed", 0),) and contacts.due_ms(lines) is None
    lines, seen = play(lines, (1, 0, 1000), (1, 1, 1199), (5000,))
    assert seen == ()
    lines, seen = play(lines, (1, 0, 6000), (1, 1, 6200), (9000,))
    assert seen == (("contact", 1, "open", 6000), ("contact", 1, "closed", 6200))


def test_normally_open_is_the_other_way_round():
    _, seen = play(begin(PLAIN), (2, 0, 0), (200,), (2, 1, 300), (500,))
    assert seen == (("contact", 2, "closed", 0), ("contact", 2, "open", 300))
    _, seen = play(begin(EOL), (4, BROKEN, 0), (4, BROKEN, 200), (4, MADE, 300), (4, MADE, 500))
    assert seen == (("contact", 4, "closed", 0), ("contact", 4, "open", 300))


def test_four_conditions_of_a_supervised_line():
    _, seen = play(begin(EOL), *[(3, value, at) for value, at in ((MADE, 0), (MADE, 200), (CUT, 300), (CUT, 800))])
    assert seen == (("contact", 3, "closed", 0), ("tamper", 3, "cut", True, 300))
    lines, seen = play(begin(EOL), (3, CUT, 0), (3, CUT, 500), (3, SHORT, 600), (3, SHORT, 1100))
    assert seen == (("tamper", 3, "cut", True, 0), ("tamper", 3, "cut", False, 600), ("tamper", 3, "short", True, 600))
    lines, seen = play(lines, (3, BROKEN, 2000), (3, BROKEN, 2200))
    assert seen == (("tamper", 3, "short", False, 2000), ("contact", 3, "open", 2000))
    lines, seen = play(lines, (3, CUT, 3000), (3, CUT, 3500), (3, BROKEN, 4000), (3, BROKEN, 4200))
    assert seen == (("tamper", 3, "cut", True, 3000), ("tamper", 3, "cut", False, 4000))  # the contact was open before


def test_one_sample_before_a_stall_is_no_open_door():
    lines, seen = play(begin(EOL), (3, MADE, 0), (3, MADE, 200), (3, BROKEN, 300), (9000,), (3, MADE, 9001))
    assert seen == (("contact", 3, "closed", 0),) and contacts.due_ms(lines) is None


def test_bands_have_hysteresis():
    assert [contacts.band(value) for value in (0, 249, 250, 582, 583, 832, 833, 1000)] == [
        "short",
        "short",
        "made",
        "made",
        "broken",
        "broken",
        "cut",
        "cut",
    ]
    assert contacts.band(602, "made") == "made" and contacts.band(603, "made") == "broken"
    assert contacts.band(563, "broken") == "broken" and contacts.band(562, "broken") == "made"
    assert contacts.band(1000, "short") == "cut" and contacts.band(0, "cut") == "short"
    assert contacts.permille(1650, 3300) == 500
    assert contacts.permille(3400, 3300) == 1000 and contacts.permille(-5, 3300) == 0


def test_what_cannot_be_read_is_offline_and_nothing_else():
    lines, seen = play(begin(EOL), (3, MADE, 0), (3, MADE, 200), (3, None, 1000), (3, None, 5999))
    assert seen == (("contact", 3, "closed", 0),)
    lines, seen = play(lines, (3, None, 6000), (3, None, 7000))
    assert seen == (("offline", 3, True, 1000),)
    # Open since some moment of the silence: it has to last from now on.
    lines, seen = play(lines, (3, BROKEN, 8000), (3, BROKEN, 8199))
    assert seen == (("offline", 3, False, 8000),)
    lines, seen = play(lines, (3, BROKEN, 8200))
    assert seen == (("contact", 3, "open", 8000),)
    lines, seen = play(begin(PLAIN), (1, None, 0), (1, None, 5000), (1, 1, 5001))
    assert seen == (("offline", 1, True, 0), ("offline", 1, False, 5001))


def test_one_line_says_nothing_about_another():
    lines, _ = play(begin(PLAIN), (1, 1, 0), (2, 0, 0), (9, 1, 0), (200,))
    after, seen = play(lines, (9, 0, 1000), (1200,))
    assert seen == (("contact", 9, "open", 1000),) and after[:2] == lines[:2]


def test_events_of_any_bell():
    zones = contacts.parse(PLAIN + EOL)
    assert contacts.event(zones, ("contact", 1, "open", 5)) is None
    assert contacts.event(zones, ("contact", 9, "open", 5)) == ("event", "tamper", "alarm", 9, {"how": "open"}, 5)
    assert contacts.event(zones, ("contact", 9, "closed", 5))[2] == "restore"
    assert contacts.event(zones, ("tamper", 3, "cut", True, 5)) == ("event", "tamper", "alarm", 3, {"how": "cut"}, 5)
    assert contacts.event(zones, ("tamper", 3, "short", False, 5))[2:5] == ("restore", 3, {"how": "short"})
    assert contacts.event(zones, ("offline", 3, True, 5))[1:4] == ("fault", "alarm", 3)
    assert contacts.event(zones, ("offline", 3, False, 5))[1:4] == ("fault", "restore", 3)


def test_bad_zones_say_what_and_where():
    good = PLAIN[0]
    assert len(contacts.parse([dict(good, zone=number) for number in range(1, 65)])) == contacts.ZONES_MAX
    for entries, words in (
        ({}, "at most 64"),
        ([good] * 65, "at most 64"),
        ([good, good], "zones[1]: zone 1 is there twice"),
        (["door"], "zones[0] must be an object"),
        ([dict(good, zone=0)], 'zones[0]: "zone"'),
        ([dict(good, zone=True)], 'zones[0]: "zone"'),
        ([dict(good, zone=65)], 'zones[0]: "zone"'),
        ([dict(good, name="")], '"name"'),
        ([dict(good, name="x" * 33)], '"name"'),
        ([dict(good, type="door")], '"type" must be one of entry, perimeter'),
        ([dict(good, wiring="nc-eol")], '"wiring" must be one of nc, no'),
    ):
        try:
            contacts.parse(entries)
        except ValueError as error:
            assert words in str(error), (words, str(error))
        else:
            raise AssertionError(entries)


def test_what_is_not_listed_raises():
    lines = begin(EOL)
    for given in (("edge", 3, 1, 0), ("reading", 1, 1, 0), ("reading", 3, 1001, 0), ("reading", 3, -1, 0)):
        try:
            contacts.step(lines, given, 0)
        except ValueError:
            continue
        raise AssertionError(given)
    try:
        contacts.find(contacts.parse(EOL), 7)
    except ValueError:
        return
    raise AssertionError


def test_a_silence_proves_nothing():
    _, seen = play(begin(EOL), (3, MADE, 0), (3, MADE, 200), (3, BROKEN, 300), (3, None, 400), (3, BROKEN, 4000))
    assert seen == (("contact", 3, "closed", 0),)
