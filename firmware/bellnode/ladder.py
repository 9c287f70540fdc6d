"""What to do about a network where nobody answers: a literal table of rungs, mildest first. Pure; `wifi` does it.

    socket   the next broker, again and again (`link_state` does it by itself)
    dns      look every broker's name up again
    wifi     leave the access point and join the next one of the list
    radio    the radio off and on

Only silence climbs. A broker that refuses, or closes, or freezes after it accepted, proves that the network carries:
then Wi-Fi has nothing to do with it and stays as it is. There is no rung that restarts the bell for a network fault.
The one restart is for a radio whose driver is dead, which nothing else can mend: see `may_restart`.
"""

from collections import namedtuple

# (rung, ms of silence before it, the same while an alarm has no receipt)
RUNGS = (
    ("socket", 0, 0),
    ("dns", 20000, 8000),  # two rounds of a list of two; a lookup blocks the loop, so not sooner
    ("wifi", 60000, 30000),  # to join again takes some 5 s, in which a broker that comes back is not heard
    ("radio", 300000, 120000),  # drops what the driver knows, and so the channel: a slow join
)
# After the last rung: from `wifi` again, each round twice as long as the one before.
AGAIN = 2
DOUBLINGS_MAX = 4  # 80 min at most: an access point that is off for a week must not wear the radio, nor be missed long

DEAD_MAX = 3  # radio resets in a row after which the driver does not even switch on
RESTART_PAUSE_MS = 21600000  # 6 h: not sooner after a start that was such a restart itself

# rung: place in RUNGS that was reached last. began_ms: silence since, or None. since_ms: what the present round counts
# from. rounds: whole climbs of this silence. counts: how often each rung was taken since the start. dead: radio resets
# in a row that failed.
Ladder = namedtuple("Ladder", ("rung", "began_ms", "since_ms", "rounds", "counts", "dead"))

GROUND = Ladder(0, None, None, 0, (0,) * len(RUNGS), 0)


def step(ladder, given, now_ms, urgent=False):
    """(ladder, rung or None) after one input; the rung (name) is to be carried out now.

    given: "answered" (something at the other end spoke) · "silent" (an attempt found nobody) · "tick" ·
    "radio_dead" and "radio_lives" (what came of a radio reset). urgent: an alarm has no receipt.
    """
    if given == "answered":
        return Ladder(0, None, None, 0, ladder.counts, 0), None
    if given == "silent":
        if ladder.since_ms is not None:
            return ladder, None
        return Ladder(0, now_ms, now_ms, 0, _counted(ladder, 0), ladder.dead), "socket"
    if given == "radio_dead" or given == "radio_lives":
        dead = ladder.dead + 1 if given == "radio_dead" else 0
        return Ladder(ladder.rung, ladder.began_ms, ladder.since_ms, ladder.rounds, ladder.counts, dead), None
    if given != "tick":
        raise ValueError(f"a ladder does not take {given!r}")
    at_ms = due_ms(ladder, urgent)
    if at_ms is None or now_ms < at_ms:
        return ladder, None
    rung, rounds, since_ms = ladder.rung + 1, ladder.rounds, ladder.since_ms
    if rung == len(RUNGS):
        # The next round is counted from here, as the first was from the beginning of the silence.
        rung, rounds, since_ms = AGAIN, min(rounds + 1, DOUBLINGS_MAX), now_ms
    return Ladder(rung, ladder.began_ms, since_ms, rounds, _counted(ladder, rung), ladder.dead), RUNGS[rung][0]


def _counted(ladder, rung):
    return ladder.counts[:rung] + (ladder.counts[rung] + 1,) + ladder.counts[rung + 1 :]


def due_ms(ladder, urgent=False):
    """When the next rung is due, or None while something answers."""
    if ladder.since_ms is None:
        return None
    column = 2 if urgent else 1
    if ladder.rung + 1 < len(RUNGS):
        return ladder.since_ms + (RUNGS[ladder.rung + 1][column] << ladder.rounds)
    return ladder.since_ms + (2 * RUNGS[-1][column] << ladder.rounds)


def may_restart(ladder, up_ms, radio_restart):
    """True if the radio's driver is dead and a restart may mend it.

    up_ms: since the start. radio_restart: this start was such a restart, so the next one has to wait. What waits in the
    journal is still there afterwards; without a radio it could not have been delivered.
    """
    return ladder.dead >= DEAD_MAX and (not radio_restart or up_ms >= RESTART_PAUSE_MS)


def report(ladder, now_ms):
    """`info` (dict) of an event about the silence that ends now, or None: it was too short to be told."""
    if ladder.began_ms is None or (ladder.rung < AGAIN and not ladder.rounds):
        return None
    return {"silent_s": (now_ms - ladder.began_ms) // 1000, "ladder": told(ladder)}


def told(ladder):
    """How often each rung was taken since the start: "socket 3 dns 2 wifi 1", or "" if none was."""
    return " ".join([f"{RUNGS[place][0]} {count}" for place, count in enumerate(ladder.counts) if count])
