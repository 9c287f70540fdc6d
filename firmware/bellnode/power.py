"""Mains and battery: readings in, events and the heartbeat's values out. Pure.

Mains counts as lost after it was away for lost_ms, and as back after it was there for back_ms: a flicker is no event,
and a line that comes and goes makes at most two events in lost_ms + back_ms.

The battery has a level that every reading of LEVEL_MS has to confirm, so that a dip while the radio sends is no
event. While mains charges it, the voltage is above what the battery can hold: state of charge and level are then the
charger's word, and the first minutes without mains tell the truth. A charger without a battery may show a full one:
what that looks like on a given board has to be seen on that board.
"""

from collections import namedtuple

LEVEL_MS = 30000
HYSTERESIS_MV = 80  # per cell: what a cell recovers when the load goes
SMOOTH = 4  # each reading moves the average by a quarter of the difference

FAULTS = ("battery_missing", "battery_critical", "battery_low")  # what `faults` may say

# level: below which voltage of a cell, in mV; the last has no limit.
LEVELS = (("missing", 2000), ("critical", 3500), ("low", 3700), ("ok", None))

# Voltage of a lithium-ion cell under light load, in mV: what is left, in percent. Straight lines between.
LI_ION = (
    (3000, 0),
    (3450, 5),
    (3680, 10),
    (3740, 20),
    (3770, 30),
    (3790, 40),
    (3820, 50),
    (3870, 60),
    (3920, 70),
    (3980, 80),
    (4060, 90),
    (4200, 100),
)

# (level, level that has become certain): the state of the event, or None if nobody has to know
TABLE = {
    ("unknown", "ok"): None,
    ("unknown", "low"): "alarm",
    ("unknown", "critical"): "alarm",
    ("unknown", "missing"): "alarm",
    ("ok", "low"): "alarm",
    ("ok", "critical"): "alarm",
    ("ok", "missing"): "alarm",
    ("low", "ok"): "restore",
    ("low", "critical"): "alarm",
    ("low", "missing"): "alarm",
    ("critical", "ok"): "restore",
    ("critical", "low"): None,
    ("critical", "missing"): "alarm",
    ("missing", "ok"): "restore",
    ("missing", "low"): "alarm",
    ("missing", "critical"): "alarm",
}

Settings = namedtuple("Settings", ("lost_ms", "back_ms", "cells"))

# mains, level: what counts; None and "unknown" at first. mains_seen, level_seen: what was read last, since …_ms. mv:
# smoothed.
_FIELDS = ("settings", "mains", "mains_seen", "mains_ms", "level", "level_seen", "level_ms", "mv")
Power = namedtuple("Power", _FIELDS)


def parse(found):
    """The Settings in {"mains_lost_s": 10, "mains_back_s": 30, "cells": 1}, all optional. Raises ValueError."""
    if not isinstance(found, dict):
        raise ValueError('"power" must be an object')
    values = []
    for name, default, most in (("mains_lost_s", 10, 600), ("mains_back_s", 30, 600), ("cells", 1, 4)):
        value = found.get(name, default)
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f'"power": "{name}" must be a number from 1 to {most}')
        values.append(value)
    return Settings(values[0] * 1000, values[1] * 1000, values[2])


def start(settings, told, now_ms):
    """A Power. told: what `told` gave before the restart, so that it is not told twice; () if unknown."""
    level = "unknown"
    for name, _ in LEVELS:
        if "battery_" + name in told:
            level = name
    return Power(settings, False if "mains" in told else None, None, now_ms, level, None, now_ms, None)


def _with(power, **changes):
    return Power(*[changes[name] if name in changes else getattr(power, name) for name in _FIELDS])


def turn(level, certain):
    """What a change of level is to others. Raises ValueError for a pair that the table does not list."""
    if (level, certain) not in TABLE:
        raise ValueError(f"a battery that is {level!r} cannot become {certain!r}")
    return TABLE[(level, certain)]


def step(power, given, now_ms):
    """(power, effects) after one input.

    given: ("mains", present), at every change or polled · ("battery", mv or None), every 1 to 10 s, None
        when the reading failed · ("tick",)
    effects: a tuple of ("event", "mains" or "battery", "alarm" or "restore", None, info, at_ms)
    """
    if given[0] == "tick":
        return _mains(power, now_ms)
    if given[0] == "mains":
        power, effects = _mains(power, now_ms)
        if given[1] != power.mains_seen:
            power = _with(power, mains_seen=given[1], mains_ms=now_ms)
        return power, effects
    if given[0] == "battery":
        return _battery(power, given[1], now_ms)
    raise ValueError(f"power takes mains, battery and tick, not {given[0]!r}")


def _mains(power, now_ms):
    """Let the mains count that have lasted."""
    seen = power.mains_seen
    if seen is None or seen == power.mains or now_ms < _mains_due_ms(power):
        return power, ()
    if power.mains is None and seen:
        return _with(power, mains=True), ()  # there, as it should be
    state = "restore" if seen else "alarm"
    return _with(power, mains=seen), (("event", "mains", state, None, None, power.mains_ms),)


def _mains_due_ms(power):
    return power.mains_ms + (power.settings.back_ms if power.mains_seen else power.settings.lost_ms)


def _battery(power, reading, now_ms):
    limit = LEVELS[0][1] * power.settings.cells
    mv = power.mv
    if reading is None or reading < limit or mv is None or mv < limit:
        mv = 0 if reading is None else reading  # it came or went: nothing to average
    else:
        mv += (reading - mv) // SMOOTH
    seen = _level(mv // power.settings.cells, power.level)
    since_ms = power.level_ms if seen == power.level_seen else now_ms
    power = _with(power, mv=mv, level_seen=seen, level_ms=since_ms)
    if seen == power.level or now_ms - since_ms < LEVEL_MS:
        return power, ()
    state = turn(power.level, seen)
    power = _with(power, level=seen)
    if state is None:
        return power, ()
    info = {"level": seen} if seen == "missing" else {"level": seen, "percent": percent(power), "mv": mv}
    return power, (("event", "battery", state, None, info, since_ms),)


def _level(cell_mv, before):
    """The level of a cell; a level is left upwards only past its limit and HYSTERESIS_MV."""
    for name, limit in LEVELS:
        if limit is None or cell_mv < limit or (name == before and cell_mv < limit + HYSTERESIS_MV):
            return name


def level_of(settings, mv):
    """The level of a battery that reads `mv` now, without the patience of `step`."""
    return _level(mv // settings.cells, None)


def percent(power):
    """State of charge, 0 to 100, or None while it is not known."""
    if power.mv is None or power.level_seen == "missing":
        return None
    cell_mv = power.mv // power.settings.cells
    below_mv, below = LI_ION[0]
    if cell_mv <= below_mv:
        return below
    for mv, left in LI_ION[1:]:
        if cell_mv <= mv:
            return below + (left - below) * (cell_mv - below_mv) // (mv - below_mv)
        below_mv, below = mv, left
    return below


def values(power):
    """What a heartbeat says: {"mains": bool, "bat_mv": int}, each only if it is known."""
    found = {}
    if power.mains is not None:
        found["mains"] = power.mains
    if power.mv is not None and power.level_seen != "missing":
        found["bat_mv"] = power.mv
    return found


def faults(power):
    """Names for the heartbeat's faults: battery_low, battery_critical or battery_missing."""
    return () if power.level in ("ok", "unknown") else ("battery_" + power.level,)


def told(power):
    """What others were told and is not restored; `start` takes it after a restart."""
    return faults(power) + (("mains",) if power.mains is False else ())


def due_ms(power):
    """When a tick next matters, or None. The battery's level follows its readings."""
    if power.mains_seen is None or power.mains_seen == power.mains:
        return None
    return _mains_due_ms(power)
