"""When a sounder sounds: decided from what the tables say and the time, so that a restart changes nothing. Pure."""

from collections.abc import Iterable

from bellgate.core.frozen import frozen
from bellgate.targets.notice import Notice

# An alarm, nobody's acknowledgement of it, or one that was forgotten; everything else only lets it go on or ends it.
_ROUNDS = ("unacknowledged", "acknowledgement_expired")
# Said by the bell, and no call for help.
_NO_CALL = ("contact", "cancel")


@frozen
class Mount:
    """Where the sounder hangs and how it sounds. heard: the presser, or whoever stands beside, would hear it.

    on_ms, off_ms: the pattern; off_ms 0 is one long tone. max_ms: so long after each press or round of telling.
    """

    heard: bool
    tests: bool
    on_ms: int
    off_ms: int
    max_ms: int


@frozen
class Told:
    """One message to the sounder about an incident that nobody holds, and what that incident is now."""

    notice: Notice
    test: bool
    hushed: bool


@frozen
class Sound:
    """It sounds from one moment until another, Unix ms."""

    since_ms: int
    until_ms: int


def calls(notice: Notice) -> bool:
    """True if this message lets a sounder start anew."""
    if notice.change == "signal":
        return notice.state == "alarm" and notice.heard not in _NO_CALL
    return notice.change in _ROUNDS


def refused(mount: Mount, test: bool, hushed: bool) -> str | None:
    """Why such an incident may not sound here, or None."""
    if hushed and mount.heard:
        return "silent: nobody near the bell may hear of it"
    if test and not mount.tests:
        return "a test, and this sounder takes none"
    return None


def decide(mount: Mount, told: Iterable[Told], now_ms: int) -> Sound | None:
    """What it should do now. told: everything about incidents that are open and that nobody has acknowledged."""
    # The last call of each incident by its order, not by its time: a clock that was set back must not make an old one
    # the newest for a day.
    last: dict[int, Notice] = {}
    for one in told:
        if not calls(one.notice) or refused(mount, one.test, one.hushed) is not None:
            continue
        before = last.get(one.notice.incident)
        if before is None or one.notice.order > before.order:
            last[one.notice.incident] = one.notice
    since_ms = max((min(notice.sent_ms, now_ms) for notice in last.values()), default=None)
    if since_ms is None or now_ms >= since_ms + mount.max_ms:
        return None
    return Sound(since_ms, since_ms + mount.max_ms)


def level(mount: Mount, sound: Sound | None, now_ms: int) -> tuple[bool, int | None]:
    """(on or off, milliseconds until that changes, None if it does not by itself)."""
    if sound is None or now_ms >= sound.until_ms:
        return False, None
    left_ms = sound.until_ms - now_ms
    if not mount.off_ms:
        return True, left_ms
    place_ms = (now_ms - sound.since_ms) % (mount.on_ms + mount.off_ms)
    if place_ms < mount.on_ms:
        return True, min(left_ms, mount.on_ms - place_ms)
    return False, min(left_ms, mount.on_ms + mount.off_ms - place_ms)
