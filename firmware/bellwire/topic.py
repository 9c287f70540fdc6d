"""Names and topics: bells/<site>/<bell_id>/{up,down,status}."""

from collections import namedtuple

from .message import ROOM, WireError

# A name has to fit a certificate's common name (64) and a NATS subject token, and be typed on a ladder.
NAME_CHARS_MAX = 32

LEAVES = ("up", "down", "status")

_NAME_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"

Topic = namedtuple("Topic", ("site", "bell_id", "leaf"))

# What was parsed, where there is room for it: a gateway meets the same topics all day, but a status only with a link.
# As many as a large district has bells, with two topics each.
TOPICS_MAX = 8192
_kept = {}


def valid_name(name):
    """True for 1 to 32 of a-z 0-9 -, not starting or ending with a hyphen."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX:
        return False
    return not (name.startswith("-") or name.endswith("-") or name.strip(_NAME_CHARS))


def join(site, bell_id, leaf):
    """The topic text. Raises ValueError for a name or leaf that the format does not have."""
    if not valid_name(site) or not valid_name(bell_id):
        raise ValueError("site and bell_id are 1 to 32 of a-z 0-9 - : {!r}, {!r}".format(site, bell_id))
    if leaf not in LEAVES:
        raise ValueError("a topic ends in one of {}: {!r}".format(", ".join(LEAVES), leaf))
    return "bells/{}/{}/{}".format(site, bell_id, leaf)


def parse(topic):
    """Topic(site, bell_id, leaf) of a topic text. Raises WireError for anything else."""
    if type(topic) is str and topic in _kept:
        return _kept[topic]
    parts = topic.split("/") if isinstance(topic, str) else ()
    if (
        len(parts) != 4
        or parts[0] != "bells"
        or not valid_name(parts[1])
        or not valid_name(parts[2])
        or parts[3] not in LEAVES
    ):
        raise WireError("topic", "is not bells/<site>/<bell_id>/<up|down|status>")
    parsed = Topic(parts[1], parts[2], parts[3])
    if ROOM and parsed.leaf != "status":
        if len(_kept) >= TOPICS_MAX:
            _kept.clear()
        _kept[topic] = parsed
    return parsed
