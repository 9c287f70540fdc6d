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
