"""What a kit that watches is told of the bell's life: edges, presses and their receipts, with ms. Pure."""

from collections import namedtuple

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

PRESSES_MAX = 8  # whose receipts are still awaited: a walk test makes one at a time
STEP_PERMILLE = 30  # a supervised line is read ten times a second: less than this is noise

# presses: (boot, seq, at_ms) of the newest. values: (zone, value) as last told. boot: BOOT button as last told.
Watch = namedtuple("Watch", ("presses", "values", "boot"))
NEW = Watch((), (), False)


def seen(watch, given, effects, now_ms):
    """(watch, events) after the node took `given` and wanted `effects` (see `node`)."""
    kind = given[0]
    found = []
    if kind == "edge":
        found.append({"event": "edge", "name": "button", "closed": given[1] == 1, "at_ms": given[2]})
    elif kind == "line":
        watch, found = _line(watch, given)
    elif kind in ("linked", "unlinked"):
        found.append({"event": "link", "up": kind == "linked"})
    elif kind == "received" and given[1]["type"] == "receipt":
        message = given[1]
        for boot, seq, at_ms in watch.presses:
            if (boot, seq) == (message["boot"], message["seq"]):
                stage = {"event": "stage", "boot": boot, "seq": seq, "stage": message["stage"]}
                stage["after_ms"] = now_ms - at_ms
                found.append(stage)
    for effect in effects:
        if effect[0] == "save":
            watch, more = _saved(watch, effect[1], given[2] if kind == "edge" else now_ms, now_ms)
            found += more
    return watch, found


def _line(watch, given):
    _, zone, value, at_ms = given
    for other, told in watch.values:
        if other == zone and told is not None and value is not None and abs(value - told) < _step(value, told):
            return watch, []
    values = tuple([pair for pair in watch.values if pair[0] != zone]) + ((zone, value),)
    event = {"event": "line", "zone": zone, "value": value, "at_ms": at_ms}
    return Watch(watch.presses, values, watch.boot), [event]


def _step(value, told):
    """A plain line is 0 or 1; what is more is thousandths."""
    return 1 if value <= 1 and told <= 1 else STEP_PERMILLE


def _saved(watch, records, at_ms, now_ms):
    """The journal now holds these: which are new?"""
    found = []
    presses = watch.presses
    for record in records:
        if not [press for press in presses if press[:2] == (record["boot"], record["seq"])]:
            presses = (presses + ((record["boot"], record["seq"], at_ms),))[-PRESSES_MAX:]
            event = {"event": "press", "what": record["what"], "boot": record["boot"], "seq": record["seq"]}
            event["at_ms"] = at_ms
            event["kept_ms"] = now_ms - at_ms
            if "zone" in record:
                event["zone"] = record["zone"]
            found.append(event)
    return Watch(presses, watch.values, watch.boot), found


def boot(watch, held, now_ms):
    """(watch, events) after a look at the BOOT button."""
    if held == watch.boot:
        return watch, []
    event = {"event": "edge", "name": "boot_button", "closed": held, "at_ms": now_ms}
    return Watch(watch.presses, watch.values, held), [event]
