"""The bell: button, alarm, outbox, health and commands joined. Pure: step(node, given, now_ms) -> (node, effects).

given, a tuple:
    ("edge", level, at_ms)        the button's contact, 1 = closed
    ("loaded", records, faults)   once, at the start: what the journal held, and what was wrong with it
    ("linked",) ("unlinked",)     a broker took our subscription; it is gone
    ("received", message)         a verified message of our .../down topic (dict)
    ("saved", ok)                 how the last save went
    ("fault", name, present)      something the shell noticed came or went
    ("tick",)                     time has passed

effects, a tuple of tuples, to be carried out in this order:
    ("save", records)             write the journal; always before the send of what is new in it
    ("send", leaf, message)       seal and send; the shell adds its readings to a heartbeat
    ("show", rung)                the lamp: a rung of `alarm`, or "identify"
    ("next_broker",)              this link is under suspicion: leave it
    ("hurry",)                    there is something urgent and no link: do not wait out the backoff
    ("log", text)                 one line for whoever listens on the UART; never a secret
"""

from collections import namedtuple

from bellnode import alarm, button, clock, command, health, outbox

FAULTS_MAX = 8  # wire.md
IDENTIFY_SHOWN_MS = 10000  # long enough to find one bell in a row of shops

# A person raises these by hand; they are what the lamp is about.
SHOWN = ("panic", "holdup", "duress", "medical")

# bell: Bell. boot: this start's identity. crash: unclean restarts. seq: last event number used. clock: Clock or None.
# ran: command.Ran. lesser: identities from the journal that are no press. faults: tuple of names. lamp: what is shown.
# identify_ms: until when, or None.
_FIELDS = (
    "bell",
    "boot",
    "crash",
    "started_ms",
    "seq",
    "linked",
    "button",
    "alarms",
    "outbox",
    "health",
    "clock",
    "ran",
    "lesser",
    "faults",
    "lamp",
    "identify_ms",
)
Node = namedtuple("Node", _FIELDS)

# kind: as in wire.md. what: what a press means. silent: True if the lamp has to be discreet.
Bell = namedtuple("Bell", ("kind", "what", "silent"))


def start(bell, boot, crash, brokers, now_ms):
    """A Node that has just been started: `boot` 16 hex, `crash` a count, `brokers` how many there are to try."""
    seed = int(boot[:8], 16)
    return Node(
        bell,
        boot,
        crash,
        now_ms,
        0,
        False,
        button.RELEASED,
        (),
        outbox.empty(brokers, seed),
        health.NEW,
        None,
        command.NONE,
        (),
        (),
        "idle",
        None,
    )


def _with(node, **changes):
    return Node(*[changes[name] if name in changes else getattr(node, name) for name in _FIELDS])


def step(node, given, now_ms):
    """(node, effects) after one input; see the module's docstring. An input that is not listed raises ValueError."""
    kind = given[0]
    if kind not in _STEPS:
        raise ValueError(f"a node does not take {kind!r}")
    kept = _kept(node)
    node, effects = _STEPS[kind](node, given, now_ms)
    node, later = _let_time_pass(node, now_ms)
    effects += later
    if _kept(node) != kept:
        effects = [("save", outbox.records(node.outbox))] + effects
    return node, tuple(effects)


def _kept(node):
    return [(item.boot, item.seq) for item in node.outbox.entries]


def _edge(node, given, now_ms):
    pressed, patterns = button.step(node.button, given, now_ms)
    return _patterns(_with(node, button=pressed), patterns, now_ms)


def _patterns(node, patterns, now_ms):
    effects = []
    for pattern, at_ms in patterns:
        if pattern == "press":
            node, more = _event(node, node.bell.what, at_ms, now_ms, None)
            effects += more
        effects.append(("log", f"{pattern}  seq {node.seq}"))
    return node, effects


def _event(node, what, happened_ms, now_ms, info):
    """A new event: its identity first, then the outbox, then the lamp."""
    seq = node.seq + 1
    estimate = clock.estimate(node.clock, happened_ms)
    new = outbox.entry(node.boot, seq, what, "alarm", happened_ms, now_ms, estimate, info)
    box, effects = outbox.step(node.outbox, ("add", new), now_ms)
    alarms = node.alarms
    if what in SHOWN:
        alarms, _ = alarm.step(alarms, ("press", node.boot, seq, what, happened_ms), now_ms)
    node, effects = _carry(_with(node, seq=seq, outbox=box, alarms=alarms), effects, now_ms)
    if not node.linked and outbox.urgent(box):
        effects.append(("hurry",))
    return node, effects


def _carry(node, effects, now_ms):
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
            node = _fault(node, "outbox_full", True)
            told.append(("log", f"outbox full: dropped {effect[1].what} seq {effect[1].seq}"))
    return node, told


def _loaded(node, given, now_ms):
    effects = []
    for record in given[1]:
        times = (record.get("t_ms"), record.get("t_err_ms"))
        item = outbox.entry(
            record["boot"], record["seq"], record["what"], record["state"], None, now_ms, times, record.get("info")
        )
        box, more = outbox.step(node.outbox, ("add", item), now_ms)
        node, more = _carry(_with(node, outbox=box), more, now_ms)
        effects += more
        if item.what in SHOWN and item.state == "alarm":
            alarms, _ = alarm.step(node.alarms, ("press", item.boot, item.seq, item.what, None), now_ms)
            node = _with(node, alarms=alarms)
        else:
            node = _with(node, lesser=node.lesser + ((item.boot, item.seq),))
        effects.append(("log", f"from the journal: {item.what} seq {item.seq}"))
    for name in given[2]:
        node = _fault(node, name, True)
        effects.append(("log", f"fault: {name}"))
    return node, effects


def _linked(node, given, now_ms):
    box, _ = outbox.step(node.outbox, ("linked",), now_ms)
    alarms, _ = alarm.step(node.alarms, ("linked",), now_ms)
    beat, _ = health.step(node.health, ("linked", node.faults), now_ms)
    node = _with(node, linked=True, outbox=box, alarms=alarms, health=beat)
    return node, [_heartbeat(node, now_ms)]


def _heartbeat(node, now_ms):
    pending = len(node.outbox.entries)
    up_s = (now_ms - node.started_ms) // 1000
    beat = health.message(node.health, node.boot, node.seq, up_s, pending, node.bell.kind, node.crash, node.faults)
    return ("send", "up", beat)


def _unlinked(node, given, now_ms):
    box, _ = outbox.step(node.outbox, ("unlinked",), now_ms)
    beat, _ = health.step(node.health, ("unlinked",), now_ms)
    return _with(node, linked=False, outbox=box, health=beat), []


def _received(node, given, now_ms):
    message = given[1]
    if message["type"] == "receipt":
        return _receipt(node, message, now_ms)
    if message["type"] == "command":
        return _command(node, message, now_ms)
    return node, [("log", f"ignored a {message['type']}: a bell takes receipts and commands")]


def _receipt(node, message, now_ms):
    boot, seq, stage = message["boot"], message["seq"], message["stage"]
    if boot == node.boot and seq > node.seq:
        return node, [("log", f"ignored a receipt for seq {seq}: never sent")]
    box, effects = outbox.step(node.outbox, ("receipt", boot, seq, stage), now_ms)
    alarms = node.alarms
    if _is_shown(node, boot, seq) or (boot != node.boot and (boot, seq) not in node.lesser):
        alarms, _ = alarm.step(alarms, ("receipt", boot, seq, stage), now_ms)
    read = node.clock
    for effect in effects:
        if effect[0] == "cleared" and effect[1].first_ms is not None:
            read = clock.heard(read, message["now_ms"], effect[1].first_ms, now_ms)
    node = _with(node, outbox=box, alarms=alarms, clock=read)
    why = ": " + message.get("reason", "no reason given") if stage == "refused" else ""
    return node, [("log", f"receipt {stage}  seq {seq}{why}")]


def _is_shown(node, boot, seq):
    """A receipt for a self-test must not light the lamp; one for a press of before the restart must."""
    for shown in node.alarms:
        if shown.boot == boot and shown.seq == seq:
            return True
    return False


def _command(node, message, now_ms):
    ran, why = command.judge(node.ran, message, clock.estimate(node.clock, now_ms)[0])
    if why:
        return node, [("log", f"ignored command {message['name']}: {why}")]
    node = _with(node, ran=ran)
    what, info, act = command.answer(
        message, node.bell.silent, len(node.outbox.entries), node.button.phase, node.faults
    )
    if act == "resend":
        box, _ = outbox.step(node.outbox, ("resend",), now_ms)
        node = _with(node, outbox=box)
    elif act == "identify":
        node = _with(node, identify_ms=now_ms + IDENTIFY_SHOWN_MS)
    node, effects = _event(node, what, now_ms, now_ms, info)
    return node, [("log", f"command {message['name']}: {info.get('reason', 'done')}")] + effects


def _saved(node, given, now_ms):
    return _fault(node, "flash", not given[1]), []


def _noticed(node, given, now_ms):
    return _fault(node, given[1], given[2]), []


def _fault(node, name, present):
    if (name in node.faults) == present:
        return node
    if not present:
        return _with(node, faults=tuple([other for other in node.faults if other != name]))
    return _with(node, faults=(node.faults + (name,))[-FAULTS_MAX:])


def _tick(node, given, now_ms):
    return node, []


def _let_time_pass(node, now_ms):
    """What has become due: after every input, so that no input has to remember it."""
    pressed, patterns = button.step(node.button, ("tick",), now_ms)
    node, effects = _patterns(_with(node, button=pressed), patterns, now_ms)
    box, more = outbox.step(node.outbox, ("tick",), now_ms)
    node, more = _carry(_with(node, outbox=box), more, now_ms)
    effects += more
    alarms, asked = alarm.step(node.alarms, ("tick",), now_ms)
    node = _with(node, alarms=alarms)
    for _, shown in asked:
        if node.linked:
            item = outbox.entry(shown.boot, shown.seq, shown.what, "alarm", shown.happened_ms, now_ms)
            effects.append(("send", "up", outbox.message(item, now_ms)))
            effects.append(("log", f"asked for the stage of seq {shown.seq}"))
    beat, due = health.step(node.health, ("tick", node.faults), now_ms)
    node = _with(node, health=beat)
    if due:
        effects.append(_heartbeat(node, now_ms))
    return _lamp(node, effects, now_ms)


def _lamp(node, effects, now_ms):
    if node.identify_ms is not None and now_ms >= node.identify_ms:
        node = _with(node, identify_ms=None)
    rung = alarm.lamp(node.alarms)
    if rung == "idle" and node.identify_ms is not None:
        rung = "identify"  # an alarm always has the lamp
    if rung != node.lamp:
        node = _with(node, lamp=rung)
        effects.append(("show", rung))
        effects.append(("log", f"lamp {rung}"))
    return node, effects


def due_ms(node):
    """When a tick next matters (ms of our clock), or None."""
    due = [
        at_ms
        for at_ms in (
            button.due_ms(node.button),
            outbox.due_ms(node.outbox),
            alarm.due_ms(node.alarms),
            health.due_ms(node.health),
            node.identify_ms,
        )
        if at_ms is not None
    ]
    return min(due) if due else None


_STEPS = {
    "edge": _edge,
    "loaded": _loaded,
    "linked": _linked,
    "unlinked": _unlinked,
    "received": _received,
    "saved": _saved,
    "fault": _noticed,
    "tick": _tick,
}
