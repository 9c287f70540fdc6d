"""Rung -> lamp: colour and blink, and a colour back into its rung. Pure; the one table for board and simulator.

Each rung has its own colour AND its own rhythm, so that colour is never the only sign. The dark half of a rhythm is a
faint glow of the same colour: whoever reads the lamp at any moment reads the rung. A silent bell shows the same
rungs faintly and with long pauses, to be seen only by who knows where to look.
"""

# rung: (bright, glow, silent bright, silent glow, rhythm ms: on, off, on, off …; () is steady, silent rhythm).
# No two colours of the table are equal: `rung_of` reads it backwards.
TABLE = {
    "idle": ((0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (), ()),
    # amber, quick even blink: at work
    "sending": ((255, 120, 0), (30, 14, 0), (8, 4, 0), (2, 1, 0), (250, 250), (100, 900)),
    # red, hectic: nobody has it, run
    "not_delivered": ((255, 0, 0), (30, 0, 0), (8, 0, 0), (2, 0, 0), (100, 100), (100, 400)),
    # white, one slow flash
    "stored": ((180, 180, 180), (20, 20, 20), (6, 6, 6), (1, 1, 1), (200, 1300), (100, 2900)),
    # violet, two flashes: it stands on somebody's screen
    "presented": ((140, 0, 200), (16, 0, 24), (5, 0, 7), (1, 0, 2), (150, 150, 150, 1050), (100, 200, 100, 2600)),
    # blue, three flashes: a person has it
    "acknowledged": (
        (0, 60, 255),
        (0, 8, 30),
        (0, 2, 8),
        (0, 1, 3),
        (150, 150, 150, 150, 150, 750),
        (100, 200, 100, 200, 100, 2300),
    ),
    # green, steady: help is on the way
    "dispatched": ((0, 255, 0), (0, 30, 0), (0, 8, 0), (0, 2, 0), (), ()),
    # pale green, long breath: over
    "closed": ((120, 255, 120), (12, 26, 12), (4, 8, 4), (2, 3, 2), (1500, 500), (100, 1900)),
}

IDENTIFY = ((255, 255, 255), (40, 40, 40))  # "identify" only: no rung, two whites in turn
IDENTIFY_MS = 300


def colour(rung, silent, shown_ms):
    """((r, g, b), ms until it changes or None) for a rung that has been shown for `shown_ms`."""
    row = TABLE[rung]
    bright, glow, rhythm = (row[2], row[3], row[5]) if silent else (row[0], row[1], row[4])
    if not rhythm:
        return bright, None
    place = shown_ms % sum(rhythm)
    on = True
    for span in rhythm:
        if place < span:
            break
        place -= span
        on = not on
    return (bright if on else glow), span - place


def identify(shown_ms):
    """((r, g, b), ms until it changes): the lamp of a bell that was asked to show itself."""
    return IDENTIFY[(shown_ms // IDENTIFY_MS) % 2], IDENTIFY_MS - shown_ms % IDENTIFY_MS


def rung_of(rgb):
    """The rung that shows this colour, or None if no rung does (identify)."""
    wanted = (rgb[0], rgb[1], rgb[2])
    for rung in TABLE:
        if wanted in TABLE[rung][:4]:
            return rung
    return None
