"""The way of a press and of a contact through the whole node: windows, doubles, the home set. Both runtimes."""

from story import BOOT, Story

from bellnode import pin

DOOR = {"zone": 1, "name": "door", "type": "entry", "wiring": "nc", "input": "zone1"}
WINDOW = {"zone": 2, "name": "window", "type": "perimeter", "wiring": "nc_eol", "input": "zone2"}
CASE = {"zone": 9, "name": "case", "type": "tamper", "wiring": "nc", "input": "case"}
PIN = pin.make("1234", "9999", bytes(range(16)), 2)


def home(**more):
    wanted = {"zones": [DOOR, WINDOW], "home": {"pin": PIN}}
    wanted.update(more)
    story = Story(kind="home-set", more=wanted)
    read(story, 1, 1)
    read(story, 2, 500)
    story.until(story.now_ms + 1000)
    read(story, 2, 500)
    return story


def read(story, zone, value):
    story.give("line", zone, value, story.now_ms)


def armed(story):
    story.keys("*2")
    assert story.sounds[-1] == "exit" and story.lamps[-1] == "exit"
    story.until(story.now_ms + 46000)
    assert story.beats()[-1]["armed"] == "away" and story.lamps[-1] == "idle"
    return story


def test_a_window_is_honest_and_a_power_cut_in_it_sends_the_alarm():
    story = Story(more={"cancel_ms": 3000, "keypad": True})
    effects = story.give("edge", 1, 0)
    assert ("save", [{"boot": BOOT, "seq": 1, "what": "panic", "state": "alarm"}]) in effects
    assert story.lamps == ["cancel_window"] and story.events() == []
    story.give("linked")  # a new link sends nothing that may still be taken back
    assert story.events() == []
    story.until(3000)
    assert story.whats() == ["panic"] and story.lamps == ["cancel_window", "sending"]
    assert story.events()[0]["age_ms"] == 3000


def test_a_cancel_in_the_window_is_sent_as_a_cancel():
    story = Story(more={"cancel_ms": 3000, "keypad": True})
    story.press()
    story.keys("**")
    assert story.whats() == ["cancel"] and story.events()[0]["info"] == {"of": "panic"}
    assert story.lamps == ["cancel_window", "idle"]
    assert story.node.outbox.entries[0].what == "cancel"
    story.keys("**")
    assert story.sounds[-1] == "refuse"  # nothing to take back


def test_a_cancel_after_the_window_is_one_more_event():
    story = Story(more={"keypad": True})
    story.press()
    story.keys("**")
    assert story.whats() == ["panic", "cancel"] and story.lamps == ["sending"]


def test_a_double_press_turns_the_held_event_silent():
    story = Story(more={"press": "choice"})
    story.press()
    assert story.lamps == [] and story.events() == []
    story.until(story.now_ms + 200)
    story.press()
    assert story.whats() == ["holdup"] and [e["seq"] for e in story.events()] == [1]
    assert story.lamps == ["sending"] and story.node.lamp[1] and story.sounds == []
    story.receipt(1, "stored")
    story.until(5000)
    story.press()
    story.until(6000)
    assert story.whats() == ["holdup", "panic"] and not story.node.lamp[1] and story.sounds == ["sending"]


def test_a_silent_press_does_not_change_a_loud_lamp():
    story = Story(more={"press": "loud_double"})
    story.press()
    story.receipt(1, "dispatched")
    story.press()
    assert story.whats() == ["panic", "holdup"]
    assert story.lamps == ["sending", "dispatched"] and story.sounds == ["sending", "dispatched"]


def test_a_stuck_button_is_a_fault_that_goes():
    story = Story()
    story.give("edge", 1, 0)
    story.receipt(1, "stored")
    story.until(31000)
    assert story.beats()[-1]["faults"] == ["button_stuck"] and "fault" in story.whats()
    story.give("edge", 0, story.now_ms)
    story.until(32000)
    assert story.beats()[-1]["faults"] == []
    assert (story.newest()["what"], story.newest()["state"]) == ("fault", "restore")


def test_a_silent_bell_is_never_heard_or_bright():
    story = Story(silent=True)
    story.press()
    story.until(20000)
    for stage in ("stored", "presented", "acknowledged", "dispatched", "closed"):
        story.receipt(1, stage)
    story.until(30000)
    assert story.sounds == [] and story.node.lamp[1]
    assert story.lamps[:3] == ["sending", "not_delivered", "stored"]


def test_a_case_that_is_opened_is_tamper_on_any_bell():
    story = Story(more={"zones": [CASE]})
    read(story, 9, 1)
    story.until(1000)
    assert story.whats() == []
    read(story, 9, 0)
    story.until(2000)
    assert [(e["what"], e["state"], e["zone"]) for e in story.events()[:1]] == [("tamper", "alarm", 9)]
    assert story.lamps == []


def test_mains_and_battery_are_events_and_stand_in_the_heartbeat():
    story = Story(more={"supply": ["mains", "battery"]})
    story.give("mains", True)
    story.until(40000)
    story.give("mains", False)
    story.until(60000)
    assert story.whats() == ["mains"] and story.beats()[-1]["mains"] is False
    assert story.record["power"] == ["mains"]
    for _ in range(60):
        story.until(story.now_ms + 2000)
        story.give("battery", 3400)
    assert "battery" in story.whats() and "battery_critical" in story.beats()[-1]["faults"]
    assert story.beats()[-1]["bat_mv"] == 3400


def test_arm_away_open_door_entry_delay_alarm():
    story = armed(home())
    read(story, 1, 0)
    story.until(story.now_ms + 1000)
    assert story.sounds[-1] == "entry" and story.lamps[-1] == "entry" and "intrusion" not in story.whats()
    story.until(story.now_ms + 31000)
    assert story.whats()[-1] == "intrusion" and story.sounds[-1] == "siren"
    assert story.lamps[-1] == "sending" and story.newest()["zone"] == 1
    assert story.kept["phase"] == "alarm"
    story.receipt(story.newest()["seq"], "acknowledged")
    story.keys("1234#")
    assert story.sounds[-1] == "disarmed" and story.whats()[-1] == "cancel"
    assert story.lamps[-1] == "acknowledged"  # a cancel closes nothing
    assert story.beats()[-1]["armed"] == "off"


def disarmed_with(code):
    story = armed(home())
    read(story, 1, 0)
    story.until(story.now_ms + 5000)
    lamps, sounds = len(story.lamps), len(story.sounds)
    story.keys(code)
    story.until(story.now_ms + 60000)
    return story, story.lamps[lamps:], story.sounds[sounds:]


def test_a_duress_code_looks_and_sounds_like_the_code():
    true, lamps, sounds = disarmed_with("1234#")
    forced, other_lamps, other_sounds = disarmed_with("9999#")
    assert true.whats() == [] and forced.whats() == ["duress"]
    assert lamps == other_lamps and sounds == other_sounds and "disarmed" in sounds
    assert forced.beats()[-1]["armed"] == "off" and true.kept == forced.kept
    forced.receipt(1, "dispatched")
    assert forced.lamps[-1] == "idle"


def test_a_wrong_code_is_refused_and_a_code_quietens_a_panic():
    story = home()
    story.press()
    assert story.sounds[-1] == "sending"
    story.keys("1111#")
    assert story.sounds[-1] == "sending"
    story.keys("1234#")
    assert story.sounds[-1] == "confirm" and story.lamps[-1] == "sending"
    story.until(story.now_ms + 1000)
    assert story.sounds[-1] == "sending (still)"


def test_what_a_home_set_kept_is_armed_again():
    before = armed(home())
    after = Story(kind="home-set", more={"zones": [DOOR, WINDOW], "home": {"pin": PIN}}, kept=before.kept)
    assert after.beats()[0]["armed"] == "away"
    damaged = Story(kind="home-set", more={"zones": [DOOR, WINDOW], "home": {"pin": PIN}}, kept={})
    assert damaged.beats()[0]["armed"] == "off" and damaged.whats() == ["fault"]


def test_test_mode_is_refused_while_armed():
    story = armed(home())
    story.command(1, "selftest", args={"test_mode_min": 5})
    assert story.newest()["what"] == "fault" and story.newest()["info"]["reason"] == "armed"
    story = home()
    story.command(1, "selftest", args={"test_mode_min": 5})
    read(story, 1, 0)
    story.until(story.now_ms + 1000)
    assert story.newest()["what"] == "test" and story.newest()["zone"] == 1


def test_the_day_is_asked_for_softly_and_any_bell_may_answer_by_its_button():
    day = {"from": "00:00", "until": "00:30", "remind_min": 10, "offset_min": 0}
    story = home(home={"pin": PIN, "checkin": day}, press="fine", utc_offset_min=0)
    story.press(hold_ms=3500)  # the way to the gateway's clock
    story.receipt(1, "stored", now_ms=86400000 * 20000 - 60000)
    story.receipt(1, "closed")
    story.until(story.now_ms + 22 * 60000)
    assert story.lamps[-1] == "reminder" and story.sounds[-1] == "reminder"
    story.press()
    assert story.lamps[-1] == "idle" and story.whats() == ["panic"]
    story.until(story.now_ms + 3600000)
    assert story.whats() == ["panic"]
