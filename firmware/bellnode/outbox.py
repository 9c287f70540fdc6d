"""Events that still lack a receipt: resends, ages, bound, suspicion. Pure.

An event's identity (boot, seq) is fixed before it comes here, and never changes. It leaves when the gateway says
`stored` or more; `refused` keeps it, at the longest interval. PUBACKs mean nothing here: a broker is not a gateway.
"""

from collections import namedtuple

from bellnode.loan import seldom

WAITS_MS = (1000, 2000, 4000, 8000, 16000, 30000)  # then for ever the last; wire.md
JITTER_PERCENT = 20
SUSPICION_MS = 3000  # wire.md: no receipt for so long while an alarm is pending, and the broker is left
SUSPICION_DOUBLINGS = 3  # a whole tour of brokers without a receipt: the gateway is away, so knock more slowly
# 32 events are about 10 kB of heap and 4 kB of journal, one flash sector; a bell that has 32 alarms undelivered has
# said all it can say.
ENTRIES_MAX = 32

ALARMS = ("panic", "holdup", "duress", "medical", "intrusion", "tamper")

# happened_ms: bell's clock; None for an event from before this start. t_ms, t_err_ms: gateway time, or None.
# tries: sends so far. wait: place in WAITS_MS. due_ms: when to send. first_ms: first send ever in this run, or None;
# link_ms: first send on the present link, or None.
Entry = namedtuple(
    "Entry",
    (
        "boot",
        "seq",
        "what",
        "state",
        "happened_ms",
        "t_ms",
        "t_err_ms",
        "info",
        "tries",
        "wait",
        "due_ms",
        "first_ms",
        "link_ms",
        "refused",
        "zone",
    ),
)

# entries: tuple of Entry, oldest first. heard_ms: last receipt, or None. suspicions: links left without a receipt.
# dropped: events lost to the bound. brokers: how many there are to try. seed: of the jitter.
Outbox = namedtuple("Outbox", ("entries", "linked", "heard_ms", "suspicions", "dropped", "brokers", "seed"))


def empty(brokers, seed):
    """An outbox without events; `brokers` is the length of the list, `seed` any integer: the jitter's."""
    return Outbox((), False, None, 0, 0, max(1, brokers), seed & 0x3FFFFFFF)


def entry(  # noqa: PLR0913, PLR0917 -- an event is so much
    boot, seq, what, state, happened_ms, due_ms, clock=(None, None), info=None, zone=None
):
    """A new Entry, never sent. clock: (t_ms, t_err_ms). due_ms: later than now, and the event is held until then."""
    return Entry(boot, seq, what, state, happened_ms, clock[0], clock[1], info, 0, 0, due_ms, None, None, False, zone)


def is_alarm(item):
    """True for an event that may not wait for any other."""
    return item.state == "alarm" and item.what in ALARMS


def step(outbox, given, now_ms):
    """(outbox, effects) after one input.

    given: ("add", Entry) · ("receipt", boot, seq, stage) · ("linked",) · ("unlinked",) · ("resend",) · ("tick",)
        ("turn", boot, seq, what, info)    a held event is something else after all; it goes out now
        ("go", boot, seq)                  a held event goes out now, as it is
    effects, a tuple of: ("send", Entry as it is sent now) · ("cleared", Entry) · ("dropped", Entry) · ("suspect",)
    """
    kind = given[0]
    if kind == "add":
        return _add(outbox, given[1])
    if kind == "receipt":
        return _receipt(outbox, given, now_ms)
    if kind == "linked" or kind == "resend":
        # A new link has heard nothing: everything again, at once, and quickly at first.
        entries = [_again(item, now_ms, kind == "linked") for item in outbox.entries]
        linked = True if kind == "linked" else outbox.linked
        return _with(outbox, entries, linked=linked), ()
    if kind == "unlinked":
        return _with(outbox, outbox.entries, linked=False), ()
    if kind == "turn" or kind == "go":
        return _let_go(outbox, given, now_ms)
    if kind == "tick":
        return _tick(outbox, now_ms)
    raise ValueError(f"an outbox does not take {kind!r}")


def _with(outbox, entries, linked=None, heard_ms=None, suspicions=None, dropped=0, seed=None):
    return Outbox(
        tuple(entries),
        outbox.linked if linked is None else linked,
        outbox.heard_ms if heard_ms is None else heard_ms,
        outbox.suspicions if suspicions is None else suspicions,
        outbox.dropped + dropped,
        outbox.brokers,
        outbox.seed if seed is None else seed,
    )


def _entry(item, tries, wait, due_ms, first_ms, link_ms, refused):
    return Entry(
        item.boot,
        item.seq,
        item.what,
        item.state,
        item.happened_ms,
        item.t_ms,
        item.t_err_ms,
        item.info,
        tries,
        wait,
        due_ms,
        first_ms,
        link_ms,
        refused,
        item.zone,
    )


def held(item, now_ms):
    """True for an event that was never sent and may not be sent yet."""
    return item.tries == 0 and item.due_ms > now_ms


@seldom("window")
def _let_go(outbox, given, now_ms):
    entries = []
    for item in outbox.entries:
        if (item.boot, item.seq) == (given[1], given[2]) and held(item, now_ms - 1):
            what, info = (given[3], given[4]) if given[0] == "turn" else (item.what, item.info)
            clock = (item.t_ms, item.t_err_ms)
            entries.append(
                entry(item.boot, item.seq, what, item.state, item.happened_ms, now_ms, clock, info, item.zone)
            )
        else:
            entries.append(item)
    return _with(outbox, entries), ()


def _again(item, now_ms, new_link):
    if item.refused or held(item, now_ms):
        return item
    return _entry(item, item.tries, 0, now_ms, item.first_ms, None if new_link else item.link_ms, False)


def _add(outbox, new):
    for item in outbox.entries:
        if item.boot == new.boot and item.seq == new.seq:
            raise ValueError(f"event {new.seq} of boot {new.boot} is in the outbox already")
    entries = outbox.entries + (new,)
    if len(entries) <= ENTRIES_MAX:
        return _with(outbox, entries), ()
    victim = _victim(entries)
    kept = entries[:victim] + entries[victim + 1 :]
    return _with(outbox, kept, dropped=1), (("dropped", entries[victim]),)


def _victim(entries):
    """Which event a full outbox gives up: the oldest that is no alarm; among alarms alone, the second.

    The first alarm says when it began and the newest is the one on the lamp; those between repeat them.
    """
    for place, item in enumerate(entries):
        if not is_alarm(item):
            return place
    return 1


def _receipt(outbox, given, now_ms):
    _, boot, seq, stage = given
    outbox = _with(outbox, outbox.entries, heard_ms=now_ms, suspicions=0)
    for place, item in enumerate(outbox.entries):
        if item.boot == boot and item.seq == seq:
            before, after = outbox.entries[:place], outbox.entries[place + 1 :]
            if stage != "refused":
                return _with(outbox, before + after), (("cleared", item),)
            last = len(WAITS_MS) - 1
            seed, wait_ms = _wait_ms(outbox.seed, last)
            slow = _entry(item, item.tries, last, now_ms + wait_ms, item.first_ms, item.link_ms, True)
            return _with(outbox, before + (slow,) + after, seed=seed), ()
    return outbox, ()


def _wait_ms(seed, wait):
    """(next seed, WAITS_MS[wait] with its jitter): a linear congruential step, so that the core stays pure."""
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    spread = (seed >> 8) % (2 * JITTER_PERCENT + 1) - JITTER_PERCENT
    return seed, WAITS_MS[wait] * (100 + spread) // 100


def _tick(outbox, now_ms):
    if not outbox.linked:
        return outbox, ()
    if now_ms >= _suspicion_due_ms(outbox, now_ms + 1):
        return _with(outbox, outbox.entries, linked=False, suspicions=outbox.suspicions + 1), (("suspect",),)
    seed = outbox.seed
    entries = []
    alarms = []
    others = []
    for item in outbox.entries:
        after = item
        if item.due_ms <= now_ms:
            first_ms = now_ms if item.first_ms is None else item.first_ms
            link_ms = now_ms if item.link_ms is None else item.link_ms
            (alarms if is_alarm(item) else others).append(
                ("send", _entry(item, item.tries, item.wait, now_ms, first_ms, link_ms, item.refused))
            )
            seed, wait_ms = _wait_ms(seed, item.wait)
            wait = min(item.wait + 1, len(WAITS_MS) - 1)
            after = _entry(item, item.tries + 1, wait, now_ms + wait_ms, first_ms, link_ms, item.refused)
        entries.append(after)
    return _with(outbox, entries, seed=seed), tuple(alarms + others)


def _suspicion_due_ms(outbox, never):
    since_ms = [i.link_ms for i in outbox.entries if is_alarm(i) and not i.refused and i.link_ms is not None]
    if not outbox.linked or not since_ms:
        return never
    since_ms = min(since_ms)
    if outbox.heard_ms is not None and outbox.heard_ms > since_ms:
        since_ms = outbox.heard_ms
    tours = min(outbox.suspicions // outbox.brokers, SUSPICION_DOUBLINGS)
    return since_ms + (SUSPICION_MS << tours)


def due_ms(outbox):
    """When a tick next matters, or None."""
    if not outbox.linked or not outbox.entries:
        return None
    due = min([item.due_ms for item in outbox.entries])
    return min(due, _suspicion_due_ms(outbox, due))


def urgent(outbox):
    """True while an alarm has no receipt."""
    for item in outbox.entries:
        if is_alarm(item) and not item.refused:
            return True
    return False


def message(item, now_ms):
    """The event message (dict, see wire.md) for an Entry that is sent at `now_ms`."""
    event = {
        "v": 1,
        "type": "event",
        "boot": item.boot,
        "seq": item.seq,
        "what": item.what,
        "state": item.state,
        "age_ms": None if item.happened_ms is None else max(0, now_ms - item.happened_ms),
        "try": item.tries,
    }
    if item.t_ms is not None:
        event["t_ms"] = item.t_ms
        event["t_err_ms"] = item.t_err_ms
    if item.zone is not None:
        event["zone"] = item.zone
    if item.info:
        event["info"] = item.info
    return event


def records(outbox):
    """What the journal keeps: a list of dicts, oldest first."""
    kept = []
    for item in outbox.entries:
        record = {"boot": item.boot, "seq": item.seq, "what": item.what, "state": item.state}
        if item.t_ms is not None:
            record["t_ms"] = item.t_ms
            record["t_err_ms"] = item.t_err_ms
        if item.zone is not None:
            record["zone"] = item.zone
        if item.info:
            record["info"] = item.info
        kept.append(record)
    return kept
