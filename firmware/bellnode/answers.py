"""What the gateway says about our events, and which of them it still holds open. Pure.

A receipt names an event and its stage, but not what the event was. So the bell remembers, over restarts too, which of
its alarms may still be open: `known`. A stage of anything else, a test of before the restart for one, lights no lamp.
It stands in the order of pressing, which is the order on the lamp: of two presses the newer is told of.

After each new link the gateway names the stages of what is open. What it has not named a little later is taken for
over. But a gateway that is away names nothing, and what it names when it is back is open after all: so an alarm is
forgotten only when it is said to be closed, or makes room for a newer one.
"""

from bellnode import alarm, clock, happen, health, indicator, outbox, sense
from bellnode.loan import seldom


def linked(node, now_ms):
    """The node on a new link: everything undelivered again, every stage in doubt, a heartbeat due."""
    box, _ = outbox.step(node.outbox, ("linked",), now_ms)
    alarms, _ = alarm.step(node.alarms, ("linked",), now_ms)
    beat, _ = health.step(node.health, ("linked", sense.watched(node)), now_ms)
    waiting = _waiting(box)
    known = []
    for entry in node.known:
        sure = (entry[0], entry[1]) in waiting
        known.append(entry if entry[3] is None and not sure else entry[:3] + (sure,))
    return happen.changed(
        node,
        linked=True,
        outbox=box,
        alarms=alarms,
        health=beat,
        known=tuple(known),
        doubt_ms=now_ms + alarm.CONFIRM_MS,
    )


def receipt(node, message, now_ms):
    """(node, effects, stored): stored is (boot, seq) if the gateway has the event on disk, else None."""
    boot, seq, stage = message["boot"], message["seq"], message["stage"]
    if boot == node.rest.boot and seq > node.seq:
        return node, [("log", f"ignored a receipt for seq {seq}: never sent")], None
    box, effects = outbox.step(node.outbox, ("receipt", boot, seq, stage), now_ms)
    what, earlier = _known(node, boot, seq)
    alarms = node.alarms
    if what in happen.SHOWN:
        alarms, _ = alarm.step(alarms, ("receipt", boot, seq, stage, what, earlier), now_ms)
    read = node.clock
    for effect in effects:
        if effect[0] == "cleared" and effect[1].first_ms is not None:
            read = clock.heard(read, message["now_ms"], effect[1].first_ms, now_ms)
    tested_ms = node.rest.tested_ms
    for effect in effects:
        if effect[0] == "cleared" and effect[1].what == "test" and "input" in (effect[1].info or ()):
            tested_ms = now_ms + indicator.TEST_SHOWN_MS
    known = []
    for entry in node.known:
        if entry[:2] != (boot, seq):
            known.append(entry)
        elif stage != "closed":
            known.append(entry[:3] + (True,))
            if entry[3] is None:  # it may be an old receipt, said again by somebody: ask
                alarms, _ = alarm.step(alarms, ("linked",), now_ms)
    node = happen.changed(node, outbox=box, alarms=alarms, clock=read, known=tuple(known), tested_ms=tested_ms)
    why = ": " + message.get("reason", "no reason given") if stage == "refused" else ""
    return node, [("log", f"receipt {stage}  seq {seq}{why}")], None if stage == "refused" else (boot, seq)


def _known(node, boot, seq):
    """(what it was or None, the (boot, seq) of what was pressed before it)"""
    earlier = []
    for entry in node.known:
        if entry[0] == boot and entry[1] == seq:
            return entry[2], earlier
        earlier.append(entry[:2])
    for shown in node.alarms:  # closed already, and still on the lamp for a moment
        if shown.boot == boot and shown.seq == seq:
            return shown.what, ()
    return None, ()


def tick(node, now_ms):
    """The node that takes for over what the gateway has not named in time."""
    if node.rest.doubt_ms is None or now_ms < node.rest.doubt_ms:
        return node
    on_lamp = [(shown.boot, shown.seq) for shown in node.alarms]
    known = []
    for entry in node.known:
        known.append(entry if entry[3] or entry[:2] in on_lamp else entry[:3] + (None,))
    return happen.changed(node, known=tuple(known), doubt_ms=None)


@seldom("start")
def remembered(value):
    """`known` from what a file held (JSON value): anything odd in it is left out."""
    known = []
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, list) or len(entry) not in (3, 4):
            continue
        boot, seq, what = entry[:3]
        if isinstance(boot, str) and type(seq) is int and (what in happen.SHOWN or what == "duress"):
            known.append((boot, seq, what, False if len(entry) == 3 else None))
    return tuple(known[-happen.KNOWN_MAX :])


def delivered(node):
    """Of `record` what is in no journal."""
    waiting = _waiting(node.outbox)
    return [entry for entry in record(node) if tuple(entry[:2]) not in waiting]


def _waiting(box):
    return [(item.boot, item.seq) for item in box.entries]


def record(node):
    """What is to be remembered of `known` (JSON value)."""
    return [list(entry if entry[3] is None else entry[:3]) for entry in node.known]
