"""What the gateway may ask of a bell: whether a command is to be run, and what it is answered. Pure."""

from collections import namedtuple

REMEMBERED_MAX = 4  # identifiers that share the newest moment; older ones are refused by their moment

# now_ms: the gateway's moment of the newest command that ran, or -1. ids: those that ran at that moment.
Ran = namedtuple("Ran", ("now_ms", "ids"))

NONE = Ran(-1, ())


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


def answer(message, silent, pending, button, faults):
    """(what, info, act): the event that answers, and what the bell does: "identify", "resend" or None."""
    name = message["name"]
    info = {"id": message["id"], "name": name}
    if name == "identify" and silent:
        info["reason"] = "a silent bell does not show itself"
        return "fault", info, None
    if name == "identify":
        return "test", info, "identify"
    if name == "selftest":
        info["button"] = button
        info["pending"] = pending
        info["faults"] = ",".join(faults)[:100]
        return "test", info, None
    if name == "resend":
        info["pending"] = pending
        return "test", info, "resend"
    info["reason"] = "not supported by this firmware"
    return "fault", info, None
