"""The node's state, and how something that happens becomes an event: identity, journal, send, lamp. Pure.

The functions here take a Node and give (node, effects) back; effects are those of `node`.
"""

from collections import namedtuple

from bellnode import alarm, clock, outbox
from bellnode.loan import seldom

FAULTS_MAX = 8  # wire.md
KNOWN_MAX = alarm.SHOWN_MAX

# A person has to know what became of these; they are what the lamp is about. A duress is not among them: it has to look
# like a disarm.
SHOWN = ("panic", "holdup", "medical", "intrusion")

# What a press changes, and what seldom changes: a press makes a dozen nodes, and some five of them live at once.
FIELDS = (
    "seq",  # last event number used
    "linked",
    "button",  # button's
    "pattern",  # patterns'
    "held",  # (seq, what, at_ms) of a press that may still be taken back, or None
    "alarms",
    "outbox",
    "health",
    "clock",  # Clock or None
    "known",  # (boot, seq, what, sure) of alarms not said to be closed; sure None: taken for over, see `answers`
    "lamp",  # (state, discreet, dim) that is shown
    "voice",  # (state, still) that is heard
    "quiet_ms",  # until when an alarm may be heard, or None: it is quiet
    "rest",  # a Rest
)
REST_FIELDS = (
    "kind",  # as in wire.md
    "settings",  # settings.Settings
    "boot",  # this start's identity
    "crash",  # unclean restarts
    "started_ms",
    "testing",  # testmode's
    "window",  # cancel's
    "keypad",  # keypad's
    "contacts",  # contacts' lines, or None: nothing is wired
    "home",  # homeset's, or None: not a home set
    "power",
    "ran",  # command.Ran
    "doubt_ms",  # when what the gateway has not named since the link began is taken for closed, or None
    "faults",  # tuple of names
    "sound",  # what the home set wants to be heard, or None
    "remind",  # True while the check-in is asked for
    "key",  # (state, until_ms): the answer to a key, or None
    "tested_ms",  # until when it is shown that a test arrived, or None
    "identify_ms",  # until when, or None
    "trial",  # (id, seq, until_ms) while settings are on trial, or None
    "checked_ms",  # the last daily self-test, or the start
)
Node = namedtuple("Node", FIELDS)
Rest = namedtuple("Rest", REST_FIELDS)


def changed(node, **changes):
    """The node with these fields instead, of its own or of its rest; the same one if it has them already."""
    own = rest = False
    for name, value in changes.items():
        if name in REST_FIELDS:
            rest = rest or getattr(node.rest, name) is not value
        else:
            own = own or getattr(node, name) is not value
    if rest:
        changes["rest"] = Rest(*_values(node.rest, REST_FIELDS, changes))
    return Node(*_values(node, FIELDS, changes)) if own or rest else node


def _values(record, fields, changes):
    # A list that grows would ask for twice as much in one piece.
    values = [None] * len(fields)
    for place, name in enumerate(fields):
        values[place] = changes[name] if name in changes else record[place]
    return values


def event(node, what, state, zone, info, at_ms, now_ms, until_ms=None):
    """A new event: its identity first, then the outbox, then the lamp.

    until_ms: it is held until then, is in the journal meanwhile, and the lamp claims nothing.
    """
    seq = node.seq + 1
    estimate = clock.estimate(node.clock, at_ms)
    due_ms = now_ms if until_ms is None else until_ms
    new = outbox.entry(node.rest.boot, seq, what, state, at_ms, due_ms, estimate, info, zone)
    box, effects = outbox.step(node.outbox, ("add", new), now_ms)
    node = changed(node, seq=seq, outbox=box)
    node, effects = carry(node, effects, now_ms)
    if until_ms is not None:
        return changed(node, held=(seq, what, at_ms)), effects
    if state == "alarm":
        node = remember(node, node.rest.boot, seq, what)
        node = show(node, node.rest.boot, seq, what, at_ms, now_ms)
    if not node.linked and outbox.urgent(node.outbox):
        effects.append(("hurry",))
    return node, effects


def show(node, boot, seq, what, at_ms, now_ms):
    """The node with this alarm on its lamp, if it belongs there, and heard again if it is loud."""
    if what not in SHOWN:
        return node
    alarms, _ = alarm.step(node.alarms, ("press", boot, seq, what, at_ms), now_ms)
    node = changed(node, alarms=alarms)
    return node if at_ms is None or what in alarm.SILENT else loud(node, now_ms)


def loud(node, now_ms):
    """The node whose sounder and siren may be heard from now on, for as long as the settings say."""
    return changed(node, quiet_ms=now_ms + node.rest.settings.siren_s * 1000)


def remember(node, boot, seq, what):
    """The node that knows this alarm as open: where it stood, if it stood there, else as the newest."""
    if what not in SHOWN and what != "duress":
        return node
    known = [entry[:3] + (True,) if entry[:2] == (boot, seq) else entry for entry in node.known]
    if (boot, seq, what, True) not in known:
        known.append((boot, seq, what, True))
    if len(known) > KNOWN_MAX:  # room is made by the oldest that was taken for over, else by the oldest
        over = [entry for entry in known if entry[3] is None]
        known.remove((over or known)[0])
    return changed(node, known=tuple(known))


def may_be_open(node):
    """What each alarm was whose incident may be open."""
    return [entry[2] for entry in node.known if entry[3] is not None]


@seldom("window")
def let_go(node, what, info, now_ms):
    """The held event goes out now; what: it is that instead (with `info`), or None: as it is."""
    if node.held is None:
        return node, []
    seq, was, at_ms = node.held
    given = ("go", node.rest.boot, seq) if what is None else ("turn", node.rest.boot, seq, what, info)
    box, effects = outbox.step(node.outbox, given, now_ms)
    node, effects = carry(changed(node, outbox=box, held=None), effects, now_ms)
    return show(
        remember(node, node.rest.boot, seq, what or was), node.rest.boot, seq, what or was, at_ms, now_ms
    ), effects


def carry(node, effects, now_ms):
    """Effects of the outbox as effects of the node."""
    told = []
    for effect in effects:
        name = effect[0]
        if name == "send":
            item = effect[1]
            told.append(("send", "up", outbox.message(item, now_ms)))
            told.append(("log", f"sent  {item.what} seq {item.seq} try {item.tries}"))
        elif name == "suspect":
            told.append(("next_broker",))
            told.append(("log", "no receipt: trying the next broker"))
        elif name == "dropped":
            node = fault(node, "outbox_full", True)
            told.append(("log", f"outbox full: dropped {effect[1].what} seq {effect[1].seq}"))
    return node, told


def fault(node, name, present):
    """The node with this fault, or without it."""
    if (name in node.rest.faults) == present:
        return node
    if not present:
        return changed(node, faults=tuple([other for other in node.rest.faults if other != name]))
    return changed(node, faults=(node.rest.faults + (name,))[-FAULTS_MAX:])
