"""The bell: all pure modules joined. Pure: step(node, given, now_ms) -> (node, effects).

given, a tuple:
    ("edge", level, at_ms)        the button's contact, 1 = closed
    ("line", zone, value, at_ms)  a contact's line: a level, or thousandths of the supply, or None
    ("key", key, at_ms)           a key of the keypad: one of 0123456789*#
    ("mains", present) ("battery", mv or None)
    ("remembered", record, home)  once, first: what the last ("remember",) and ("keep",) gave, or None; {}: damaged
    ("loaded", records, faults)   once, then: what the journal held, and what was wrong with it
    ("linked",) ("unlinked",)     a broker took our subscription; it is gone
    ("received", message)         a verified message of our .../down topic (dict)
    ("saved", ok)                 how the last save went
    ("fault", name, present)      something the shell noticed came or went
    ("report", info, state)       an event "fault": how the last run ended, a fault of the firmware, an outage
    ("checked", …) ("configured", …) ("trial", …) ("trial_over", …)    see `orders`
    ("service", ms)               the installer's cable: test mode for so long, 0 ends it
    ("tick",)                     time has passed

effects, a tuple of tuples, to be carried out in this order:
    ("save", records)             write the journal: before the send of what is new in it, and, if something leaves
                                  it, after ("remember",), which has it then
    ("send", leaf, message)       seal and send; the shell adds its readings to a heartbeat
    ("show", state, discreet, dim)    the lamp: a state of `indicator`
    ("sound", state, still)       sounder, strobe and siren: a state of `indicator`; still: the strobe alone
    ("next_broker",)              this link is under suspicion: leave it
    ("hurry",)                    there is something urgent and no link: do not wait out the backoff
    ("remember", record)          keep this (JSON value) for the next start
    ("keep", record)              the same, for the home set
    ("check", id or None)         test yourself, and give ("checked", …)
    ("configure", id, changes, minutes)   put settings on trial and restart, or give ("configured", …)
    ("settings", "keep" or "drop")    the trial is over; after "drop" restart
    ("log", text)                 one line for whoever listens on the UART; never a secret
"""

from bellnode import (
    alarm,
    answers,
    button,
    cancel,
    command,
    happen,
    health,
    orders,
    outbox,
    patterns,
    power,
    scene,
    sense,
    testmode,
)
from bellnode.happen import Node, changed
from bellnode.loan import hold, keep, seldom


@seldom("start")
def start(kind, settings, boot, crash, brokers, now_ms):
    """A Node that has just been started: `boot` 16 hex, `crash` a count, `brokers` how many there are to try.

    kind: as in wire.md. settings: settings.Settings.
    """
    if settings.zones or settings.home is not None:
        keep("lines")
    if settings.keypad:
        keep("keys")
    if settings.supply:
        keep("supply")
    if settings.cancel_ms or patterns.waits(settings.press):
        keep("window")
    return changed(
        Node(*[None] * (len(happen.FIELDS) - 1), happen.Rest(*[None] * len(happen.REST_FIELDS))),
        kind=kind,
        settings=settings,
        boot=boot,
        crash=crash,
        started_ms=now_ms,
        seq=0,
        linked=False,
        button=button.RELEASED,
        testing=testmode.OFF,
        pattern=patterns.start(settings.press, "button"),
        window=cancel.start(settings.cancel_ms),
        keypad=("", False, 0),
        contacts=hold("contacts").start(settings.zones, now_ms) if settings.zones else None,
        power=power.start(settings.power, (), now_ms),
        alarms=(),
        outbox=outbox.empty(brokers, int(boot[:8], 16)),
        health=health.NEW,
        ran=command.NONE,
        known=(),
        faults=(),
        lamp=("idle", settings.silent, False),
        voice=("idle", False),
        remind=False,
        checked_ms=now_ms,
    )


def step(node, given, now_ms):
    """(node, effects) after one input; see the module's docstring. An input that is not listed raises ValueError."""
    was = node
    node, effects = _take(node, given, now_ms)
    # What has become due: after every input, so that no input has to remember it.
    node, more = sense.tick(node, now_ms)
    effects += more
    alarms, asked = alarm.step(node.alarms, ("tick",), now_ms)
    node = answers.tick(changed(node, alarms=alarms), now_ms)
    node, more = orders.tick(node, now_ms)
    effects += more
    box, more = outbox.step(node.outbox, ("tick",), now_ms)
    node = changed(node, outbox=box)
    node, more = happen.carry(node, more, now_ms)
    effects += more
    for _, shown in asked:
        if node.linked:
            item = outbox.entry(shown.boot, shown.seq, shown.what, "alarm", shown.happened_ms, now_ms)
            effects.append(("send", "up", outbox.message(item, now_ms)))
            effects.append(("log", f"asked for the stage of seq {shown.seq}"))
    beat, due = health.step(node.health, ("tick", sense.watched(node)), now_ms)
    node = changed(node, health=beat)
    if due:
        effects.append(_heartbeat(node, now_ms))
    node, more = scene.step(node, now_ms)
    effects += more
    # Made only now: while the parts are at work there is no memory to hold what it was.
    kept, new = ((), ()) if node.outbox is was.outbox else (_kept(was), _kept(node))
    added = [one for one in new if one not in kept]
    left = len(kept) > len(new) - len(added)
    written = [("save", outbox.records(node.outbox))] if added or left else []
    memory = [("remember", _record(node))] if _lasting(node, was, added, left) else []
    if added and left:
        return node, tuple(memory + written + effects)
    if added:
        return node, tuple(written + effects + memory)
    return node, tuple(effects + memory + written)  # the lamp does not wait for the flash


def _kept(node):
    return [(item.boot, item.seq, item.what) for item in node.outbox.entries]


def _lasting(node, was, added, left):
    """True if the next start has to be told anew. Of what is in the journal, that tells it: so between a press and its
    receipt nothing else is written."""
    if (left or (not added and node.known is not was.known)) and answers.delivered(node) != answers.delivered(was):
        return True
    if node.rest is was.rest:
        return False
    return node.rest.ran != was.rest.ran or power.told(node.rest.power) != power.told(was.rest.power)


def _record(node):
    return {
        "ran": command.record(node.rest.ran),
        "open": answers.record(node),
        "power": list(power.told(node.rest.power)),
    }


@seldom("start")
def _remembered(node, given, now_ms):
    record = given[1] if isinstance(given[1], dict) else {}
    told = record.get("power")
    node = changed(
        node,
        ran=command.remembered(record.get("ran")),
        known=answers.remembered(record.get("open")),
        power=power.start(node.rest.settings.power, told if isinstance(told, list) else (), now_ms),
    )
    return sense.begin(node, given[2], now_ms)


@seldom("start")
def _loaded(node, given, now_ms):
    effects = []
    for record in given[1]:
        times = (record.get("t_ms"), record.get("t_err_ms"))
        item = outbox.entry(
            record["boot"],
            record["seq"],
            record["what"],
            record["state"],
            None,
            now_ms,
            times,
            record.get("info"),
            record.get("zone"),
        )
        box, more = outbox.step(node.outbox, ("add", item), now_ms)
        node, more = happen.carry(changed(node, outbox=box), more, now_ms)
        effects += more
        if item.state == "alarm":
            node = happen.show(
                happen.remember(node, item.boot, item.seq, item.what), item.boot, item.seq, item.what, None, now_ms
            )
        effects.append(("log", f"from the journal: {item.what} seq {item.seq}"))
    for name in given[2]:
        node = happen.fault(node, name, True)
        effects.append(("log", f"fault: {name}"))
    return node, effects


def _heartbeat(node, now_ms):
    pending = len(node.outbox.entries)
    up_s = (now_ms - node.rest.started_ms) // 1000
    beat = health.message(
        node.health, node.rest.boot, node.seq, up_s, pending, node.rest.kind, node.rest.crash, node.rest.faults
    )
    beat.update(power.values(node.rest.power))
    if node.rest.home is not None:
        beat["armed"] = sense.armed(node)
    return ("send", "up", beat)


def _unlinked(node, now_ms):
    box, _ = outbox.step(node.outbox, ("unlinked",), now_ms)
    beat, _ = health.step(node.health, ("unlinked",), now_ms)
    return changed(node, linked=False, outbox=box, health=beat)


def _received(node, message, now_ms):
    if message["type"] == "receipt":
        node, effects, stored = answers.receipt(node, message, now_ms)
        if stored is not None:
            node, more = orders.proved(node, stored[0], stored[1], now_ms)
            effects += more
        return node, effects
    if message["type"] == "command":
        return orders.obey(node, message, now_ms)
    return node, [("log", f"ignored a {message['type']}: a bell takes receipts and commands")]


def due_ms(node):
    """When a tick next matters (ms of our clock), or None."""
    due = sense.dues(node) + scene.dues(node)
    due += [
        outbox.due_ms(node.outbox),
        alarm.due_ms(node.alarms),
        health.due_ms(node.health),
        node.rest.doubt_ms,
        node.rest.trial and node.rest.trial[2],
        orders.check_ms(node),
    ]
    due = [at_ms for at_ms in due if at_ms is not None]
    return min(due) if due else None


def _take(node, given, now_ms):
    kind = given[0]
    if kind == "tick":
        return node, []
    if kind == "edge":
        return sense.edge(node, given, now_ms)
    if kind == "received":
        return _received(node, given[1], now_ms)
    if kind == "linked":
        node = answers.linked(node, now_ms)
        return node, [_heartbeat(node, now_ms)]
    if kind == "unlinked":
        return _unlinked(node, now_ms), []
    if kind == "saved":
        return happen.fault(node, "flash", not given[1]), []
    if kind == "fault":
        return happen.fault(node, given[1], given[2]), []
    if kind == "report":
        return happen.event(node, "fault", given[2], None, given[1], now_ms, now_ms)
    return _seldom(node, given, now_ms)


def _seldom(node, given, now_ms):
    """What comes once a start, or with an input or an order that few bells see."""
    kind = given[0]
    if kind == "line":
        return sense.line(node, given, now_ms)
    if kind == "key":
        return sense.key(node, given, now_ms)
    if kind in ("mains", "battery"):
        return sense.supply(node, given, now_ms)
    if kind == "remembered":
        return _remembered(node, given, now_ms)
    if kind == "loaded":
        return _loaded(node, given, now_ms)
    if kind == "checked":
        return orders.checked(node, given, now_ms)
    if kind == "configured":
        return orders.configured(node, given, now_ms)
    if kind == "trial":
        return orders.trial(node, given, now_ms)
    if kind == "trial_over":
        return orders.trial_over(node, given, now_ms)
    if kind == "service":
        return orders.service(node, given, now_ms)
    raise ValueError(f"a node does not take {kind!r}")
