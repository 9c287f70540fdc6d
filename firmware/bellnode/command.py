"""Whether a command of the gateway is to be run: each once, in order, in time, over restarts too. Pure.

What a command does is in `orders`.
"""

from collections import namedtuple

from bellnode.loan import seldom

REMEMBERED_MAX = 4  # identifiers that share the newest moment; older ones are refused by their moment

# now_ms: the gateway's moment of the newest command that ran, or -1. ids: those that ran at that moment.
Ran = namedtuple("Ran", ("now_ms", "ids"))

NONE = Ran(-1, ())


@seldom("orders")
def judge(ran, message, gateway_ms):
    """(ran, why): why is None if the command has to be run now, else the reason for ignoring it.

    gateway_ms: the gateway's time as we know it, or None: then no command can be too old, except by another one.
    """
    if message["now_ms"] < ran.now_ms:
        return ran, "older than one that ran"
    if message["id"] in ran.ids:
        return ran, "ran already"
    if gateway_ms is not None and gateway_ms > message["now_ms"] + message["ttl_s"] * 1000:
        return ran, "past its time"
    ids = ran.ids if message["now_ms"] == ran.now_ms else ()
    return Ran(message["now_ms"], (ids + (message["id"],))[-REMEMBERED_MAX:]), None


def record(ran):
    """What is remembered over a restart: (JSON value)."""
    return [ran.now_ms, list(ran.ids)]


@seldom("start")
def remembered(value):
    """The Ran in what `record` gave; NONE for anything else."""
    if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int or not isinstance(value[1], list):
        return NONE
    return Ran(value[0], tuple([name for name in value[1] if isinstance(name, str)][-REMEMBERED_MAX:]))
