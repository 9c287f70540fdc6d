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

# A state's row: its name, then the fields of Row. Colours in hex; "*" is steady, "-" is None. One text, which stays in
# a bell's flash. First the rungs of `alarm`:
#     sending        amber, quick even blink: at work
#     not_delivered  red, hectic: nobody has it, run
#     stored         white, one slow flash
#     presented      violet, two flashes: it stands on somebody's screen
#     acknowledged   blue, three flashes: a person has it
#     dispatched     green, steady: help is on the way
#     closed         pale green, long breath: over
# Then no alarm, but something that a person has to know; an alarm always has the lamp:
#     cancel_window  yellow, slow even blink: not sent yet, and may still be taken back
#     test_mode      turquoise, two quick flashes and a long pause: presses are tests now
#     test_stored    turquoise, steady: the test has arrived
#     entry          orange, short blink: a door is open, disarm
#     exit           straw, one blink in two seconds: leave now
#     reminder       pink, slow breath: the day's sign of life is awaited
#     not_enrolled   brown, a short flash every three seconds: blank, it raises no alarm
#     identify       white and grey in turn: here I am, for whoever looks for this bell
# Last what is heard, not seen: the last part of a delay, an intrusion (its lamp is its event's), short answers.
_ROWS = """
idle 000000 000000 000000 000000 * * - - -
sending ff7800 1e0e00 080400 020100 250,250 100,900 2700:250,250 * *
not_delivered ff0000 1e0000 080000 020000 100,100 100,400 900:100,100 100,100 *
stored b4b4b4 141414 060606 010101 200,1300 100,2900 2700:200,1300 * *
presented 8c00c8 100018 050007 010002 150,150,150,1050 100,200,100,2600 2700:150,150,150,1050 * *
acknowledged 003cff 00081e 000208 000103 150,150,150,150,150,750 100,200,100,200,100,2300 2700:150,150,150,150,150,750 * *
dispatched 00ff00 001e00 000800 000200 * * 1800:1000,2000 * *
closed 78ff78 0c1a0c 040804 020302 1500,500 100,1900 1200:1000,9000 - -
cancel_window ffdc00 1e1a00 - - 500,500 - 2000:50,450 - -
test_mode 00b4b4 001818 000505 000101 100,100,100,1700 100,100,100,2700 - - -
test_stored 3cffff 081e1e 010606 010202 * * 2500:60,5000 - -
entry ff5a1e 1e0b04 - - 100,900 - 2000:100,900 - -
exit ffc85a 1e180b - - 200,1800 - 1500:50,1950 - -
reminder ff50a0 1e0a14 - - 1000,2000 - 800:200,4800 - -
not_enrolled 644628 0a0704 - - 100,2900 - - - -
identify ffffff 282828 - - 300,300 - 2200:100,500 - -
exit_soon - - - - * - 1500:100,400 - -
entry_soon - - - - * - 2000:100,200 - -
siren - - - - * - 2700:500,100 * *
set - - - - * - 2500:300,700 - -
disarmed - - - - * - 2500:100,100,100,700 - -
confirm - - - - * - 2500:60,940 - -
refuse - - - - * - 400:600,400 - -
trouble - - - - * - 600:200,200,200,400 - -
"""  # noqa: E501 -- a state, a line


class _Table:
    """A dict {state: Row} that is only read, and makes a Row when it is asked for."""

    def __init__(self):
        self._made = {}  # of the states that are shown and heard now

    def __getitem__(self, state):
        row = self._made.get(state)
        if row is None:
            at = _ROWS.find("\n" + state + " ")
            if at < 0:
                raise KeyError(state)
            if len(self._made) > 1:
                self._made = {}
            row = self._made[state] = _row(_ROWS[at + 1 : _ROWS.find("\n", at + 1)])
        return row

    def __iter__(self):
        return iter([line.split(" ", 1)[0] for line in _ROWS.split("\n")[1:-1]])

    def rows(self):
        """[(state, Row)]"""
        return [(state, self[state]) for state in self]


def _row(line):
    words = line.split(" ")
    row = []
    for place, word in enumerate(words[1:]):
        if word == "-":
            row.append(None)
        elif place < 4:
            row.append((int(word[:2], 16), int(word[2:4], 16), int(word[4:], 16)))
        elif place == 6:
            hz, rhythm = word.split(":")
            row.append((int(hz), _rhythm(rhythm)))
        else:
            row.append(_rhythm(word))
    return Row(*row)


def _rhythm(word):
    return () if word == "*" else tuple([int(ms) for ms in word.split(",")])


TABLE = _Table()

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
    for state, row in TABLE.rows():
        if wanted in row[:4]:
            return state
        for shade in row[:2]:
            if shade is not None and wanted == _dimmed(shade):
                return state
    return None
