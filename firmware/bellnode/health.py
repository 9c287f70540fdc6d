"""The heartbeat: what it says and when it is due. Pure.

One on every connect, one every INTERVAL_MS, one at once when the faults change.
"""

from collections import namedtuple

from bellnode import VERSION

INTERVAL_MS = 60000  # wire.md; the gateway calls a bell missing after three

# n: heartbeats of this boot so far. sent_ms: the last one, or None before the first on this link. faults: as last told.
Health = namedtuple("Health", ("n", "sent_ms", "faults"))

NEW = Health(0, None, ())


def step(health, given, now_ms):
    """(health, due) after one input: due is True when a heartbeat has to go out now, and it has been counted.

    given: ("linked", faults) · ("unlinked",) · ("tick", faults); faults is a tuple of names
    """
    if given[0] == "linked":
        return Health(health.n + 1, now_ms, given[1]), True
    if given[0] == "unlinked":
        return Health(health.n, None, health.faults), False
    if given[0] != "tick":
        raise ValueError(f"health takes linked, unlinked and tick, not {given[0]!r}")
    if health.sent_ms is None:
        return health, False
    if now_ms - health.sent_ms < INTERVAL_MS and given[1] == health.faults:
        return health, False
    return Health(health.n + 1, now_ms, given[1]), True


def due_ms(health):
    """When the next one is due, or None while there is no link."""
    return None if health.sent_ms is None else health.sent_ms + INTERVAL_MS


def message(health, boot, seq, up_s, pending, kind, crash, faults):
    """The heartbeat (dict, see wire.md) for a Health that has just been counted. The shell adds rssi and heap."""
    return {
        "v": 1,
        "type": "heartbeat",
        "boot": boot,
        "seq": seq,
        "n": health.n,
        "up_s": up_s,
        "pending": pending,
        "kind": kind,
        "fw": VERSION,
        "crash": crash,
        "faults": list(faults),
    }
