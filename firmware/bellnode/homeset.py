"""The home set: zones, arming, the code, the day's check-in. Pure: step(home, given, now_ms) -> (home, effects).

The phases and their table stand in `arming`.

given, a tuple:
    ("contact", …) ("tamper", …) ("offline", …)    what `contacts.step` said, as it is
    ("arm", "home" or "away", force)   force: bypass what is not ready, for this arming, instead of refusing
    ("pin", text, at_ms)               the code: disarms, silences, and is a sign of life
    ("bypass", zone, on)               while off, for the next arming
    ("press", what, at_ms)             a person asks for help: the event comes at once, in every state
    ("checkin", at_ms)                 the "I am fine" key
    ("presence", at_ms)                any other sign of somebody
    ("tick", unix_ms or None)          time has passed; the gateway's time if it is known

effects, a tuple of tuples, to be carried out in this order:
    ("event", what, state, zone, info, at_ms)
    ("sound", name)                    one of SOUNDS: goes on until the next
    ("beep", name)                     one of BEEPS: once, over the sound
    ("remind", on)                     the soft reminder of the check-in
    ("refused", reason, zones, wait_ms)    one of REFUSALS; the zones that are the reason
    ("keep", dict)                     for the next start: write it atomically, after the events before it are journaled

After a restart, from the last dict: armed stays armed. A delay that ran starts anew in full, so nobody is punished
for a power cut and nobody slips through in one. An alarm sounds again but is no new event (its event was journaled
before the alarm was kept). What stood and was told is not told again. A zone that is found open when the first
reading comes starts the entry delay, instant or not: it may be the owner, back in the dark. A motion detector that
has just got power sees ghosts: it is not heard for WARM_UP_MS. A damaged file: off, and the event "fault" says so.
So: never disarmed in silence, never an alarm from the restart itself.

The duress code does all that the code does, to the last effect, and adds one event.
"""

from bellnode import arming, checkin, contacts, pin
from bellnode.homeset_config import kept as _trusted
from bellnode.homeset_config import parse as _parse

__all__ = ("armed", "due_ms", "open_zones", "parse", "start", "step")

SOUNDS = ("quiet", "exit", "exit_soon", "entry", "entry_soon", "siren")
BEEPS = ("set", "disarmed", "confirm", "refuse", "trouble")
# Why something was not done; the first five are about arming, the most serious first.
REFUSALS = ("tampered", "offline", "zone_unknown", "zone_open", "no_pin")
REFUSALS += ("disarm_first", "wrong_pin", "keypad_locked", "not_off", "not_bypassable")


def parse(value, zones):
    """As homeset_config.parse. A function of this module, for whoever holds it."""
    return _parse(value, zones)


def start(settings, kept, now_ms):
    """(home, effects). kept: the dict of the last ("keep", …); None if there never was one; {} if it was damaged."""
    last = None if kept is None else _trusted(kept, settings.zones)
    lost = kept is not None and (last is None or (last["mode"] != "off" and settings.pins is None))
    if last is None or lost:
        last = dict(
            phase="off", mode="off", bypass=(), memory=(), standing=(), cause=None, wrong=0, day=None, missed=False
        )
    signs = None
    if settings.window:
        signs = checkin.start(settings.window, last["day"], last["missed"], last["mode"] == "away", now_ms)
    deaf_ms = now_ms + pin.wait_ms(last["wrong"])
    home = arming.Home(
        settings,
        last["phase"],
        last["mode"],
        None,
        None,
        (),
        (),
        last["bypass"],
        last["memory"],
        last["cause"],
        last["standing"],
        last["wrong"],
        deaf_ms,
        signs,
        now_ms,
    )
    home, effects = arming.enter(home, last["phase"], now_ms)
    if lost:
        effects = (("event", "fault", "alarm", None, {"how": "arming_lost"}, now_ms), ("keep", _kept(home)))
    return home, effects


def step(home, given, now_ms):
    """(home, effects) after one input; see the module's docstring. An input that is not listed raises ValueError."""
    kind = given[0]
    if kind not in _STEPS:
        raise ValueError(f"a home set does not take {kind!r}")
    before = home
    home, effects = _STEPS[kind](home, given, now_ms)
    home, more = _let_time_pass(home, now_ms)
    effects += more
    if _lasting(home) != _lasting(before):
        effects += (("keep", _kept(home)),)
    return home, effects


def _lasting(home):
    """What `_kept` says, without the cost of saying it."""
    signs = home.checkin and (home.checkin.day, home.checkin.missed)
    return home.phase, home.mode, home.bypass, home.memory, home.standing, home.cause, home.wrong, signs


def _kept(home):
    day, missed = (None, False) if home.checkin is None else (home.checkin.day, home.checkin.missed)
    return {
        "phase": home.phase,
        "mode": home.mode,
        "bypass": list(home.bypass),
        "memory": list(home.memory),
        "standing": [list(pair) for pair in home.standing],
        "cause": home.cause,
        "wrong": home.wrong,
        "day": day,
        "missed": missed,
    }


def _contact(home, given, now_ms):
    first = given[1] not in [number for number, _ in home.contacts]
    home, effects = arming.contact(home, given, now_ms)
    if first:
        return home, effects  # what it is found to be is nobody's sign
    home, more = _signed(home, False, now_ms)
    return home, effects + more


def _arm(home, given, now_ms):
    _, mode, force = given
    if mode not in ("home", "away"):
        raise ValueError(f"a home set is armed home or away, not {mode!r}")
    if home.settings.pins is None:
        return _refuse(home, "no_pin", (), 0)
    if home.mode == mode:
        return home, ()
    if home.phase not in ("off", "exit") and (home.phase, home.mode) != ("set", "home"):
        return _refuse(home, "disarm_first", (), 0)
    against = arming.not_ready(home, mode)
    bypass = home.bypass
    for reason in REFUSALS:
        if reason in against:
            if not force:
                return _refuse(home, reason, against[reason], 0)
            bypass += tuple([n for n in against[reason] if _bypassable(home, n)])
    memory = home.memory if home.phase != "off" else ()
    home, effects = arming.enter(
        arming.changed(home, mode=mode, bypass=bypass, memory=memory, cause=None),
        arming.turn(home.phase, "arm"),
        now_ms,
    )
    if mode == "home":  # nobody leaves: no delay
        home, effects = arming.changed(home, until_ms=now_ms, soon_ms=None), ()
    home, more = _away(home, now_ms)
    return home, effects + more


def _refuse(home, reason, zones, wait_ms):
    return home, (("beep", "refuse"), ("refused", reason, zones, wait_ms))


def _bypassable(home, number):
    return contacts.find(home.settings.zones, number).type not in ("24h", "tamper")


def _bypass(home, given, now_ms):
    _, number, on = given
    if home.phase != "off":
        return _refuse(home, "not_off", (number,), 0)
    if not _bypassable(home, number):
        return _refuse(home, "not_bypassable", (number,), 0)
    others = tuple([n for n in home.bypass if n != number])
    return arming.changed(home, bypass=others + (number,) if on else others), (("beep", "confirm"),)


def _pin(home, given, now_ms):
    _, text, at_ms = given
    if now_ms < home.deaf_until_ms:
        return _refuse(home, "keypad_locked", (), home.deaf_until_ms - now_ms)
    said = "wrong" if home.settings.pins is None else pin.judge(home.settings.pins, text)
    if said == "wrong":
        return _wrong(home, at_ms, now_ms)
    home = arming.changed(home, wrong=0)
    effects = ()
    if said == "duress":
        effects += (("event", "duress", "alarm", None, None, at_ms),)
    elif home.phase == "alarm" or (home.phase != "off" and home.memory):
        # It closes nothing: one more event that the dispatcher sees.
        of = "intrusion" if home.memory else "tamper"
        effects += (("event", "cancel", "alarm", None, {"of": of}, at_ms),)
    if home.phase == "off":
        home = arming.changed(home, memory=())  # seen by whoever knows the code
        effects += (("beep", "confirm"),)
    else:
        home, more = arming.enter(
            arming.changed(home, mode="off", bypass=(), cause=None), arming.turn(home.phase, "disarm"), now_ms
        )
        effects += more + (("sound", "quiet"), ("beep", "disarmed"))
    home, more = _away(home, now_ms)
    return home, effects + more


def _wrong(home, at_ms, now_ms):
    wrong = home.wrong + 1
    wait_ms = pin.wait_ms(wrong)
    effects = ()
    if wrong == pin.WRONG_TOLD:
        effects = (("event", "tamper", "alarm", None, {"how": "wrong_pin", "tries": wrong}, at_ms),)
    home, more = _refuse(arming.changed(home, wrong=wrong, deaf_until_ms=now_ms + wait_ms), "wrong_pin", (), wait_ms)
    return home, effects + more


def _press(home, given, now_ms):
    _, what, at_ms = given
    home, more = _signed(home, True, now_ms)
    return home, (("event", what, "alarm", None, None, at_ms),) + more


def _fine(home, given, now_ms):
    home, effects = _signed(home, True, now_ms)
    return home, (("beep", "confirm"),) + effects


def _presence(home, given, now_ms):
    return _signed(home, False, now_ms)


def _signed(home, explicit, now_ms):
    return _checked(home, ("sign", explicit), now_ms)


def _away(home, now_ms):
    """Arming and disarming are signs of life, and say whether anybody is expected."""
    home, effects = _signed(home, True, now_ms)
    home, more = _checked(home, ("away", home.mode == "away"), now_ms)
    return home, effects + more


def _checked(home, given, now_ms):
    if home.checkin is None:
        return home, ()
    signs, effects = checkin.step(home.checkin, given, now_ms)
    return arming.changed(home, checkin=signs), tuple([effect for effect in effects if effect[0] != "keep"])


def _tick(home, given, now_ms):
    return _checked(home, given, now_ms)


def _let_time_pass(home, now_ms):
    effects = ()
    if home.until_ms is not None and now_ms >= home.until_ms:
        return arming.over(home, now_ms)
    if home.soon_ms is not None and now_ms >= home.soon_ms:
        home, effects = arming.changed(home, soon_ms=None), (("sound", home.phase + "_soon"),)
    return home, effects


def armed(home):
    """What a heartbeat says: "off" (while leaving, too), "home" or "away"."""
    return "off" if home.phase == "exit" else home.mode


open_zones = arming.open_zones


def due_ms(home):
    """When a tick next matters, or None."""
    due = [at_ms for at_ms in (home.until_ms, home.soon_ms) if at_ms is not None]
    if home.checkin is not None:
        due.append(checkin.due_ms(home.checkin))
    return min(due) if due else None


_STEPS = {
    "contact": _contact,
    "tamper": arming.tamper,
    "offline": arming.offline,
    "arm": _arm,
    "pin": _pin,
    "bypass": _bypass,
    "press": _press,
    "checkin": _fine,
    "presence": _presence,
    "tick": _tick,
}
