"""settings.json: how this bell is fitted and how it behaves. Who it is stands in config.json, see `config`. Pure.

    read_all(found, kind)   (Settings, errors): each wrong value is named, and its safe default is used in its place
    merged(found, changes)  the settings (dict) with the changes of a `configure` command

A bell whose settings are broken still alarms: nothing here raises for what a file says.
"""

from collections import namedtuple

from bellnode import boards, patterns, power
from bellnode.brokers import read_brokers, read_wifi
from bellnode.loan import hold

SELDOM = "settings"  # see `loan`

FILE_BYTES_MAX = 8192  # the largest sensible file, 16 zones and 8 networks, is under 4 kB
SIREN_S_MAX = 900  # neighbours stop listening long before; a command sounds it no longer either
CANCEL_MS_MAX = 5000  # longer, and help is late
OUTPUTS = ("sounder", "strobe", "siren")
SUPPLY = ("mains", "battery")
INPUTS = ("case", "wall", "zone1", "zone2", "zone3", "zone4")
SEOUL_MIN = 540  # minutes east of Greenwich; Korea has no summer time

# brokers, wifi: tuples, or None: what the enrolment file says. zones: tuple of contacts.Zone; inputs: their places on
# the board, in the same order. home: homeset's settings, None on another kind. power: power's. night: (from, to) hours.
FIELDS = (
    "board",
    "silent",  # the lamp is discreet, nothing sounds
    "press",  # name of a rule of patterns
    "cancel_ms",
    "keypad",  # is there one
    "outputs",  # what is wired
    "supply",  # what is watched: mains, battery
    "siren_s",
    "zones",
    "inputs",
    "home",
    "power",
    "night",
    "utc_offset_min",
    "selftest_hour",
    "brokers",
    "wifi",
)
Settings = namedtuple("Settings", FIELDS)

# A pendant's wearer may be watched; a bell without a wire to it drives no siren, so all three may stay on.
_OUTPUTS_OF = {"store-bell": OUTPUTS, "home-set": OUTPUTS, "pendant": ()}


def _whole(low, high, default):
    def read(value, kind):
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, for example {default}")
        return value

    return read


def _board(value, kind):
    if not isinstance(value, str) or value not in boards.BOARDS:
        raise ValueError("must be one of " + ", ".join(sorted(boards.BOARDS)))
    return value


def _yes_or_no(value, kind):
    if value is not True and value is not False:
        raise ValueError("must be true or false")
    return value


def _press(value, kind):
    if not isinstance(value, str) or value not in patterns.RULES:
        raise ValueError("must be one of " + ", ".join(sorted(patterns.RULES)))
    if value == "fine" and kind != "home-set":
        raise ValueError("is for a home-set, which alone expects a sign of life")
    return value


def _wired(choices):
    def read(value, kind):
        if not isinstance(value, list) or [name for name in value if name not in choices]:
            raise ValueError("must be a list of what is wired, from " + ", ".join(choices))
        return tuple(value)

    return read


def _night(value, kind):
    whole = isinstance(value, list) and len(value) == 2
    if not whole or [hour for hour in value if type(hour) is not int or not 0 <= hour <= 23]:
        raise ValueError(
            "must be two hours from 0 to 23, for example [22, 7]; leave it out for a lamp of one brightness"
        )
    return tuple(value)


def _zones(value, kind):
    """(zones, inputs)"""
    if not isinstance(value, list):
        raise ValueError("must be a list of zones")
    if not value:
        return (), ()
    inputs = []
    plain = []
    for item in value:
        if not isinstance(item, dict) or item.get("input") not in INPUTS or item["input"] in inputs:
            raise ValueError("each zone needs an input of its own, one of " + ", ".join(INPUTS))
        inputs.append(item["input"])
        plain.append({name: item[name] for name in item if name != "input"})
    return hold("contacts").parse(plain), tuple(inputs)


def _power(value, kind):
    return power.parse(value)


# key: (check, what a message may show of the value). A secret is never shown: the message may go over the wire.
_READ = {
    "board": (_board, True),
    "silent": (_yes_or_no, True),
    "press": (_press, True),
    "cancel_ms": (_whole(0, CANCEL_MS_MAX, 0), True),
    "keypad": (_yes_or_no, True),
    "outputs": (_wired(OUTPUTS), True),
    "supply": (_wired(SUPPLY), True),
    "siren_s": (_whole(0, SIREN_S_MAX, 180), True),
    "zones": (_zones, False),
    "home": (None, False),
    "power": (_power, True),
    "night": (_night, True),
    "utc_offset_min": (_whole(-720, 840, SEOUL_MIN), True),
    "selftest_hour": (_whole(0, 23, 4), True),
    "brokers": (read_brokers, False),
    "wifi": (read_wifi, False),
}
KEYS = tuple(_READ)


def _home(value, zones):
    return hold("homeset").parse(value, zones)


def defaults(kind):
    """What is not said: {key: value as in Settings}."""
    return {
        "board": None,
        "silent": kind == "pendant",
        "press": None,
        "cancel_ms": 0,
        "keypad": kind == "home-set",
        "outputs": _OUTPUTS_OF[kind],
        "supply": (),
        "siren_s": 180,
        "zones": (),
        "inputs": (),
        "home": None,
        "power": power.parse({}),
        "night": None,
        "utc_offset_min": SEOUL_MIN,
        "selftest_hour": 4,
        "brokers": None,
        "wifi": None,
    }


def _wrong(key, value, show, why):
    shown = f" is {value!r};"[:60] if show else ""
    why = str(why)
    return f'"{key}"{shown} {why}' + ("" if why.endswith(".") else ".") + " Correct it or take it out."


def read_all(found, kind, silent=None):
    """(Settings, errors) of a dict from JSON. errors: a list of texts; empty if every value is good.

    kind: of the bell. silent: what the enrolment file says, or None; the settings win.
    """
    taken = defaults(kind)
    if silent is not None:
        taken["silent"] = silent
    errors = []
    if not isinstance(found, dict):
        errors.append("is not a JSON object. Write {} for a bell with every setting at its default.")
        found = {}
    for key in found:
        if key != "v" and key not in _READ:
            errors.append(f'"{key}" is no setting of this firmware. Correct it or take it out.')
    if found.get("v", 1) != 1:
        errors.append(f'"v" is {found["v"]!r}; this firmware reads version 1. Write 1.')
    for key in KEYS:
        if key not in found or key == "home":
            continue
        check, show = _READ[key]
        try:
            value = check(found[key], kind)
        except (ValueError, TypeError, KeyError) as why:
            errors.append(_wrong(key, found[key], show, why))
            continue
        if key == "zones":
            taken["zones"], taken["inputs"] = value
        else:
            taken[key] = value
    if kind == "home-set":
        try:
            taken["home"] = _home(found.get("home", {}), taken["zones"])
        except (ValueError, TypeError, KeyError) as why:
            errors.append(_wrong("home", None, False, why))
            taken["home"] = _home({}, taken["zones"])
    elif "home" in found:
        errors.append('"home" belongs to a home-set, and this bell is a ' + kind + ". Take it out.")
    if taken["press"] is None:
        taken["press"] = "silent" if taken["silent"] else patterns.DEFAULT[kind]
    if taken["cancel_ms"] and not taken["keypad"]:
        errors.append('"cancel_ms" needs a keypad: a second press is no cancel. Write 0, or "keypad": true.')
        taken["cancel_ms"] = 0
    if taken["silent"] and taken["cancel_ms"]:
        errors.append('"cancel_ms" is not for a silent bell: its lamp could not show the window. Write 0.')
        taken["cancel_ms"] = 0
    return Settings(*[taken[key] for key in FIELDS]), errors


def safe(settled):
    """The Settings of safe mode: what a button, an alarm and a link need, and nothing else."""
    bare = read_all({}, "store-bell")[0]
    kept = ("board", "silent", "press", "outputs", "siren_s", "brokers", "wifi")
    return Settings(*[getattr(settled if name in kept else bare, name) for name in FIELDS])


def merged(found, changes):
    """The settings (dict) after `changes` (dict): null takes a key out, that is, back to its default."""
    after = {key: found[key] for key in found} if isinstance(found, dict) else {}
    for key in changes:
        if changes[key] is None:
            after.pop(key, None)
        else:
            after[key] = changes[key]
    after["v"] = 1
    return after
