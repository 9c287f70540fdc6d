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

WHATS = (
    "panic",
    "holdup",
    "duress",
    "medical",
    "intrusion",
    "tamper",
    "contact",
    "checkin_missed",
    "mains",
    "battery",
    "fault",
    "test",
    "cancel",
)
# A stage never falls; "refused" stands outside the climb.
STAGES = ("stored", "presented", "acknowledged", "dispatched", "closed")
KINDS = ("store-bell", "home-set", "pendant")
COMMANDS = ("identify", "selftest", "silence", "resend", "configure", "update")


class WireError(Exception):
    """A payload that is not the format. `fault` is a short stable code for counters; str() says what and why."""

    def __init__(self, fault, why):
        super().__init__("{}: {}".format(fault, why))
        self.fault = fault
        self.why = why


def _integer(low, high):
    def check_integer(value):
        if type(value) is not int or not low <= value <= high:
            return "must be an integer from {} to {}".format(low, high)

    return check_integer


def _integer_or_null(value):
    if value is not None:
        return _integer(0, MAX_INT)(value)


def _hex16(value):
    if type(value) is not str or len(value) != 16:
        return "must be 16 lowercase hex characters"
    for char in value:
        if char not in "0123456789abcdef":
            return "must be 16 lowercase hex characters"


def _one_of(*choices):
    def check_choice(value):
        if type(value) is not str or value not in choices:
            return "must be one of " + ", ".join(choices)

    return check_choice


def _bool(value):
    if value is not True and value is not False:
        return "must be true or false"


def _text(limit):
    def check_text(value):
        if type(value) is not str or not 1 <= len(value) <= limit:
            return "must be text of 1 to {} characters".format(limit)
        return _half_character(value)

    return check_text


def _half_character(text):
    # A lone surrogate passes a JSON reader but cannot be written as UTF-8 again: it would break whoever stores it.
    for char in text:
        if 0xD800 <= ord(char) <= 0xDFFF:
            return "holds half a character (a lone surrogate)"


def _faults(value):
    if type(value) is not list or len(value) > MAX_FAULTS:
        return "must be an array of at most {} names".format(MAX_FAULTS)
    for name in value:
        why = _text(MAX_TEXT_CHARS)(name)
        if why:
            return why


def _is_scalar(value):
    if value is None or value is True or value is False:
        return True
    if type(value) is int:
        return -MAX_INT <= value <= MAX_INT
    if type(value) is float:  # heard from other makers' bells; ours never send one (see codec)
        return -MAX_INT <= value <= MAX_INT  # false for NaN too
    return type(value) is str and len(value) <= MAX_INFO_CHARS and not _half_character(value)


def _scalars(value):
    if not isinstance(value, dict) or len(value) > MAX_INFO_VALUES:
        return "must be an object of at most {} short values".format(MAX_INFO_VALUES)
    for name in value:
        if _text(MAX_INFO_CHARS)(name) or not _is_scalar(value[name]):
            return "must hold only text of at most {} characters, numbers, true, false or null".format(MAX_INFO_CHARS)


def _object(value):
    # The payload's limit bounds it; what a command takes is checked by the command.
    if not isinstance(value, dict):
        return "must be an object"


_COUNT = _integer(0, MAX_INT)
_FROM_ONE = _integer(1, MAX_INT)

# type: ((key, check, required), …) in the order in which they are written. `check` returns None or what is wrong.
FIELDS = {
    "event": (
        ("boot", _hex16, True),
        ("seq", _FROM_ONE, True),
        ("what", _one_of(*WHATS), True),
        ("state", _one_of("alarm", "restore"), True),
        ("age_ms", _integer_or_null, True),
        ("zone", _integer(1, MAX_ZONE), False),
        ("t_ms", _COUNT, False),
        ("t_err_ms", _COUNT, False),
        ("try", _COUNT, False),
        ("info", _scalars, False),
    ),
    "heartbeat": (
        ("boot", _hex16, True),
        ("seq", _COUNT, True),
        ("n", _FROM_ONE, True),
        ("up_s", _COUNT, True),
        ("pending", _COUNT, True),
        ("kind", _one_of(*KINDS), True),
        ("fw", _text(MAX_TEXT_CHARS), True),
        ("rssi", _integer(-200, 100), False),
        ("mains", _bool, False),
        ("bat_mv", _COUNT, False),
        ("heap", _COUNT, False),
        ("crash", _COUNT, False),
        ("armed", _one_of("off", "home", "away"), False),
        ("faults", _faults, False),
    ),
    "status": (
        ("state", _one_of("online", "offline"), True),
        ("boot", _hex16, True),
    ),
    "receipt": (
        ("boot", _hex16, True),
        ("seq", _FROM_ONE, True),
        ("stage", _one_of(*(STAGES + ("refused",))), True),
        ("now_ms", _COUNT, True),
        ("reason", _text(MAX_REASON_CHARS), False),
    ),
    "command": (
        ("id", _hex16, True),
        ("name", _one_of(*COMMANDS), True),
        ("now_ms", _COUNT, True),
        ("ttl_s", _COUNT, True),
        ("args", _object, False),
    ),
}

# Which type travels on which leaf of the topic.
TYPES_BY_LEAF = {"up": ("event", "heartbeat"), "status": ("status",), "down": ("receipt", "command")}


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
    if type(kind) is not str or kind not in TYPES_BY_LEAF[leaf]:
        raise WireError("type", "{} does not travel on .../{}".format(_said(kind), leaf))
    for name, test, required in FIELDS[kind]:
        if name not in message:
            if required:
                raise WireError(name, "is missing")
            continue
        why = test(message[name])
        if why:
            raise WireError(name, why)
    if "k" in message:
        why = _integer(0, MAX_KEY_NUMBER)(message["k"])
        if why:
            raise WireError("k", why)


def identity_fault(message):
    """None if a well sealed dict at least says which event it is (type, boot, seq): then it can be answered."""
    if message.get("type") != "event":
        return "type"
    for name, test, _ in FIELDS["event"][:2]:  # boot, seq
        if name not in message or test(message[name]):
            return name
    return None
