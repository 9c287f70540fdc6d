"""Shifts against an independent reading of the calendar, minute by minute, over holidays and changes of the clock."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.config_policy import CalendarSection
from bellgate.duty import DAY_MIN, DAYS, HOLIDAY, WEEKDAYS, Calendar, Duty, Shift, Station, clock_time, minutes

SEOUL = ZoneInfo("Asia/Seoul")
# A week of 2026 with holidays in a row, after a Sunday and before a working day: Chuseok and the days around it.
HOLIDAYS = {date(2026, 9, 24), date(2026, 9, 25), date(2026, 9, 26)}
FIRST = date(2026, 9, 14)
SHIFTS = st.lists(
    st.builds(
        lambda days, start, length: Shift(frozenset(days), start, start + length, ("t",)),
        st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
        st.integers(0, DAY_MIN - 1),
        st.integers(1, DAY_MIN),
    ),
    max_size=6,
)


def calendar(zone: ZoneInfo = SEOUL) -> Calendar:
    return Calendar(zone, lambda on: on in HOLIDAYS, True)


def name_of(on: date) -> str:
    return "holiday" if on in HOLIDAYS else ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[on.weekday()]


def covered(shifts: list[Shift], on: date, minute: int) -> bool:
    """Told from the words of the docs, not from the code: does a shift of today or yesterday reach this minute?"""
    yesterday = on - timedelta(days=1)
    today = any(name_of(on) in one.days and one.start_min <= minute < one.end_min for one in shifts)
    late = any(name_of(yesterday) in one.days and minute < one.end_min - DAY_MIN for one in shifts)
    return today or late


def at_ms(on: date, minute: int, zone: ZoneInfo = SEOUL) -> int:
    return int(datetime(on.year, on.month, on.day, minute // 60, minute % 60, tzinfo=zone).timestamp() * 1000)


@given(SHIFTS, st.integers(0, 20), st.integers(0, DAY_MIN - 1), st.integers(0, 59_999))
def test_on_duty_is_what_the_shifts_say(shifts: list[Shift], day: int, minute: int, ms: int) -> None:
    duty = Duty(calendar(), {"s": Station(shifts=tuple(shifts))})
    on = FIRST + timedelta(days=day)
    assert duty.on_duty(["s"], at_ms(on, minute) + ms) == (("t",) if covered(shifts, on, minute) else ())


@given(SHIFTS)
def test_a_gap_is_named_where_somebody_is_missing_and_nowhere_else(shifts: list[Shift]) -> None:
    gaps = Duty(calendar(), {"s": Station(shifts=tuple(shifts))}).gaps(["s"])
    named = {(gap.today, gap.is_holiday, gap.after_holiday): set() for gap in gaps}
    for gap in gaps:
        named[gap.today, gap.is_holiday, gap.after_holiday] |= set(range(gap.from_min, gap.to_min))
    for number in range(21):
        on = FIRST + timedelta(days=number)
        key = (on.weekday(), on in HOLIDAYS, on - timedelta(days=1) in HOLIDAYS)
        bare = {minute for minute in range(0, DAY_MIN, 7) if not covered(shifts, on, minute)}
        assert bare == {minute for minute in named.get(key, ()) if minute % 7 == 0}, on


@given(st.lists(st.integers(1, DAY_MIN - 1), min_size=1, max_size=4, unique=True), st.integers(0, 700 * DAY_MIN))
def test_shifts_that_meet_leave_no_gap_even_when_the_clocks_change(cuts: list[int], minute: int) -> None:
    """Handing over at any times of the day, in a zone with summer time: somebody is there at every moment."""
    times = sorted(cuts)
    spans = zip(times, [*times[1:], times[0] + DAY_MIN], strict=True)
    shifts = tuple(Shift(frozenset(DAYS), start, end, (str(start),)) for start, end in spans)
    duty = Duty(calendar(ZoneInfo("Europe/Berlin")), {"s": Station(shifts=shifts)})
    assert not duty.gaps(["s"])
    start_ms = int(datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp() * 1000)
    assert len(duty.on_duty(["s"], start_ms + minute * 60_000)) == 1


def test_night_shift_belongs_to_the_day_on_which_it_starts() -> None:
    friday_night = Shift(frozenset({"fri"}), minutes("22:00"), minutes("06:00") + DAY_MIN, ("t",))
    duty = Duty(calendar(), {"s": Station(shifts=(friday_night,))})
    friday, holiday = date(2026, 9, 18), date(2026, 9, 25)  # the second one is a Friday as well
    saturday = friday + timedelta(days=1)
    assert duty.on_duty(["s"], at_ms(friday, 22 * 60)) and duty.on_duty(["s"], at_ms(saturday, 359))
    assert not duty.on_duty(["s"], at_ms(saturday, 360)) and not duty.on_duty(["s"], at_ms(friday, 60))
    assert not duty.on_duty(["s"], at_ms(holiday, 22 * 60)), "a holiday is no Friday"


def test_names_are_targets_people_and_stations_each_once() -> None:
    day = Shift(frozenset(DAYS), 540, 1080, ("phone", "mail"))
    duty = Duty(calendar(), {"team": Station(("desk",), (day,)), "김하늘": Station(("phone",))})
    noon, night = at_ms(FIRST, 720), at_ms(FIRST, 60)
    assert duty.on_duty(["team", "김하늘", "siren", "*"], noon) == ("desk", "phone", "mail", "siren", "*")
    assert duty.on_duty(["team"], night) == ("desk",)
    assert not duty.gaps(["team"]) and not duty.gaps(["siren"]) and not duty.gaps(["*"])


def test_public_holidays_of_korea_with_days_of_ones_own() -> None:
    section = CalendarSection(holidays=["2026-11-23"], workdays=["2026-12-25"])
    local = section.calendar()
    holidays = ["2026-02-17", "2026-05-25", "2026-09-25", "2026-11-23"]  # New Year, a substitute day, Chuseok, our own
    assert [local.day(date.fromisoformat(on)) for on in holidays] == [HOLIDAY] * 4
    assert local.day(date(2026, 12, 25)) == "fri" and local.day(date(2026, 11, 24)) == "tue"
    nowhere = CalendarSection(country="").calendar()
    assert nowhere.day(date(2026, 9, 25)) == "fri" and not nowhere.has_holidays


@pytest.mark.parametrize("text", ["", "9:00", "24:01", "12:60", "12-00", "１２:00", "12:00:00", "ab:cd"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a time"):
        minutes(text)


@given(st.integers(0, DAY_MIN))
def test_times_are_read_as_they_are_written(minute: int) -> None:
    assert minutes(clock_time(minute)) == minute


def test_the_names_of_the_days() -> None:
    assert [calendar().day(date(2026, 9, 14) + timedelta(days=n)) for n in range(7)] == list(WEEKDAYS)
