"""What an alarm receiving centre is told: the SIA DC-03 code of each event, new and over.

A test has codes of its own and can never become an alarm: its row holds nothing else.
"""

from collections.abc import Mapping

from bellgate.core.frozen import frozen

SIGNAL, INCIDENT, TROUBLE = "ansimbell.signal", "ansimbell.incident", "ansimbell.trouble"


@frozen
class Pair:
    """new: it happens. over: it is over, None if there is nothing to take back.

    trigger: DC-09's letter for what set it off, M by hand, C contact, S sensor, or None. closes: a person's closing of
    the incident ends it, because the device itself never says so (a button has no end; an open door has).
    """

    new: str
    over: str | None = None
    trigger: str | None = None
    closes: bool = False


# What bells say (`what` in the protocol). The rest of the wire's words are troubles, below.
EVENTS: dict[str, Pair] = {
    "panic": Pair("PA", "PH", "M", closes=True),
    "holdup": Pair("HA", "HH", "M", closes=True),
    "duress": Pair("HA", "HH", "M", closes=True),
    "medical": Pair("MA", "MR", "M", closes=True),
    "checkin_missed": Pair("MA", "MR", closes=True),
    "intrusion": Pair("BA", "BR", "S"),
    "contact": Pair("BA", "BR", "C"),
    "tamper": Pair("TA", "TR", "C"),
    "test": Pair("RX", trigger="M"),
    "cancel": Pair("OC", trigger="M"),
}
SELF_TEST = Pair("RP")  # "test" that no hand did: an answer to a command, a self-test
INTRUSION_CANCEL = "BC"  # a cancel of an intrusion, where OC is for everything else

# Kinds of trouble that a receiving centre has a code for; the others are for the operator alone.
TROUBLES: dict[str, Pair] = {
    "bell_missing": Pair("UY", "UJ"),
    "bell_battery": Pair("XT", "XR"),
    "bell_mains": Pair("AT", "AR"),
    "gateway_tamper": Pair("TA", "TR"),
    "gateway_battery": Pair("YT", "YR"),
    "gateway_mains": Pair("AT", "AR"),
    "broker_down": Pair("YC", "YK"),
    "not_listening": Pair("YC", "YK"),
    "target_failing": Pair("YC", "YK"),
    "receiver_silent": Pair("YC", "YK"),
}

TEST_CODES = frozenset({"RX", "RP"})
_CANCELS = frozenset({EVENTS["cancel"].new, INTRUSION_CANCEL})
# What takes something back: none of them may arrive before what it takes back.
OVER = _CANCELS | {row.over for row in (*EVENTS.values(), *TROUBLES.values()) if row.over is not None}


def pair(type_: str, what: str, info: Mapping[str, object] | None = None) -> Pair | None:
    """The row for a message's subject, or None if a receiving centre has no word for it."""
    if type_ == TROUBLE:
        return TROUBLES.get(what)
    if what == "test" and info is not None and "input" not in info:
        return SELF_TEST
    return EVENTS.get(what)


def code(
    type_: str, what: str, change: str, info: Mapping[str, object] | None = None, incident: str | None = None
) -> str | None:
    """The code to send, or None if this message is none of a receiving centre's business.

    what: of the event, of the incident, or the kind of trouble. change: "alarm" or "restore" of a signal; the change of
    handling of an incident; "raised" or "cleared" of a trouble. incident: what the signal's incident is about.
    """
    row = pair(type_, what, info)
    if row is None:
        return None
    if type_ == SIGNAL:
        if what == "cancel" and incident == "intrusion":
            return INTRUSION_CANCEL
        return row.new if change == "alarm" else row.over
    if type_ == TROUBLE:
        return row.new if change == "raised" else row.over
    if change == "unacknowledged":
        return row.new
    return row.over if change == "close" and row.closes else None
