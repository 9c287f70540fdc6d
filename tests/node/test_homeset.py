"""The home set's arming, delays, code and restart. Both runtimes."""

from bellnode import arming, contacts, homeset, pin

ZONES = contacts.parse(
    [
        {"zone": 1, "name": "현관", "type": "entry", "wiring": "nc"},
        {"zone": 2, "name": "창문", "type": "perimeter", "wiring": "nc"},
        {"zone": 3, "name": "거실", "type": "interior", "wiring": "nc"},
        {"zone": 4, "name": "금고", "type": "24h", "wiring": "nc_eol"},
        {"zone": 5, "name": "케이스", "type": "tamper", "wiring": "nc"},
    ]
)
CODE, DURESS = "1234", "4321"
KEPT_CODES = pin.make(CODE, DURESS, b"s" * 16, 1)
SETTINGS = homeset.parse({"pin": KEPT_CODES}, ZONES)
EXIT_MS, ENTRY_MS, SIREN_MS = 45000, 30000, 180000


class Set:
    """A home set that remembers what it said; all contacts closed."""

    def __init__(self, settings=SETTINGS, kept=None, now_ms=0, heard=True):
        self.now_ms = now_ms
        self.kept = kept
        self.home, effects = homeset.start(settings, kept, now_ms)
        self.said = list(effects)
        self.keep(effects)
        if heard:
            for zone in settings.zones:
                self.give(("contact", zone.number, "closed", now_ms))

    def keep(self, effects):
        for effect in effects:
            if effect[0] == "keep":
                self.kept = effect[1]

    def give(self, given, after_ms=0):
        """The effects of `given`, after time has passed with a tick at every due moment."""
        end_ms, seen = self.now_ms + after_ms, ()
        while homeset.due_ms(self.home) is not None and homeset.due_ms(self.home) <= end_ms:
            self.now_ms = max(self.now_ms, homeset.due_ms(self.home))
            self.home, effects = homeset.step(self.home, ("tick", None), self.now_ms)
            seen += effects
        self.now_ms = end_ms
        self.home, effects = homeset.step(self.home, given, end_ms)
        seen += effects
        self.keep(seen)
        self.said += seen
        return [effect for effect in seen if effect[0] != "keep"]

    def wait(self, ms):
        return self.give(("tick", None), ms)

    def opened(self, zone, after_ms=0):
        return self.give(("contact", zone, "open", self.now_ms + after_ms), after_ms)

    def closed(self, zone, after_ms=0):
        return self.give(("contact", zone, "closed", self.now_ms + after_ms), after_ms)

    def code(self, text=CODE, after_ms=0):
        return self.give(("pin", text, self.now_ms + after_ms), after_ms)

    def armed(self, mode="away"):
        self.give(("arm", mode, False))
        self.wait(EXIT_MS)
        assert (self.home.phase, homeset.armed(self.home)) == ("set", mode)
        return self

    def again(self, after_ms=1000, heard=True):
        """The same set after a power cut, with what it kept."""
        return Set(self.home.settings, self.kept, self.now_ms + after_ms, heard)


def events(effects):
    return [effect[1:4] for effect in effects if effect[0] == "event"]


def test_leaving_gives_time_and_says_so():
    home = Set()
    assert home.give(("arm", "away", False)) == [("sound", "exit")]
    assert (home.home.phase, homeset.armed(home.home)) == ("exit", "off")
    assert home.opened(1, 1000) == [] and home.closed(1, 1000) == [] and home.opened(3, 1000) == []
    assert home.wait(EXIT_MS - 3000) == [("sound", "exit_soon"), ("sound", "quiet"), ("beep", "set")]
    assert homeset.armed(home.home) == "away"


def test_coming_home_with_the_code_is_no_event():
    home = Set().armed()
    assert home.opened(1) == [("sound", "entry")]
    assert home.opened(3, 1000) == []  # the hall's detector sees whoever walks to the keypad
    assert home.wait(20000) == [("sound", "entry_soon")]
    assert home.code() == [("sound", "quiet"), ("beep", "disarmed")]
    assert (home.home.phase, home.home.mode, home.home.memory, home.home.cause) == ("off", "off", (), None)
    assert home.wait(ENTRY_MS) == []


def test_without_the_code_it_is_an_intrusion():
    home = Set().armed()
    home.opened(1)
    assert home.wait(ENTRY_MS - 1) == [("sound", "entry_soon")]
    seen = home.wait(1)
    assert events(seen) == [("intrusion", "alarm", 1)] and seen[1] == ("sound", "siren")
    assert events(home.closed(1, 1000)) == [("intrusion", "restore", 1)]
    assert events(home.opened(3, 1000)) == [("intrusion", "alarm", 3)]
    assert home.opened(3, 1000) == []  # told, and it still stands
    assert home.home.memory == (1, 3)
    assert home.wait(SIREN_MS) == [("sound", "quiet")] and home.home.phase == "set"
    seen = home.code()
    assert events(seen) == [("cancel", "alarm", None)] and home.home.memory == (1, 3)
    assert home.code() == [("beep", "confirm")] and home.home.memory == ()


def test_a_window_is_instant_even_while_leaving():
    for wait_ms in (1000, EXIT_MS):
        home = Set()
        home.give(("arm", "away", False))
        home.wait(wait_ms)
        seen = home.opened(2)
        assert events(seen) == [("intrusion", "alarm", 2)] and ("sound", "siren") in seen


def test_a_window_during_the_entry_delay_tells_the_door_too():
    home = Set().armed()
    home.opened(1)
    assert events(home.opened(2, 1000)) == [("intrusion", "alarm", 2), ("intrusion", "alarm", 1)]
    assert home.home.phase == "alarm"


def test_at_home_the_inside_is_free():
    home = Set()
    assert home.give(("arm", "home", False)) == [("sound", "quiet"), ("beep", "set")]
    assert homeset.armed(home.home) == "home"
    assert home.opened(3) == [] and home.opened(1) == [("sound", "entry")]
    home.code()
    home.closed(1)
    home.armed("home")
    home.give(("arm", "away", False))
    assert (home.home.phase, home.home.mode) == ("exit", "away")
    home.wait(EXIT_MS)
    assert home.give(("arm", "home", False)) == [("beep", "refuse"), ("refused", "disarm_first", (), 0)]
    assert home.give(("arm", "away", False)) == []


def test_a_door_left_open_is_an_entry_and_not_forgotten():
    home = Set()
    home.give(("arm", "away", False))
    home.opened(1, 1000)
    assert home.wait(EXIT_MS)[-1] == ("sound", "entry")
    assert events(home.wait(ENTRY_MS)) == [("intrusion", "alarm", 1)]


def test_a_door_that_was_told_and_still_stands_open_is_not_told_again_after_the_exit():
    home = Set()
    home.give(("arm", "away", False))
    home.kept.update({"standing": [[1, "intrusion"]], "memory": [1]})
    again = home.again(heard=False)
    assert again.opened(1) == []
    assert again.wait(EXIT_MS)[-1] == ("beep", "set") and again.home.phase == "set"


def test_the_last_ten_seconds_of_a_delay_hurry():
    home = Set()
    home.give(("arm", "away", False))
    assert home.wait(EXIT_MS - 10001) == [] and home.wait(1) == [("sound", "exit_soon")]
    home.wait(10000)
    home.opened(1)
    assert home.wait(ENTRY_MS - 10001) == [] and home.wait(1) == [("sound", "entry_soon")]


def test_arming_is_refused_with_the_reason():
    home = Set(heard=False)
    assert home.give(("arm", "away", False))[1] == ("refused", "zone_unknown", (1, 2, 3, 4, 5), 0)
    home = Set()
    home.opened(2)
    home.opened(1)
    home.opened(3)
    assert home.give(("arm", "away", False)) == [("beep", "refuse"), ("refused", "zone_open", (1, 2), 0)]
    assert home.home.phase == "off"
    home.give(("offline", 2, True, 0))
    assert home.give(("arm", "home", False))[1] == ("refused", "offline", (2,), 0)
    home.give(("tamper", 4, "cut", True, 0))
    home.opened(5)
    assert home.give(("arm", "home", False))[1] == ("refused", "tampered", (4, 5), 0)
    nobody = Set(homeset.parse({}, ZONES))
    assert nobody.give(("arm", "home", False))[1] == ("refused", "no_pin", (), 0)


def test_what_is_not_ready_is_left_out_on_request_and_listed():
    home = Set()
    home.opened(1)
    home.opened(2)
    home.opened(5)
    home.give(("arm", "home", True))
    assert home.home.bypass == (1, 2) and home.home.phase == "set"
    home.closed(2)
    assert home.opened(2, 1000) == [] and home.closed(1) == [] and home.opened(1) == []
    home.code()
    assert home.home.bypass == ()


def test_bypass_by_hand_is_for_one_arming():
    home = Set()
    assert home.give(("bypass", 2, True)) == [("beep", "confirm")]
    home.give(("bypass", 1, True))
    home.give(("bypass", 1, False))
    assert home.home.bypass == (2,)
    home.armed()
    assert home.opened(2) == [] and home.give(("bypass", 1, True))[1] == ("refused", "not_off", (1,), 0)
    home.code()
    assert home.home.bypass == ()
    for zone in (4, 5):
        assert home.give(("bypass", zone, True))[1] == ("refused", "not_bypassable", (zone,), 0)


def test_tamper_and_24h_alarm_in_every_state():
    for phase in ("off", "exit", "set", "entry", "alarm"):
        home = Set()
        if phase != "off":
            home.give(("arm", "away", False))
        if phase in ("set", "entry", "alarm"):
            home.wait(EXIT_MS)
        if phase in ("entry", "alarm"):
            home.opened(1 if phase == "entry" else 2)
        assert home.home.phase == phase
        seen = home.give(("tamper", 1, "cut", True, home.now_ms))
        assert ("tamper", "alarm", 1) in events(seen)
        assert (("sound", "siren") in seen) == (phase != "off")
        assert home.give(("tamper", 1, "cut", True, home.now_ms)) == []
        assert events(home.give(("tamper", 1, "cut", False, home.now_ms))) == [("tamper", "restore", 1)]
        assert ("tamper", "alarm", 5) in events(home.opened(5))
        assert ("intrusion", "alarm", 4) in events(home.opened(4))
        assert ("fault", "alarm", 2) in events(home.give(("offline", 2, True, 0)))
        assert ("fault", "restore", 2) in events(home.give(("offline", 2, False, 0)))
        assert events(home.closed(5)) == [("tamper", "restore", 5)]
    assert events(home.code()) == [("cancel", "alarm", None)]


def test_what_alarmed_is_remembered_until_the_next_arming():
    home = Set().armed("home")
    home.opened(2)
    home.closed(2, 1000)
    home.wait(180000)
    home.give(("arm", "away", False))
    assert (home.home.phase, home.home.memory) == ("exit", (2,))  # the same arming, one step further
    home.code()
    assert home.home.memory == (2,)
    home.give(("arm", "away", False))
    assert home.home.memory == ()
    home = Set().armed("home")
    home.opened(1)
    home.wait(ENTRY_MS + SIREN_MS)
    home.closed(1)
    assert (home.home.phase, home.home.cause) == ("set", 1)
    home.give(("arm", "away", False))
    assert (home.home.phase, home.home.cause, home.home.memory) == ("exit", None, (1,))


def test_events_say_where_when_and_how():
    home = Set().armed()
    home.opened(1)
    assert home.give(("tamper", 2, "cut", True, 7))[:2] == [
        ("event", "tamper", "alarm", 2, {"how": "cut"}, 7),
        ("event", "intrusion", "alarm", 1, {"type": "entry"}, home.now_ms),
    ]
    assert home.give(("tamper", 2, "cut", False, 8)) == [("event", "tamper", "restore", 2, {"how": "cut"}, 8)]
    assert home.give(("offline", 2, True, 9)) == [("event", "fault", "alarm", 2, {"how": "zone_offline"}, 9)]
    assert home.give(("offline", 2, False, 10)) == [("event", "fault", "restore", 2, {"how": "zone_offline"}, 10)]
    assert home.give(("contact", 4, "open", 11))[0] == ("event", "intrusion", "alarm", 4, {"type": "24h"}, 11)
    assert home.give(("contact", 5, "open", 12))[0] == ("event", "tamper", "alarm", 5, {"how": "open"}, 12)
    assert home.give(("contact", 2, "open", 13))[0] == ("event", "intrusion", "alarm", 2, {"type": "perimeter"}, 13)
    assert home.give(("pin", CODE, 14))[0] == ("event", "cancel", "alarm", None, {"of": "intrusion"}, 14)
    home = Set().armed()
    home.opened(1)
    assert home.wait(ENTRY_MS + 500)[1] == ("event", "intrusion", "alarm", 1, {"type": "entry"}, home.now_ms - 500)
    quiet = Set().armed()
    quiet.opened(5)
    assert quiet.give(("pin", DURESS, 15))[0] == ("event", "duress", "alarm", None, None, 15)
    quiet = Set().armed()
    quiet.opened(5)
    assert quiet.give(("pin", CODE, 15))[0][4] == {"of": "tamper"}


def test_trouble_is_heard_while_somebody_is_at_home_to_hear_it():
    home = Set()
    assert ("beep", "trouble") in home.give(("offline", 2, True, 0))
    assert ("beep", "trouble") not in home.give(("offline", 2, True, 0)) + home.give(("offline", 2, False, 0))
    assert ("beep", "trouble") in home.give(("tamper", 2, "cut", True, 0)) and ("beep", "trouble") in home.opened(4)
    home = Set().armed()
    assert ("beep", "trouble") not in home.give(("offline", 2, True, 0))


def test_a_tamper_in_the_entry_delay_does_not_hide_the_door():
    home = Set().armed()
    home.opened(1)
    assert events(home.opened(5, 1000)) == [("tamper", "alarm", 5), ("intrusion", "alarm", 1)]


def test_the_cut_wire_of_a_zone_left_out_is_told_but_quiet():
    home = Set()
    home.give(("bypass", 2, True))
    home.armed()
    seen = home.give(("tamper", 2, "short", True, home.now_ms))
    assert events(seen) == [("tamper", "alarm", 2)] and home.home.phase == "set"


def test_duress_looks_like_the_code():
    for phase in ("off", "exit", "set", "entry", "alarm"):
        one, two = Set(), Set()
        for home in (one, two):
            if phase != "off":
                home.give(("arm", "away", False))
            if phase in ("set", "entry", "alarm"):
                home.wait(EXIT_MS)
            if phase == "entry":
                home.opened(1)
            if phase == "alarm":
                home.opened(2)
        normal, duress = one.code(CODE), two.code(DURESS)
        assert [effect for effect in normal if effect[0] != "event"] == [e for e in duress if e[0] != "event"]
        assert events(duress) == [("duress", "alarm", None)]
        assert one.home == two.home and one.kept == two.kept


def test_a_wrong_code_is_refused_ever_more_slowly():
    home = Set().armed()
    for place in range(2):
        assert home.code("0000") == [("beep", "refuse"), ("refused", "wrong_pin", (), 0)], place
    waits_ms = []
    for _ in range(6):
        seen = home.code("9999")
        waits_ms.append(seen[-1][3])
        assert seen[-1][1] == "wrong_pin"
        locked = home.code(CODE)
        assert locked == [("beep", "refuse"), ("refused", "keypad_locked", (), waits_ms[-1])]
        assert home.home.phase == "set"
        home.now_ms += waits_ms[-1]
    assert waits_ms == [10000, 30000, 60000, 120000, 300000, 300000]
    assert [e for e in home.said if e[0] == "event"] == [
        ("event", "tamper", "alarm", None, {"how": "wrong_pin", "tries": 5}, EXIT_MS + 100000 - 60000)
    ]
    again = home.again()  # pulling the plug does not forget the tries
    assert again.code(CODE)[-1][1] == "keypad_locked"
    again.now_ms += 300000
    assert again.code(CODE)[-1] == ("beep", "disarmed") and again.home.wrong == 0


def test_no_code_set_up_means_no_code_is_right():
    home = Set(homeset.parse({}, ZONES))
    assert home.code("")[1][1] == "wrong_pin"


def test_help_is_never_kept_waiting():
    for phase in ("off", "set", "alarm"):
        home = Set() if phase == "off" else Set().armed()
        if phase == "alarm":
            home.opened(2)
        for _ in range(9):
            home.code("0000")
        before = home.home
        assert home.give(("press", "panic", 7)) == [("event", "panic", "alarm", None, None, 7)]
        assert home.home == before


def test_contacts_are_told_only_if_asked_for():
    home = Set(homeset.parse({"pin": KEPT_CODES, "tell_contacts": True}, ZONES))
    assert [e for e in home.said if e[0] == "event"] == []
    assert events(home.opened(1)) == [("contact", "alarm", 1)] and events(home.closed(1)) == [("contact", "restore", 1)]
    assert home.opened(3) == []


MORNING_UNIX_MS = 1726527000000  # 2024-09-17 07:50 in Korea
MINUTE_MS = 60000


def reminded(presence, mode=None):
    """A home set with a check-in from 08:00 to 10:00, at 09:35, just reminded; or armed before eight."""
    window = {"from": "08:00", "until": "10:00", "presence": presence}
    home = Set(homeset.parse({"pin": KEPT_CODES, "checkin": window}, ZONES))
    home.give(("tick", MORNING_UNIX_MS))
    if mode:
        home.give(("arm", mode, False))
    seen = home.give(("tick", MORNING_UNIX_MS + 105 * MINUTE_MS), 105 * MINUTE_MS)
    return home, seen


def test_every_deed_of_the_person_is_a_sign_of_life():
    for deed in (
        ("press", "medical", 1),
        ("checkin", 1),
        ("pin", CODE, 1),
        ("arm", "away", False),
        ("arm", "home", False),
    ):
        home, seen = reminded(False)
        assert seen == [("remind", True)]
        assert ("remind", False) in home.give(deed), deed
        assert "checkin_missed" not in [what for what, _, _ in events(home.wait(60 * MINUTE_MS))]
        assert home.kept["day"] == 19983
        again = home.again()
        assert events(again.give(("tick", MORNING_UNIX_MS + 170 * MINUTE_MS))) == []


def test_what_anybody_could_have_done_is_a_sign_only_if_asked_for():
    for presence in (False, True):
        for deed in (("contact", 1, "open", 1), ("presence", 1)):
            home, _ = reminded(presence)
            assert (("remind", False) in home.give(deed)) == presence, deed
            assert (("checkin_missed", "alarm", None) in events(home.wait(60 * MINUTE_MS))) != presence
            assert home.home.checkin.missed != presence
    home, _ = reminded(True)
    again = home.again(heard=False)
    again.give(("tick", MORNING_UNIX_MS + 106 * MINUTE_MS))
    assert again.give(("contact", 1, "open", 1)) == []  # what it is found to be says nothing of a person


def test_the_check_in_asks_nobody_who_is_away():
    for mode, asked in (("home", True), ("away", False)):
        home, seen = reminded(False, mode)
        assert ("remind", True) not in seen  # arming was the sign of that day
        again = home.again()
        again.give(("tick", MORNING_UNIX_MS + 24 * 60 * MINUTE_MS))
        assert (("remind", True) in again.wait(105 * MINUTE_MS)) == asked
        assert (("checkin_missed", "alarm", None) in events(again.wait(60 * MINUTE_MS))) == asked


def test_a_miss_is_kept_and_restored_after_a_restart():
    home, _ = reminded(False)
    assert events(home.wait(30 * MINUTE_MS)) == [("checkin_missed", "alarm", None)]
    again = home.again()
    assert again.home.checkin.missed and events(again.give(("checkin", 1))) == [("checkin_missed", "restore", None)]
    assert not again.kept["missed"]


def test_armed_survives_a_power_cut():
    home = Set().armed()
    again = home.again()
    assert (again.home.phase, homeset.armed(again.home)) == ("set", "away") and events(again.said) == []
    assert events(again.opened(2)) == [("intrusion", "alarm", 2)]


def test_a_delay_begins_anew_after_a_power_cut():
    home = Set()
    home.give(("arm", "away", False))
    again = home.again()
    assert again.home.phase == "exit" and again.said[0] == ("sound", "exit")
    again.wait(EXIT_MS)
    assert again.home.phase == "set"
    again.opened(1)
    third = again.again(heard=False)
    assert third.home.phase == "entry" and third.said == [("sound", "entry")]
    assert events(third.wait(ENTRY_MS - 1)) == []
    assert events(third.wait(1)) == [("intrusion", "alarm", 1)]


def test_an_alarm_sounds_again_but_is_not_told_twice():
    home = Set().armed()
    home.opened(2)
    again = home.again(heard=False)
    assert again.home.phase == "alarm" and again.said == [("sound", "siren")] and again.home.memory == (2,)
    assert events(again.opened(2)) == []
    assert events(again.closed(2, 1000)) == [("intrusion", "restore", 2)]
    assert events(again.opened(2, 1000)) == [("intrusion", "alarm", 2)]


def test_a_tamper_that_stood_is_restored_after_a_power_cut():
    home = Set()
    home.opened(5)
    again = home.again(heard=False)
    assert events(again.opened(5)) == [] and events(again.closed(5)) == [("tamper", "restore", 5)]


def test_a_zone_found_open_after_a_power_cut_gets_the_entry_delay():
    for zone in (1, 2):
        again = Set().armed().again(heard=False)
        assert again.opened(zone) == [("sound", "entry")]
        assert events(again.wait(ENTRY_MS)) == [("intrusion", "alarm", zone)]
    leaving = Set()
    leaving.give(("arm", "away", False))
    again = leaving.again(heard=False)
    assert again.opened(2) == []
    again.wait(EXIT_MS)
    assert again.home.phase == "entry" and again.home.cause == 2


def test_a_detector_that_has_just_got_power_is_not_heard():
    again = Set().armed().again()
    assert again.opened(3, arming.WARM_UP_MS - 1) == []
    again.closed(3)
    assert events(again.opened(3, 1)) == [("intrusion", "alarm", 3)]


def test_what_was_kept_and_cannot_be_read_is_told():
    armed = Set().armed().kept
    for kept in (
        {},
        [],
        "armed",
        dict(armed, phase="on"),
        dict(armed, mode="off"),
        dict(armed, wrong=-1),
        dict(armed, standing=[1]),
        dict(armed, day="x"),
    ):
        home, effects = homeset.start(SETTINGS, kept, 0)
        assert home.phase == "off" and events(effects) == [("fault", "alarm", None)], kept
        assert effects[1][0] == "keep" and effects[1][1]["phase"] == "off"
    home, effects = homeset.start(homeset.parse({}, ZONES), armed, 0)  # nobody could disarm it
    assert home.phase == "off" and events(effects) == [("fault", "alarm", None)]
    home, effects = homeset.start(SETTINGS, None, 0)
    assert home.phase == "off" and effects == ()
    home = Set().armed()
    home.code()
    assert homeset.start(homeset.parse({}, ZONES), home.kept, 0)[1] == ()  # it was disarmed: nothing is lost


def test_zones_that_are_gone_are_forgotten():
    home = Set().armed()
    home.opened(2)
    fewer = homeset.parse({"pin": KEPT_CODES}, ZONES[:1])
    again, _ = homeset.start(fewer, home.kept, 0)
    assert (again.memory, again.standing, again.phase) == ((), (), "alarm")


def test_bad_settings_say_what():
    for found, words in (
        ([], '"home" must be an object'),
        ({"exit_s": 9}, '"exit_s" must be a number of seconds from 10 to 300'),
        ({"entry_s": True}, '"entry_s"'),
        ({"tell_contacts": 1}, '"tell_contacts"'),
        ({"pin": {}}, '"pin"'),
        ({"checkin": {}}, '"checkin"'),
    ):
        try:
            homeset.parse(found, ZONES)
        except ValueError as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(found)


def test_what_is_not_listed_raises():
    home = Set().home
    for given in (("disarm",), ("arm", "off", False), ("contact", 9, "open", 0), ("tamper", 9, "cut", True, 0)):
        try:
            homeset.step(home, given, 0)
        except ValueError:
            continue
        raise AssertionError(given)
    try:
        arming.turn("off", "disarm")
    except ValueError:
        return
    raise AssertionError
