"""What a campaign of `bellsim chaos --minutes` saw, as plain values. Nothing here judges.

Every `…_s` is in Unix seconds by the simulator's clock, which nobody sets.
"""

from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str, int]  # bell_id, boot, seq


@dataclass(slots=True)
class Press:
    """A finger. sure: the bell had power and a running program, and kept them until it could be noticed."""

    bell_id: str
    at_s: float
    sure: bool = True
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that a bell's journal took."""

    key: Key
    what: str
    state: str
    at_s: float


@dataclass(slots=True)
class Claim:
    """A lamp or a receipt said `said` of `key` at at_s; the database, when it could be asked at read_s: `found`.

    None with read_s: it was not there. incident: in which it was then.
    """

    by: str  # "lamp" or "receipt"
    key: Key
    said: str
    at_s: float
    found: str | None = None
    incident: int | None = None
    read_s: float | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A person's request, noted before it was sent."""

    incident: int
    action: str
    sent_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """A signal in the database at the end. number: the receipt number; test: of its incident, None without one."""

    number: int
    key: Key
    what: str
    stage: str
    incident: int | None
    test: bool | None
    received_ms: int
    occurred_ms: int
    err_ms: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A webhook at a target: its CloudEvent."""

    target: str
    at_s: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted. bell_id "": everybody's. by_s: of a clock, how far it was ahead."""

    from_s: float
    to_s: float
    bell_id: str = ""
    by_s: float = 0.0


@dataclass(slots=True)
class Seen:
    """All of one combination. takes_tests: names of targets. held: messages may have lain on their way; steps: of a
    gateway's clock. record_broken: the audit chain's first bad row. orphans: open incidents without end or owner."""

    presses: list[Press] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    takes_tests: frozenset[str] = frozenset()
    held: list[Span] = field(default_factory=list)
    steps: list[Span] = field(default_factory=list)
    record_broken: int | None = None
    orphans: list[str] = field(default_factory=list)
