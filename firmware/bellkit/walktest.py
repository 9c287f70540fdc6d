"""The walk test: every input is asked for in turn, and of each press the rungs it reaches, with their times. Pure.

    step(walk, given, now_ms) -> (walk, effects)

One input at a time, in the order of `asks`: the button first, then each contact and tamper. What somebody does to
another input meanwhile is told and not counted. A rung counts once, by the time that whoever saw it says; a rung that
nobody can see from here (offline: the gateway's) is "not proved" and never "good". The end is a verdict on the whole
bell: inputs, routing, battery and radio margin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bellkit import verdict

# Rungs of one press, in the order in which it climbs; all but the last two are also seen by the bell itself.
DEVICE, BROKER, GATEWAY, DATABASE, CONSOLE = RUNGS = ("device", "broker", "gateway", "database", "console")
ASK_MS = 60_000  # to climb a ladder and open a case
RUNGS_MS = 15_000  # a bell says NOT delivered after 10 s; then a little for the console
BUTTON = "button"

# (phase, sign): next phase
TABLE = {
    ("ready", "begin"): "asking",
    ("asking", "edge"): "rising",
    ("asking", "late"): "between",
    ("asking", "skip"): "between",
    ("rising", "complete"): "between",
    ("rising", "late"): "between",
    ("between", "next"): "asking",
    ("between", "none"): "judging",
    ("judging", "judged"): "over",
    ("ready", "end"): "over",
    ("asking", "end"): "over",
    ("rising", "end"): "over",
}

PASSED, FAILED, UNPROVED = "passed", "failed", "not proved"


@dataclass(frozen=True, slots=True)
class Ask:
    """One input. kind: "button", "contact" or "tamper"; zone: its number, None for the button; name: for people."""

    kind: str
    zone: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of it. rungs: (rung, ms since the edge, or None if it was reached at an unknown moment).
    result: PASSED, FAILED or UNPROVED; why: names the text `walk.…`."""

    ask: Ask
    seq: int | None
    rungs: tuple[tuple[str, int | None], ...]
    result: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """wanted: the rungs that can be seen from here. until_ms: of the present phase, or None."""

    asks: tuple[Ask, ...]
    wanted: tuple[str, ...] = RUNGS
    phase: str = "ready"
    at: int = 0
    seq: int | None = None
    rungs: tuple[tuple[str, int | None], ...] = ()
    until_ms: int | None = None
    done: tuple[Asked, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def ask(self) -> Ask | None:
        """The input that a person has to act on now."""
        return self.asks[self.at] if self.phase in ("asking", "rising") else None

    @property
    def result(self) -> str:
        """Of the whole walk, as far as it has come."""
        if self.failures or any(one.result == FAILED for one in self.done):
            return FAILED
        if self.phase != "over" or len(self.done) < len(self.asks):
            return UNPROVED
        return UNPROVED if any(one.result == UNPROVED for one in self.done) else PASSED


Effect = tuple[Any, ...]


def turn(phase: str, sign: str) -> str:
    """The next phase. Raises ValueError for a pair that the table does not list."""
    if (phase, sign) not in TABLE:
        raise ValueError(f"a walk test that is {phase!r} cannot take {sign!r}")
    return TABLE[phase, sign]


def asks_of(zones: Iterable[Mapping[str, Any]]) -> tuple[Ask, ...]:
    """The button, then every contact and tamper: {"zone", "place", "kind"} each, as the bell names them."""
    contacts = [Ask("tamper" if zone["kind"] == "tamper" else "contact", zone["zone"], zone["place"]) for zone in zones]
    contacts.sort(key=lambda ask: ask.zone or 0)
    return (Ask(BUTTON, None, BUTTON), *contacts)


def step(walk: Walk, given: tuple[Any, ...], now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    """(walk, effects) after one input.

    given: ("begin",) · ("edge", zone or None, seq): something was pressed or opened · ("rung", seq, rung, ms or None) ·
        ("skip",): this input is not here · ("tick",) · ("judged", causes): what speaks against the bell · ("end",)
    effects: ("ask", Ask) · ("rung", rung, ms) · ("other", zone): another input was meant · ("asked", Asked) ·
        ("judge",): routing, battery and margin are wanted now · ("over", result)
    """
    kind = given[0]
    if kind == "begin":
        return _ask(replace(walk, phase=turn(walk.phase, "begin")), now_ms)
    if kind == "tick":
        return _tick(walk, now_ms)
    if kind == "edge":
        return _edge(walk, given[1], given[2], now_ms)
    if kind == "rung":
        return _rung(walk, given[1], given[2], given[3], now_ms)
    if kind == "skip":
        return _settle(replace(walk, phase=turn(walk.phase, "skip")), UNPROVED, "skipped", now_ms)
    if kind == "judged":
        walk = replace(walk, phase=turn(walk.phase, "judged"), failures=tuple(given[1]), until_ms=None)
        return walk, (("over", walk.result),)
    if kind == "end":
        walk = replace(walk, phase=turn(walk.phase, "end"), until_ms=None)
        return walk, (("over", walk.result),)
    raise ValueError(f"a walk test takes begin, edge, rung, skip, tick, judged and end, not {kind!r}")


def _ask(walk: Walk, now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    walk = replace(walk, seq=None, rungs=(), until_ms=now_ms + ASK_MS)
    return walk, (("ask", walk.asks[walk.at]),)


def _edge(walk: Walk, zone: int | None, seq: int, now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    if walk.phase not in ("asking", "rising"):
        return walk, ()
    if walk.phase == "rising" or zone != walk.asks[walk.at].zone:
        return walk, () if zone == walk.asks[walk.at].zone else (("other", zone),)
    return replace(walk, phase=turn(walk.phase, "edge"), seq=seq, until_ms=now_ms + RUNGS_MS), ()


def _rung(walk: Walk, seq: int, rung: str, ms: int | None, now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    if rung not in RUNGS:
        raise ValueError(f"a press has the rungs {', '.join(RUNGS)}, not {rung!r}")
    if walk.phase != "rising" or seq != walk.seq or rung in dict(walk.rungs):
        return walk, ()
    walk = replace(walk, rungs=tuple(sorted((*walk.rungs, (rung, ms)), key=lambda one: RUNGS.index(one[0]))))
    effects: tuple[Effect, ...] = (("rung", rung, ms),)
    if set(walk.wanted) <= set(dict(walk.rungs)):
        result = PASSED if set(walk.wanted) == set(RUNGS) else UNPROVED
        why = "" if result == PASSED else "offline"
        walk, more = _settle(replace(walk, phase=turn(walk.phase, "complete")), result, why, now_ms)
        effects += more
    return walk, effects


def _tick(walk: Walk, now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    if walk.until_ms is None or now_ms < walk.until_ms:
        return walk, ()
    missing = [rung for rung in walk.wanted if rung not in dict(walk.rungs)]
    why = "nothing_came" if walk.phase == "asking" else f"no_{missing[0]}"
    return _settle(replace(walk, phase=turn(walk.phase, "late")), FAILED, why, now_ms)


def _settle(walk: Walk, result: str, why: str, now_ms: int) -> tuple[Walk, tuple[Effect, ...]]:
    asked = Asked(walk.asks[walk.at], walk.seq, walk.rungs, result, why)
    walk = replace(walk, done=(*walk.done, asked), until_ms=None)
    if walk.at + 1 < len(walk.asks):
        walk, effects = _ask(replace(walk, phase=turn(walk.phase, "next"), at=walk.at + 1), now_ms)
        return walk, (("asked", asked), *effects)
    return replace(walk, phase=turn(walk.phase, "none")), (("asked", asked), ("judge",))


def against(findings: Mapping[str, Any]) -> tuple[str, ...]:
    """The causes for which a bell fails its walk test: all that stop, and a thin margin, which a diagnosis only
    warns of. Routing that could not be proved does not fail here; the certificate says so."""
    causes = [one.cause for one in verdict.judge(findings) if one.severity == verdict.STOP]
    return (*causes, *(one.cause for one in verdict.judge(findings) if one.cause in FAILS_TOO))


FAILS_TOO = ("signal_thin", "battery_low", "suspended")
