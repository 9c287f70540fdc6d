"""An incident: what people do about the signals of one bell or one home. The table is the machine.

Only a listed transition happens; anything else raises `NotAllowed` and changes nothing. The stage that the bell
hears never falls, even when the handling does (an expired acknowledgement, a reopened case). What each input does is
in `handling`.
"""

from operator import attrgetter
from typing import Any

from bellgate.core.frozen import frozen
from bellgate.core.signal import Signal

HANDLING = (
    "received",
    "presented",
    "acknowledged",
    "dispatched",
    "en_route",
    "on_scene",
    "cleared",
    "closed",
)

# (handling, action): handling afterwards. Docs draw their diagram from this table.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("received", "present"): "presented",
    ("presented", "present"): "presented",
    ("acknowledged", "present"): "acknowledged",
    ("dispatched", "present"): "dispatched",
    ("en_route", "present"): "en_route",
    ("on_scene", "present"): "on_scene",
    ("cleared", "present"): "cleared",
    ("received", "acknowledge"): "acknowledged",
    ("presented", "acknowledge"): "acknowledged",
    ("acknowledged", "acknowledge"): "acknowledged",  # the holder again: renews the lease, covers newer presses
    ("dispatched", "acknowledge"): "dispatched",
    ("en_route", "acknowledge"): "en_route",
    ("on_scene", "acknowledge"): "on_scene",
    ("cleared", "acknowledge"): "cleared",
    ("received", "dispatch"): "dispatched",  # whoever sends help has seen the alarm
    ("presented", "dispatch"): "dispatched",
    ("acknowledged", "dispatch"): "dispatched",
    ("dispatched", "en_route"): "en_route",
    ("dispatched", "on_scene"): "on_scene",
    ("en_route", "on_scene"): "on_scene",
    ("dispatched", "clear"): "cleared",
    ("en_route", "clear"): "cleared",
    ("on_scene", "clear"): "cleared",
    ("received", "close"): "closed",
    ("presented", "close"): "closed",
    ("acknowledged", "close"): "closed",
    ("dispatched", "close"): "closed",
    ("en_route", "close"): "closed",
    ("on_scene", "close"): "closed",
    ("cleared", "close"): "closed",
    ("received", "merge"): "closed",  # the same emergency as another incident, which goes on
    ("presented", "merge"): "closed",
    ("acknowledged", "merge"): "closed",
    ("dispatched", "merge"): "closed",
    ("en_route", "merge"): "closed",
    ("on_scene", "merge"): "closed",
    ("cleared", "merge"): "closed",
    ("received", "absorb"): "received",  # the other one of the two
    ("presented", "absorb"): "presented",
    ("acknowledged", "absorb"): "acknowledged",
    ("dispatched", "absorb"): "dispatched",
    ("en_route", "absorb"): "en_route",
    ("on_scene", "absorb"): "on_scene",
    ("cleared", "absorb"): "cleared",
    ("acknowledged", "expire"): "presented",
    ("closed", "reopen"): "acknowledged",
    ("received", "note"): "received",
    ("presented", "note"): "presented",
    ("acknowledged", "note"): "acknowledged",
    ("dispatched", "note"): "dispatched",
    ("en_route", "note"): "en_route",
    ("on_scene", "note"): "on_scene",
    ("cleared", "note"): "cleared",
    ("closed", "note"): "closed",
    ("acknowledged", "handoff"): "acknowledged",
    ("dispatched", "handoff"): "dispatched",
    ("en_route", "handoff"): "en_route",
    ("on_scene", "handoff"): "on_scene",
    ("cleared", "handoff"): "cleared",
}

# What the bell is told while the handling stands there.
STAGE_OF: dict[str, str] = {
    "received": "stored",
    "presented": "presented",
    "acknowledged": "acknowledged",
    "dispatched": "dispatched",
    "en_route": "dispatched",
    "on_scene": "dispatched",
    "cleared": "dispatched",
    "closed": "closed",
}

DISPOSITIONS = ("genuine", "accidental", "prank", "device_fault", "test", "duplicate", "nobody_found")

# An acknowledgement without dispatch is a promise to act; after this it counts as forgotten and sounds again.
LEASE_MS = 180_000
# Each further press raises the priority by one, so that among equals the one that presses on comes first; at most by
# so much, because a heavier kind (ten higher) must stay above it.
REPEATS_COUNTED = 9


@frozen
class Incident:
    """One case. `version` rises with every signal and every command, so that nobody decides on an old picture.

    folds_by: new signals under this key join it while it is open. tampered: the bell was attacked during the alarm.
    escalation_step: the next one; escalation_from_ms: what the steps' times count from.
    """

    id: int
    bell_id: str
    site: str
    what: str
    test: bool
    priority: int
    silent: bool
    duress: bool
    folds_by: str = ""
    handling: str = "received"
    stage: str = "stored"
    version: int = 1
    signals: int = 0
    cancel_asked: bool = False
    restored: bool = False
    tampered: bool = False
    opened_ms: int = 0
    last_signal_ms: int = 0
    first_signal: int = 0
    last_signal: int = 0
    owner: str | None = None
    offered_to: str | None = None
    lease_until_ms: int | None = None
    disposition: str | None = None
    closed_ms: int | None = None
    merged_into: int | None = None
    policy: str = "default"
    escalation_step: int = 0
    escalation_round: int = 0
    escalation_from_ms: int = 0

    def changed(self, **changes: Any) -> "Incident":
        """The same case with these fields instead."""
        return Incident(**(dict(zip(_NAMES, _values(self), strict=True)) | changes))

    @property
    def open(self) -> bool:
        """True until somebody closed it."""
        return self.handling != "closed"

    @property
    def attended(self) -> bool:
        """True while a person holds it."""
        return self.handling not in ("received", "presented", "closed")


# Quicker than dataclasses.replace, and every press needs it.
_NAMES = tuple(Incident.__dataclass_fields__)
_values = attrgetter(*_NAMES)


@frozen
class Arrived:
    """A new signal for this incident (never a duplicate: the store has decided that)."""

    signal: Signal


@frozen
class Presented:
    """An attended console rendered the incident up to this signal, with its sound running.

    desk: whose watch it is, to be looked up; None: a program vouches for it.
    """

    console: str
    up_to_signal: int
    desk: str | None = None


@frozen
class Command:
    """A person's command. `version` is what the person saw. to, accept, decline: of a hand-off; into: what to
    merge with."""

    action: str
    by: str
    version: int
    disposition: str | None = None
    to: str | None = None
    accept: bool = False
    decline: bool = False
    text: str | None = None
    into: int | None = None


@frozen
class LeaseExpired:
    """The acknowledgement's due row fell due."""


@frozen
class Absorbed:
    """A person found the other incident to be the same emergency; its signals have been moved here."""

    other: Incident
    by: str


Input = Arrived | Presented | Command | LeaseExpired | Absorbed


def opened_by(signal: Signal, policy: str, folds_by: str = "") -> Incident:
    """A new incident, not yet numbered (id 0), before its first signal is counted."""
    return Incident(
        id=0,
        bell_id=signal.bell_id,
        site=signal.site,
        what=signal.what,
        test=signal.test,
        priority=signal.meaning.priority,
        silent=signal.meaning.silent,
        duress=False,
        folds_by=folds_by or f"bell/{signal.bell_id}",
        opened_ms=signal.received_ms,
        version=0,
        policy=policy,
        escalation_from_ms=signal.received_ms,
    )
