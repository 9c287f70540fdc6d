"""Arming: the phases, what each zone's opening means in them, and what a zone has told. Pure; `homeset` joins it.

    off      disarmed; tamper, 24h zones and every press still alarm
    exit     armed, and the person may still leave; a perimeter zone alarms already
    set      armed
    entry    somebody came in by the door: the code within entry_ms, or it is an intrusion
    alarm    the siren sounds, for siren_ms; then set again

Every function that takes a Home and gives (home, effects) gives the effects of `homeset`.
"""

from collections import namedtuple

from bellnode import contacts

SOON_MS = 10000  # the last part of a delay, when the sounder hurries
WARM_UP_MS = 60000  # a passive infrared detector settles within a minute

# (phase, sign): next phase
TABLE = {
    ("off", "arm"): "exit",
    ("exit", "arm"): "exit",
    ("exit", "elapsed"): "set",
    ("exit", "left_open"): "entry",  # the door still stands open when the exit delay is over
    ("exit", "instant"): "alarm",
    ("exit", "disarm"): "off",
    ("set", "arm"): "exit",  # from home to away; the way back leads through the code
    ("set", "delayed"): "entry",
    ("set", "instant"): "alarm",
    ("set", "disarm"): "off",
    ("entry", "elapsed"): "alarm",
    ("entry", "instant"): "alarm",
    ("entry", "disarm"): "off",
    ("alarm", "instant"): "alarm",
    ("alarm", "elapsed"): "set",
    ("alarm", "disarm"): "off",
}

# (mode, type of zone): what its opening is, while armed. The types 24h and tamper do not ask for the mode.
ACTS = {
    ("home", "entry"): "delayed",
    ("home", "perimeter"): "instant",
    ("home", "interior"): None,
    ("away", "entry"): "delayed",
    ("away", "perimeter"): "instant",
    ("away", "interior"): "follow",
}

# (phase, act): the sign for TABLE. What is not listed is nothing: the person is on the way out or in.
OPENED = {
    ("exit", "instant"): "instant",
    ("set", "delayed"): "delayed",
    ("set", "follow"): "instant",
    ("set", "instant"): "instant",
    ("entry", "instant"): "instant",
    ("alarm", "delayed"): "instant",
    ("alarm", "follow"): "instant",
    ("alarm", "instant"): "instant",
}

# settings: homeset_config.Settings. until_ms: when the phase is over, or None; soon_ms: when its sound hurries, or
# None. contacts: tuple of (zone, "open" or "closed"); a zone that is not in it is not known yet. ill: tuple of (zone,
# "tampered" or "offline"). bypass, memory: zones; memory is what alarmed in this arming or the last. cause: the zone
# that began an entry. standing: tuple of (zone, what) that were told and not restored. wrong: wrong codes in a row.
# checkin: Checkin or None.
_FIELDS = ("settings", "phase", "mode", "until_ms", "soon_ms", "contacts", "ill", "bypass", "memory", "cause")
_FIELDS += ("standing", "wrong", "deaf_until_ms", "checkin", "started_ms")
Home = namedtuple("Home", _FIELDS)


def changed(home, **changes):
    """The Home with these fields changed."""
    return Home(*[changes[name] if name in changes else getattr(home, name) for name in _FIELDS])


def turn(phase, sign):
    """The next phase. Raises ValueError for a pair that the table does not list."""
    if (phase, sign) not in TABLE:
        raise ValueError(f"a home set that is {phase!r} cannot take {sign!r}")
    return TABLE[(phase, sign)]


def enter(home, phase, now_ms):
    """Begin a phase: its delay and its sound."""
    length_ms = {"exit": home.settings.exit_ms, "entry": home.settings.entry_ms, "alarm": home.settings.siren_ms}
    if phase not in length_ms:
        return changed(home, phase=phase, until_ms=None, soon_ms=None), ()
    until_ms = now_ms + length_ms[phase]
    if phase == "alarm":
        return changed(home, phase=phase, until_ms=until_ms, soon_ms=None), (("sound", "siren"),)
    return changed(home, phase=phase, until_ms=until_ms, soon_ms=until_ms - SOON_MS), (("sound", phase),)


def _say(home, what, zone, info, at_ms):
    """An alarm about a zone, unless it stands and was told."""
    if (zone, what) in home.standing:
        return home, ()
    return changed(home, standing=home.standing + ((zone, what),)), (("event", what, "alarm", zone, info, at_ms),)


def _unsay(home, what, zone, info, at_ms):
    if (zone, what) not in home.standing:
        return home, ()
    standing = tuple([pair for pair in home.standing if pair != (zone, what)])
    return changed(home, standing=standing), (("event", what, "restore", zone, info, at_ms),)


def contact(home, given, now_ms):
    """(home, effects) of ("contact", zone, "open" or "closed", at_ms)."""
    _, number, how, at_ms = given
    zone = contacts.find(home.settings.zones, number)
    found = number not in [known for known, _ in home.contacts]
    others = tuple([pair for pair in home.contacts if pair[0] != number])
    home = changed(home, contacts=others + ((number, how),))
    what = "tamper" if zone.type == "tamper" else "intrusion"
    if how == "closed":
        home, effects = _unsay(home, what, number, None, at_ms)
    elif zone.type in ("tamper", "24h"):
        info = {"how": "open"} if zone.type == "tamper" else {"type": "24h"}
        home, effects = _say(home, what, number, info, at_ms)
        if effects and not found:
            home, more = _loud(home, number, now_ms)
            effects += more
    else:
        home, effects = _opened(home, zone, found, at_ms, now_ms)
    if home.settings.tell_contacts and zone.type in ("entry", "perimeter") and not (found and how == "closed"):
        effects += (("event", "contact", "alarm" if how == "open" else "restore", number, None, at_ms),)
    return home, effects


def _opened(home, zone, found, at_ms, now_ms):
    act = None if home.phase == "off" or zone.number in home.bypass else ACTS[(home.mode, zone.type)]
    if act == "follow" and now_ms - home.started_ms < WARM_UP_MS:
        return home, ()
    if act == "instant" and found:
        act = "delayed"
    sign = OPENED.get((home.phase, act))
    if sign is None or (zone.number, "intrusion") in home.standing:
        return home, ()
    if sign == "delayed":
        return enter(changed(home, cause=zone.number), turn(home.phase, sign), now_ms)
    home, effects = _intrusion(home, zone.number, {"type": zone.type}, at_ms)
    home, more = _loud(home, zone.number, now_ms)
    return home, effects + more


def _intrusion(home, number, info, at_ms):
    memory = home.memory if number in home.memory else home.memory + (number,)
    return _say(changed(home, memory=memory), "intrusion", number, info, at_ms)


def _loud(home, number, now_ms):
    """The siren, if it is armed. What an entry was waiting for is told with it, so that it is not lost."""
    if home.phase == "off":
        return home, (("beep", "trouble"),)
    if number in home.bypass:
        return home, ()
    effects = ()
    if home.phase == "entry" and home.cause is not None:
        home, effects = _intrusion(home, home.cause, {"type": "entry"}, now_ms)
    home, more = enter(home, turn(home.phase, "instant"), now_ms)
    return home, effects + more


def tamper(home, given, now_ms):
    """(home, effects) of ("tamper", zone, how, present, at_ms): its own event; armed, the siren too."""
    _, number, how, present, at_ms = given
    contacts.find(home.settings.zones, number)
    if not present:
        return _unsay(_ill(home, number, "tampered", False), "tamper", number, {"how": how}, at_ms)
    known = (number, "tamper") in home.standing
    home, effects = _say(_ill(home, number, "tampered", True), "tamper", number, {"how": how}, at_ms)
    if known:
        return home, effects
    home, more = _loud(home, number, now_ms)
    return home, effects + more


def offline(home, given, now_ms):
    """(home, effects) of ("offline", zone, present, at_ms)."""
    _, number, present, at_ms = given
    contacts.find(home.settings.zones, number)
    home = _ill(home, number, "offline", present)
    said = _say if present else _unsay
    home, effects = said(home, "fault", number, {"how": "zone_offline"}, at_ms)
    return home, effects + ((("beep", "trouble"),) if present and home.phase == "off" and effects else ())


def _ill(home, number, why, present):
    ill = tuple([pair for pair in home.ill if pair != (number, why)])
    return changed(home, ill=ill + ((number, why),) if present else ill)


def not_ready(home, mode):
    """{reason: zones} that speak against arming in this mode; the reasons are of `homeset.REFUSALS`."""
    found = {}
    known = dict(home.contacts)
    for zone in home.settings.zones:
        act = ACTS.get((mode, zone.type), "always")
        if act is None or zone.number in home.bypass:
            continue
        reason = None
        for why in ("tampered", "offline"):
            if reason is None and (zone.number, why) in home.ill:
                reason = why
        if reason is None and zone.number not in known:
            reason = "zone_unknown"
        elif reason is None and known[zone.number] == "open" and act != "follow":  # a detector sees whoever is arming
            reason = "tampered" if zone.type == "tamper" else "zone_open"
        if reason:
            found[reason] = found.get(reason, ()) + (zone.number,)
    return found


def over(home, now_ms):
    """The delay is over."""
    if home.phase == "entry":
        home, effects = _intrusion(home, home.cause, {"type": "entry"}, home.until_ms)
        home, more = enter(home, turn("entry", "elapsed"), now_ms)
        return home, effects + more
    if home.phase == "exit":
        told = tuple([number for number, what in home.standing if what == "intrusion"])
        for number in open_zones(home):
            act = ACTS.get((home.mode, contacts.find(home.settings.zones, number).type))
            # "instant": found open after a restart in the exit delay
            if act in ("delayed", "instant") and number not in home.bypass + told:
                return enter(changed(home, cause=number), turn("exit", "left_open"), now_ms)
    beep = (("beep", "set"),) if home.phase == "exit" else ()
    home, effects = enter(home, turn(home.phase, "elapsed"), now_ms)
    return home, effects + (("sound", "quiet"),) + beep


def open_zones(home):
    """Zones whose contact is open, in the order in which they opened."""
    return tuple([number for number, how in home.contacts if how == "open"])
