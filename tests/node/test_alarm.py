"""The rungs of the lamp: it never lies. Both runtimes."""

from bellnode import alarm, indicator

BOOT = "00000000000000aa"
OLD = "00000000000000bb"
ORDER = ("sending", "stored", "presented", "acknowledged", "dispatched", "closed")
SIGNS = ("press", "late", "clear", "refused") + ORDER[1:]


def press(alarms, seq, at_ms):
    return alarm.step(alarms, ("press", BOOT, seq, "panic", at_ms), at_ms)[0]


def receipt(alarms, seq, stage, at_ms, boot=BOOT, earlier=()):
    return alarm.step(alarms, ("receipt", boot, seq, stage, "panic", earlier), at_ms)[0]


def tick(alarms, at_ms):
    return alarm.step(alarms, ("tick",), at_ms)


def test_the_table_never_falls_and_only_receipts_climb():
    for (rung, sign), after in alarm.TABLE.pairs():
        assert rung in alarm.RUNGS and after in alarm.RUNGS and sign in SIGNS
        if sign in ORDER and rung in ORDER:
            assert ORDER.index(after) == max(ORDER.index(rung), ORDER.index(sign)), (rung, sign)
        elif sign not in ORDER:
            assert after not in ORDER[1:] or after == rung, (rung, sign)
        if rung in ORDER[1:] and sign != "clear":
            assert after in ORDER[1:], (rung, sign)


def test_what_a_receipt_says_is_what_an_undelivered_or_forgotten_press_becomes():
    for stage in ORDER[1:]:
        assert alarm.turn("sending", stage) == alarm.turn("not_delivered", stage) == stage
        assert alarm.turn("closed", stage) == "closed"
    for stage in alarm.DELIVERED:
        assert alarm.turn("idle", stage) == stage
        assert alarm.turn(stage, "closed") == "closed"


def test_a_full_list_takes_no_old_alarm_of_the_gateways():
    alarms = ()
    for seq in range(1, alarm.SHOWN_MAX):
        alarms = press(alarms, seq, seq)
    alarms = receipt(alarms, 7, "stored", 50, OLD)
    assert len(alarms) == alarm.SHOWN_MAX and (alarms[0].boot, alarms[0].seq) == (OLD, 7)
    assert receipt(alarms, 8, "stored", 60, OLD) == alarms


def test_what_the_table_does_not_list_raises_and_changes_nothing():
    unlisted = [(rung, sign) for rung in alarm.RUNGS for sign in SIGNS if (rung, sign) not in alarm.TABLE]
    assert ("stored", "late") in unlisted and ("sending", "clear") in unlisted
    for rung, sign in unlisted:
        try:
            alarm.turn(rung, sign)
        except ValueError:
            continue
        raise AssertionError((rung, sign))
    alarms = press((), 1, 0)
    try:
        press(alarms, 1, 5)
    except ValueError:
        assert alarm.lamp(alarms) == "sending"
    else:
        raise AssertionError("an identity was pressed twice")


def test_not_delivered_after_ten_seconds_and_not_before():
    alarms = press((), 1, 1000)
    assert alarm.due_ms(alarms) == 11000
    assert alarm.lamp(tick(alarms, 10999)[0]) == "sending"
    alarms, _ = tick(alarms, 11000)
    assert alarm.lamp(alarms) == "not_delivered"
    assert alarm.lamp(receipt(alarms, 1, "stored", 20000)) == "stored"
    assert alarm.lamp(tick(receipt(press((), 1, 0), 1, "stored", 9000), 60000)[0]) == "stored"


def test_a_later_stage_stands_for_the_earlier_ones():
    alarms = receipt(press((), 1, 0), 1, "acknowledged", 10)
    assert alarm.lamp(receipt(alarms, 1, "stored", 20)) == "acknowledged"
    assert alarm.lamp(receipt(alarms, 1, "refused", 20)) == "acknowledged"


def test_the_lamp_tells_of_the_newest_press():
    alarms = receipt(press((), 1, 0), 1, "dispatched", 10)
    alarms = press(alarms, 2, 100)
    assert alarm.lamp(alarms) == "sending"
    alarms = receipt(alarms, 1, "closed", 150)
    assert alarm.lamp(alarms) == "sending"
    alarms = receipt(alarms, 2, "closed", 200)
    assert alarm.lamp(alarms) == "closed"
    alarms, _ = tick(alarms, 200 + alarm.CLOSED_SHOWN_MS)
    assert alarms == () and alarm.lamp(alarms) == "idle"


def test_an_undelivered_press_shows_when_the_newest_is_closed():
    alarms = press(press((), 1, 0), 2, 10)
    alarms = receipt(alarms, 2, "closed", 20)
    assert alarm.lamp(alarms) == "sending"


def test_the_gateway_reminds_a_restarted_bell():
    alarms = receipt((), 7, "dispatched", 10, OLD)
    assert alarm.lamp(alarms) == "dispatched"
    assert alarm.lamp(press(alarms, 1, 20)) == "sending"
    assert receipt((), 7, "closed", 10, OLD) == () and receipt((), 7, "refused", 10, OLD) == ()


def test_of_what_the_gateway_remembers_the_newest_has_the_lamp():
    # In whatever order it names them: a restarted bell must not show the help that is on the way for an earlier press.
    alarms = receipt((), 7, "dispatched", 10, OLD)
    alarms = receipt(alarms, 8, "stored", 10, OLD, ((OLD, 7),))
    assert [shown.seq for shown in alarms] == [7, 8] and alarm.lamp(alarms) == "stored"
    alarms = receipt(alarms, 6, "acknowledged", 11, OLD)
    assert [shown.seq for shown in alarms] == [6, 7, 8] and alarm.lamp(alarms) == "stored"
    assert alarm.lamp(receipt(press((), 1, 0), 9, "acknowledged", 1, OLD)) == "sending"


def test_a_press_out_of_the_journal_is_newer_than_what_was_pressed_before_it():
    # It is stored before the gateway names the press of before: that one is not the newest for it.
    alarms = alarm.step((), ("press", OLD, 2, "panic", None), 0)[0]
    alarms = receipt(alarms, 2, "stored", 10, OLD, (("cc", 1),))
    alarms = receipt(alarms, 1, "presented", 11, "cc")
    assert [shown.seq for shown in alarms] == [1, 2] and alarm.lamp(alarms) == "stored"
    # And one that was pressed after it, and delivered before it, is.
    alarms = receipt(alarms, 1, "acknowledged", 12, "dd", (("cc", 1), (OLD, 2)))
    assert alarm.lamp(alarms) == "acknowledged"


def test_after_a_connect_each_stage_is_confirmed_or_asked_for():
    alarms = receipt(press((), 1, 0), 1, "dispatched", 10)
    alarms, _ = alarm.step(alarms, ("linked",), 1000)
    assert tick(receipt(alarms, 1, "dispatched", 1100), 99000)[1] == ()
    alarms, effects = tick(alarms, 1000 + alarm.CONFIRM_MS)
    assert [(name, shown.seq) for name, shown in effects] == [("ask", 1)]
    assert alarm.lamp(alarms) == "dispatched"
    # What only the gateway remembered is asked for in the same way: a gateway that is away names nothing.
    alarms = receipt((), 7, "dispatched", 10, OLD)
    alarms, _ = alarm.step(alarms, ("linked",), 1000)
    alarms, effects = tick(alarms, 1000 + alarm.CONFIRM_MS)
    assert [(name, shown.boot, shown.seq) for name, shown in effects] == [("ask", OLD, 7)]


def test_what_is_shown_is_bounded_and_the_delivered_go_first():
    alarms = receipt(press(press((), 1, 0), 2, 1), 2, "stored", 2)
    for seq in range(3, alarm.SHOWN_MAX + 2):
        alarms = press(alarms, seq, seq)
    assert len(alarms) == alarm.SHOWN_MAX
    assert 2 not in [shown.seq for shown in alarms] and 1 in [shown.seq for shown in alarms]


def test_every_rung_has_a_lamp_of_its_own():
    assert set(indicator.TABLE) >= set(alarm.RUNGS)
    colours = {}
    for rung in indicator.TABLE:
        for rgb in indicator.TABLE[rung][:4]:
            if rgb is not None:
                assert colours.setdefault(rgb, rung) == rung
                assert indicator.rung_of(rgb) == rung and indicator.rung_of(list(rgb)) == rung
    rhythms = [indicator.TABLE[rung][4] for rung in alarm.RUNGS if rung != "idle"]
    assert len(set(rhythms)) == len(rhythms)
    silent = [indicator.TABLE[rung][5] for rung in alarm.RUNGS if rung != "idle"]
    assert len(set(silent)) == len(silent)
    assert indicator.rung_of((1, 2, 3)) is None


def test_the_lamp_can_be_read_at_any_moment_and_changes_when_it_says():
    for rung in alarm.RUNGS:
        for silent in (False, True):
            at_ms = 0
            while at_ms < 8000:
                rgb, left_ms = indicator.colour(rung, silent, at_ms)
                assert indicator.rung_of(rgb) == rung
                assert not silent or max(rgb) <= 8
                if left_ms is None:
                    break
                assert indicator.colour(rung, silent, at_ms + left_ms - 1)[0] == rgb
                assert indicator.colour(rung, silent, at_ms + left_ms)[0] != rgb
                at_ms += left_ms
