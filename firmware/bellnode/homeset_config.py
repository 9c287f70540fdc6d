"""The home set's settings, and what it kept over a restart: both checked here, once, at the start. Pure.

"home": {"exit_s": 45, "entry_s": 30, "siren_s": 180, "tell_contacts": false, "pin": {…}, "checkin": {…}}; all
optional. Without "pin" the set cannot be armed (nobody could disarm it), without "checkin" nobody is expected.
"""

from collections import namedtuple

from bellnode import checkin, pin

# name: (default, least, most) in seconds. A siren of more than 15 min is noise.
TIMES_S = {"exit_s": (45, 10, 300), "entry_s": (30, 10, 120), "siren_s": (180, 30, 900)}

# zones: tuple of contacts.Zone. pins: pin.Pins or None. window: checkin.Window or None.
Settings = namedtuple("Settings", ("zones", "exit_ms", "entry_ms", "siren_ms", "tell_contacts", "pins", "window"))

PHASES = ("off", "exit", "set", "entry", "alarm")
MODES = ("off", "home", "away")
STANDING = ("intrusion", "tamper", "fault")


def parse(found, zones):
    """The Settings in a dict of the configuration, for these contacts.Zone. Raises ValueError: what and where."""
    if not isinstance(found, dict):
        raise ValueError('"home" must be an object')
    times = {}
    for name, (default, least, most) in TIMES_S.items():
        value = found.get(name, default)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f'"home": "{name}" must be a number of seconds from {least} to {most}')
        times[name] = value * 1000
    tell = found.get("tell_contacts", False)
    if tell is not True and tell is not False:
        raise ValueError('"home": "tell_contacts" must be true or false')
    pins = None if found.get("pin") is None else pin.parse(found["pin"])
    window = None if found.get("checkin") is None else checkin.parse(found["checkin"])
    return Settings(zones, times["exit_s"], times["entry_s"], times["siren_s"], tell, pins, window)


def kept(found, zones):
    """What a ("keep", dict) effect said, if it can be trusted, or None. Zones that are no longer there are left out."""
    try:
        known = [zone.number for zone in zones]
        bypass, memory = [tuple([n for n in found[name] if n in known]) for name in ("bypass", "memory")]
        standing = tuple([(n, what) for n, what in found["standing"] if n in known and what in STANDING])
        cause = found["cause"] if found["cause"] in known else None
        sane = (
            found["phase"] in PHASES
            and found["mode"] in MODES
            and (found["phase"] == "off") == (found["mode"] == "off")
            and type(found["wrong"]) is int
            and found["wrong"] >= 0
            and (found["day"] is None or type(found["day"]) is int)
        )
    except (KeyError, TypeError, ValueError):
        return None
    if not sane:
        return None
    return {
        "phase": found["phase"],
        "mode": found["mode"],
        "bypass": bypass,
        "memory": memory,
        "standing": standing,
        "cause": cause,
        "wrong": found["wrong"],
        "day": found["day"],
        "missed": found.get("missed") is True,
    }
