"""The daily check-in. Both runtimes."""

from bellnode import checkin

HOUR_MS, MINUTE_MS = 3600000, 60000
WINDOW = checkin.parse({"from": "08:00", "until": "10:00"})
ANY_SIGN = checkin.parse({"from": "08:00", "until": "10:00", "presence": True})
DAY = 20000  # a day in 2024, in Korea
MIDNIGHT_UNIX_MS = DAY * checkin.DAY_MS - WINDOW.offset_ms


class Person:
    """A check-in whose clock says midnight of DAY (local) at 0 ms, unless the time is not known."""

    def __init__(self, window=WINDOW, day=DAY - 1, missed=False, away=False, hour=0, knows=True):
        self.now_ms = int(hour * HOUR_MS)
        self.knows = knows
        self.state = checkin.start(window, day, missed, away, self.now_ms)
        self.give(("tick", self.unix_ms()))

    def unix_ms(self):
        return MIDNIGHT_UNIX_MS + self.now_ms if self.knows else None

    def give(self, given):
        self.state, effects = checkin.step(self.state, given, self.now_ms)
        return [effect for effect in effects if effect[0] != "keep"]

    def until(self, hour):
        """What happens up to this hour (24 is the next midnight): [(hour, effect without its time)]."""
        seen, end_ms = [], int(hour * HOUR_MS)
        while checkin.due_ms(self.state) <= end_ms:
            self.now_ms = max(self.now_ms, checkin.due_ms(self.state))
            for effect in self.give(("tick", self.unix_ms())):
                seen.append((self.now_ms / HOUR_MS, effect[:3]))
        self.now_ms = end_ms
        return seen + [(hour, effect[:3]) for effect in self.give(("tick", self.unix_ms()))]

    def sign(self, explicit=True):
        return [effect[:3] for effect in self.give(("sign", explicit))]


REMIND, QUIET = ("remind", True), ("remind", False)
MISSED, RESTORED = ("event", "checkin_missed", "alarm"), ("event", "checkin_missed", "restore")


def test_a_reminder_and_then_a_miss():
    person = Person()
    assert person.until(24) == [(9.5, REMIND), (10, QUIET), (10, MISSED)]
    assert person.state.day == DAY and person.state.missed
    person.until(31)
    assert person.sign() == [RESTORED] and not person.state.missed
    assert person.until(48) == []  # it was of the new day, so that is settled


def test_the_miss_says_when_it_was_due():
    person = Person()
    person.until(9.9)
    person.now_ms = 10 * HOUR_MS
    effects = person.give(("tick", person.unix_ms()))
    assert effects[-1][3:] == (None, {"by": "10:00"}, 10 * HOUR_MS)
    person = Person(day=None, knows=False)
    person.until(25.9)
    person.now_ms = 26 * HOUR_MS
    effects = person.give(("tick", None))
    assert effects[-1][3:] == (None, {"by": "no sign for a day; time of day not known"}, 26 * HOUR_MS)


def test_a_sign_at_any_time_of_the_day_is_enough():
    for hour in (0, 3, 8, 9.4, 9.9):
        person = Person()
        told = person.until(hour)
        assert person.sign() == ([QUIET] if hour > 9.5 else []), hour
        assert person.until(24) == [] and REMIND not in [effect for _, effect in told[:-1]]
        assert person.until(48) == [(33.5, REMIND), (34, QUIET), (34, MISSED)]


def test_other_signs_count_only_in_the_window_and_if_asked_for():
    for window, hour, enough in ((WINDOW, 9, False), (ANY_SIGN, 9, True), (ANY_SIGN, 9.7, True), (ANY_SIGN, 7, False)):
        person = Person(window)
        person.until(hour)
        person.sign(explicit=False)
        assert (MISSED not in [effect for _, effect in person.until(24)]) == enough, (window.presence, hour)
    person = Person(ANY_SIGN)
    person.until(12)
    assert person.sign(explicit=False) == [RESTORED]
    person = Person()
    person.until(12)
    assert person.sign(explicit=False) == []


def test_nobody_is_expected_while_away():
    person = Person(away=True)
    assert person.until(48) == []
    person.give(("away", False))
    assert person.until(72) == [(57.5, REMIND), (58, QUIET), (58, MISSED)]
    person = Person()
    person.until(9.6)
    assert person.give(("away", True)) == [QUIET] and person.until(24) == []


def test_a_restart_in_the_morning_reminds_first():
    for hour, day in ((9, DAY - 1), (9.9, DAY - 1), (15, DAY - 1), (15, DAY - 5)):
        person = Person(hour=hour, day=day)
        first = max(hour, 9.5)
        told = [(first, REMIND)] if hour < 9.5 else []
        assert person.until(24) == told + [(first + 0.5, QUIET), (first + 0.5, MISSED)], hour


def test_what_was_settled_before_a_restart_stays_so():
    assert Person(hour=9, day=DAY).until(24) == []
    person = Person(hour=12, day=DAY, missed=True)
    assert person.until(24) == [] and person.sign() == [RESTORED]


def test_the_first_day_is_asked_only_from_its_beginning():
    assert Person(day=None, hour=9).until(24) == [] and Person(day=None, hour=8).until(24) == []
    assert Person(day=None, hour=7).until(24)[0] == (9.5, REMIND)


def test_a_reminder_over_midnight_belongs_to_its_day():
    person = Person(hour=23.75)
    assert person.until(48) == [(24.25, QUIET), (24.25, MISSED), (33.5, REMIND), (34, QUIET), (34, MISSED)]
    person = Person(ANY_SIGN, hour=23.75)
    person.until(24.1)
    assert person.sign(explicit=False) == [QUIET]
    assert person.until(48)[0] == (33.5, REMIND)


def test_a_bell_that_slept_over_the_day_reminds_before_it_complains():
    person = Person()
    person.until(9)
    person.now_ms = 30 * HOUR_MS
    assert person.give(("tick", person.unix_ms())) == [REMIND]
    assert person.until(31) == [(30.5, QUIET), (30.5, MISSED)]


def test_without_the_time_of_day_a_day_and_the_window_is_the_limit():
    person = Person(day=None, knows=False)
    assert person.until(48) == [(25.5, REMIND), (26, QUIET), (26, MISSED)]
    person = Person(day=None, knows=False)
    person.until(20)
    person.sign()
    assert person.until(45) == [] and person.until(46) == [(45.5, REMIND), (46, QUIET), (46, MISSED)]
    person = Person(ANY_SIGN, day=None, knows=False)
    person.until(20)
    person.sign(explicit=False)
    assert person.until(45) == []
    person = Person(day=None, knows=False, away=True)
    assert person.until(72) == []


def test_when_the_time_becomes_known_the_window_counts():
    person = Person(knows=False, hour=7)
    person.until(8)
    person.sign()
    person.knows = True
    assert person.until(8.5) == [] and person.state.day == DAY  # the sign was of today
    assert person.until(24) == []
    person = Person(knows=False)
    person.until(24.5)
    assert person.state.phase == "open"
    person.knows = True
    assert person.until(48) == [(33.5, REMIND), (34, QUIET), (34, MISSED)]


def test_a_wrong_clock_cannot_silence_it():
    person = Person(day=DAY + 14)  # it was two weeks ahead once
    assert person.until(24)[0] == (9.5, REMIND)
    person = Person(day=DAY + 1)  # a second at midnight
    assert person.until(24) == [] and person.until(48)[0] == (33.5, REMIND)
    person = Person()
    person.until(9)
    person.state, _ = checkin.step(person.state, ("tick", person.unix_ms() - checkin.DAY_MS), person.now_ms)
    assert person.state.asked == DAY - 1


def test_what_has_to_outlive_a_restart_is_said_when_it_changes_and_only_then():
    person, kept, told = Person(), (DAY - 1, False), []
    for minute in range(7 * 60, 34 * 60, 5):
        person.now_ms = minute * MINUTE_MS
        given = ("sign", True) if minute == 12 * 60 else ("tick", person.unix_ms())
        person.state, effects = checkin.step(person.state, given, person.now_ms)
        assert (("keep",) in effects) == ((person.state.day, person.state.missed) != kept), minute
        if ("keep",) in effects:
            kept = (person.state.day, person.state.missed)
            told.append((minute // 60, kept))
    assert told == [(10, (DAY, True)), (12, (DAY, False))]


def test_a_window_reaches_from_the_first_minute_of_the_day_to_the_last():
    found = {"from": "00:00", "until": "23:59", "remind_min": 1439, "offset_min": -720, "presence": True}
    assert tuple(checkin.parse(found)) == (0, 1439 * MINUTE_MS, 1439 * MINUTE_MS, -720 * MINUTE_MS, True)
    found = {"from": "08:00", "until": "08:01", "remind_min": 1, "offset_min": 840}
    assert tuple(checkin.parse(found)) == (8 * HOUR_MS, 8 * HOUR_MS + MINUTE_MS, MINUTE_MS, 840 * MINUTE_MS, False)
    assert tuple(WINDOW) == (8 * HOUR_MS, 10 * HOUR_MS, 30 * MINUTE_MS, 9 * HOUR_MS, False)


def test_bad_windows_say_what():
    for found, words in (
        (None, "object"),
        ({"from": "8:00", "until": "10:00"}, '"from" must be a time like'),
        ({"from": "08:00", "until": "24:00"}, '"until" must be a time like'),
        ({"from": "08:60", "until": "10:00"}, '"from" must be a time like'),
        ({"from": "-1:00", "until": "10:00"}, '"from" must be a time like'),
        ({"from": "00:-1", "until": "10:00"}, '"from" must be a time like'),
        ({"from": "08:00", "until": 10}, '"until"'),
        ({"from": "10:00", "until": "10:00"}, "before"),
        ({"from": "08:00", "until": "09:00", "remind_min": 61}, "from 1 to 60"),
        ({"from": "08:00", "until": "09:00", "remind_min": 0}, "from 1 to 60"),
        ({"from": "08:00", "until": "09:00", "offset_min": -721}, "from -720 to 840"),
        ({"from": "08:00", "until": "09:00", "offset_min": 841}, "from -720 to 840"),
        ({"from": "08:00", "until": "09:00", "remind_min": True}, '"remind_min"'),
        ({"from": "08:00", "until": "09:00", "remind_min": 30.0}, '"remind_min"'),
        ({"from": "08:00", "until": "09:00", "offset_min": 900}, '"offset_min"'),
        ({"from": "08:00", "until": "09:00", "presence": 1}, '"presence"'),
    ):
        try:
            checkin.parse(found)
        except ValueError as error:
            assert words in str(error), str(error)
        else:
            raise AssertionError(found)


def test_what_is_not_listed_raises():
    for call in (
        lambda: checkin.turn("open", "over"),  # never a miss without its reminder
        lambda: checkin.step(Person().state, ("nudge",), 0),
    ):
        try:
            call()
        except ValueError:
            continue
        raise AssertionError
