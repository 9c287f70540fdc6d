"""Which broker, when, and when to give it up. Pure; `link` carries it out.

The first retry after a lost link comes at once, at the same broker: most losses are a broker that restarts. After that
each failure moves to the next broker of the list, and only a whole round of failures lengthens the pause. A link that
is under suspicion (the outbox has waited for a receipt) is left for the next broker at once.
"""

from collections import namedtuple

from bellnode.table import Table

BACKOFF_MS = (200, 400, 800, 1500, 3000, 6000, 15000)  # then for ever the last
URGENT_BACKOFF_MS = 1500  # the longest pause while an alarm has no receipt
JITTER_PERCENT = 25  # a thousand bells must not come back in step
STEADY_MS = 10000  # a link that lasted so long has ended all earlier failures

OPEN_MS = 8000  # TCP, TLS, CONNACK and SUBACK together; an ECC handshake takes an ESP32 seconds
URGENT_OPEN_MS = 4000  # with an alarm waiting: a frozen broker must have been left within 5 s
WRITE_MS = 5000
KEEPALIVE_S = 20  # the broker publishes our last will after 1.5 times this
# Of silence from us: before the keepalive is over, with room for a slow loop. And of silence from the broker, however
# much we say: what we say into a connection that only we still hold is answered by nobody.
PING_MS = 14000
ANSWER_MS = 5000  # for PINGRESP

# (phase, input): next phase. Suspicion may come when the link is lost already, or the next one is being tried.
TABLE = Table(
    "a link that is {!r} cannot take {!r}",
    """
waiting due opening
waiting hurry waiting
waiting suspect waiting
opening up up
opening lost waiting
opening hurry opening
opening suspect opening
up lost waiting
up suspect waiting
up hurry up
""",
)

# index: place in the list of brokers. fails: in a row. due_ms: when to open. up_ms: since when, or None. sent_ms,
# heard_ms, ping_ms: the last packet we sent, the last that came, and the ping that waits for its answer (or None).
_FIELDS = ("phase", "brokers", "index", "fails", "due_ms", "up_ms", "sent_ms", "heard_ms", "ping_ms", "seed")
Link = namedtuple("Link", _FIELDS)


def start(brokers, seed, now_ms):
    """A link that opens the first of `brokers` (a count, at least 1) at once. seed: the jitter's."""
    return Link("waiting", brokers, 0, 0, now_ms, None, 0, 0, None, seed & 0x3FFFFFFF)


def _with(link, **changes):
    return Link(*[changes[name] if name in changes else getattr(link, name) for name in _FIELDS])


def step(link, given, now_ms, urgent=False):
    """(link, effects) after one input; raises ValueError for one that the table does not list.

    given: "due" · "up" · "lost" · "suspect" · "hurry". urgent: an alarm has no receipt.
    effects: ("open", index, deadline_ms) · ("close",)
    """
    was, phase = link.phase, TABLE.turn(link.phase, given)
    if given == "due":
        deadline_ms = URGENT_OPEN_MS if urgent else OPEN_MS
        return _with(link, phase=phase), (("open", link.index, deadline_ms),)
    if given == "up":
        return _with(link, phase=phase, up_ms=now_ms, sent_ms=now_ms, heard_ms=now_ms, ping_ms=None), ()
    if given == "hurry":
        soon_ms = min(link.due_ms, now_ms + BACKOFF_MS[0])
        return (_with(link, due_ms=soon_ms) if phase == "waiting" else link), ()
    if given == "suspect":
        if was != "up":
            return link, ()
        # The next one at once. Suspicions are paced by the outbox, so this is no tight loop.
        return _with(link, phase=phase, index=(link.index + 1) % link.brokers, due_ms=now_ms, up_ms=None), (("close",),)
    steady = was == "up" and now_ms - link.up_ms >= STEADY_MS
    fails = 1 if steady else link.fails + 1
    index = link.index if was == "up" and fails == 1 else (link.index + 1) % link.brokers
    seed, wait_ms = _backoff_ms(link, fails, urgent)
    link = _with(link, phase=phase, index=index, fails=fails, due_ms=now_ms + wait_ms, up_ms=None, seed=seed)
    return link, (("close",),)


def _backoff_ms(link, fails, urgent):
    rounds = (fails - 1) // link.brokers
    wait_ms = BACKOFF_MS[min(rounds, len(BACKOFF_MS) - 1)]
    if urgent:
        wait_ms = min(wait_ms, URGENT_BACKOFF_MS)
    seed = (link.seed * 1103515245 + 12345) & 0x3FFFFFFF
    spread = (seed >> 8) % (2 * JITTER_PERCENT + 1) - JITTER_PERCENT
    return seed, wait_ms * (100 + spread) // 100


def sent(link, now_ms):
    """The link after a packet went out."""
    return _with(link, sent_ms=now_ms)


def heard(link, now_ms):
    """The link after a packet came in: whatever it was, the broker lives."""
    return _with(link, heard_ms=now_ms, ping_ms=None)


def watch(link, now_ms):
    """(link, "ping" or "silent" or None, ms until it has to be called again). Only while the link is up."""
    if link.ping_ms is not None:
        left_ms = link.ping_ms + ANSWER_MS - now_ms
        return (link, None, left_ms) if left_ms > 0 else (link, "silent", 0)
    left_ms = min(link.sent_ms, link.heard_ms) + PING_MS - now_ms
    if left_ms > 0:
        return link, None, left_ms
    return _with(link, ping_ms=now_ms, sent_ms=now_ms), "ping", ANSWER_MS
