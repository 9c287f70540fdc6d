"""The shape of a report. Shares are 0 to 1; null where nothing can be said. Times are Unix ms, durations ms."""

from datetime import date

from pydantic import BaseModel, Field


class Count(BaseModel):
    """Incidents of one kind that ended one way."""

    what: str
    test: bool
    disposition: str | None = Field(description="null: still open.")
    n: int


class Day(BaseModel):
    """A day in the time zone of [calendar]."""

    day: date
    real: int
    genuine: int
    false: int = Field(description="Closed as accidental, prank or device_fault.")
    tests: int


class Response(BaseModel):
    """From the press to one step. Percentiles are nearest-rank, over those that reached it."""

    step: str = Field(description="presented, acknowledged, dispatched or closed.")
    total: int = Field(description="Real incidents that were not merged into another.")
    reached: int
    never: int
    p50: int | None
    p90: int | None
    p95: int | None
    p99: int | None
    curve: list[tuple[int, int]] = Field(description="At most 100 points: ms, and how many reached it by then.")


class BellOf(BaseModel):
    """Which bell."""

    bell_id: str
    site: str
    name: str


class FalseAlarms(BellOf):
    """rate: false of judged; judged leaves out what is open, a duplicate or a test. Never used to suppress an alarm."""

    alarms: int
    genuine: int
    false: int
    unknown: int = Field(description="Nobody was found.")
    judged: int
    rate: float | None


class Availability(BellOf):
    """heard: the share of watched_ms in which the bell was not missing; null: it was never heard."""

    enrolled_ms: int
    last_seen_ms: int | None
    silences: int
    silent_ms: int
    watched_ms: int
    heard: float | None


class Tests(BellOf):
    """Test presses; overdue: none for more than 31 days before the end of the span."""

    tests: int
    last_test_ms: int | None
    overdue: bool


class Deaf(BaseModel):
    """When the gateway could not take alarms."""

    kind: str
    raised_ms: int
    cleared_ms: int


class GatewayFigures(BaseModel):
    """able: the share of watched_ms in which no such trouble was open. It can't know when the gateway did not run."""

    watched_ms: int
    deaf_ms: int
    able: float | None
    lines: list[Deaf]


class Report(BaseModel):
    """A span of days. Lists of bells hold the first 100; the file for a spreadsheet holds all."""

    first: date
    last: date
    made_ms: int
    counts: list[Count]
    days: list[Day]
    response: list[Response]
    false_alarms: list[FalseAlarms]
    false_alarm_bells: int
    bells: int
    never_heard: int
    heard: float | None
    test_every_days: int = Field(description="How often a bell has to be pressed; 0: nobody is asked to.")
    overdue: int
    availability: list[Availability]
    tests: list[Tests]
    gateway: GatewayFigures
