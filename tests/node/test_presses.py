"""The way of a press: test mode, patterns, cancel window. Both runtimes."""

from bellnode import button, cancel, patterns, testmode


class Way:
    """button -> testmode -> patterns -> cancel, as the node joins them; `told` are the cancel window's effects."""

    def __init__(self, rule="loud", window_ms=0):
        self.button = button.RELEASED
        self.test = testmode.OFF
        self.patterns = patterns.start(rule)
        self.cancel = cancel.start(window_ms)
        self.told = []
        self.tests = []
        self.faults = []
        self.modes = []

    def edge(self, level, at_ms, now_ms=None):
        now_ms = at_ms if now_ms is None else now_ms
        self.button, found = button.step(self.button, ("edge", level, at_ms), now_ms)
        self.pressed(found, now_ms)

    def press(self, at_ms, for_ms=100):
        self.edge(1, at_ms)
        self.edge(0, at_ms + for_ms)
        self.until(at_ms + for_ms + button.SETTLE_MS)

    def pressed(self, found, now_ms):
        for pattern, at_ms in found:
            self.test, effects = testmode.step(self.test, ("button", pattern, at_ms), now_ms)
            self.tested(effects, now_ms)

    def tested(self, effects, now_ms):
        for effect in effects:
            if effect[0] == "pass":
                self.patterns, more = patterns.step(self.patterns, ("button",) + effect[1:], now_ms)
                self.meant(more, now_ms)
            elif effect[0] == "event":
                self.tests.append(effect)
            else:
                self.modes.append(effect)

    def meant(self, effects, now_ms):
        for effect in effects:
            if effect[0] == "fault":
                self.faults.append(effect[1:])
            else:
                self.cancel, more = cancel.step(self.cancel, effect, now_ms)
                self.told += more

    def tick(self, now_ms):
        self.button, found = button.step(self.button, ("tick",), now_ms)
        self.pressed(found, now_ms)
        self.test, effects = testmode.step(self.test, ("tick",), now_ms)
        self.tested(effects, now_ms)
        self.patterns, effects = patterns.step(self.patterns, ("tick",), now_ms)
        self.meant(effects, now_ms)
        self.cancel, effects = cancel.step(self.cancel, ("tick",), now_ms)
        self.told += effects

    def due_ms(self):
        due = [button.due_ms(self.button), testmode.due_ms(self.test), patterns.due_ms(self.patterns)]
        due = [at_ms for at_ms in due + [cancel.due_ms(self.cancel)] if at_ms is not None]
        return min(due) if due else None

    def until(self, end_ms):
        while self.due_ms() is not None and self.due_ms() <= end_ms:
            self.tick(self.due_ms())
        return self


def test_a_single_press_waits_for_nothing():
    for rule in ("loud", "loud_double", "silent", "medical"):
        way = Way(rule)
        way.edge(1, 100)
        assert way.told == [("press", patterns.RULES[rule][0], 100, None, None)], rule


def test_every_loud_press_is_an_event():
    way = Way("loud")
    for at_ms in (0, 300, 600):
        way.press(at_ms)
    assert [effect[:3] for effect in way.told] == [("press", "panic", at_ms) for at_ms in (0, 300, 600)]


def test_a_second_press_adds_the_silent_event():
    way = Way("loud_double")
    way.press(0)
    way.press(400)
    way.press(800)
    assert [effect[1] for effect in way.told] == ["panic", "holdup", "panic"]
    assert way.told[1][3] == {"pattern": "double"}
    way = Way("loud_double")
    way.press(0)
    way.press(patterns.DOUBLE_MS)
    assert [effect[1] for effect in way.told] == ["panic", "panic"]


def test_a_choice_is_on_record_at_once_and_sent_after_the_wait():
    way = Way("choice")
    way.press(1000)
    assert way.told == [("press", "panic", 1000, None, 1700)]
    way.until(1699)
    assert len(way.told) == 1
    way.until(1700)
    assert way.told[1:] == [("go", 1700)]


def test_a_double_turns_the_choice_silent_and_keeps_it_so():
    way = Way("choice")
    for at_ms in (1000, 1400, 1800, 2700):
        way.press(at_ms)
    assert way.told == [
        ("press", "panic", 1000, None, 1700),
        ("turn", "holdup", {"pattern": "double"}, 1400),
        ("press", "holdup", 1800, None, None),
        ("press", "holdup", 2700, None, None),
    ]
    way.until(9000)
    way.press(10000)
    assert way.told[4:] == [("press", "panic", 10000, None, 10700)]


def test_a_stall_does_not_change_what_was_meant():
    """Two presses inside the wait, both seen by the loop only later."""
    way = Way("choice")
    for level, at_ms in ((1, 0), (0, 100), (1, 400), (0, 500)):
        way.edge(level, at_ms, 5000)
    assert [effect[0] for effect in way.told] == ["press", "turn"]


def test_a_hold_can_mean_more():
    way = Way("fine")
    way.press(0, 4000)
    assert way.told == [("press", "checkin", 0, None, None), ("press", "panic", 3000, {"pattern": "hold"}, None)]
    way = Way("loud")
    way.press(0, 4000)
    assert len(way.told) == 1


def test_a_stuck_button_is_a_fault_until_it_is_released():
    stuck, other = Way(), Way()
    stuck.edge(1, 0)
    stuck.until(patterns.STUCK_MS - 1)
    assert stuck.faults == []
    stuck.until(patterns.STUCK_MS + 99999)
    assert stuck.faults == [("button_stuck", True)] and stuck.due_ms() is None
    other.press(40000)
    assert len(other.told) == 1
    stuck.edge(0, 200000)
    stuck.until(200050)
    assert stuck.faults[1:] == [("button_stuck", False)]
    stuck.press(300000)
    assert len(stuck.told) == 2
    assert patterns.step(patterns.start("loud", "key"), ("button", "press", 0), 99999)[1][-1][0] == "press"


def test_no_window_changes_nothing():
    for given in (
        ("press", "panic", 5, None, None),
        ("press", "panic", 5, None, 700),
        ("turn", "holdup", None, 6),
        ("go", 7),
    ):
        assert cancel.step(cancel.start(0), given, 7) == (cancel.start(0), (given,))


def test_the_window_holds_the_loud_kinds_only():
    assert cancel.step(cancel.start(3000), ("press", "panic", 5, None, None), 6)[1] == (
        ("press", "panic", 5, None, 3005),
    )
    assert cancel.step(cancel.start(3000), ("press", "medical", 5, None, 700), 6)[1][0][4] == 3005
    assert cancel.step(cancel.start(500), ("press", "panic", 5, None, 705), 6)[1][0][4] == 705
    for what in ("holdup", "duress", "checkin", "test"):
        given = ("press", what, 5, None, None)
        assert cancel.step(cancel.start(3000), given, 6) == (cancel.start(3000), (given,))
    late = ("press", "panic", 5, None, None)
    assert cancel.step(cancel.start(3000), late, 3005)[1] == (late,)  # its window is over before anybody saw it


def test_at_the_end_of_the_window_it_goes():
    way = Way("loud", 3000)
    way.press(0)
    way.until(2999)
    assert len(way.told) == 1
    way.until(3000)
    assert way.told[1:] == [("go", 3000)] and way.cancel.phase == "idle"


def test_a_cancel_inside_the_window_turns_the_event():
    way = Way("loud", 3000)
    way.press(0)
    way.cancel, told = cancel.step(way.cancel, ("cancel", 2999), 2999)
    assert told == (("turn", "cancel", {"of": "panic"}, 2999),)
    way.until(9000)
    assert len(way.told) == 1


def test_a_cancel_after_the_window_is_one_more_event():
    way = Way("loud", 3000)
    way.press(0)
    way.cancel, told = cancel.step(way.cancel, ("cancel", 2999), 3000)  # seen too late: it was sent
    assert told == (("go", 3000), ("event", "cancel", "alarm", None, None, 2999))


def test_a_second_press_ends_the_window_and_never_cancels():
    way = Way("loud", 5000)
    way.press(0)
    way.press(1000)
    assert way.told == [("press", "panic", 0, None, 5000), ("go", 1000), ("press", "panic", 1000, None, None)]


def test_a_double_in_a_window_is_silent_at_once():
    way = Way("choice", 5000)
    way.press(0)
    way.press(400)
    way.until(9000)
    assert way.told == [("press", "panic", 0, None, 5000), ("turn", "holdup", {"pattern": "double"}, 400)]
    way = Way("choice", 5000)
    way.press(0)
    way.until(9000)
    assert way.told == [("press", "panic", 0, None, 5000), ("go", 5000)]


def test_a_cancel_takes_back_one_press_and_not_the_next():
    """Pressed, taken back, pressed again: what would have made the two a double press is an event of its own."""
    way = Way("choice", 1000)
    way.press(0)
    way.cancel, effects = cancel.step(way.cancel, ("cancel", 200), 200)
    assert effects == (("turn", "cancel", {"of": "panic"}, 200),)
    way.press(400)
    way.until(9000)
    assert way.told == [("press", "panic", 0, None, 1000), ("press", "holdup", 400, {"pattern": "double"}, None)]
    way = Way("choice", 1000)
    way.press(0)
    way.cancel, _ = cancel.step(way.cancel, ("cancel", 200), 200)
    way.until(5000)
    assert way.told == [("press", "panic", 0, None, 1000)], "nothing is left that could go"
    way.press(6000)
    way.until(9000)
    assert way.told[1:] == [("press", "panic", 6000, None, 7000), ("go", 7000)]


def test_each_press_has_its_own_window():
    """However the one before it ended."""
    for end in (("turn", "holdup", None, 5), ("cancel", 5), ("press", "panic", 5, None, None), ("tick",)):
        state, _ = cancel.step(cancel.start(3000), ("press", "panic", 0, None, None), 0)
        state, _ = cancel.step(state, end, 3000 if end == ("tick",) else 5)
        assert state.phase == ("taken" if end[0] == "cancel" else "idle") and cancel.due_ms(state) is None, end
        _, effects = cancel.step(state, ("press", "panic", 4000, None, None), 4000)
        assert effects == (("press", "panic", 4000, None, 7000),)


def test_a_stall_over_both_waits_sends_once_and_what_was_meant():
    way = Way("choice", 1000)
    way.edge(1, 0)
    way.edge(0, 100)
    way.tick(9000)
    assert [effect[0] for effect in way.told] == ["press", "go"]
    way = Way("choice", 1000)
    way.edge(1, 0)
    for level, at_ms in ((0, 100), (1, 400), (0, 500)):
        way.edge(level, at_ms, 9000)
    assert [effect[0] for effect in way.told] == ["press", "turn"]


def turn_on(way, now_ms, length_ms=60000, armed=False):
    way.test, effects = testmode.step(way.test, ("on", length_ms, "command", armed), now_ms)
    way.tested(effects, now_ms)


def test_a_press_in_test_mode_is_a_test():
    way = Way()
    turn_on(way, 1000)
    way.press(2000)
    assert way.told == [] and way.tests == [("event", "test", "alarm", None, {"input": "button"}, 2000)]
    way.until(61000)
    assert way.modes == [("mode", True, "command"), ("mode", False, "over")]
    way.press(61000)
    assert [effect[:3] for effect in way.told] == [("press", "panic", 61000)]


def test_a_hold_in_test_mode_is_real_and_ends_it():
    way = Way()
    turn_on(way, 0)
    way.edge(1, 1000)
    way.until(4000)
    assert way.told == [("press", "panic", 4000, None, None)] and way.modes[-1] == ("mode", False, "real")
    way.edge(0, 5000)
    way.press(9000)
    assert len(way.told) == 2 and way.faults == []


def test_a_finger_on_the_button_at_the_end_of_the_mode_still_counts():
    way = Way()
    turn_on(way, 0, 2000)
    way.edge(1, 1000)
    way.until(4000)
    assert len(way.tests) == 1 and way.told == [("press", "panic", 4000, None, None)]


def test_the_time_of_the_edge_decides():
    way = Way()
    turn_on(way, 1000, 5000)
    way.edge(1, 999, 1001)  # pressed before anybody knew of a test
    assert len(way.told) == 1 and way.tests == []
    way = Way()
    turn_on(way, 1000, 5000)
    way.edge(1, 6000, 6000)
    assert len(way.told) == 1 and way.tests == []


def test_test_mode_cannot_be_kept_on():
    way = Way()
    turn_on(way, 0, testmode.LONGEST_MS)
    for now_ms in range(60000, testmode.LONGEST_MS, 60000):
        turn_on(way, now_ms, testmode.LONGEST_MS)
    assert way.due_ms() == testmode.LONGEST_MS
    turn_on(way, testmode.LONGEST_MS - 1, 1000)
    way.until(testmode.LONGEST_MS)
    assert way.test == testmode.OFF


def test_test_mode_can_be_refused_and_ended():
    way = Way()
    turn_on(way, 0, 1000, armed=True)
    turn_on(way, 0, testmode.LONGEST_MS + 1)
    turn_on(way, 0, 0)
    assert way.modes == [("refused", "armed"), ("refused", "length"), ("refused", "length")]
    assert testmode.step(testmode.OFF, ("off",), 0) == (testmode.OFF, ())
    turn_on(way, 0)
    assert testmode.step(way.test, ("off",), 5) == (testmode.OFF, (("mode", False, "off"),))


def test_a_walk_test_tells_the_zone():
    state = testmode.OFF
    assert testmode.step(state, ("contact", 3, "open", 5), 5) == (state, (("pass_contact", 3, "open", 5),))
    state, _ = testmode.step(state, ("on", 60000, "service", False), 10)
    assert testmode.step(state, ("contact", 3, "open", 5), 11)[1] == (("pass_contact", 3, "open", 5),)
    state, effects = testmode.step(state, ("contact", 3, "open", 20), 20)
    assert effects == (("event", "test", "alarm", 3, {"input": "contact"}, 20),)
    state, effects = testmode.step(state, ("contact", 3, "closed", 30), 30)
    assert effects == () and state.opened == ()
    assert testmode.step(state, ("contact", 4, "closed", 30), 30)[1] == (("pass_contact", 4, "closed", 30),)
    state, _ = testmode.step(state, ("contact", 3, "open", 40), 40)
    state, effects = testmode.step(state, ("tick",), 60010)
    assert effects == (("mode", False, "over"), ("pass_contact", 3, "open", 60010)) and state == testmode.OFF


def test_what_is_not_listed_raises():
    for call in (
        lambda: patterns.start("quiet"),
        lambda: patterns.step(patterns.start("loud"), ("press", 5), 5),
        lambda: patterns.step(patterns.start("loud"), ("button", "slap", 5), 5),
        lambda: patterns.turn("idle", "late"),
        lambda: cancel.start(5001),
        lambda: cancel.start(None),
        lambda: cancel.step(cancel.start(0), ("undo", 5), 5),
        lambda: cancel.turn("idle", "cancel"),
        lambda: testmode.step(testmode.OFF, ("pause",), 5),
        lambda: testmode.turn("off", "over"),
    ):
        try:
            call()
        except ValueError:
            continue
        raise AssertionError
    for rule in patterns.DEFAULT.values():
        assert patterns.RULES[rule][0] in ("panic", "holdup")
    for single, double, _, wait_ms in patterns.RULES.values():
        assert single and 0 <= wait_ms <= patterns.WAIT_MS_MAX < button.HOLD_MS and (double or not wait_ms)


def test_a_finger_that_stays_does_not_delay_the_wait():
    way = Way("choice")
    way.edge(1, 1000)
    assert way.due_ms() == 1700
    assert way.until(1700).told[-1] == ("go", 1700)
