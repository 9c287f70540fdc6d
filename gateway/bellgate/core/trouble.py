"""The kinds of trouble, and the life of one line of the trouble list. Pure; the table is the machine.

Nothing flaps: what begins is shown after `raise_after_ms`, what ends stays on the list for `clear_after_ms`, and if it
begins again meanwhile it is the same line. Nothing stays for ever: whoever raises a kind also clears it, or it ends
by itself, `expires_ms` after it was last said.
"""

from bellgate.core.frozen import frozen

ABSENT, RISING, OPEN, FALLING = "absent", "rising", "open", "falling"
RAISE, CLEAR, DUE = "raise", "clear", "due"

# (state, what happens): state afterwards. "due": the state has lasted as long as its kind says.
TRANSITIONS: dict[tuple[str, str], str] = {
    (ABSENT, RAISE): RISING,
    (ABSENT, CLEAR): ABSENT,
    (RISING, RAISE): RISING,
    (RISING, CLEAR): ABSENT,  # too short to be told
    (RISING, DUE): OPEN,
    (OPEN, RAISE): OPEN,
    (OPEN, CLEAR): FALLING,
    (OPEN, DUE): FALLING,  # nobody has said it again for expires_ms
    (FALLING, RAISE): OPEN,
    (FALLING, CLEAR): FALLING,
    (FALLING, DUE): ABSENT,
}
SHOWN = (OPEN, FALLING)
# How soon somebody must act. AT_ONCE: a press might not get through, or nobody might be told. LATER: nothing is worse
# tomorrow.
AT_ONCE, TODAY, LATER = "at_once", "today", "later"
_S, _MIN, _H = 1_000, 60_000, 3_600_000


@frozen
class Kind:
    """How one kind of trouble comes and goes.

    expires_ms: it ends so long after it was shown or last said; None: somebody says that it is over. of_bell: its
    subject begins with the bell, and many of them in one area are gathered (see `storm`). of_target: with the target.
    urgency: how soon somebody must act; it orders the list and nothing else.
    """

    raise_after_ms: int = 0
    clear_after_ms: int = 0
    expires_ms: int | None = None
    of_bell: bool = False
    of_target: bool = False
    urgency: str = TODAY


# Beside the times here, some have one of their own before they are said at all: a bell is missing after 180 s of
# silence (30 s after its last will), no broker after 5 s, late rows after 15 s, a receiver after two lost answers.
KINDS: dict[str, Kind] = {
    # The bells
    "bell_missing": Kind(clear_after_ms=30 * _S, of_bell=True, urgency=AT_ONCE),
    "bell_mains": Kind(10 * _S, 60 * _S, of_bell=True),  # a flicker is no blackout
    "bell_battery": Kind(clear_after_ms=10 * _MIN, of_bell=True),  # a resting battery looks better than it is
    "bell_fault": Kind(clear_after_ms=60 * _S, of_bell=True),
    # One may overtake another on two ways.
    "events_lost": Kind(10 * _S, expires_ms=7 * 24 * _H, of_bell=True, urgency=AT_ONCE),
    "message_refused": Kind(expires_ms=10 * _MIN, of_bell=True),
    "press_test_due": Kind(urgency=LATER),  # one line for all of them
    # The targets
    "target_failing": Kind(clear_after_ms=30 * _S, of_target=True, urgency=AT_ONCE),
    "target_removed": Kind(),
    "target_misconfigured": Kind(of_target=True, urgency=AT_ONCE),
    "target_unwatched": Kind(of_target=True),
    "receiver_silent": Kind(of_target=True, urgency=AT_ONCE),
    "receiver_clock": Kind(of_target=True),
    "sounder_fault": Kind(of_target=True, urgency=AT_ONCE),
    "delivery_dead": Kind(expires_ms=24 * _H, of_target=True, urgency=AT_ONCE),
    # The consoles
    "console_silent": Kind(urgency=AT_ONCE),
    "console_unattended": Kind(10 * _S, urgency=AT_ONCE),  # a change of watch takes a moment
    # The engine
    "late_due": Kind(clear_after_ms=60 * _S, urgency=AT_ONCE),
    "due_failed": Kind(expires_ms=1 * _H, urgency=AT_ONCE),
    "no_escalation": Kind(expires_ms=1 * _H, urgency=AT_ONCE),
    "intake_failed": Kind(expires_ms=1 * _H, urgency=AT_ONCE),
    # The database, the record and the disk
    "store_failing": Kind(urgency=AT_ONCE),
    "alarm_not_stored": Kind(urgency=AT_ONCE),
    "database_set_aside": Kind(urgency=AT_ONCE),
    "record_failing": Kind(urgency=AT_ONCE),
    "checkpoint_failing": Kind(urgency=LATER),
    "backup_failing": Kind(urgency=LATER),
    "retention_failing": Kind(urgency=LATER),
    "disk_low": Kind(clear_after_ms=60 * _S),
    "disk_readonly": Kind(clear_after_ms=60 * _S, urgency=AT_ONCE),
    # The broker
    "broker_down": Kind(clear_after_ms=10 * _S, urgency=AT_ONCE),
    "broker_permissions": Kind(),
    "revoked_connected": Kind(),
    "not_listening": Kind(clear_after_ms=10 * _S, urgency=AT_ONCE),
    # The clock
    "clock_unsynchronised": Kind(10 * _MIN, 5 * _MIN),  # a machine that has just started needs a while
    "clock_set_back": Kind(),
    "clock_set_forward": Kind(),
}
# A kind that nobody has entered above is shown at once: a fault of ours must not hide a trouble.
UNKNOWN = Kind()


def kind_of(name: str) -> Kind:
    """The kind of that name."""
    return KINDS.get(name, UNKNOWN)


@frozen
class Step:
    """state: afterwards. due: "keep" the row that waits, "none" at all, or "set" one at due_ms."""

    state: str
    due: str
    due_ms: int = 0


def step(kind: Kind, state: str, happened: str, now_ms: int) -> Step:
    """What becomes of a line. A state that need not last is left at once. Raises KeyError: no such transition."""
    after = TRANSITIONS[state, happened]
    if (state, after) in ((RISING, RISING), (FALLING, FALLING), (ABSENT, ABSENT)):
        return Step(after, "keep")
    if after == ABSENT:
        return Step(after, "none")
    wait_ms = {RISING: kind.raise_after_ms, FALLING: kind.clear_after_ms, OPEN: kind.expires_ms}[after]
    if wait_ms is None:
        return Step(after, "none")
    if wait_ms == 0:
        return step(kind, after, DUE, now_ms)
    return Step(after, "set", now_ms + wait_ms)
