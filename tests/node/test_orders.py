"""Commands, settings on trial, and what a bell remembers over a restart. Both runtimes."""

from story import BOOT, OLD, Story

from bellnode import answers, command, happen, node, orders, settings

OLDER = "00112233445566cc"

HOUR_MS = 3600000
ID = "{:016x}".format


def answer(story):
    event = story.newest()
    return event["what"], event["info"]


def test_a_self_test_that_fails_is_a_fault():
    story = Story()
    story.command(1, "selftest")
    assert story.asked == [("check", ID(1))]
    story.give("checked", ID(1), {"journal": "does not take a record", "button": "open", "rssi": -60}, "journal")
    what, info = answer(story)
    assert what == "fault" and info["id"] == ID(1) and info["reason"] == "journal" and info["clock_err_ms"] is None
    story.give("edge", 1, 0)
    story.give("checked", None, {"journal": "ok"}, "")
    what, info = answer(story)
    assert what == "fault" and "button" in info["reason"] and "id" not in info
    assert story.beats()[-1]["faults"] == ["selftest"]
    story.give("edge", 0, 0)
    story.until(100)
    count = len(story.whats())
    story.give("checked", None, {"journal": "ok"}, "")
    assert len(story.whats()) == count and story.beats()[-1]["faults"] == []


def test_a_bell_tests_itself_every_day():
    story = Story(link=False)
    story.until(23 * HOUR_MS)
    assert story.asked == []
    story.until(49 * HOUR_MS)
    assert story.asked == [("check", None)] * 2


def test_silence_quietens_what_sounds_and_leaves_the_truth():
    story = Story()
    story.press()
    assert story.sounds == ["sending"]
    story.command(1, "silence")
    assert story.sounds == ["sending", "sending (still)"] and story.lamps == ["sending"]
    assert answer(story)[0] == "test"
    story.receipt(1, "dispatched")
    assert story.lamps[-1] == "dispatched" and story.sounds[-1] == "dispatched (still)"
    story.press()  # a new alarm is a new reason
    assert story.sounds[-1] == "sending"


def test_the_siren_ends_by_itself_and_the_strobe_does_not():
    story = Story(more={"siren_s": 20})
    story.press()
    story.receipt(1, "stored")
    story.until(19999)
    assert story.sounds[-1] == "stored"
    story.until(20000)
    assert story.sounds[-1] == "stored (still)" and story.lamps[-1] == "stored"
    story.receipt(1, "closed")
    story.until(30000)
    assert story.sounds[-1] == "idle"


def test_silence_is_refused_while_a_duress_may_be_open():
    story = Story()
    story.give("remembered", {"open": [[OLD, 4, "duress"]]}, None)
    story.command(1, "silence")
    assert answer(story) == ("fault", {"id": ID(1), "name": "silence", "reason": "not now"})
    assert story.lamps == []  # nothing of a duress is ever shown
    story.receipt(4, "acknowledged", OLD)
    assert story.lamps == []
    story.receipt(4, "closed", OLD)
    story.command(2, "silence", 1800000000001)
    assert answer(story)[0] == "test"


def test_test_mode_by_command_ends_by_itself_and_lets_a_hold_through():
    story = Story()
    story.command(1, "selftest", args={"test_mode_min": 10})
    assert answer(story) == ("test", {"id": ID(1), "name": "selftest", "test_mode_min": 10})
    assert story.lamps == ["test_mode"]
    story.press()
    assert answer(story)[0] == "test" and story.lamps == ["test_mode"] and story.sounds == []
    story.receipt(2, "stored")
    assert story.lamps == ["test_mode", "test_stored"]
    story.until(story.now_ms + 3000)
    assert story.lamps[-1] == "test_mode"
    story.press(hold_ms=3500)
    assert story.whats() == ["test", "test", "test", "panic"] and story.lamps[-1] == "sending"
    story.receipt(4, "stored")
    story.receipt(4, "closed")
    story.until(story.now_ms + 6000)
    assert story.lamps[-1] == "idle"  # a real alarm ended the mode
    story.command(2, "selftest", 1800000000001, args={"test_mode_min": 10})
    story.until(story.now_ms + 10 * 60000)
    assert story.lamps[-2:] == ["test_mode", "idle"]
    for number, minutes in ((3, 16), (4, -1), (5, "5"), (6, True)):
        story.command(number, "selftest", 1800000000000 + number, 9999, {"test_mode_min": minutes})
        assert answer(story)[0] == "fault"


def test_configure_is_refused_when_it_may_not_be():
    story = Story()
    for number, args, word in (
        (1, None, "set"),
        (2, {"set": []}, "set"),
        (3, {"set": {}}, "set"),
        (4, {"set": {"siren_s": 5}, "minutes": 0}, "minutes"),
        (5, {"set": {"siren_s": 5}, "minutes": True}, "minutes"),
    ):
        story.command(number, "configure", 1800000000000 + number, args=args)
        assert answer(story)[0] == "fault" and word in answer(story)[1]["reason"], args
    story.press()
    story.command(6, "configure", 1800000000006, args={"set": {"siren_s": 5}})
    assert "alarm is open" in answer(story)[1]["reason"]
    assert story.asked == []


def test_configure_asks_the_shell_and_tells_why_not():
    story = Story()
    story.command(1, "configure", args={"set": {"siren_s": 5}, "minutes": 2})
    assert story.asked == [("configure", ID(1), {"siren_s": 5}, 2)]
    story.give("configured", ID(1), '"siren_s" is wrong.' * 20)
    what, info = answer(story)
    assert what == "fault" and info["id"] == ID(1) and len(info["reason"]) == orders.REASON_CHARS


def trial(minutes=2):
    story = Story(link=False)
    story.give("trial", ID(1), minutes * 60000)
    return story


def test_settings_that_get_a_receipt_are_kept():
    story = trial()
    story.give("linked")
    assert answer(story) == ("test", {"id": ID(1), "name": "configure", "result": "trying"})
    assert story.asked == []
    story.receipt(1, "refused")
    assert story.asked == []
    story.receipt(1, "stored")
    assert story.asked == [("settings", "keep")] and answer(story)[1]["result"] == "kept"
    story.until(HOUR_MS)
    assert story.asked == [("settings", "keep")]


def test_settings_without_a_receipt_are_rolled_back():
    story = trial()
    story.give("linked")
    story.until(119999)
    assert story.asked == []
    story.until(120000)
    assert story.asked == [("settings", "drop")]
    assert story.done.index("settings") > story.done.index("save")  # the report is in the journal before the restart
    assert answer(story)[1]["result"] == "rolled back"


def test_an_alarm_that_finds_no_way_out_ends_a_trial_at_once():
    story = trial()
    story.until(5000)
    story.press()
    story.until(14999)
    assert story.asked == []
    story.until(15000)
    assert story.asked == [("settings", "drop")] and story.lamps == ["sending", "not_delivered"]


def test_no_second_trial_inside_one():
    story = trial()
    story.give("linked")
    story.command(2, "configure", args={"set": {"siren_s": 5}})
    assert "on trial" in answer(story)[1]["reason"]


def test_a_trial_that_was_given_up_before_the_start_is_told():
    story = Story()
    story.give("trial_over", ID(7), "the bell did not come up with them")
    assert answer(story)[1] == {
        "id": ID(7),
        "name": "configure",
        "result": "rolled back",
        "reason": "the bell did not come up with them",
    }


def test_a_command_runs_once_over_a_restart_too():
    story = Story()
    story.command(5, "identify")
    again = Story()
    again.give("remembered", story.record, None)
    again.command(5, "identify")
    assert again.lamps == [] and again.events() == []
    again.command(6, "identify", 1799999999999)
    assert again.lamps == []
    again.command(6, "identify")
    assert again.lamps == ["identify"]


def test_what_is_remembered_survives_rubbish():
    for rubbish in (
        None,
        {},
        [],
        {"ran": 5, "open": 5, "power": 5},
        {"ran": [1], "open": [[1], [OLD, "1", "panic"], [OLD, 1]]},
    ):
        story = Story()
        story.give("remembered", rubbish, None)
        assert story.node.known == () and story.node.rest.ran == command.NONE
    story.give(
        "remembered", {"ran": [5, ["a", 7]], "open": [[OLD, 1, "panic"], [OLD, 2, "test"]], "power": ["mains"]}, {}
    )
    assert story.node.rest.ran == command.Ran(5, ("a",)) and story.node.known == ((OLD, 1, "panic", False),)
    assert answers.record(story.node) == [[OLD, 1, "panic"]]


def restarted(story):
    again = Story(link=False)
    again.give("remembered", story.record, None)
    again.give("linked")
    return again


def test_a_stage_of_an_old_test_lights_no_lamp_and_one_of_an_old_alarm_does():
    before = Story()
    before.press()
    before.command(1, "identify")
    before.receipt(1, "stored")
    before.receipt(2, "stored")
    assert before.record["open"] == [[BOOT, 1, "panic"]]
    before.record["open"] = [[OLD, 1, "panic"]]  # as if it had been another start
    after = restarted(before)
    after.receipt(2, "presented", OLD)
    assert after.lamps == []
    after.receipt(1, "dispatched", OLD)
    assert after.lamps == ["dispatched"]
    after.receipt(1, "closed", OLD)
    assert after.record["open"] == []


def test_what_the_gateway_does_not_name_after_a_link_is_over():
    before = Story()
    before.record = {"open": [[OLD, 1, "panic"], [OLD, 2, "duress"], [OLD, 3, "holdup"]]}
    after = restarted(before)
    after.receipt(3, "acknowledged", OLD)
    after.until(5000)
    assert after.record["open"] == [[OLD, 1, "panic", None], [OLD, 2, "duress", None], [OLD, 3, "holdup"]]
    assert after.lamps == ["acknowledged"] and after.node.lamp[1] and after.sounds == []  # still discreet
    after.command(1, "silence")
    assert answer(after)[0] == "test"  # the duress is over
    after.receipt(3, "closed", OLD)
    assert happen.may_be_open(after.node) == []


def test_what_a_gateway_names_that_was_away_is_open_after_all():
    before = Story()
    before.record = {"open": [[OLD, 1, "panic"], [OLD, 2, "duress"]]}
    away = restarted(before)
    away.until(60000)
    assert away.lamps == [] and happen.may_be_open(away.node) == []
    after = restarted(away)  # and once more, before the gateway is back
    after.until(60000)
    after.give("unlinked")
    after.give("linked")
    assert happen.may_be_open(after.node) == []  # a new link brings nothing back by itself
    after.receipt(1, "acknowledged", OLD)
    after.receipt(2, "acknowledged", OLD)
    assert after.lamps == ["acknowledged"] and happen.may_be_open(after.node) == ["panic", "duress"]
    after.command(1, "silence")
    assert answer(after)[1]["reason"] == "not now"


def test_the_lamp_tells_of_the_newest_press_in_whatever_order_a_restarted_bell_hears_of_them():
    # Found by seed 119 of the worlds: the newest waits in the journal, the other is open in the gateway.
    after = Story(link=False)
    after.give("remembered", {"open": [[OLDER, 1, "panic"], [OLD, 2, "panic"]]}, None)
    after.give("loaded", [{"boot": OLD, "seq": 2, "what": "panic", "state": "alarm"}], ())
    after.give("linked")
    after.until(6000)  # what is taken for over meanwhile keeps its place
    after.receipt(2, "stored", OLD)
    after.receipt(1, "presented", OLDER)
    assert after.lamps == ["sending", "stored"]
    after.receipt(2, "closed", OLD)
    assert after.lamps[2:] == ["presented"]


def test_an_old_receipt_said_again_shows_no_closed_alarm_for_long():
    before = Story()
    before.record = {"open": [[OLD, 1, "panic"]]}
    after = restarted(before)
    after.until(60000)
    after.receipt(1, "dispatched", OLD)  # was true once; the case was closed while the bell was off
    after.until(65000)
    assert [(event["boot"], event["seq"]) for event in after.events() if event["what"] == "panic"] == [(OLD, 1)]
    after.receipt(1, "closed", OLD)
    after.until(75000)
    assert after.lamps == ["dispatched", "closed", "idle"] and after.record["open"] == []


def test_what_is_over_makes_room_first():
    before = Story()
    before.record = {"open": [[OLD, seq, "panic"] for seq in range(1, 17)]}
    after = restarted(before)
    after.receipt(1, "stored", OLD)
    after.until(5000)
    after.press()
    after.receipt(1, "stored")
    assert len(after.record["open"]) == 16
    assert after.record["open"][:2] == [[OLD, 1, "panic"], [OLD, 3, "panic", None]]


def test_a_full_list_of_open_alarms_forgets_the_oldest():
    story = Story(link=False)
    for _ in range(20):
        story.press()
    assert len(story.node.known) == 16 and story.node.known[-1][:3] == (BOOT, 20, "panic")
    assert story.record is None  # all of them are in the journal
    story.give("linked")
    story.receipt(20, "stored")
    assert len(story.record["open"]) == 16 and story.record["open"][-1] == [BOOT, 20, "panic"]
    story.receipt(5, "stored")
    before = len(story.done)
    story.press()  # takes the place of one that is delivered: written when there is time
    assert story.node.known[0][1] == 6 and "remember" not in story.done[before:]


def test_every_command_of_the_format_has_its_order():
    import bellwire

    assert set(orders._ORDERS) == set(bellwire.COMMANDS)


def test_a_bell_restarted_in_safe_mode_takes_every_input():
    full = settings.read_all({}, "home-set")[0]
    bare = node.start("home-set", settings.safe(full), BOOT, 3, 1, 0)
    for given in (("remembered", None, None), ("line", 1, 0, 0), ("key", "1", 0), ("mains", True), ("linked",)):
        bare, effects = node.step(bare, given, 0)
    assert effects[0][2]["type"] == "heartbeat" and "armed" not in effects[0][2]
