"""What a kit that watches is told."""

from bellnode import port_events

BOOT = "00a1b2c3d4e5f607"


def record(seq, what="panic"):
    return {"boot": BOOT, "seq": seq, "what": what, "state": "alarm"}


def receipt(seq, stage):
    return ("received", {"type": "receipt", "boot": BOOT, "seq": seq, "stage": stage})


def test_a_press_and_its_receipts_with_ms_since_the_edge():
    watch, found = port_events.seen(
        port_events.NEW, ("edge", 1, 1000), (("save", [record(3)]), ("send", "up", {})), 1002
    )
    assert found == [
        {"event": "edge", "name": "button", "closed": True, "at_ms": 1000},
        {"event": "press", "what": "panic", "boot": BOOT, "seq": 3, "at_ms": 1000, "kept_ms": 2},
    ]
    watch, found = port_events.seen(watch, receipt(3, "stored"), (("save", []),), 1025)
    assert found == [{"event": "stage", "boot": BOOT, "seq": 3, "stage": "stored", "after_ms": 25}]
    assert port_events.seen(watch, receipt(4, "stored"), (), 1030)[1] == []
    assert port_events.seen(watch, ("received", {"type": "command"}), (), 1030)[1] == []
    watch, found = port_events.seen(watch, ("tick",), (("save", [record(3), record(4, "test")]),), 2000)
    assert [(event["seq"], event["at_ms"]) for event in found] == [(4, 2000)]


def test_an_event_of_a_line_names_its_zone():
    _, found = port_events.seen(
        port_events.NEW, ("tick",), (("save", [{"boot": BOOT, "seq": 9, "what": "test", "zone": 4}]),), 50
    )
    assert found == [
        {"event": "press", "what": "test", "boot": BOOT, "seq": 9, "at_ms": 50, "kept_ms": 0, "zone": 4},
    ]


def test_only_the_newest_presses_are_followed():
    watch = port_events.NEW
    for seq in range(20):
        watch, _ = port_events.seen(watch, ("tick",), (("save", [record(seq)]),), seq)
    assert [press[1] for press in watch.presses] == list(range(12, 20))


def test_lines_are_told_when_they_change():
    watch = port_events.NEW
    told = []
    for value in (500, 505, 529, 531, 531, None, None, 560, 1, 0, 0):
        watch, found = port_events.seen(watch, ("line", 2, value, 7), (), 7)
        told += [event["value"] for event in found]
    assert told == [500, 531, None, None, 560, 1, 0]
    watch, found = port_events.seen(watch, ("line", 3, 0, 8), (), 8)
    assert found == [{"event": "line", "zone": 3, "value": 0, "at_ms": 8}]


def test_the_link_and_the_boot_button():
    assert port_events.seen(port_events.NEW, ("linked",), (), 0)[1] == [{"event": "link", "up": True}]
    assert port_events.seen(port_events.NEW, ("unlinked",), (), 0)[1] == [{"event": "link", "up": False}]
    watch, found = port_events.boot(port_events.NEW, True, 5)
    assert found[0]["closed"] is True and port_events.boot(watch, True, 6)[1] == []
    assert port_events.boot(watch, False, 7)[1][0]["closed"] is False
