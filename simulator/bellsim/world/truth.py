"""What really happened, noted by the world as it happens: whoever judges compares it with what the gateway says. Never
asserts, and knows nothing of how anybody decides."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

BUTTON = ("panic", "holdup", "medical", "test")
PATTERN_MS = 5_000  # no press waits longer to be an event
OUTBOX_MAX = 32  # events that a bell keeps
TRACE_MAX = 200_000  # lines that are kept; the digest has all of them


@dataclass(slots=True)
class Press:
    """A finger on a button. sure: the bell had power and a running program, and kept it for a second."""

    bell_id: str
    at_ms: int
    boot: str | None
    sure: bool = True
    event: "Event | None" = None


@dataclass(slots=True)
class Event:
    """What a bell has made of something. at_ms: when the finger came down; None: it was no button. risk: its flash took
    nothing then. receipt: the highest stage that the gateway has sent for it."""

    bell_id: str
    boot: str
    seq: int
    what: str
    state: str
    at_ms: int | None
    noted_ms: int
    risk: bool = False
    receipt: str | None = None
    gone: str | None = None  # why it may be missing

    @property
    def key(self) -> tuple[str, str, int]:
        """Its identity."""
        return self.bell_id, self.boot, self.seq


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trace. lane: a bell, "broker", "gateway", "people", a target. kind: "fault", "over", "press",
    "lamp", "event", "receipt", "incident", "told", "person", "power", "trouble" or "wrong"."""

    at_ms: int
    lane: str
    kind: str
    text: str


@dataclass
class Truth:
    """counts: of each kind of line; bites: (fault, state of whom it befell) -> times."""

    presses: dict[str, list[Press]] = field(default_factory=dict)
    events: dict[tuple[str, str, int], Event] = field(default_factory=dict)
    acts: dict[int, set[str]] = field(default_factory=dict)  # incident -> what people did, or tried to do
    merged: list[tuple[int, int]] = field(default_factory=list)
    tried_ms: dict[int, int] = field(default_factory=dict)  # incident -> when somebody last did, or tried, anything
    done: list[tuple[int, str, str]] = field(default_factory=list)  # (incident, act, by) that the gateway carried out
    accepted: list[tuple[int, str, str | None]] = field(default_factory=list)  # (incident, by, offered to)
    told: Counter[int] = field(default_factory=Counter)  # incident -> messages that reached somebody
    trace: list[Line] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    bites: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: int = 0  # of the gateway's clock
    held: list[tuple[str, int, int]] = field(default_factory=list)  # (bell or "", from, until): what was sent came late
    digest: Any = field(default_factory=hashlib.sha256)

    def note(self, at_ms: int, lane: str, kind: str, text: str) -> None:
        """A line of the trace."""
        self.counts[kind] += 1
        self.digest.update(f"{at_ms} {lane} {kind} {text}\n".encode())
        if len(self.trace) < TRACE_MAX:
            self.trace.append(Line(at_ms, lane, kind, text))

    def pressed(self, bell_id: str, at_ms: int, boot: str | None, sure: bool) -> Press:
        """A finger."""
        press = Press(bell_id, at_ms, boot, sure)
        self.presses.setdefault(bell_id, []).append(press)
        return press

    def unsettle(self, bell_id: str, since_ms: int) -> None:
        """The power went: whether a press just before it was noticed is open, and what no flash held is gone."""
        for press in self.presses.get(bell_id, ()):
            if press.event is None and press.at_ms >= since_ms:
                press.sure = False
        for event in self.events.values():
            if event.bell_id == bell_id and event.risk and event.receipt is None:
                event.gone = "its flash was dead, and then its power"

    def saw(self, bell_id: str, records: list[dict[str, Any]], now_ms: int, risk: bool) -> list[Event]:
        """The events that a bell holds now; those that are new."""
        found = []
        for record in records:
            key = (bell_id, record["boot"], record["seq"])
            if key in self.events:
                continue
            press = None
            if record["what"] in BUTTON and record["state"] == "alarm":
                press = self._press_of(bell_id, record["boot"], now_ms)
            event = Event(*key, record["what"], record["state"], press.at_ms if press else None, now_ms, risk)
            if press is not None:
                press.event = event
            self.events[key] = event
            found.append(event)
        return found

    def dropped(self, bell_id: str, waiting: list[tuple[str, int]], said: str) -> None:
        """A full outbox gave one up, and says so; waiting: what it holds now. It may do that, and only then."""
        seq = int(said.rsplit(" ", 1)[1])
        if len(waiting) < OUTBOX_MAX:
            return
        for event in self.events.values():
            if event.bell_id == bell_id and event.seq == seq and (event.boot, event.seq) not in waiting:
                event.gone = event.gone or "its outbox was full"

    def changed(self, bell_id: str, records: list[dict[str, Any]]) -> None:
        """An event that waited has become something else."""
        for record in records:
            event = self.events.get((bell_id, record["boot"], record["seq"]))
            if event is not None:
                event.what = record["what"]

    def _press_of(self, bell_id: str, boot: str, now_ms: int) -> Press | None:
        """The oldest that may have made it now; else, out of a journal, the newest."""
        free = [one for one in self.presses.get(bell_id, ()) if one.event is None and one.boot == boot]
        recent = [one for one in free if now_ms - one.at_ms <= PATTERN_MS]
        return recent[0] if recent else free[-1] if free else None

    def was_held(self, bell_id: str, from_ms: int, until_ms: int) -> bool:
        """May a message have lain on its way then, seen by nobody who could tell?"""
        return any(of in ("", bell_id) and begin < until_ms and end > from_ms for of, begin, end in self.held)

    def acted(self, incident: int) -> set[str]:
        """What people did with it, or with what was merged with it."""
        family = {incident}
        grown = True
        while grown:
            more = {a for pair in self.merged if set(pair) & family for a in pair} - family
            family |= more
            grown = bool(more)
        return set().union(*(self.acts.get(one, set()) for one in family))
