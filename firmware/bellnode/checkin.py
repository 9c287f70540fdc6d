"""The daily sign of life: expected in a window of the day, reminded of, and only then missed. Pure.

    done       nothing is expected now
    open       the window is open, and no sign yet
    reminding  the soft reminder is on; the person has remind_ms to answer it

There is no way from open to a miss but through the reminder, and the reminder always lasts its full time: a bell that
was without power during the window reminds first when it is back. What counts as a sign: the "I am fine" key and
whatever takes the code (arming, disarming), at any time of the same day before the miss; any other sign of presence
only within the window and only if so configured (a door can be opened by somebody else). A sign after a miss restores
it. While armed away nobody is expected: the day is skipped.

The time of day comes from the gateway. Without it (after a restart, until the first receipt) the bell cannot know the
window: then the longest pause that the window allows (a day and its length) since the last sign or the start counts
instead.
"""

from collections import namedtuple

DAY_MS = 86400000
MINUTE_MS = 60000
REMIND_MIN_DEFAULT = 30
OFFSET_MIN_DEFAULT = 540  # Korea, no summer time

# (phase, sign): next phase
TABLE = {
    ("done", "sign"): "done",
    ("done", "skip"): "done",
    ("done", "opens"): "open",
    ("open", "sign"): "done",
    ("open", "skip"): "done",
    ("open", "late"): "reminding",
    ("reminding", "sign"): "done",
    ("reminding", "skip"): "done",
    ("reminding", "over"): "done",
}

# from_ms, until_ms: of the local day. offset_ms: local time minus UTC. presence: does any sign in the window count.
Window = namedtuple("Window", ("from_ms", "until_ms", "remind_ms", "offset_ms", "presence"))

# day: the last local day (days since 1970) that is settled: signed, skipped or missed; None before the first. asked:
# the day that is open. since_ms: when the reminder began. unix_ms at read_ms: the gateway's time, or None. missed: a
# miss that no sign has restored. away: nobody is expected. sign: (at_ms, explicit) of the last sign. next_ms: when a
# tick matters.
_FIELDS = ("window", "phase", "day", "asked", "since_ms", "unix_ms", "read_ms", "missed", "away", "sign", "next_ms")
Checkin = namedtuple("Checkin", _FIELDS)


def parse(found):
    """The Window in {"from": "08:00", "until": "10:00", "remind_min", "offset_min", "presence"}. Raises ValueError."""
    if not isinstance(found, dict):
        raise ValueError('"checkin" must be an object with from and until')
    begin_ms, end_ms = _of_day(found, "from"), _of_day(found, "until")
    if begin_ms >= end_ms:
        raise ValueError('"checkin": "from" must be before "until", on the same day')
    remind_ms = _minutes(found, "remind_min", REMIND_MIN_DEFAULT, 1, (end_ms - begin_ms) // MINUTE_MS)
    offset_ms = _minutes(found, "offset_min", OFFSET_MIN_DEFAULT, -720, 840)
    presence = found.get("presence", False)
    if presence is not True and presence is not False:
        raise ValueError('"checkin": "presence" must be true or false')
    return Window(begin_ms, end_ms, remind_ms, offset_ms, presence)


def _of_day(found, name):
    text = found.get(name)
    try:
        hours, minutes = [int(part) for part in text.split(":")]
        if len(text) == 5 and 0 <= hours < 24 and 0 <= minutes < 60:
            return (hours * 60 + minutes) * MINUTE_MS
    except (ValueError, AttributeError):
        pass
    raise ValueError(f'"checkin": "{name}" must be a time like "08:30"')


def _minutes(found, name, default, low, high):
    value = found.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f'"checkin": "{name}" must be a number of minutes from {low} to {high}')
    return value * MINUTE_MS


def start(window, day, missed, away, now_ms):
    """A Checkin; day and missed as they were kept, (None, False) the first time."""
    state = Checkin(window, "done", day, None, None, None, now_ms, missed, away, (now_ms, False), None)
    return _with(state, next_ms=_next_ms(state, now_ms))


def _with(state, **changes):
    return Checkin(*[changes[name] if name in changes else getattr(state, name) for name in _FIELDS])


def turn(phase, sign):
    """The next phase. Raises ValueError for a pair that the table does not list."""
    if (phase, sign) not in TABLE:
        raise ValueError(f"a check-in that is {phase!r} cannot take {sign!r}")
    return TABLE[(phase, sign)]


def step(state, given, now_ms):
    """(state, effects) after one input.

    given: ("tick", unix_ms or None), the gateway's time if it is known · ("sign", explicit): of life · ("away", on)
    effects: a tuple of ("remind", on) · ("event", "checkin_missed", state, None, info, at_ms) · ("keep",), when what
        has to outlive a restart, day and missed, has changed
    """
    before = (state.day, state.missed)
    if given[0] == "tick":
        state = _read_clock(state, given[1], now_ms)
        effects = ()
    elif given[0] == "sign":
        state, effects = _sign(state, given[1], now_ms, now_ms)
    elif given[0] == "away":
        state, effects = _with(state, away=given[1]), ()
    else:
        raise ValueError(f"a check-in takes tick, sign and away, not {given[0]!r}")
    state, more = _let_time_pass(state, now_ms)
    effects += more
    if (state.day, state.missed) != before:
        effects += (("keep",),)
    return _with(state, next_ms=_next_ms(state, now_ms)), effects


def _local(state, at_ms):
    """(day, ms of the day) at our `at_ms`, or (None, None) while the time is not known."""
    if state.unix_ms is None:
        return None, None
    local_ms = state.unix_ms + at_ms - state.read_ms + state.window.offset_ms
    return local_ms // DAY_MS, local_ms % DAY_MS


def _read_clock(state, unix_ms, now_ms):
    if unix_ms is None:
        return state
    first = state.unix_ms is None
    state = _with(state, unix_ms=unix_ms, read_ms=now_ms)
    today, of_day_ms = _local(state, now_ms)
    if state.day is None:
        # Set up today: what is over already is not asked for.
        state = _with(state, day=today if of_day_ms >= state.window.from_ms else today - 1)
    elif state.day > today:
        # Corrected by a second at midnight, or an earlier clock was wrong: then rather ask once too often.
        state = _with(state, day=today if state.day == today + 1 else today - 1)
    if state.asked is not None and state.asked > today:
        state = _with(state, asked=today)
    if first:
        if state.phase == "open":
            state = _with(state, phase=turn("open", "skip"))  # opened without the time of day; look again with it
        at_ms, explicit = state.sign
        if explicit:
            state = _with(state, day=max(state.day, _local(state, at_ms)[0]))  # given before the time was known
    return state


def _sign(state, explicit, at_ms, now_ms):
    today, of_day_ms = _local(state, at_ms)
    if not explicit and not state.window.presence:
        return state, ()
    if not explicit and state.phase == "done" and not state.missed and today is not None:
        return _with(state, sign=(at_ms, False)), ()  # before the window, or settled
    effects = (("remind", False),) if state.phase == "reminding" else ()
    if state.missed:
        effects += (("event", "checkin_missed", "restore", None, None, at_ms),)
    day = state.day
    if today is not None and (explicit or of_day_ms >= state.window.from_ms):
        day = today
    phase = turn(state.phase, "sign")
    return _with(state, phase=phase, day=day, asked=None, since_ms=None, missed=False, sign=(at_ms, explicit)), effects


def _let_time_pass(state, now_ms):
    effects = ()
    today, of_day_ms = _local(state, now_ms)
    if state.away:
        if state.phase != "done" or (today is not None and state.day < today and of_day_ms >= state.window.from_ms):
            if state.phase == "reminding":
                effects += (("remind", False),)
            day = state.day if today is None else today
            state = _with(state, phase=turn(state.phase, "skip"), day=day, asked=None, since_ms=None)
        return _with(state, sign=(now_ms, False)), effects
    if state.phase == "done" and now_ms >= _opens_ms(state, now_ms):
        state = _with(state, phase=turn("done", "opens"), asked=today)
    if state.phase == "open" and now_ms >= _late_ms(state, now_ms):
        state = _with(state, phase=turn("open", "late"), since_ms=now_ms)
        effects += (("remind", True),)
    if state.phase == "reminding" and now_ms >= state.since_ms + state.window.remind_ms:
        day = state.day if state.asked is None else state.asked
        effects += (("remind", False), ("event", "checkin_missed", "alarm", None, {"by": _said(state)}, now_ms))
        state = _with(state, phase=turn("reminding", "over"), day=day, asked=None, since_ms=None, missed=True)
        state = _with(state, sign=(now_ms, False))
    return state, effects


def _said(state):
    """When the sign was due, for the dispatcher."""
    if state.asked is None:
        return "no sign for a day; time of day not known"
    minutes = state.window.until_ms // MINUTE_MS
    return "{:02d}:{:02d}".format(minutes // 60, minutes % 60)


def _opens_ms(state, now_ms):
    today, of_day_ms = _local(state, now_ms)
    if today is None:
        return state.sign[0] + DAY_MS
    days = 0 if state.day < today else state.day + 1 - today
    return now_ms + days * DAY_MS + state.window.from_ms - of_day_ms


def _late_ms(state, now_ms):
    window = state.window
    today, of_day_ms = _local(state, now_ms)
    if state.asked is None:
        return state.sign[0] + DAY_MS + window.until_ms - window.from_ms - window.remind_ms
    if today > state.asked:
        return now_ms  # the bell slept through the end of that day
    return now_ms + window.until_ms - window.remind_ms - of_day_ms


def _next_ms(state, now_ms):
    if state.phase == "reminding":
        return state.since_ms + state.window.remind_ms
    if state.phase == "open":
        return _late_ms(state, now_ms)
    return _opens_ms(state, now_ms)


def due_ms(state):
    """When a tick next matters. The gateway's time drifts and may be corrected: tick with it every minute or so."""
    return state.next_ms
