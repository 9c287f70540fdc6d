"""Test mode: a press and a contact become the event "test", for 15 minutes at most. Pure; it stands before `patterns`.

It can't be forgotten on: it ends by itself, turning it on again does not make it longer, a restart ends it, and a
real alarm ends it. Test is test, and real is real: a hold of 3 s inside it is a real alarm, and every press made
before it began or after its end counts as what it was by the time of its edge, not by the time at which the loop came
to it.

It is turned on by a command or by the service key inside the case, never by the alarm button: a gesture on that
button would be an alarm first, or would keep one back.
"""

from collections import namedtuple

from bellnode.loan import give_back, keep, seldom
from bellnode.table import Table

LONGEST_MS = 15 * 60 * 1000
DEFAULT_MS = 5 * 60 * 1000

# (mode, sign): next mode
TABLE = Table(
    "a test mode that is {!r} cannot take {!r}",
    """
off on on
on on on
on off off
on over off
on real off
""",
)
turn = TABLE.turn

# since_ms, until_ms: of the mode, or None. tested_ms: the press that was a test and has not been released, or None.
# opened: zones that were opened as a test and still are.
TestMode = namedtuple("TestMode", ("mode", "since_ms", "until_ms", "tested_ms", "opened"))

OFF = TestMode("off", None, None, None, ())


def step(state, given, now_ms):
    """(state, effects) after one input.

    given: ("on", length_ms, by, armed): by "command" or "service"; armed: a home set is not off · ("off",) ·
        ("button", pattern, at_ms) as `button.step` said · ("contact", zone, "open" or "closed", at_ms) · ("tick",)
    effects: a tuple of
        ("mode", on, why)                   why: command, service, off, over, real
        ("refused", why)                    "armed" or "length"
        ("event", "test", "alarm", zone, info, at_ms)
        ("pass", pattern, at_ms)            for `patterns`: no test, or a hold inside the mode, which is then a press
        ("pass_contact", zone, how, at_ms)  for whoever takes contacts: no test, or still open at the end of the mode
    """
    kind = given[0]
    if state == OFF:
        if kind == "button":
            return state, (("pass", given[1], given[2]),)
        if kind == "tick":
            return state, ()
    return _step(state, given, now_ms)


@seldom("test")
def _step(state, given, now_ms):
    kind = given[0]
    if kind == "on":
        keep("test")
    if kind == "button":
        state, effects = _button(state, given[1], given[2], now_ms)
    elif kind == "contact":
        state, effects = _contact(state, given)
    elif kind == "on":
        state, effects = _on(state, given, now_ms)
    elif kind == "off":
        state, effects = _ended(state, "off", now_ms) if state.mode == "on" else (state, ())
    elif kind == "tick":
        effects = ()
    else:
        raise ValueError(f"a test mode takes on, off, button, contact and tick, not {kind!r}")
    if state.mode == "on" and now_ms >= state.until_ms:
        state, more = _ended(state, "over", now_ms)
        effects += more
    if state == OFF:
        give_back("test")
    return state, effects


def _on(state, given, now_ms):
    _, length_ms, by, armed = given
    if armed:
        return state, (("refused", "armed"),)
    if type(length_ms) is not int or not 0 < length_ms <= LONGEST_MS:
        return state, (("refused", "length"),)
    since_ms = now_ms if state.mode == "off" else state.since_ms
    until_ms = min(now_ms + length_ms, since_ms + LONGEST_MS)
    after = TestMode(turn(state.mode, "on"), since_ms, until_ms, state.tested_ms, state.opened)
    return after, (("mode", True, by),)


def _ended(state, sign, now_ms):
    """A contact that was opened as a test and still is open, is open in earnest from now on."""
    effects = (("mode", False, sign),) + tuple([("pass_contact", zone, "open", now_ms) for zone in state.opened])
    return TestMode(turn(state.mode, sign), None, None, state.tested_ms, ()), effects


def _tested(state, at_ms):
    return TestMode(state.mode, state.since_ms, state.until_ms, at_ms, state.opened)


def inside(state, at_ms):
    """True if what happened at `at_ms` is a test."""
    return state.mode == "on" and state.since_ms <= at_ms < state.until_ms


def _button(state, pattern, at_ms, now_ms):
    if pattern == "press" and inside(state, at_ms):
        return _tested(state, at_ms), (("event", "test", "alarm", None, {"input": "button"}, at_ms),)
    if state.tested_ms is None:
        return state, (("pass", pattern, at_ms),)
    if pattern == "release":
        return _tested(state, None), (("pass", pattern, at_ms),)
    # Whoever holds it means it, even if the mode ended while the finger was on the button.
    effects = (("pass", "press", at_ms),)
    state = _tested(state, None)
    if state.mode == "on":
        state, more = _ended(state, "real", now_ms)
        effects += more
    return state, effects


def _contact(state, given):
    _, zone, how, at_ms = given
    others = tuple([number for number in state.opened if number != zone])
    if how == "closed" and others != state.opened:  # that it opened is what a walk test wants to know
        return TestMode(state.mode, state.since_ms, state.until_ms, state.tested_ms, others), ()
    if how == "closed" or not inside(state, at_ms):
        return state, (("pass_contact", zone, how, at_ms),)
    state = TestMode(state.mode, state.since_ms, state.until_ms, state.tested_ms, others + (zone,))
    return state, (("event", "test", "alarm", zone, {"input": "contact"}, at_ms),)


def due_ms(state):
    """When a tick next matters, or None."""
    return state.until_ms
