"""What may be said: one table of fields per message type, and the check that reads it.

    WireError(Exception)    the peer sent something that is not the format: refuse, count, go on
    ValueError              we were about to send something that is not the format: our own bug

A message is a dict with the keys of the format: {"v": 1, "type": "event", "boot": …}.
"""

MAX_INT = 9007199254740991  # 2^53-1: the largest integer that every JSON reader keeps exactly
MAX_PAYLOAD_BYTES = 1024  # one MQTT packet in one TCP segment, and a buffer that a small heap can always find
MAX_KEY_NUMBER = 255
MAX_ZONE = 64
MAX_INFO_VALUES = 8
MAX_INFO_CHARS = 128  # "short"; the payload's limit bounds the eight of them together
MAX_FAULTS = 8
MAX_TEXT_CHARS = 64
MAX_REASON_CHARS = 200

# type: its keys in the order in which they are written, each with what its value has to be; "?": it may be missing. One
# text, because a text stays in a bell's flash, and a table of tuples lies in its heap.
#
#     hex          16 lowercase hex characters        1..64, 1..  an integer in these bounds, or up to MAX_INT
#     bool         true or false                      0..null     the same, or null
#     text64       text of 1 to so many characters    a|b         one of these texts
#     names        an array of short texts            scalars     an object of a few short values
#     object       any object
_SPEC = {
    "event": "boot=hex seq=1.. what=panic|holdup|duress|medical|intrusion|tamper|contact|checkin_missed|mains|battery|"
    "fault|test|cancel state=alarm|restore age_ms=0..null zone?=1..64 t_ms?=0.. t_err_ms?=0.. try?=0.. info?=scalars",
    "heartbeat": "boot=hex seq=0.. n=1.. up_s=0.. pending=0.. kind=store-bell|home-set|pendant fw=text64 "
    "rssi?=-200..100 mains?=bool bat_mv?=0.. heap?=0.. crash?=0.. armed?=off|home|away faults?=names",
    "status": "state=online|offline boot=hex",
    "receipt": "boot=hex seq=1.. stage=stored|presented|acknowledged|dispatched|closed|refused now_ms=0.. "
    "reason?=text200",
    "command": "id=hex name=identify|selftest|silence|resend|configure|update now_ms=0.. ttl_s=0.. args?=object",
}


def spec(kind):
    """["key=rule" or "key?=rule"] of a type, in the order in which they are written."""
    return _SPEC[kind].split(" ")


def fields(kind):
    """((key, rule, required), …) of a type."""
    return tuple([(item.split("=")[0].rstrip("?"), item.split("=")[1], "?" not in item) for item in spec(kind)])


def choices(kind, name):
    """The texts that a key may have."""
    rules = {key: rule for key, rule, _ in fields(kind)}
    return tuple(rules[name].split("|"))


FIELDS = {kind: fields(kind) for kind in _SPEC}
WHATS = choices("event", "what")
# A stage never falls; "refused" stands outside the climb.
STAGES = choices("receipt", "stage")[:-1]
KINDS = choices("heartbeat", "kind")
COMMANDS = choices("command", "name")


class WireError(Exception):
    """A payload that is not the format. `fault` is a short stable code for counters; str() says what and why."""

    def __init__(self, fault, why):
        super().__init__("{}: {}".format(fault, why))
        self.fault = fault
        self.why = why


# CPython keeps what it has parsed of `_SPEC`. A bell has no room for that, and checks a few messages a minute.
ROOM = hasattr(str, "casefold")
_kept = {}


def rows(kind):
    """Of each key of a type, in the order in which they are written: (key, required, test, low, high), for `_judge`."""
    if kind in _kept:
        return _kept[kind]
    found = map(_row, spec(kind))
    if ROOM:
        found = _kept[kind] = tuple(found)
    return found


def _row(item):
    name, rule = item.split("=")
    return (name.rstrip("?"), not name.endswith("?")) + _parsed(rule)


def _parsed(rule):
    """A rule of `_SPEC` as (test, low, high): its name, and what it compares with."""
    if ".." in rule:
        low, high = rule.split("..")
        if high == "null":
            return "null", int(low), MAX_INT
        return "int", int(low), int(high or MAX_INT)
    if rule[:4] == "text":
        return "text", 1, int(rule[4:])
    if "|" in rule:
        return "choice", rule.split("|"), None
    return rule, None, None


def _wrong(rule, value):
    """None, or what is wrong with a value under a rule of `_SPEC`."""
    return _judge(value, *_parsed(rule))


def _judge(value, test, low, high):
    if test == "null" and value is None:
        return None
    if test == "int" or test == "null":
        if type(value) is not int or not low <= value <= high:
            return "must be an integer from {} to {}".format(low, high)
    elif test == "hex":
        if type(value) is not str or len(value) != 16 or value.strip("0123456789abcdef"):
            return "must be 16 lowercase hex characters"
    elif test == "choice":
        if type(value) is not str or value not in low:
            return "must be one of " + ", ".join(low)
    elif test == "bool":
        if value is not True and value is not False:
            return "must be true or false"
    elif test == "text":
        if type(value) is not str or not low <= len(value) <= high:
            return "must be text of 1 to {} characters".format(high)
        return _half_character(value)
    elif test == "names":
        if type(value) is not list or len(value) > MAX_FAULTS:
            return "must be an array of at most {} names".format(MAX_FAULTS)
        for name in value:
            why = _wrong("text64", name)
            if why:
                return why
    elif test == "scalars":
        if not isinstance(value, dict) or len(value) > MAX_INFO_VALUES:
            return "must be an object of at most {} short values".format(MAX_INFO_VALUES)
        for name in value:
            if _wrong("text128", name) or not _is_scalar(value[name]):
                return "must hold only text of at most {} characters, numbers, true, false or null".format(
                    MAX_INFO_CHARS
                )
    elif not isinstance(value, dict):  # an object: the payload's limit bounds it, and a command checks what it takes
        return "must be an object"
    return None


def _half_character(text):
    # A lone surrogate passes a JSON reader but cannot be written as UTF-8 again: it would break whoever stores it.
    try:
        data = text.encode()
    except ValueError:  # CPython; MicroPython writes it down as the bytes that it would have
        return "holds half a character (a lone surrogate)"
    at = data.find(b"\xed")
    while at >= 0:
        if data[at + 1] >= 0xA0:
            return "holds half a character (a lone surrogate)"
        at = data.find(b"\xed", at + 1)
    return None


def _is_scalar(value):
    if value is None or value is True or value is False:
        return True
    if type(value) is int:
        return -MAX_INT <= value <= MAX_INT
    if type(value) is float:  # heard from other makers' bells; ours never send one (see codec)
        return -MAX_INT <= value <= MAX_INT  # false for NaN too
    return type(value) is str and len(value) <= MAX_INFO_CHARS and not _half_character(value)


def _travels(leaf):
    if leaf == "up":
        return ("event", "heartbeat")
    return ("status",) if leaf == "status" else ("receipt", "command")


# Which type travels on which leaf of the topic.
TYPES_BY_LEAF = {leaf: _travels(leaf) for leaf in ("up", "status", "down")}


def _said(value):
    # Never the repr of what a peer may have nested 400 deep: on a bell that overruns the stack.
    return repr(value)[:40] if value is None or type(value) in (int, str) else "a " + type(value).__name__


def check(message, leaf):
    """Check a decoded message against the table; `leaf` is "up", "down" or "status". Raises WireError.

    Unknown keys are ignored, so that an old gateway understands a new bell.
    """
    if type(message.get("v")) is not int or message["v"] != 1:
        raise WireError("v", "this is version 1 of the format, the message says {}".format(_said(message.get("v"))))
    kind = message.get("type")
    if type(kind) is not str or kind not in _travels(leaf):
        raise WireError("type", "{} does not travel on .../{}".format(_said(kind), leaf))
    for name, required, test, low, high in rows(kind):
        if name in message:
            why = _judge(message[name], test, low, high)
            if why:
                raise WireError(name, why)
        elif required:
            raise WireError(name, "is missing")
    if "k" in message:
        why = _wrong("0..255", message["k"])  # MAX_KEY_NUMBER
        if why:
            raise WireError("k", why)


def identity_fault(message):
    """None if a well sealed dict at least says which event it is (type, boot, seq): then it can be answered."""
    if message.get("type") != "event":
        return "type"
    for name, rule in (("boot", "hex"), ("seq", "1..")):
        if name not in message or _wrong(rule, message[name]):
            return name
    return None
