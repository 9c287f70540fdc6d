"""What the wires say -> events: button, contacts, mains and battery, keypad, each through its own pure module. Pure.

The way of a press: button -> testmode -> patterns -> cancel -> event. The way of a contact: contacts -> (on a home set)
homeset -> event. The functions take a Node and give (node, effects) back; effects are those of `node`.
"""

from bellnode import button, cancel, clock, happen, indicator, keypad, patterns, power, testmode
from bellnode.loan import hold, seldom

CODE_TAKEN = ("confirm", "disarmed")  # beeps of a code that was taken: it quietens whatever sounds


def _home():
    return hold("homeset")  # for a home set only


def _contacts():
    return hold("contacts")  # a bell without contacts does not pay for them


@seldom("start")
def begin(node, kept, now_ms):
    """The home set's arming from before this start; kept: the dict that was kept, None or {}."""
    if node.rest.settings.home is None:
        return node, []
    home, effects = _home().start(node.rest.settings.home, kept, now_ms)
    return _from_home(happen.changed(node, home=home), effects, now_ms)


# --- the button


def edge(node, given, now_ms):
    """("edge", level, at_ms)"""
    pressed, found = button.step(node.button, given, now_ms)
    node = happen.changed(node, button=pressed)
    return _from_button(node, found, now_ms)


def _from_button(node, found, now_ms):
    effects = []
    for pattern, at_ms in found:
        testing, tested = testmode.step(node.rest.testing, ("button", pattern, at_ms), now_ms)
        node = happen.changed(node, testing=testing)
        node, more = _from_test(node, tested, now_ms)
        effects += more
        effects.append(("log", f"{pattern}  seq {node.seq}"))
    return node, effects


@seldom("orders")
def test_mode(node, ms, by, now_ms):
    """(node, effects, why): test mode for so long, 0 ends it; why: the reason why not, or None."""
    given = ("on", ms, by, armed(node) not in (None, "off")) if ms else ("off",)
    testing, found = testmode.step(node.rest.testing, given, now_ms)
    for effect in found:
        if effect[0] == "refused":
            return node, [], effect[1]
    node = happen.changed(node, testing=testing)
    node, effects = _from_test(node, found, now_ms)
    return node, effects, None


def _from_test(node, found, now_ms):
    effects = []
    for effect in found:
        name = effect[0]
        more = []
        if name == "event":
            node, more = happen.event(node, *(effect[1:] + (now_ms,)))
        elif name == "pass":
            pattern, known = patterns.step(node.pattern, ("button",) + effect[1:], now_ms)
            node = happen.changed(node, pattern=pattern)
            node, more = _from_pattern(node, known, now_ms)
        elif name == "pass_contact":
            node, more = _contact(node, ("contact",) + effect[1:], now_ms)
        elif name == "mode":
            more = [("log", f"test mode {'on' if effect[1] else 'off'}: {effect[2]}")]
        effects += more
    return node, effects


def _from_pattern(node, found, now_ms):
    effects = []
    for effect in found:
        if effect[0] == "fault":
            node = happen.fault(node, effect[1], effect[2])
            state = "alarm" if effect[2] else "restore"
            node, more = happen.event(node, "fault", state, None, {"how": effect[1]}, now_ms, now_ms)
        else:
            window, kept = cancel.step(node.rest.window, effect, now_ms)
            node = happen.changed(node, window=window)
            node, more = _from_cancel(node, kept, now_ms)
        effects += more
    return node, effects


def _from_cancel(node, found, now_ms):
    effects = []
    for effect in found:
        name = effect[0]
        if name == "press":
            _, what, at_ms, info, until_ms = effect
            if what == "checkin":
                node, more = _to_home(node, ("checkin", at_ms), now_ms)
                effects += more
                continue
            node, more = happen.event(node, what, "alarm", None, info, at_ms, now_ms, until_ms)
            if node.rest.home is not None:
                home, signs = _home().step(node.rest.home, ("presence", at_ms), now_ms)
                node, after = _from_home(happen.changed(node, home=home), signs, now_ms)
                more += after
        elif name == "turn":
            node, more = happen.let_go(node, effect[1], effect[2], now_ms)
        elif name == "go":
            node, more = happen.let_go(node, None, None, now_ms)
        else:
            node, more = happen.event(node, *(effect[1:] + (now_ms,)))
        effects += more
    return node, effects


# --- contacts, mains, battery


@seldom("lines")
def line(node, given, now_ms):
    """("line", zone, value, at_ms): a reading of a contact's line, see `contacts`"""
    if node.rest.contacts is None:
        return node, []
    return _from_lines(node, ("reading",) + given[1:], now_ms)


@seldom("lines")
def _from_lines(node, given, now_ms):
    unknown = [line.zone.number for line in node.rest.contacts if line.contact is None]
    lines, found = _contacts().step(node.rest.contacts, given, now_ms)
    node = happen.changed(node, contacts=lines)
    effects = []
    for effect in found:
        if effect[0] == "contact" and effect[2] == "closed" and effect[1] in unknown and node.rest.home is None:
            continue  # found as it should be: no news, and nothing to restore
        if effect[0] == "contact":
            testing, tested = testmode.step(node.rest.testing, effect, now_ms)
            node = happen.changed(node, testing=testing)
            node, more = _from_test(node, tested, now_ms)
        else:
            node, more = _contact(node, effect, now_ms)
        effects += more
    return node, effects


@seldom("lines")
def _contact(node, effect, now_ms):
    if node.rest.home is not None:
        home, found = _home().step(node.rest.home, effect, now_ms)
        return _from_home(happen.changed(node, home=home), found, now_ms)
    known = _contacts().event(node.rest.settings.zones, effect)
    return (node, []) if known is None else happen.event(node, *(known[1:] + (now_ms,)))


@seldom("supply")
def supply(node, given, now_ms):
    """("mains", present) or ("battery", mv or None)"""
    state, found = power.step(node.rest.power, given, now_ms)
    return _from_power(happen.changed(node, power=state), found, now_ms)


@seldom("supply")
def _from_power(node, found, now_ms):
    effects = []
    for effect in found:
        node, more = happen.event(node, *(effect[1:] + (now_ms,)))
        effects += more
    present = power.faults(node.rest.power)
    for level, _ in power.LEVELS:
        name = "battery_" + level
        node = happen.fault(node, name, name in present)
    return node, effects


def watched(node):
    """What a heartbeat has to tell at once when it changes (a tuple)."""
    return node.rest.faults + (armed(node), node.rest.power.mains)


def armed(node):
    """ "off", "home" or "away"; None for what is no home set."""
    return None if node.rest.home is None else _home().armed(node.rest.home)


# --- keypad and home set


@seldom("keys")
def key(node, given, now_ms):
    """("key", key, at_ms): a key of the keypad"""
    _, name, at_ms = given
    pad, wish = keypad.step(node.rest.keypad, name, at_ms)
    node = happen.changed(node, keypad=pad)
    if wish is None:
        return _to_home(node, ("presence", at_ms), now_ms) if node.rest.home is not None else (node, [])
    if wish[0] == "cancel" and (node.held is not None or happen.may_be_open(node)):
        return _cancel(node, at_ms, now_ms)
    if wish[0] in ("unknown", "cancel") or node.rest.home is None:
        return _beep(node, "refuse", now_ms), []
    return _to_home(node, wish if wish[0] == "arm" else wish + (at_ms,), now_ms)


@seldom("keys")
def _to_home(node, given, now_ms):
    home, found = _home().step(node.rest.home, given, now_ms)
    node, effects = _from_home(happen.changed(node, home=home), found, now_ms)
    if given[0] == "pin" and [effect for effect in found if effect[0] == "beep" and effect[1] in CODE_TAKEN]:
        node = happen.changed(node, quiet_ms=None)
        if node.held is not None:
            node, more = _cancel(node, given[2], now_ms)
            effects += more
    return node, effects


def _cancel(node, at_ms, now_ms):
    window, found = cancel.step(node.rest.window, ("cancel", at_ms), now_ms)
    node = happen.changed(node, window=window)
    return _from_cancel(node, found, now_ms)


def _beep(node, name, now_ms):
    return happen.changed(node, key=(name, now_ms + indicator.BEEP_MS))


@seldom("lines")
def _from_home(node, found, now_ms):
    effects = []
    for effect in found:
        name = effect[0]
        more = []
        if name == "event":
            node, more = happen.event(node, *(effect[1:] + (now_ms,)))
        elif name == "sound":
            node = happen.changed(node, sound=None if effect[1] == "quiet" else effect[1])
            if effect[1] == "siren":
                node = happen.loud(node, now_ms)
        elif name == "beep":
            node = _beep(node, effect[1], now_ms)
        elif name == "remind":
            node = happen.changed(node, remind=effect[1])
        elif name == "refused":
            more = [("log", f"refused: {effect[1]}")]
        elif name == "keep":
            more = [("keep", effect[1])]
        effects += more
    return node, effects


# --- time


def tick(node, now_ms):
    """Whatever of all this has become due."""
    pressed, found = button.step(node.button, ("tick",), now_ms)
    node = happen.changed(node, button=pressed)
    node, effects = _from_button(node, found, now_ms)
    testing, found = testmode.step(node.rest.testing, ("tick",), now_ms)
    node = happen.changed(node, testing=testing)
    node, more = _from_test(node, found, now_ms)
    effects += more
    pattern, found = patterns.step(node.pattern, ("tick",), now_ms)
    node = happen.changed(node, pattern=pattern)
    node, more = _from_pattern(node, found, now_ms)
    effects += more
    window, found = cancel.step(node.rest.window, ("tick",), now_ms)
    node = happen.changed(node, window=window)
    node, more = _from_cancel(node, found, now_ms)
    effects += more
    if node.rest.contacts is not None:
        node, more = _from_lines(node, ("tick",), now_ms)
        effects += more
    if node.rest.home is not None:
        home, found = _home().step(node.rest.home, ("tick", clock.estimate(node.clock, now_ms)[0]), now_ms)
        node, more = _from_home(happen.changed(node, home=home), found, now_ms)
        effects += more
    if power.due_ms(node.rest.power) is not None:
        node, more = supply(node, ("tick",), now_ms)
        effects += more
    return node, effects


def dues(node):
    """When a tick next matters to any of these: a list of ms and Nones."""
    due = [
        button.due_ms(node.button),
        testmode.due_ms(node.rest.testing),
        patterns.due_ms(node.pattern),
        cancel.due_ms(node.rest.window),
        power.due_ms(node.rest.power),
    ]
    if node.rest.contacts is not None:
        due.append(_contacts().due_ms(node.rest.contacts))
    if node.rest.home is not None:
        due.append(_home().due_ms(node.rest.home))
    return due
