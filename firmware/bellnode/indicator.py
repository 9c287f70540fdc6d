"""What a person sees and hears: state -> lamp, sounder, strobe, siren, and a colour back into its state. Pure.

ONE literal table, for the board, the simulator and the pictures in the docs. Each state has its own colour AND its own
rhythm, so that colour is never the only sign. The dark half of a rhythm is a faint glow of the same colour: whoever
reads the lamp at any moment reads the state. Shown discreetly, a state is very faint, with long pauses, to be seen only
by who knows where to look; and it makes no sound and no flash, ever.
"""

from collections import namedtuple

# Colours are (r, g, b). rhythm: ms on, off, on, off …; () is steady. faint…: shown discreetly; None shows nothing then.
# sounder: (Hz, rhythm), strobe and siren: rhythm; None is quiet. No two colours of the table are equal, dimmed ones
# included: `rung_of` reads it backwards.
Row = namedtuple(
    "Row", ("bright", "glow", "faint", "faint_glow", "rhythm", "faint_rhythm", "sounder", "strobe", "siren")
)

DARK = (0, 0, 0)
STEADY = ()
QUIET = None

TABLE = {
    # --- an alarm: the rungs of `alarm`
    "idle": Row(DARK, DARK, DARK, DARK, STEADY, STEADY, QUIET, QUIET, QUIET),
    # amber, quick even blink: at work
    "sending": Row(
        (255, 120, 0), (30, 14, 0), (8, 4, 0), (2, 1, 0), (250, 250), (100, 900), (2700, (250, 250)), STEADY, STEADY
    ),
    # red, hectic: nobody has it, run
    "not_delivered": Row(
        (255, 0, 0), (30, 0, 0), (8, 0, 0), (2, 0, 0), (100, 100), (100, 400), (900, (100, 100)), (100, 100), STEADY
    ),
    # white, one slow flash
    "stored": Row(
        (180, 180, 180),
        (20, 20, 20),
        (6, 6, 6),
        (1, 1, 1),
        (200, 1300),
        (100, 2900),
        (2700, (200, 1300)),
        STEADY,
        STEADY,
    ),
    # violet, two flashes: it stands on somebody's screen
    "presented": Row(
        (140, 0, 200),
        (16, 0, 24),
        (5, 0, 7),
        (1, 0, 2),
        (150, 150, 150, 1050),
        (100, 200, 100, 2600),
        (2700, (150, 150, 150, 1050)),
        STEADY,
        STEADY,
    ),
    # blue, three flashes: a person has it
    "acknowledged": Row(
        (0, 60, 255),
        (0, 8, 30),
        (0, 2, 8),
        (0, 1, 3),
        (150, 150, 150, 150, 150, 750),
        (100, 200, 100, 200, 100, 2300),
        (2700, (150, 150, 150, 150, 150, 750)),
        STEADY,
        STEADY,
    ),
    # green, steady: help is on the way
    "dispatched": Row(
        (0, 255, 0), (0, 30, 0), (0, 8, 0), (0, 2, 0), STEADY, STEADY, (1800, (1000, 2000)), STEADY, STEADY
    ),
    # pale green, long breath: over
    "closed": Row(
        (120, 255, 120),
        (12, 26, 12),
        (4, 8, 4),
        (2, 3, 2),
        (1500, 500),
        (100, 1900),
        (1200, (1000, 9000)),
        QUIET,
        QUIET,
    ),
    # --- no alarm, but something that a person has to know; an alarm always has the lamp
    # yellow, slow even blink: not sent yet, and may still be taken back
    "cancel_window": Row((255, 220, 0), (30, 26, 0), None, None, (500, 500), None, (2000, (50, 450)), QUIET, QUIET),
    # turquoise, two quick flashes and a long pause: presses are tests now
    "test_mode": Row(
        (0, 180, 180),
        (0, 24, 24),
        (0, 5, 5),
        (0, 1, 1),
        (100, 100, 100, 1700),
        (100, 100, 100, 2700),
        QUIET,
        QUIET,
        QUIET,
    ),
    # turquoise, steady: the test has arrived
    "test_stored": Row(
        (60, 255, 255), (8, 30, 30), (1, 6, 6), (1, 2, 2), STEADY, STEADY, (2500, (60, 5000)), QUIET, QUIET
    ),
    # orange, short blink: a door is open, disarm
    "entry": Row((255, 90, 30), (30, 11, 4), None, None, (100, 900), None, (2000, (100, 900)), QUIET, QUIET),
    # straw, one blink in two seconds: leave now
    "exit": Row((255, 200, 90), (30, 24, 11), None, None, (200, 1800), None, (1500, (50, 1950)), QUIET, QUIET),
    # pink, slow breath: the day's sign of life is awaited
    "reminder": Row((255, 80, 160), (30, 10, 20), None, None, (1000, 2000), None, (800, (200, 4800)), QUIET, QUIET),
    # white and grey in turn: here I am, for whoever looks for this bell
    "identify": Row((255, 255, 255), (40, 40, 40), None, None, (300, 300), None, (2200, (100, 500)), QUIET, QUIET),
    # --- heard, not seen: the last part of a delay, an intrusion (its lamp is its event's), short answers
    "exit_soon": Row(None, None, None, None, STEADY, None, (1500, (100, 400)), QUIET, QUIET),
    "entry_soon": Row(None, None, None, None, STEADY, None, (2000, (100, 200)), QUIET, QUIET),
    "siren": Row(None, None, None, None, STEADY, None, (2700, (500, 100)), STEADY, STEADY),
    "set": Row(None, None, None, None, STEADY, None, (2500, (300, 700)), QUIET, QUIET),
    "disarmed": Row(None, None, None, None, STEADY, None, (2500, (100, 100, 100, 700)), QUIET, QUIET),
    "confirm": Row(None, None, None, None, STEADY, None, (2500, (60, 940)), QUIET, QUIET),
    "refuse": Row(None, None, None, None, STEADY, None, (400, (600, 400)), QUIET, QUIET),
    "trouble": Row(None, None, None, None, STEADY, None, (600, (200, 200, 200, 400)), QUIET, QUIET),
}

BEEPS = ("set", "disarmed", "confirm", "refuse", "trouble")
TEST_SHOWN_MS = 3000  # long enough to be seen
BEEP_MS = 1000  # a short answer is heard once, and no longer
DIMMED = 8  # at night one eighth: still plain in a dark room, and no lamp over a street
# Never dimmed: whoever is in danger has to see them.
NEVER_DIMMED = ("not_delivered", "cancel_window")


def colour(state, discreet, shown_ms, dim=False):
    """((r, g, b), ms until it changes or None) for a state that has been shown for `shown_ms`. dim: at night."""
    row = TABLE[state]
    bright, glow, rhythm = (row.faint, row.faint_glow, row.faint_rhythm) if discreet else (row[0], row[1], row.rhythm)
    if bright is None:
        return DARK, None
    on, left_ms = _now(rhythm, shown_ms)
    rgb = bright if on else glow
    return (_dimmed(rgb) if dim and not discreet and state not in NEVER_DIMMED else rgb), left_ms


def sound(state, shown_ms):
    """(Hz or 0, strobe 0/1, siren 0/1, ms until one of them changes or None) of a state that makes itself heard."""
    row = TABLE[state]
    hz, left = 0, []
    if row.sounder is not None:
        on, left_ms = _now(row.sounder[1], shown_ms)
        hz = row.sounder[0] if on else 0
        left.append(left_ms)
    levels = []
    for rhythm in (row.strobe, row.siren):
        on, left_ms = (False, None) if rhythm is None else _now(rhythm, shown_ms)
        levels.append(1 if on else 0)
        left.append(left_ms)
    left = [left_ms for left_ms in left if left_ms is not None]
    return hz, levels[0], levels[1], min(left) if left else None


def _now(rhythm, shown_ms):
    """(on, ms until that changes or None) of a rhythm."""
    if not rhythm:
        return True, None
    place = shown_ms % sum(rhythm)
    on = True
    for span in rhythm:
        if place < span:
            break
        place -= span
        on = not on
    return on, span - place


def _dimmed(rgb):
    return tuple([(value + DIMMED - 1) // DIMMED for value in rgb])


def rung_of(rgb):
    """The state that shows this colour, or None if none does."""
    wanted = (rgb[0], rgb[1], rgb[2])
    for state, row in TABLE.items():
        if wanted in row[:4]:
            return state
        for shade in row[:2]:
            if shade is not None and wanted == _dimmed(shade):
                return state
    return None
