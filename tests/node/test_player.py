"""The player: states of the table on a board, in time. Both runtimes."""

from bellnode import indicator, player


class Board:
    """What was shown and heard last."""

    def __init__(self):
        self.at_ms = 100000
        self.rgb = self.heard = None

    def now_ms(self):
        return self.at_ms

    def light(self, rgb):
        self.rgb = rgb

    def play(self, hz, strobe, siren):
        self.heard = (hz, strobe, siren)


def played(silent=False):
    board = Board()
    return board, player.Player(board, silent)


def test_a_new_player_is_dark_and_quiet_and_waits_for_nothing():
    board, made = played()
    assert made.draw() is None and made.dark()
    assert board.rgb == indicator.DARK and board.heard == (0, 0, 0)


def test_a_state_begins_with_its_first_beat_whenever_it_begins():
    board, made = played()
    for state in ("sending", "not_delivered", "stored", "presented", "acknowledged", "closed"):
        board.at_ms += 12345
        made.show(state, False, False)
        assert board.rgb == indicator.TABLE[state].bright and not made.dark(), state
        board.at_ms += indicator.TABLE[state].rhythm[0]
        made.draw()
        assert board.rgb == indicator.TABLE[state].glow, state


def test_a_rhythm_goes_on_where_only_the_brightness_changes():
    board, made = played()
    made.show("stored", False, False)
    board.at_ms += indicator.TABLE["stored"].rhythm[0] + 10
    made.show("stored", False, True)
    assert board.rgb == indicator.colour("stored", False, indicator.TABLE["stored"].rhythm[0] + 10, True)[0]
    made.show("stored", True, False)
    assert board.rgb == indicator.TABLE["stored"].faint_glow
    made.show("idle", False, False)
    assert made.dark() and board.rgb == indicator.DARK


def test_a_voice_begins_with_its_tone_and_goes_on_when_it_is_said_again():
    board, made = played()
    board.at_ms += 777
    made.hear("sending", False)
    assert board.heard == (2700, 1, 1)
    board.at_ms += 250
    made.hear("sending", False)
    assert board.heard == (0, 1, 1)  # the pause of the same tone
    made.hear("siren", False)
    assert board.heard == (2700, 1, 1)


def test_still_leaves_the_strobe_alone_on():
    board, made = played()
    made.hear("sending", True)
    assert board.heard == (0, 1, 0)
    made.hear("stored", True)
    assert board.heard == (0, 1, 0)
    made.hear("idle", False)
    assert board.heard == (0, 0, 0)


def test_the_next_moment_is_the_first_change_of_lamp_or_sound():
    board, made = played()
    made.show("dispatched", False, False)  # steady
    assert made.draw() is None
    made.hear("sending", False)
    assert made.draw() == 250
    made.show("sending", False, False)
    board.at_ms += 100
    assert made.draw() == 150
    made.hear("not_delivered", False)
    assert made.draw() == 100  # the sounder's, before the lamp's
    made.hear("idle", False)
    assert made.draw() == 150
    for _ in range(40):  # it is never late and never for nothing
        left_ms = made.draw()
        before = board.rgb
        board.at_ms += left_ms - 1
        made.draw()
        assert board.rgb == before
        board.at_ms += 1
        made.draw()
        assert board.rgb != before


def test_a_silent_bell_starts_discreet():
    board, made = played(True)
    made.draw()
    assert board.rgb == indicator.TABLE["idle"].faint and made.dark()


def test_an_output_is_tried_for_five_seconds_and_then_it_is_as_before():
    board, made = played()
    made.show("test_mode", False, False)
    for name, heard in (("sounder", (player.BY_HAND_HZ, 0, 0)), ("strobe", (0, 1, 0)), ("siren", (0, 0, 1))):
        made.by_hand(name, True)
        assert board.heard == heard and board.rgb == indicator.DARK, name
        made.by_hand(name, False)
        assert board.heard == (0, 0, 0) and board.rgb == indicator.TABLE["test_mode"].bright, name
    made.by_hand("lamp", True)
    assert board.rgb == player.BY_HAND_RGB and board.heard == (0, 0, 0) and made.draw() == player.BY_HAND_MS
    board.at_ms += player.BY_HAND_MS
    made.draw()
    assert board.rgb in (indicator.TABLE["test_mode"].bright, indicator.TABLE["test_mode"].glow)


def test_an_alarm_takes_the_outputs_back_at_once():
    board, made = played()
    made.by_hand("siren", True)
    made.show("sending", False, False)
    assert board.heard == (0, 0, 0) and board.rgb == indicator.TABLE["sending"].bright
    made.by_hand("siren", True)
    made.hear("confirm", False)
    assert board.heard[0] and not board.heard[2]
