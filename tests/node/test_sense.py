"""What the wires say, on a whole node: first readings, the code in the cancel window, dues. Both runtimes."""

from story import Story

from bellnode import pin, sense

DOOR = {"zone": 1, "name": "door", "type": "entry", "wiring": "nc", "input": "zone1"}
CASE = {"zone": 9, "name": "case", "type": "tamper", "wiring": "nc", "input": "case"}
PIN = pin.make("1234", "9999", bytes(range(16)), 1)


def home(**more):
    wanted = {"zones": [DOOR], "home": {"pin": PIN}}
    wanted.update(more)
    story = Story(kind="home-set", more=wanted)
    story.give("line", 1, 1, 0)
    story.until(1000)
    return story


def test_a_case_that_is_found_closed_is_no_news_and_one_that_is_found_open_is():
    for value, told in ((1, []), (0, [("tamper", "alarm", 9)])):
        story = Story(more={"zones": [CASE]})
        story.give("line", 9, value, 0)
        story.until(1000)
        assert [(event["what"], event["state"], event["zone"]) for event in story.events()][:1] == told
        assert story.node.rest.contacts[0].contact == ("closed" if value else "open")
        story.give("line", 9, 1 - value, story.now_ms)
        story.until(2000)
        assert story.newest()["state"] == ("alarm" if value else "restore")


def test_a_cut_line_is_a_tamper_on_any_bell():
    story = Story(more={"zones": [dict(DOOR, wiring="nc_eol")]})
    for value, state in ((500, None), (1000, "alarm"), (500, "restore")):
        story.give("line", 1, value, story.now_ms)
        story.until(story.now_ms + 1000)
        story.give("line", 1, value, story.now_ms)
        story.until(story.now_ms + 1000)
        if state:
            newest = story.newest()
            assert (newest["what"], newest["state"], newest["zone"]) == ("tamper", state, 1)


def test_the_code_takes_back_a_press_that_was_not_sent_yet():
    for code, whats in (("1234", ["cancel"]), ("9999", ["cancel", "duress"])):
        story = home(cancel_ms=5000)
        story.press()
        assert story.whats() == [] and story.node.held is not None
        story.keys(code + "#")
        assert sorted(story.whats()) == whats and story.node.held is None, code
        story.until(story.now_ms + 10000)
        assert "panic" not in story.whats()


def test_a_wrong_code_takes_nothing_back():
    story = home(cancel_ms=3000)
    story.press()
    story.keys("1111#")
    assert story.node.held is not None
    story.until(story.now_ms + 3000)
    assert story.whats() == ["panic"]


def test_what_is_no_home_set_is_never_armed():
    story = Story()
    assert sense.armed(story.node) is None and "armed" not in story.beats()[-1]
    assert sense.armed(home().node) == "off"
    assert sense.line(story.node, ("line", 1, 1, 0), 0) == (story.node, [])


def test_each_part_says_when_to_look_again():
    plain, whole = sense.dues(Story().node), sense.dues(home().node)
    assert len(whole) == len(plain) + 2  # contacts and home set
    story = home()
    story.keys("*2")
    assert story.now_ms + 35000 in sense.dues(story.node)  # ten seconds before the exit delay ends, it hurries
