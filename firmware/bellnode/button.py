"""The button: level edges with their time in, press patterns out. Pure.

A press counts at the first edge that closes the contact, not after it has settled: a bell must not be slower than the
hand, and a short press must not be lost. The price is that a spike on the wire counts as a press; the board's
filter (see the README) is there for that. A release counts only after the contact has been open for SETTLE_MS, so the
bounce of one press, or a trembling finger, is one press and never seven.
"""

from collections import namedtuple

from bellnode.table import Table

SETTLE_MS = 50  # a contact bounces for 1 to 20 ms; nobody presses twice within 50 ms
HOLD_MS = 3000  # what the design calls a hold

# phase: up, down or held. since_ms: when the press began. open_ms: since when the contact has been open, or None.
Button = namedtuple("Button", ("phase", "since_ms", "open_ms"))

RELEASED = Button("up", 0, None)

# (phase, sign): (next phase, pattern that is reported)
TABLE = Table(
    "a button that is {!r} cannot be {!r}",
    """
up closed down press
down long held hold
down opened up release
held opened up release
""",
)


def turn(phase, sign):
    """(next phase, pattern). Raises ValueError for a pair that the table does not list."""
    return tuple(TABLE.turn(phase, sign).split(" "))


def step(button, given, now_ms):
    """(button, effects) after one input.

    given: ("edge", level, at_ms), level 1 = contact closed, at_ms not before the last one; or ("tick",).
    effects: a tuple of (pattern, at_ms), pattern "press", "hold" or "release".
    """
    if given[0] == "tick":
        return _settle(button, now_ms)
    if given[0] != "edge":
        raise ValueError(f"a button takes edge and tick, not {given[0]!r}")
    level, at_ms = given[1], given[2]
    button, effects = _settle(button, at_ms)
    if button.phase == "up":
        if level:
            phase, pattern = turn("up", "closed")
            return Button(phase, at_ms, None), effects + ((pattern, at_ms),)
        return button, effects
    if level:
        return Button(button.phase, button.since_ms, None), effects
    opened_ms = at_ms if button.open_ms is None else button.open_ms
    return Button(button.phase, button.since_ms, opened_ms), effects


def _settle(button, until_ms):
    """Let time pass: the hold, then the release, that have become certain by `until_ms`."""
    effects = ()
    if button.phase == "down":
        closed_until_ms = until_ms if button.open_ms is None else button.open_ms
        if closed_until_ms - button.since_ms >= HOLD_MS:
            phase, pattern = turn("down", "long")
            button = Button(phase, button.since_ms, button.open_ms)
            effects += ((pattern, button.since_ms + HOLD_MS),)
    if button.phase != "up" and button.open_ms is not None and until_ms - button.open_ms >= SETTLE_MS:
        phase, pattern = turn(button.phase, "opened")
        effects += ((pattern, button.open_ms),)
        button = Button(phase, 0, None)
    return button, effects


def due_ms(button):
    """When a tick next matters, or None."""
    if button.phase == "up":
        return None
    if button.open_ms is not None:
        return button.open_ms + SETTLE_MS
    return button.since_ms + HOLD_MS if button.phase == "down" else None
