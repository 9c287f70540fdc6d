"""Who is alive. Trouble is kept apart from alarms, and nothing is silently dead."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bellgate.core.effect import AnswerStages, ClearTrouble, Effect, NoteLoss, RaiseTrouble, SetDue
from bellgate.core.frozen import frozen

# A heartbeat comes every 60 s: three missed in a row are a silence and not a lost packet.
MISSING_AFTER_MS = 180_000
# The broker says a bell is gone (last will): most come back by themselves within this time.
OFFLINE_GRACE_MS = 30_000


@frozen
class Presence:
    """What is known of one bell's life. boot: the newest; n: its last heartbeat; greeted: stages were answered."""

    bell_id: str
    boot: str | None = None
    n: int = 0
    online: bool = False
    greeted: bool = False
    last_seen_ms: int | None = None
    health: Mapping[str, Any] | None = None


@frozen
class Heartbeat:
    """A checked heartbeat, and what the store knows of its boot.

    superseded: a newer boot of this bell has been heard. stored: how many events of this boot are stored; the rest as
    in EventHeard.
    """

    message: Mapping[str, Any]
    superseded: bool
    stored: int
    highest_seq: int = 0
    claimed_seq: int = 0
    lost: int = 0


@frozen
class Status:
    """A checked message on the status topic."""

    message: Mapping[str, Any]
    superseded: bool


@frozen
class EventHeard:
    """An event of this bell was taken; a sign of life whatever its boot.

    claimed_seq: so many events of this boot the bell has sent by its own word; lost: so many of them never arrived, as
    the trouble list was told.
    """

    boot: str
    stored: int
    highest_seq: int
    claimed_seq: int = 0
    lost: int = 0


@frozen
class Silence:
    """The bell's due row fell due: has it been heard since?"""


Input = Heartbeat | Status | Silence


def step(presence: Presence, given: Input, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    """The next presence and what to do. A replay (superseded boot, old number) changes nothing."""
    if isinstance(given, Heartbeat):
        return _heartbeat(presence, given, now_ms)
    if isinstance(given, Status):
        return _status(presence, given, now_ms)
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
    claimed_seq = max(given.claimed_seq, message["seq"] if message["pending"] == 0 else 0)
    effects += _losses(presence.bell_id, message["boot"], given, claimed_seq)
    if "mains" in message:
        mains = RaiseTrouble("bell_mains", presence.bell_id, ongoing=True)
        effects.append(ClearTrouble("bell_mains", presence.bell_id) if message["mains"] else mains)
    health = {key: value for key, value in message.items() if key not in ("v", "type", "boot", "n", "k")}
    for fault in message.get("faults", ()):
        effects.append(RaiseTrouble("bell_fault", f"{presence.bell_id}/{fault}", {"fault": fault}, ongoing=True))
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


def losses(bell_id: str, given: EventHeard) -> list[Effect]:
    """What a new event says about those that never arrived; of the bell's life it says nothing."""
    return _losses(bell_id, given.boot, given, given.claimed_seq)


def _silence(presence: Presence, now_ms: int) -> tuple[Presence, tuple[Effect, ...]]:
    if presence.last_seen_ms is None:
        return presence, ()
    silent_ms = now_ms - presence.last_seen_ms
    if presence.online and silent_ms < MISSING_AFTER_MS:
        return presence, (SetDue("supervision", presence.last_seen_ms + MISSING_AFTER_MS),)
    missing = RaiseTrouble("bell_missing", presence.bell_id, {"silent_s": silent_ms // 1000})
    return replace(presence, online=False, greeted=False), (missing,)


def _losses(bell_id: str, boot: str, given: Heartbeat | EventHeard, claimed_seq: int) -> list[Effect]:
    """Events of one start that never arrived: holes in the numbers, or fewer than the bell says it has sent."""
    highest = max(given.highest_seq, claimed_seq)
    lost = max(0, highest - given.stored)
    effects: list[Effect] = []
    if (lost, claimed_seq) != (given.lost, given.claimed_seq):
        effects.append(NoteLoss(boot, claimed_seq, lost))
    if lost and lost != given.lost:
        effects.append(RaiseTrouble("events_lost", f"{bell_id}/{boot}", {"lost": lost, "of": highest}))
    elif given.lost and not lost:
        effects.append(ClearTrouble("events_lost", f"{bell_id}/{boot}"))
    return effects
