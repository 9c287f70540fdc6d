"""The shape of policies, shifts, and of one alarm that was played through."""

from datetime import date

from pydantic import BaseModel, Field

from bellgate.core.frozen import frozen
from bellgate.explain import Explanation


class Named(BaseModel):
    """kind: target, person, station or every (all targets)."""

    name: str
    kind: str


class Step(BaseModel):
    """One step. reached: the targets behind these names now; none: nobody is there, the step would be skipped."""

    after_s: int
    when: str = Field(description="unseen, unacknowledged or undispatched.")
    who: list[Named]
    reached: list[str]


class Rule(BaseModel):
    """A policy. sites, bells, alarms: for which ones; empty: any."""

    name: str
    sites: list[str]
    bells: list[str]
    alarms: list[str]
    repeat_s: int = Field(description="The last step comes again every so many seconds.")
    steps: list[Step]


class TargetOf(BaseModel):
    """How somebody is reached, without addresses."""

    name: str
    kind: str
    test: bool = Field(description="Tests may go there.")


class PersonOf(BaseModel):
    """Somebody and what reaches them."""

    name: str
    targets: list[str]


class StationOf(BaseModel):
    """always: reached at any hour. on_duty: reached now."""

    name: str
    role: str | None
    always: list[str]
    on_duty: list[str]


class WeekDay(BaseModel):
    """kind: mon … sun or holiday."""

    day: date
    kind: str
    holiday: bool
    from_ms: int
    until_ms: int


class ShiftOf(BaseModel):
    """One shift of one day; it may begin before the week and end after it."""

    station: str
    who: list[str]
    from_ms: int
    until_ms: int


class Policy(BaseModel):
    """Who is told when. Without policies every target is told at once and again every default_repeat_s."""

    now_ms: int
    timezone: str
    file: str = Field(description="Where to change it.")
    policies: list[Rule] = Field(description="In their order: the first that fits is followed.")
    default_repeat_s: int
    targets: list[TargetOf]
    people: list[PersonOf]
    stations: list[StationOf]
    week: list[WeekDay]
    shifts: list[ShiftOf]


@frozen
class Explained(Explanation):
    """policy "default": none fits; written: is there any policy at all?"""

    written: bool
