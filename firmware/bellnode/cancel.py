"""The optional cancel window: 0 to 5 s with the alarm on record but not yet sent. Pure; it stands behind `patterns`.

What was decided, and why:

- The event has its identity and its record before the window opens. A power cut inside the window sends it: the
  record does not know of a window.
- Inside the window nothing was sent, so the lamp must claim nothing: "sending soon" is not a rung of `alarm`.
- A cancel inside the window turns the event into a "cancel" under the same identity, and that is sent. Nobody is
  alarmed, nothing is silently undone, and no number is missing in the sequence.
- A cancel after the window closes nothing: it is one more event that the dispatcher sees.
- A cancel needs an input of its own (a key, a code). A second press never cancels: who presses twice means it, so the
  window ends at once and the second press has none.
- A cancel takes back the event that was held, and no press after it: where `patterns` would turn the event that is no
  longer there (a double press for silent), the second press is an event of its own.
- Silent kinds and duress have no window: a window shows that something is about to happen.
"""

from collections import namedtuple

from bellnode.loan import seldom
from bellnode.table import Table

WINDOW_MS_MAX = 5000
WINDOWED = ("panic", "medical")

# (phase, sign): next phase. held: an event waits for the end of its window. taken: it was taken back, and `patterns`
# may not know it yet.
TABLE = Table(
    "a cancel window that is {!r} cannot take {!r}",
    """
idle hold held
held over idle
held press idle
held turn idle
held cancel taken
taken press idle
taken turn idle
taken go idle
""",
)
turn = TABLE.turn

# what, until_ms: of the event that is held, or None.
Cancel = namedtuple("Cancel", ("window_ms", "phase", "what", "until_ms"))


def start(window_ms=0):
    """The state for a window of 0 to 5000 ms. Raises ValueError."""
    if type(window_ms) is not int or not 0 <= window_ms <= WINDOW_MS_MAX:
        raise ValueError(f"a cancel window is 0 to {WINDOW_MS_MAX} ms, not {window_ms!r}")
    return Cancel(window_ms, "idle", None, None)


def step(state, given, now_ms):
    """(state, effects) after one input.

    given: what `patterns.step` said: ("press", what, at_ms, info, until_ms) ("turn", what, info, at_ms) ("go", at_ms) ·
        ("cancel", at_ms) · ("tick",)
    effects: a tuple of the same press, turn and go, with the window in them, and
        ("event", "cancel", "alarm", None, None, at_ms)
    """
    kind = given[0]
    if kind not in ("press", "turn", "go", "cancel", "tick"):
        raise ValueError(f"a cancel window takes press, turn, go, cancel and tick, not {kind!r}")
    windowless = not state.window_ms and state.phase == "idle" and kind != "cancel"
    if windowless and (kind != "press" or now_ms >= given[2]):
        return state, () if kind == "tick" else (given,)
    return _step(state, given, now_ms)


@seldom("window")
def _step(state, given, now_ms):
    kind = given[0]
    if state.phase == "taken" and kind in ("press", "turn", "go"):
        return _after_taken(state, given, now_ms)
    if kind == "turn":  # by the time of its edge: a loop that comes late must not send first
        return (_ended(state, "turn") if state.phase == "held" else state), (given,)
    state, effects = _let_time_pass(state, now_ms)
    if kind == "press":
        state, more = _press(state, given, now_ms)
    elif kind == "go":
        more = () if state.phase == "held" or effects else (given,)  # the longer of two waits counts, and once
    elif kind == "cancel":
        state, more = _cancel(state, given[1])
    else:
        more = ()
    return state, effects + more


def _ended(state, sign):
    return Cancel(state.window_ms, turn(state.phase, sign), None, None)


def _after_taken(state, given, now_ms):
    kind = given[0]
    state = _ended(state, kind)
    if kind == "go":
        return state, ()
    if kind == "turn":
        _, what, info, at_ms = given
        given = ("press", what, at_ms, info, None)
    return _press(state, given, now_ms)


def _press(state, given, now_ms):
    _, what, at_ms, info, until_ms = given
    if state.phase == "held":
        return _ended(state, "press"), (("go", now_ms), ("press", what, at_ms, info, until_ms))
    if what not in WINDOWED or now_ms >= at_ms + state.window_ms:
        return state, (given,)
    until_ms = max(at_ms + state.window_ms, until_ms or 0)
    return Cancel(state.window_ms, turn(state.phase, "hold"), what, until_ms), (("press", what, at_ms, info, until_ms),)


def _cancel(state, at_ms):
    if state.phase == "held":
        return _ended(state, "cancel"), (("turn", "cancel", {"of": state.what}, at_ms),)
    return state, (("event", "cancel", "alarm", None, None, at_ms),)


def _let_time_pass(state, now_ms):
    if state.phase == "held" and now_ms >= state.until_ms:
        return _ended(state, "over"), (("go", state.until_ms),)
    return state, ()


def due_ms(state):
    """When a tick next matters, or None."""
    return state.until_ms
