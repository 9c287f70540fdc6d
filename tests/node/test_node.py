"""The whole node, without a world: presses, receipts, commands, in virtual time. Both runtimes."""

from story import BOOT, OLD, Story

import bellwire
from bellnode import alarm, clock, command, happen, health, node, outbox


def test_identity_then_journal_then_send_then_lamp():
    story = Story()
    effects = [effect for effect in story.give("edge", 1, 0) if effect[0] != "log"]
    assert [effect[0] for effect in effects] == ["save", "send", "show", "sound"]
    assert effects[0][1] == [{"boot": BOOT, "seq": 1, "what": "panic", "state": "alarm"}]
    assert (effects[1][2]["boot"], effects[1][2]["seq"]) == (BOOT, 1) and effects[2][1] == "sending"


def test_a_receipt_is_on_the_lamp_before_the_flash_is_written_and_in_one_record_before_it_leaves_the_other():
    story = Story()
    story.press()
    effects = [effect for effect in story.receipt(1, "stored") if effect[0] != "log"]
    assert [effect[0] for effect in effects] == ["show", "sound", "remember", "save"]
    assert effects[2][1]["open"] == [[BOOT, 1, "panic"]] and effects[3][1] == []
    assert [effect[0] for effect in story.receipt(1, "presented") if effect[0] != "log"] == ["show", "sound"]


def test_the_lamp_follows_receipts_and_nothing_else():
    story = Story()
    story.press()
    story.until(4000)
    for stage in bellwire.STAGES:
        story.receipt(1, stage)
    story.until(story.now_ms + 20000)
    assert story.lamps == ["sending", "stored", "presented", "acknowledged", "dispatched", "closed", "idle"]


def test_without_a_receipt_the_person_is_told_after_ten_seconds():
    story = Story(link=False)
    assert ("hurry",) in story.give("edge", 1, 0)
    story.until(60000)
    assert story.lamps == ["sending", "not_delivered"] and not story.sent
    story.give("linked")
    assert [event["age_ms"] for event in story.events() if event["what"] == "panic"] == [60000]
    story.receipt(1, "stored")
    assert story.lamps[-1] == "stored"


def test_every_press_is_an_event_of_its_own():
    story = Story()
    story.press()
    story.receipt(1, "dispatched")
    story.press()
    assert story.lamps[-1] == "sending"
    assert sorted({event["seq"] for event in story.events()}) == [1, 2]


def test_the_journal_comes_back_under_the_old_identity():
    story = Story(link=False)
    records = [
        {"boot": OLD, "seq": 3, "what": "panic", "state": "alarm", "t_ms": 5, "t_err_ms": 2},
        {"boot": OLD, "seq": 4, "what": "test", "state": "alarm", "info": {"id": "x"}},
    ]
    story.give("loaded", records, ("journal",))
    assert story.lamps == ["sending"]
    story.give("linked")
    assert story.beats()[0]["faults"] == ["journal"] and story.beats()[0]["pending"] == 2
    events = story.events()
    assert [(event["boot"], event["seq"], event["age_ms"]) for event in events] == [(OLD, 3, None), (OLD, 4, None)]
    assert events[0]["t_ms"] == 5 and events[1]["info"] == {"id": "x"}
    assert outbox.records(story.node.outbox) == records
    story.receipt(4, "stored", OLD)
    story.receipt(3, "stored", OLD)
    story.receipt(4, "presented", OLD)
    assert story.lamps == ["sending", "stored"]
    story.press()
    assert story.events()[-1]["seq"] == 1  # its own boot, its own count


def test_a_receipt_for_what_was_never_sent_is_ignored():
    story = Story()
    before = story.node
    story.receipt(1, "dispatched")
    assert story.lamps == [] and story.node == before


def test_a_self_test_does_not_light_the_lamp():
    story = Story()
    story.command(1, "selftest")
    assert story.asked == [("check", "0" * 15 + "1")]
    story.give("checked", "0" * 15 + "1", {"journal": "ok", "button": "open"}, "")
    assert story.events()[0]["what"] == "test"
    story.receipt(1, "stored")
    story.receipt(1, "dispatched")
    assert story.lamps == []


def test_a_refused_press_is_not_delivered_until_it_is():
    story = Story()
    story.press()
    story.receipt(1, "refused", reason="unknown bell")
    assert story.lamps == ["sending", "not_delivered"]
    sent = len(story.events())
    story.until(20000)
    assert len(story.events()) == sent
    story.until(40000)
    assert len(story.events()) == sent + 1
    story.receipt(1, "stored")
    assert story.lamps[-1] == "stored"


def test_three_seconds_without_a_receipt_ask_for_the_next_broker():
    story = Story(brokers=2)
    story.press()
    story.until(2999)
    assert "next_broker" not in story.done
    story.until(3000)
    assert "next_broker" in story.done
    story.give("unlinked")
    story.until(3100)
    story.give("linked")
    assert story.events()[-1]["seq"] == 1 and story.beats()[-1]["n"] == 2


def test_heartbeats_on_connect_every_minute_and_when_faults_change():
    story = Story()
    story.until(130000)
    assert [beat["n"] for beat in story.beats()] == [1, 2, 3]
    assert [beat["up_s"] for beat in story.beats()] == [0, 60, 120]
    story.give("saved", False)
    assert story.beats()[-1]["faults"] == ["flash"] and story.beats()[-1]["n"] == 4
    story.give("saved", True)
    assert story.beats()[-1]["faults"] == []
    story.give("unlinked")
    story.until(500000)
    assert len(story.beats()) == 5


def test_faults_stay_within_the_format():
    story = Story()
    for number in range(12):
        story.give("fault", "fault{}".format(number), True)
    assert len(story.beats()[-1]["faults"]) == happen.FAULTS_MAX
    story.give("fault", "fault11", False)
    assert "fault11" not in story.beats()[-1]["faults"]


def test_a_flash_fault_stops_no_send():
    story = Story()
    story.give("saved", False)
    story.press()
    assert story.events()[-1]["seq"] == 1


def test_the_gateways_time_is_used_for_later_events():
    story = Story()
    story.press()
    story.until(200)
    assert "t_ms" not in story.events()[0]
    story.receipt(1, "stored")
    story.until(10200)
    story.press()
    event = story.events()[-1]
    assert event["t_ms"] == 1800000000100 + 10000 and 100 <= event["t_err_ms"] <= 110


def test_the_better_clock_is_kept():
    first = clock.heard(None, 1000000, 0, 100)
    assert first == clock.Clock(1000050, 100, 50)
    assert clock.heard(first, 1000300, 200, 500) == first  # a slower round trip is worse
    assert clock.heard(first, 2000000, 200, 240).error_ms == 20
    assert clock.heard(first, 2000000, 10000000, 10000800).error_ms == 400  # drift has made the first one worse
    assert clock.heard(None, 1, 0, 60000) is None
    assert clock.estimate(None, 5) == (None, None)
    assert clock.estimate(clock.Clock(10, 1000, 1), 5) == (None, None)  # before 1970: nonsense


def test_commands_run_once_in_order_and_in_time():
    ran, why = command.judge(command.NONE, {"id": "a", "now_ms": 100, "ttl_s": 1}, None)
    assert why is None
    for name, now_ms, ttl_s, gateway_ms, ok in (
        ("a", 100, 1, None, False),
        ("a", 200, 1, None, False),
        ("b", 99, 1, None, False),
        ("b", 100, 1, None, True),
        ("b", 101, 1, 1102, False),
        ("b", 101, 1, 1101, True),
    ):
        why = command.judge(ran, {"id": name, "now_ms": now_ms, "ttl_s": ttl_s}, gateway_ms)[1]
        assert (why is None) == ok, (name, now_ms, why)
    ran, _ = command.judge(ran, {"id": "b", "now_ms": 100, "ttl_s": 1}, None)
    assert command.judge(ran, {"id": "a", "now_ms": 100, "ttl_s": 1}, None)[1]


def test_commands_are_answered():
    story = Story()
    story.command(1, "identify")
    assert story.lamps == ["identify"] and story.events()[-1]["info"] == {"id": "0" * 15 + "1", "name": "identify"}
    story.until(10000)
    assert story.lamps == ["identify", "idle"]
    story.command(2, "update", 1800000000001)
    assert story.events()[-1]["what"] == "fault" and "unsupported" in story.events()[-1]["info"]["reason"]
    count = len(story.events())
    story.command(3, "resend", 1800000000002)
    assert len(story.events()) == count + 3  # the two without a receipt, and the answer
    story.command(4, "identify", 1800000000003)
    story.press()
    assert story.lamps[-1] == "sending"  # an alarm has the lamp


def test_a_silent_bell_never_shows_itself():
    story = Story(silent=True)
    story.command(1, "identify")
    assert story.lamps == [] and story.events()[-1]["what"] == "fault"
    story.press()
    assert story.events()[-1]["what"] == "holdup"


def test_after_a_reconnect_an_open_stage_is_asked_for():
    story = Story()
    story.press()
    story.receipt(1, "dispatched")
    count = len(story.events())
    story.give("unlinked")
    story.give("linked")
    story.until(story.now_ms + alarm.CONFIRM_MS)
    asked = story.events()[count:]
    assert [(event["boot"], event["seq"], event["what"]) for event in asked] == [(BOOT, 1, "panic")]
    story.receipt(1, "closed")
    assert story.lamps[-1] == "closed"


def test_a_full_outbox_is_a_fault_that_is_told():
    story = Story(link=False)
    for _ in range(outbox.ENTRIES_MAX + 1):
        story.press()
    story.give("linked")
    assert story.beats()[-1]["faults"] == ["outbox_full"] and len(story.node.outbox.entries) == outbox.ENTRIES_MAX


def test_unlisted_inputs_raise():
    for call in (
        lambda: node.step(Story().node, ("nonsense",), 0),
        lambda: health.step(health.NEW, ("nonsense",), 0),
        lambda: outbox.step(outbox.empty(1, 1), ("nonsense",), 0),
        lambda: alarm.step((), ("nonsense",), 0),
    ):
        try:
            call()
        except ValueError:
            continue
        raise AssertionError("taken")


def test_a_report_is_an_event_and_lights_nothing():
    story = Story()
    for state in ("alarm", "restore"):
        story.give("report", {"crash": "MemoryError", "at": "link:120"}, state)
    assert [(e["what"], e["state"], e["info"]["at"]) for e in story.events()] == [
        ("fault", "alarm", "link:120"),
        ("fault", "restore", "link:120"),
    ]
    assert story.lamps == []
