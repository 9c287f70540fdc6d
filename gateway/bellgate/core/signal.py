"""A signal: what a device says, as the gateway understands it.

The bell states an interval; the gateway stamps the moment, with its uncertainty and where it came from. An odd
signal (late, untimed) is flagged and never dropped.
"""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from bellgate.core.frozen import frozen

# What an event means. priority orders the console and never suppresses; opens: makes an incident if none is open;
# silent: the premises must not betray it; trouble: goes to the operator's list, not to the alarms.


@frozen
class Meaning:
    """How one kind of event is treated."""

    priority: int
    opens: bool = False
    silent: bool = False
    trouble: bool = False


MEANINGS: dict[str, Meaning] = {
    "duress": Meaning(100, opens=True, silent=True),
    "holdup": Meaning(90, opens=True, silent=True),
    "panic": Meaning(80, opens=True),
    "medical": Meaning(80, opens=True),
    "intrusion": Meaning(60, opens=True),
    "checkin_missed": Meaning(50, opens=True),
    "tamper": Meaning(40, opens=True),
    "cancel": Meaning(0),
    "contact": Meaning(0),
    "test": Meaning(0, opens=True),
    "mains": Meaning(0, trouble=True),
    "battery": Meaning(0, trouble=True),
    "fault": Meaning(0, trouble=True),
}

# An alarm that took longer than this from the press is marked late for the dispatcher: the presser may have moved on.
LATE_AFTER_MS = 60_000
# Time on the wire from the bell's statement of age to our clock, when nothing waited on the way.
TRANSIT_ERR_MS = 2_000


@frozen
class Moment:
    """When something happened: Unix ms, ± ms, and the source "bell", "age" or "received".

    err_ms None: the real moment may lie any time before at_ms (it happened before the bell's restart).
    """

    at_ms: int
    err_ms: int | None
    source: str


@frozen
class Signal:
    """One event of one bell. (bell_id, boot, seq) is its identity; number is the gateway's receipt number."""

    bell_id: str
    site: str
    boot: str
    seq: int
    what: str
    state: str
    zone: int | None
    age_ms: int | None
    attempt: int
    info: Mapping[str, Any]
    received_ms: int
    occurred: Moment
    late: bool
    clock_unsure: bool
    number: int = 0

    def numbered(self, number: int) -> "Signal":
        """With the receipt number that the store gave it."""
        return Signal(*(*_given(self), number))

    @property
    def test(self) -> bool:
        """True if it must never reach the police."""
        return self.what == "test"

    @property
    def meaning(self) -> Meaning:
        """How this kind of event is treated."""
        return MEANINGS[self.what]


# Quicker than dataclasses.replace, and every press needs it.
_given = attrgetter(*[field.name for field in fields(Signal) if field.name != "number"])


def read_event(
    event: Mapping[str, Any], site: str, bell_id: str, received_ms: int, waited_ms: int, clock_unsure: bool
) -> Signal:
    """The signal in a checked wire event.

    waited_ms: how long the message may have lain in the broker unseen (0 while the gateway was listening all the
    time); it widens the uncertainty, because a bell's age counts only up to its send.
    clock_unsure: the gateway's own clock is not known to be synchronised.
    """
    age_ms: int | None = event["age_ms"]
    if "t_ms" in event and "t_err_ms" in event:
        occurred = Moment(event["t_ms"], event["t_err_ms"], "bell")
    elif age_ms is not None:
        occurred = Moment(received_ms - age_ms, TRANSIT_ERR_MS + waited_ms, "age")
    else:
        occurred = Moment(received_ms, None, "received")
    return Signal(
        bell_id=bell_id,
        site=site,
        boot=event["boot"],
        seq=event["seq"],
        what=event["what"],
        state=event["state"],
        zone=event.get("zone"),
        age_ms=age_ms,
        attempt=event.get("try", 0),
        info=event.get("info", {}),
        received_ms=received_ms,
        occurred=occurred,
        late=age_ms is None or age_ms + waited_ms > LATE_AFTER_MS,
        clock_unsure=clock_unsure,
    )
