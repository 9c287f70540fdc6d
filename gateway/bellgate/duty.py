"""Who is on duty when: shifts by weekday in local time, holidays apart. Plain values; no file and no clock in here.

A shift belongs to the day on which it starts. One that ends at or before its start runs into the next day, and one
that starts and ends at the same time runs for 24 hours. A holiday is no weekday: only shifts that say "holiday" count.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bellgate.core.frozen import frozen

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
DAYS = (*WEEKDAYS, HOLIDAY)
DAY_MIN = 24 * 60
_LONG = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@frozen
class Shift:
    """start_min, end_min: minutes after local midnight of the day it starts on; end_min is the later one."""

    days: frozenset[str]
    start_min: int
    end_min: int
    targets: tuple[str, ...]


@frozen
class Station:
    """targets: always reached; shifts: reached while one of them runs."""

    targets: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()


@frozen
class Gap:
    """A span in which nobody is on duty. today: 0 is Monday; after_holiday: the day before is one."""

    today: int
    is_holiday: bool
    after_holiday: bool
    from_min: int
    to_min: int

    def __str__(self) -> str:
        day = f"a holiday ({_LONG[self.today]})" if self.is_holiday else _LONG[self.today]
        after = " after a holiday" if self.after_holiday and not self.is_holiday else ""
        return f"{day}{after} from {clock_time(self.from_min)} to {clock_time(self.to_min)}"


@frozen
class Calendar:
    """Local days. holiday: is this date one? has_holidays False: none ever is."""

    zone: ZoneInfo
    holiday: Callable[[date], bool] = field(default=lambda _: False)
    has_holidays: bool = False

    def local(self, at_ms: int) -> datetime:
        """The wall clock there at this Unix time."""
        return datetime.fromtimestamp(at_ms / 1000, self.zone)

    def day(self, on: date) -> str:
        """ "mon" … "sun", or "holiday"."""
        return HOLIDAY if self.has_holidays and self.holiday(on) else WEEKDAYS[on.weekday()]

    def at_ms(self, on: date, minute: int) -> int:
        """Unix ms of that minute of the local day; 1440 is the next midnight."""
        wall = datetime(on.year, on.month, on.day, tzinfo=self.zone) + timedelta(minutes=minute)
        return int(wall.timestamp() * 1000)


class Duty:
    """Names to targets: a target is itself, a person or a station is whoever is reached through it now."""

    def __init__(self, calendar: Calendar, stations: Mapping[str, Station]) -> None:
        self.calendar = calendar
        self._stations = stations

    def on_duty(self, names: Iterable[str], at_ms: int) -> tuple[str, ...]:
        """The targets that are reached under these names at that time, each once, in order."""
        found: dict[str, None] = {}
        for name in names:
            station = self._stations.get(name)
            if station is None:
                found[name] = None
                continue
            found.update(dict.fromkeys(station.targets))
            for shift in station.shifts:
                if self._runs(shift, at_ms):
                    found.update(dict.fromkeys(shift.targets))
        return tuple(found)

    def _runs(self, shift: Shift, at_ms: int) -> bool:
        today = self.calendar.local(at_ms).date()
        return any(
            self.calendar.day(day) in shift.days
            and self.calendar.at_ms(day, shift.start_min) <= at_ms < self.calendar.at_ms(day, shift.end_min)
            for day in (today, today - timedelta(days=1))
        )

    def gaps(self, names: Iterable[str]) -> list[Gap]:
        """The spans of a week, with and without holidays, in which these names reach nobody; ordinary days first."""
        stations = [self._stations.get(name) for name in names]
        if any(station is None or station.targets for station in stations):
            return []
        shifts = [shift for station in stations if station for shift in station.shifts if shift.targets]
        return [gap for days in self._pairs() for gap in _gaps(shifts, *days)]

    def _pairs(self) -> Iterator[tuple[int, bool, bool]]:
        """Every (weekday, is a holiday, follows a holiday) that a calendar can bring."""
        kinds = (False, True) if self.calendar.has_holidays else (False,)
        for after_holiday in kinds:
            for is_holiday in kinds:
                for weekday in range(7):
                    yield weekday, is_holiday, after_holiday


def _gaps(shifts: list[Shift], today: int, is_holiday: bool, after_holiday: bool) -> Iterator[Gap]:
    this = HOLIDAY if is_holiday else WEEKDAYS[today]
    before = HOLIDAY if after_holiday else WEEKDAYS[today - 1]
    spans = [(shift.start_min, shift.end_min) for shift in shifts if this in shift.days]
    spans += [(0, shift.end_min - DAY_MIN) for shift in shifts if before in shift.days and shift.end_min > DAY_MIN]
    covered = 0
    for start, end in [*sorted(spans), (DAY_MIN, DAY_MIN)]:
        if start > covered:
            yield Gap(today, is_holiday, after_holiday, covered, start)
        covered = max(covered, end)


def minutes(text: str) -> int:
    """Minutes after midnight of "HH:MM"; "24:00" is the end of the day. Raises ValueError."""
    hours, colon, rest = text.partition(":")
    if not (colon and len(hours) == 2 and len(rest) == 2 and text.isascii() and (hours + rest).isdigit()):
        raise ValueError('write a time as "HH:MM", for example "22:00"')
    total = int(hours) * 60 + int(rest)
    if int(rest) > 59 or total > DAY_MIN:
        raise ValueError('write a time from "00:00" to "24:00"')
    return total


def clock_time(minute: int) -> str:
    """ "HH:MM" of minutes after midnight."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
