"""What a press means: single, double, hold, and a button that is stuck. Pure; one state for each button.

The trap is the double press: whoever waits for a second press delays the first. So a rule says which it is:

    wait_ms 0    a single press alarms at once, as its first edge does. A second press within DOUBLE_MS is an event of
                 its own, of the silent kind: it adds to what was sent and takes nothing back.
    wait_ms > 0  the first press becomes an event with its identity and its record at once, but is held for wait_ms. A
                 second press within that time turns it into the silent kind before anybody heard of the loud one. The
                 price: a single press is sent wait_ms later. A power cut in between sends it as the single press that
                 it was until then.

No press is ever lost: each is an event or turns the one before it. Presses that follow a double at once are of the
kind of the rule's choice: with a wait they stay silent, because a nervous third press must not become the loud alarm
that the double was meant to avoid; without one they are single presses again.

A contact closed for longer than STUCK_MS is a fault. Another button has a state of its own and goes on working.
"""

from collections import namedtuple

from bellnode.loan import seldom
from bellnode.table import Table

DOUBLE_MS = 1000  # two presses of one intention come within 0.2 to 0.6 s
WAIT_MS_MAX = 2000  # below a hold, and short beside the 10 s after which a bell says "not delivered"
STUCK_MS = 30000  # nobody leans on a button for half a minute

# name: (single, double or None, hold or None, wait_ms). "checkin" is no event but the home set's "I am fine".
RULES = {
    "loud": ("panic", None, None, 0),
    "loud_double": ("panic", "holdup", None, 0),
    "choice": ("panic", "holdup", None, 700),
    "silent": ("holdup", None, None, 0),
    "medical": ("medical", None, "panic", 0),
    "fine": ("checkin", None, "panic", 0),
}
# Every press of a store bell is loud: in fear nobody counts presses, and a second one must not dim the lamp.
DEFAULT = {"store-bell": "loud", "home-set": "loud", "pendant": "silent"}

# (phase, sign): next phase
#   idle     nothing was pressed lately
#   once     a single press was told, and a second would be a double
#   waiting  a single press is held, and a second would turn it
#   twice    a double was told
TABLE = Table(
    "presses that are {!r} cannot take {!r}",
    """
idle alone idle
idle first once
idle undecided waiting
once press twice
once late idle
waiting press twice
waiting late idle
twice press twice
twice late idle
""",
)
turn = TABLE.turn

# name: of the input. since_ms: of the phase. down_ms: since when the button is closed, or None.
Patterns = namedtuple("Patterns", ("rule", "name", "phase", "since_ms", "down_ms", "stuck"))


@seldom("start")
def start(rule, name="button"):
    """The state of the button `name` under RULES[rule]. Raises ValueError for a rule that there is not."""
    if rule not in RULES:
        raise ValueError(f"a press rule is one of {', '.join(sorted(RULES))}, not {rule!r}")
    return Patterns(RULES[rule], name, "idle", 0, None, False)


def step(state, given, now_ms):
    """(state, effects) after one input.

    given: ("button", pattern, at_ms), what `button.step` said: press, hold, release · ("tick",)
    effects: a tuple of
        ("press", what, at_ms, info, until_ms)   a new event; until_ms: not to be sent before, or None
        ("turn", what, info, at_ms)              the event that is held becomes this, and is sent now
        ("go", at_ms)                            the event that is held is sent as it is
        ("fault", name, present)                 "<input>_stuck"
    """
    if given[0] == "tick":
        return _let_time_pass(state, now_ms)
    if given[0] != "button" or given[1] not in ("press", "hold", "release"):
        raise ValueError(f"patterns take press, hold and release of a button, and tick, not {given[:2]!r}")
    _, pattern, at_ms = given
    state, effects = _let_time_pass(state, at_ms)
    if pattern == "press":
        state, more = _press(state, at_ms)
    elif pattern == "hold":
        hold = state.rule[2]
        more = (("press", hold, at_ms, {"pattern": "hold"}, None),) if hold else ()
    else:
        more = (("fault", state.name + "_stuck", False),) if state.stuck else ()
        state = Patterns(state.rule, state.name, state.phase, state.since_ms, None, False)
    return state, effects + more


def waits(rule):
    """True if presses under this rule are held for a moment."""
    return RULES[rule][3] > 0


def _moved(state, sign, since_ms):
    return Patterns(state.rule, state.name, turn(state.phase, sign), since_ms, state.down_ms, state.stuck)


def _press(state, at_ms):
    single, double, _, wait_ms = state.rule
    state = Patterns(state.rule, state.name, state.phase, state.since_ms, at_ms, state.stuck)
    if state.phase == "idle":
        if double is None:
            return _moved(state, "alone", at_ms), (("press", single, at_ms, None, None),)
        if wait_ms == 0:
            return _moved(state, "first", at_ms), (("press", single, at_ms, None, None),)
        return _moved(state, "undecided", at_ms), (("press", single, at_ms, None, at_ms + wait_ms),)
    info = {"pattern": "double"}
    if state.phase == "waiting":
        effect = ("turn", double, info, at_ms)
    elif state.phase == "once":
        effect = ("press", double, at_ms, info, None)
    elif wait_ms:
        effect = ("press", double, at_ms, None, None)
    else:
        effect = ("press", single, at_ms, None, None)
    return _moved(state, "press", at_ms), (effect,)


def _late_ms(state):
    return state.since_ms + (state.rule[3] if state.phase == "waiting" else DOUBLE_MS)


def _let_time_pass(state, until_ms):
    effects = ()
    if state.phase != "idle" and until_ms >= _late_ms(state):
        late_ms = _late_ms(state)
        if state.phase == "waiting":
            effects += (("go", late_ms),)
        state = _moved(state, "late", late_ms)
    if state.down_ms is not None and not state.stuck and until_ms - state.down_ms >= STUCK_MS:
        state = Patterns(state.rule, state.name, state.phase, state.since_ms, state.down_ms, True)
        effects += (("fault", state.name + "_stuck", True),)
    return state, effects


def due_ms(state):
    """When a tick next matters, or None."""
    due = None if state.phase == "idle" else _late_ms(state)
    if state.down_ms is not None and not state.stuck:
        stuck_ms = state.down_ms + STUCK_MS
        due = stuck_ms if due is None else min(due, stuck_ms)
    return due
