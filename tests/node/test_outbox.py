"""The outbox: identity, resends, bound, suspicion. Both runtimes."""

from bellnode import outbox

BOOT = "00000000000000aa"


def item(seq, what="panic", at_ms=0, state="alarm"):
    return outbox.entry(BOOT, seq, what, state, at_ms, at_ms)


def linked(brokers=1, at_ms=0):
    return outbox.step(outbox.empty(brokers, 7), ("linked",), at_ms)[0]


def add(box, new, now_ms=0):
    return outbox.step(box, ("add", new), now_ms)[0]


def sends(box, until_ms):
    """[(at_ms, message)] that ticks at every due moment give; suspicions are answered by a new link at once."""
    seen = []
    while True:
        now_ms = outbox.due_ms(box)
        if now_ms is None or now_ms > until_ms:
            return seen
        box, effects = outbox.step(box, ("tick",), now_ms)
        for effect in effects:
            if effect[0] == "send":
                seen.append((now_ms, outbox.message(effect[1], now_ms)))
            else:
                assert effect == ("suspect",)
                return seen


def test_resends_follow_the_schedule_with_twenty_percent_of_jitter():
    box = add(linked(), item(1, "test"))  # no alarm, so no suspicion cuts the schedule short
    seen = sends(box, 300000)
    gaps = [seen[place + 1][0] - seen[place][0] for place in range(len(seen) - 1)]
    wanted = [1000, 2000, 4000, 8000, 16000] + [30000] * (len(gaps) - 5)
    assert len(gaps) > 10
    for gap, want in zip(gaps, wanted):
        assert want * 80 // 100 <= gap <= want * 120 // 100
    assert len({gap * 1000 // want for gap, want in zip(gaps, wanted)}) > 5  # it does vary
    for place, (at_ms, message) in enumerate(seen):
        assert (message["boot"], message["seq"], message["try"]) == (BOOT, 1, place)
        assert message["age_ms"] == at_ms


def test_an_age_is_the_time_since_it_happened_and_never_less_than_none():
    held = outbox.entry(BOOT, 1, "panic", "alarm", 4000, 7000)
    assert [outbox.message(held, now_ms)["age_ms"] for now_ms in (4000, 4001, 9000, 3999)] == [0, 1, 5000, 0]
    box = add(linked(), item(1, "test", 4000))
    assert [(at_ms, message["age_ms"]) for at_ms, message in sends(box, 4000)] == [(4000, 0)]


def test_an_event_from_the_journal_has_no_age():
    box = add(linked(), outbox.entry("00000000000000bb", 9, "panic", "alarm", None, 50))
    (_, message) = sends(box, 60)[0]
    assert message["age_ms"] is None and message["seq"] == 9


def test_nothing_is_sent_without_a_link_and_all_at_once_with_one():
    box = add(add(outbox.empty(1, 1), item(1, "test")), item(2))
    assert outbox.due_ms(box) is None and outbox.step(box, ("tick",), 99)[1] == ()
    box, _ = outbox.step(box, ("linked",), 5000)
    box, effects = outbox.step(box, ("tick",), 5000)
    assert [effect[1].seq for effect in effects] == [2, 1]  # the alarm first
    assert outbox.message(effects[0][1], 5000)["age_ms"] == 5000


def test_only_stored_or_beyond_clears():
    for stage in ("stored", "presented", "acknowledged", "dispatched", "closed"):
        box, effects = outbox.step(add(linked(), item(1)), ("receipt", BOOT, 1, stage), 5)
        assert box.entries == () and effects[0][0] == "cleared"
    box = add(linked(), item(1))
    assert outbox.step(box, ("receipt", BOOT, 2, "stored"), 5)[0].entries == box.entries
    box, effects = outbox.step(box, ("receipt", BOOT, 1, "refused"), 5)
    assert len(box.entries) == 1 and effects == ()
    assert 24000 <= outbox.due_ms(box) - 5 <= 36000 and not outbox.urgent(box)
    box, _ = outbox.step(box, ("linked",), 100)
    assert outbox.due_ms(box) > 20000  # a new link does not make it urgent again
    assert outbox.step(box, ("receipt", BOOT, 1, "stored"), 200)[0].entries == ()


def test_three_seconds_without_a_receipt_are_a_suspicion():
    box = add(linked(), item(1))
    box, _ = outbox.step(box, ("tick",), 0)
    while outbox.due_ms(box) < 3000:
        box, effects = outbox.step(box, ("tick",), outbox.due_ms(box))
        assert effects[0][0] == "send"
    assert outbox.due_ms(box) == 3000
    box, effects = outbox.step(box, ("tick",), 3000)
    assert effects == (("suspect",),) and not box.linked


def test_a_gateway_that_is_away_is_knocked_at_more_slowly():
    box, now_ms, windows = add(linked(2), item(1)), 0, []
    for _ in range(12):
        box, _ = outbox.step(box, ("linked",), now_ms)
        began_ms = now_ms
        while box.linked:
            now_ms = outbox.due_ms(box)
            box, _ = outbox.step(box, ("tick",), now_ms)
        windows.append(now_ms - began_ms)
    assert windows == [3000] * 2 + [6000] * 2 + [12000] * 2 + [24000] * 6
    box, _ = outbox.step(box, ("receipt", BOOT, 99, "stored"), now_ms)
    assert box.suspicions == 0


def test_what_is_no_alarm_puts_nobody_under_suspicion():
    for what, state in (("test", "alarm"), ("fault", "alarm"), ("intrusion", "restore")):
        box = add(linked(), item(1, what, 0, state))
        for _ in range(8):
            box, effects = outbox.step(box, ("tick",), outbox.due_ms(box))
            assert [effect[0] for effect in effects] == ["send"]


def test_a_full_outbox_gives_up_the_lesser_first_and_counts():
    box = add(add(linked(), item(1)), item(2, "test"))
    for seq in range(3, outbox.ENTRIES_MAX + 1):
        box = add(box, item(seq))
    box, effects = outbox.step(box, ("add", item(100)), 0)
    assert effects[0][0] == "dropped" and effects[0][1].seq == 2 and box.dropped == 1
    box, effects = outbox.step(box, ("add", item(101, "fault")), 0)
    assert effects[0][1].seq == 101  # never an alarm for a lesser one
    box, effects = outbox.step(box, ("add", item(102)), 0)
    assert effects[0][1].seq == 3 and box.dropped == 3  # the first and the newest alarm stay
    assert [box.entries[0].seq, box.entries[-1].seq] == [1, 102]
    assert len(box.entries) == outbox.ENTRIES_MAX


def test_an_identity_comes_in_once():
    box = add(linked(), item(1))
    try:
        add(box, item(1))
    except ValueError:
        return
    raise AssertionError("taken twice")


def test_the_jitter_is_twenty_percent_either_way_and_no_more():
    waits_ms = set()
    for seed in range(0, 60000, 7):
        box, _ = outbox.step(outbox.empty(1, seed * 99991), ("linked",), 0)
        box, _ = outbox.step(add(box, item(1, "test")), ("tick",), 0)
        waits_ms.add(outbox.due_ms(box))
    assert (min(waits_ms), max(waits_ms), len(waits_ms)) == (800, 1200, 41)


def test_a_new_link_begins_quickly_again():
    box = add(linked(), item(1, "test"))
    now_ms = 0
    for _ in range(6):
        box, _ = outbox.step(box, ("tick",), now_ms)
        now_ms = outbox.due_ms(box)
    box, _ = outbox.step(box, ("unlinked",), now_ms)
    for given, limit_ms in ((("linked",), 1200), (("resend",), 1200)):
        box, _ = outbox.step(box, given, now_ms)
        assert outbox.due_ms(box) == now_ms
        box, effects = outbox.step(box, ("tick",), now_ms)
        assert [effect[0] for effect in effects] == ["send"]
        assert outbox.due_ms(box) - now_ms <= limit_ms
        now_ms = outbox.due_ms(box)


def test_the_same_number_of_another_start_is_another_event():
    box = add(add(linked(), item(1)), outbox.entry("00000000000000bb", 1, "panic", "alarm", None, 0))
    assert len(box.entries) == 2
    box, _ = outbox.step(box, ("receipt", "00000000000000bb", 1, "stored"), 5)
    assert [entry.boot for entry in box.entries] == [BOOT]
    box, _ = outbox.step(add(box, item(2)), ("receipt", BOOT, 2, "stored"), 5)
    assert [entry.seq for entry in box.entries] == [1]


def test_only_the_event_that_was_named_and_held_goes():
    held = [outbox.entry(BOOT, seq, "panic", "alarm", 0, 5000) for seq in (1, 2)]
    box = add(add(add(linked(), held[0]), held[1]), item(3))
    box, effects = outbox.step(box, ("tick",), 0)
    assert [effect[1].seq for effect in effects] == [3]
    box, _ = outbox.step(box, ("go", BOOT, 1), 100)
    box, effects = outbox.step(box, ("tick",), 100)
    assert [effect[1].seq for effect in effects] == [1]
    sent = box.entries
    for given in (("go", BOOT, 3), ("turn", BOOT, 1, "cancel", None), ("go", BOOT, 9), ("go", "00000000000000bb", 2)):
        box, _ = outbox.step(box, given, 200)
        assert box.entries == sent, given  # sent already, or no such event
    box, _ = outbox.step(box, ("turn", BOOT, 2, "cancel", {"of": "panic"}), 200)
    assert (box.entries[1].what, box.entries[1].info, box.entries[1].due_ms) == ("cancel", {"of": "panic"}, 200)


def test_any_receipt_proves_the_link_for_three_more_seconds():
    box, _ = outbox.step(add(linked(), item(1)), ("tick",), 0)
    assert box.heard_ms is None
    box, _ = outbox.step(box, ("receipt", BOOT, 99, "stored"), 2000)
    while box.linked:
        now_ms = outbox.due_ms(box)
        box, _ = outbox.step(box, ("tick",), now_ms)
    assert now_ms == 5000
    # What was heard before the alarm was sent proves nothing about it.
    box, _ = outbox.step(linked(), ("receipt", BOOT, 99, "stored"), 2000)
    box, _ = outbox.step(add(box, item(1, at_ms=4000)), ("tick",), 4000)
    while box.linked:
        now_ms = outbox.due_ms(box)
        box, _ = outbox.step(box, ("tick",), now_ms)
    assert now_ms == 7000
