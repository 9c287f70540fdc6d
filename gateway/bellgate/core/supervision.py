"""Who is alive. Trouble is kept apart from alarms, and nothing is silently dead."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bellgate.core.effect import AnswerStages, ClearTrouble, Effect, RaiseTrouble, SetDue

# A heartbeat comes every 60 s: three missed in a row are a silence and not a lost packet.
MISSING_AFTER_MS = 180_000
# The broker says a bell is gone (last will): most come back by themselves within this time.
OFFLINE_GRACE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of one bell's life. boot: the newest; n: its last heartbeat; greeted: stages were answered."""

    bell_id: str
    boot: str | None = None
    n: int = 0
    online: bool = False
    greeted: bool = False
    last_seen_ms: int | None = None
    health: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A checked heartbeat, and what the store knows of its boot.

    superseded: a newer boot of this bell has been heard. stored: how many events of this boot are stored.
    """

    message: Mapping[str, Any]
    superseded: bool
    stored: int


@dataclass(frozen=True, slots=True)
class Status:
    """A checked message on the status topic."""

    message: Mapping[str, Any]
    superseded: bool


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event of this bell was taken; a sign of life whatever its boot."""

    boot: str
    stored: int
    highest_seq: int


@dataclass(frozen=True, slots=True)
class Silence:
    """The bell's due row fell due: has it been heard since?"""


Input = Heartbeat | Status | EventHeard | Silence


def step(presence: Presence, given: Input, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    """The next presence and what to do. A replay (superseded boot, old number) changes nothing."""
    if isinstance(given, Heartbeat):
        return _heartbeat(presence, given, now_ms)
    if isinstance(given, Status):
        return _status(presence, given, now_ms)
    if isinstance(given, EventHeard):
        return _event(presence, given)
    return _silence(presence, now_ms)


def _heartbeat(presence: Presence, given: Heartbeat, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    message = given.message
    same_boot = message["boot"] == presence.boot
    if given.superseded or (same_boot and message["n"] <= presence.n):
        return presence, ()
    effects: list[Effect] = [
        SetDue("supervision", now_ms + MISSING_AFTER_MS),
        ClearTrouble("bell_missing", presence.bell_id),
    ]
    if not (presence.greeted and same_boot):
        effects.append(AnswerStages())
    if message["pending"] == 0 and given.stored < message["seq"]:
        effects.append(_loss(presence.bell_id, message["boot"], given.stored, message["seq"]))
    health = {key: value for key, value in message.items() if key not in ("v", "type", "boot", "n", "k")}
    for fault in message.get("faults", ()):
        effects.append(RaiseTrouble("bell_fault", f"{presence.bell_id}/{fault}", f"the bell reports: {fault}"))
    for fault in (presence.health or {}).get("faults", ()):
        if fault not in message.get("faults", ()):
            effects.append(ClearTrouble("bell_fault", f"{presence.bell_id}/{fault}"))
    after = replace(
        presence,
        boot=message["boot"],
        n=message["n"],
        online=True,
        greeted=True,
        last_seen_ms=now_ms,
        health=health,
    )
    return after, tuple(effects)


def _status(presence: Presence, given: Status, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    if given.superseded:
        return presence, ()
    online = given.message["state"] == "online"
    after = replace(presence, online=online, greeted=False)
    if online:
        return after, ()
    return after, (SetDue("supervision", now_ms + OFFLINE_GRACE_MS),)


def _event(presence: Presence, given: EventHeard) -> tuple[Presence, tuple[Effect, ...]]:
    if given.stored < given.highest_seq:
        return presence, (_loss(presence.bell_id, given.boot, given.stored, given.highest_seq),)
    return presence, (ClearTrouble("events_lost", f"{presence.bell_id}/{given.boot}"),)


def _silence(presence: Presence, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    if presence.last_seen_ms is None:
        return presence, ()
    silent_ms = now_ms - presence.last_seen_ms
    if presence.online and silent_ms < MISSING_AFTER_MS:
        return presence, (SetDue("supervision", presence.last_seen_ms + MISSING_AFTER_MS),)
    detail = f"not heard for {silent_ms // 1000} s: check its power and its network"
    return replace(presence, online=False, greeted=False), (RaiseTrouble("bell_missing", presence.bell_id, detail),)


def _loss(bell_id: str, boot: str, stored: int, highest: int) -> RaiseTrouble:
    return RaiseTrouble(
        "events_lost",
        f"{bell_id}/{boot}",
        f"{highest - stored} of {highest} events of this start of the bell never arrived",
    )
