"""gateway.toml's sections about who is told when, one by one. What they mean together stands in `policies`."""

import itertools
from datetime import date
from functools import lru_cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from bellgate import boundaries
from bellgate.boundaries import Area, Boundaries
from bellgate.config_values import Name, Section
from bellgate.core.signal import MEANINGS
from bellgate.duty import DAY_MIN, Calendar, minutes
from bellwire import KINDS

ALARMS = tuple(what for what, meaning in MEANINGS.items() if meaning.opens)
Role = Literal["station", "control_centre", "second", "supervisor", "next_station"]
When = Literal["unseen", "unacknowledged", "undispatched"]
# What a [[policy]] without steps does, by the stations' roles: (seconds, condition, roles). The last one repeats.
STANDARD: tuple[tuple[int, When, tuple[Role, ...]], ...] = (
    (0, "unacknowledged", ("station", "control_centre")),
    (10, "unseen", ("second",)),
    (20, "unacknowledged", ("supervisor",)),
    (45, "unacknowledged", ("station", "control_centre", "second", "supervisor", "next_station")),
)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # not found is a KeyError, a folder's name an OSError
        raise ValueError('name a time zone such as "Asia/Seoul"') from None
    return text


def _country(text: str) -> str:
    import holidays  # noqa: PLC0415  (a fifth of a second, and only for whoever has shifts)

    if text and text not in holidays.list_supported_countries():
        raise ValueError('write a country\'s two letters such as "KR", or "" for no public holidays')
    return text


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError('write a day as "2026-12-31"') from None
    return text


def _start(text: str) -> str:
    if minutes(text) == DAY_MIN:
        raise ValueError('a shift starts at "23:59" at the latest; midnight is "00:00" of the next day')
    return text


def _end(text: str) -> str:
    minutes(text)
    return text


def _pattern(text: str) -> str:
    if not text or any(not (char in "*-" or char.isdigit() or "a" <= char <= "z") for char in text):
        raise ValueError('write a site such as "seongsu-012", or a beginning with a star: "seongsu-*"')
    return text


def _bell(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"use {', '.join(KINDS)}")
    return text


def _alarm(text: str) -> str:
    if text not in ALARMS:
        raise ValueError(f"use {', '.join(ALARMS)}")
    return text


def _area(text: str, info: ValidationInfo) -> str:
    known: Boundaries = (info.context or {}).get("boundaries") or boundaries.seoul()
    known.named(text)
    return text


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
EVERY_DAY: list[Day] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
Date = Annotated[str, AfterValidator(_day)]
Names = Annotated[list[str], Field(min_length=1)]


class CalendarSection(Section):
    """[calendar]: the local time and the holidays of the shifts."""

    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Seoul"
    country: Annotated[str, AfterValidator(_country)] = "KR"
    holidays: list[Date] = Field(default=[])
    workdays: list[Date] = Field(default=[])

    def calendar(self) -> Calendar:
        """Local days, with the public holidays as the library `holidays` knows them."""
        more, fewer = ({date.fromisoformat(text) for text in texts} for texts in (self.holidays, self.workdays))

        def is_holiday(on: date) -> bool:
            return on not in fewer and (on in more or on in _public(self.country, on.year))

        return Calendar(ZoneInfo(self.timezone), is_holiday, bool(self.country or more))


@lru_cache(maxsize=16)
def _public(country: str, year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    import holidays  # noqa: PLC0415

    return frozenset(holidays.country_holidays(country, years=year))


class PersonSection(Section):
    """[[person]]: somebody, and the targets that reach them."""

    name: Name
    targets: Names


class StationSection(Section):
    """[[station]]: a place or a team. targets: reached at any hour; its shifts add whoever is on duty. area: the
    districts and dongs that it covers, by code or name."""

    name: Name
    role: Role | None = None
    targets: list[str] = Field(default=[])
    area: list[Annotated[str, AfterValidator(_area)]] = Field(default=[])

    def areas(self, known: Boundaries) -> list[Area]:
        """The outlines of its area."""
        return [known.named(text) for text in self.area]


class ShiftSection(Section):
    """[[shift]]: who is on duty at a station, on which days, from when to when."""

    station: Name
    days: list[Day] = Field(default=EVERY_DAY, min_length=1)
    start: Annotated[str, AfterValidator(_start)] = "00:00"
    end: Annotated[str, AfterValidator(_end)] = "24:00"
    who: Names


class GroupSection(Section):
    """[[group]]: sites under one name."""

    name: Name
    sites: Annotated[list[Annotated[str, AfterValidator(_pattern)]], Field(min_length=1)]


class PolicyStep(Section):
    """[[policy.step]]: whom to tell, so many seconds after the incident opened."""

    after_s: Annotated[int, Field(ge=0, le=3600)]
    targets: Names
    when: When = "unacknowledged"


class PolicyConfig(Section):
    """[[policy]]: for which alarms, and the steps in order of time; the last one is repeated."""

    name: Name
    groups: list[str] = Field(default=[])
    bells: list[Annotated[str, AfterValidator(_bell)]] = Field(default=[])
    alarms: list[Annotated[str, AfterValidator(_alarm)]] = Field(default=[])
    repeat_s: Annotated[int, Field(ge=1, le=3600)] = 60
    step: list[PolicyStep] = Field(default=[])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [step.after_s for step in self.step]
        if times and times[0] != 0:
            raise ValueError(f"policy {self.name!r}: the first step must have after_s = 0, an alarm never waits")
        for earlier, later in itertools.pairwise(times):
            if later <= earlier:
                raise ValueError(
                    f"policy {self.name!r}: after_s must rise from step to step, but {later} follows {earlier}"
                )
        if self.step and self.step[-1].when == "unseen":
            raise ValueError(
                f"policy {self.name!r}: the last step is repeated until somebody acknowledges, so it can't wait for "
                f'"unseen" alone: write when = "unacknowledged" there, or add a step'
            )
        return self
