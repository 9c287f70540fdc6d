"""What each press has come to: the rungs, as one literal table. Pure.

    idle           nothing is shown
    sending        pressed; no receipt yet
    not_delivered  no receipt 10 s after the press, or the gateway refused it: the person must know, to run
    stored         the gateway has it on disk
    presented      an attended console showed it and its sound was running
    acknowledged   a person has taken it
    dispatched     help is on the way
    closed         the incident is over; shown for CLOSED_SHOWN_MS, then idle

Only a receipt climbs, and a stage never falls. Every press is its own event and has its own rung.

What the lamp shows, when several events are open: the rung of the NEWEST that is not closed, and "closed" only when
nothing else is shown. So a new press takes the lamp back to "sending" although help may be on the way for an
earlier one: the lamp never claims for a press what was said of another. A silent event takes the lamp from no loud one:
a lamp that changed at a secret press would give it away. Alone, it is shown discreetly. A duress event is not shown at
all, and does not come here: it has to look like a disarm.

A stage can change while the bell is off line, so after every connect each shown stage has to be confirmed: the gateway
answers the first heartbeat with the stages of open incidents, and what it leaves out is asked for once more (the same
event again: a duplicate, which the gateway answers with the present stage).

After a restart the stages come in any order: of what the gateway remembers, of what waited in the journal. `answers`
says which presses were earlier, and so each finds its place.
"""

from collections import namedtuple

from bellnode.table import Table

DELIVERY_MS = 10000  # promise 2 of the design: no receipt in 10 s, and the person must know
CLOSED_SHOWN_MS = 5000  # long enough to be seen
CONFIRM_MS = 5000  # the answer to a heartbeat takes well under a second; then ask
SILENT = ("holdup",)  # shown discreetly on any bell

SHOWN_MAX = 16  # rungs kept; the lamp shows one of them, the outbox keeps the undelivered events by itself

RUNGS = ("idle", "sending", "not_delivered", "stored", "presented", "acknowledged", "dispatched", "closed")
DELIVERED = ("stored", "presented", "acknowledged", "dispatched")

# (rung, sign): next rung. Signs: press · late (DELIVERY_MS are over) · a receipt's stage or refused · clear (shown long
# enough). An idle rung takes stages: the gateway remembers what a restarted bell does not show yet.
TABLE = Table(
    "an alarm that is {!r} cannot take {!r}",
    """
idle press sending
idle stored stored
idle presented presented
idle acknowledged acknowledged
idle dispatched dispatched
sending late not_delivered
sending refused not_delivered
sending stored stored
sending presented presented
sending acknowledged acknowledged
sending dispatched dispatched
sending closed closed
not_delivered refused not_delivered
not_delivered stored stored
not_delivered presented presented
not_delivered acknowledged acknowledged
not_delivered dispatched dispatched
not_delivered closed closed
stored refused stored
stored stored stored
stored presented presented
stored acknowledged acknowledged
stored dispatched dispatched
stored closed closed
presented refused presented
presented stored presented
presented presented presented
presented acknowledged acknowledged
presented dispatched dispatched
presented closed closed
acknowledged refused acknowledged
acknowledged stored acknowledged
acknowledged presented acknowledged
acknowledged acknowledged acknowledged
acknowledged dispatched dispatched
acknowledged closed closed
dispatched refused dispatched
dispatched stored dispatched
dispatched presented dispatched
dispatched acknowledged dispatched
dispatched dispatched dispatched
dispatched closed closed
closed refused closed
closed stored closed
closed presented closed
closed acknowledged closed
closed dispatched closed
closed closed closed
closed clear idle
""",
)
turn = TABLE.turn

# happened_ms: bell's clock, None before this start. since_ms: when the rung began. confirm_ms: when to ask for the
# stage, or None while it is known to be fresh.
Shown = namedtuple("Shown", ("boot", "seq", "what", "happened_ms", "rung", "since_ms", "confirm_ms"))


def _moved(shown, sign, now_ms, confirm_ms):
    rung = turn(shown.rung, sign)
    since_ms = shown.since_ms if rung == shown.rung else now_ms
    return Shown(shown.boot, shown.seq, shown.what, shown.happened_ms, rung, since_ms, confirm_ms)


def step(alarms, given, now_ms):
    """(alarms, effects): alarms is a tuple of Shown, oldest first; () at the start.

    given: ("press", boot, seq, what, happened_ms or None) · ("receipt", boot, seq, stage, what it was,
        the (boot, seq) of all that were pressed before it) · ("linked",) · ("tick",)
    effects: a tuple of ("ask", Shown): send this event once more, to hear its stage.
    """
    kind = given[0]
    if kind == "press":
        return _press(alarms, given, now_ms), ()
    if kind == "receipt":
        return _receipt(alarms, given, now_ms), ()
    if kind == "linked":
        return tuple([_doubted(shown, now_ms) for shown in alarms]), ()
    if kind == "tick":
        return _tick(alarms, now_ms)
    raise ValueError(f"an alarm takes press, receipt, linked and tick, not {kind!r}")


def _press(alarms, given, now_ms):
    _, boot, seq, what, happened_ms = given
    for shown in alarms:
        if shown.boot == boot and shown.seq == seq:
            turn(shown.rung, "press")  # raises: an identity is pressed once
    since_ms = now_ms if happened_ms is None else happened_ms
    new = Shown(boot, seq, what, happened_ms, turn("idle", "press"), since_ms, None)
    return _bounded(alarms + (new,))


def _bounded(alarms):
    """At most SHOWN_MAX: the oldest that is delivered goes first, since nothing more has to be said about it here."""
    while len(alarms) > SHOWN_MAX:
        victim = 0
        for place, shown in enumerate(alarms[:-1]):
            if shown.rung in DELIVERED or shown.rung == "closed":
                victim = place
                break
        alarms = alarms[:victim] + alarms[victim + 1 :]
    return alarms


def _receipt(alarms, given, now_ms):
    _, boot, seq, stage, what, earlier = given
    for place, shown in enumerate(alarms):
        if shown.boot == boot and shown.seq == seq:
            return alarms[:place] + (_moved(shown, stage, now_ms, None),) + alarms[place + 1 :]
    if stage not in DELIVERED or len(alarms) >= SHOWN_MAX:
        return alarms  # closed or refused, and never shown: nothing to show; or no room
    place = 0
    for at, shown in enumerate(alarms):
        if (shown.boot, shown.seq) in earlier:
            place = at + 1
    return alarms[:place] + (Shown(boot, seq, what, None, turn("idle", stage), now_ms, None),) + alarms[place:]


def _doubted(shown, now_ms):
    if shown.rung not in DELIVERED:
        return shown
    return Shown(shown.boot, shown.seq, shown.what, shown.happened_ms, shown.rung, shown.since_ms, now_ms + CONFIRM_MS)


def _tick(alarms, now_ms):
    kept = []
    effects = []
    for shown in alarms:
        after = shown
        if _due(shown) is not None and now_ms >= _due(shown):
            if shown.rung == "sending":
                after = _moved(shown, "late", now_ms, None)
            elif shown.rung == "closed":
                after = _moved(shown, "clear", now_ms, None)
            else:
                effects.append(("ask", shown))
                after = _doubted(shown, now_ms)
        if after.rung != "idle":
            kept.append(after)
    return tuple(kept), tuple(effects)


def _due(shown):
    if shown.rung == "sending":
        return shown.since_ms + DELIVERY_MS
    if shown.rung == "closed":
        return shown.since_ms + CLOSED_SHOWN_MS
    return shown.confirm_ms


def due_ms(alarms):
    """When a tick next matters, or None."""
    due = [_due(shown) for shown in alarms if _due(shown) is not None]
    return min(due) if due else None


def lamp(alarms):
    """The rung that the lamp shows."""
    return shown_now(alarms, False)[0]


def shown_now(alarms, silent):
    """(rung, discreet) that the lamp shows: see the rule at the top. silent: the whole bell is."""
    found = None
    for shown in alarms:  # oldest first
        discreet = silent or shown.what in SILENT
        if found is None or _before(shown.rung, discreet, found):
            found = (shown.rung, discreet)
    return ("idle", silent) if found is None else found


def _before(rung, discreet, other):
    """True if a newer event takes the lamp from an older one."""
    if (rung == "closed") != (other[0] == "closed"):
        return other[0] == "closed"
    return other[1] or not discreet
