"""Lamp, sounder, strobe and siren from the one table: loud is loud, discreet betrays nothing. Both runtimes."""

from bellnode import daily, indicator


def test_every_shade_leads_back_to_its_state_dimmed_too():
    for state in indicator.TABLE:
        for discreet in (False, True):
            for dim in (False, True):
                at_ms = 0
                while at_ms < 6000:
                    rgb, left_ms = indicator.colour(state, discreet, at_ms, dim)
                    shown = indicator.rung_of(rgb)
                    assert shown == (state if rgb != (0, 0, 0) else "idle"), (state, discreet, dim, rgb)
                    if left_ms is None:
                        break
                    at_ms += left_ms


def test_at_night_the_lamp_is_dimmer_but_never_the_warning():
    for state in indicator.TABLE:
        bright, dim = [sum(indicator.colour(state, False, 0, dim)[0]) for dim in (False, True)]
        if state in indicator.NEVER_DIMMED or bright == 0:
            assert dim == bright
        else:
            assert 0 < dim <= bright // 4, state
        assert indicator.colour(state, True, 0, True) == indicator.colour(state, True, 0, False)


def test_discreet_is_faint_or_dark():
    for state in indicator.TABLE:
        for at_ms in range(0, 4000, 50):
            assert max(indicator.colour(state, True, at_ms)[0]) <= 8


def test_sound_changes_when_it_says():
    for state in indicator.TABLE:
        at_ms = 0
        while at_ms < 12000:
            heard = indicator.sound(state, at_ms)
            if heard[3] is None:
                break
            assert heard[3] > 0
            assert indicator.sound(state, at_ms + heard[3] - 1)[:3] == heard[:3]
            at_ms += heard[3]
            assert indicator.sound(state, at_ms)[:3] != heard[:3]


def test_what_flashes_and_what_howls():
    for state in indicator.TABLE:
        heard = [indicator.sound(state, at_ms)[1:3] for at_ms in range(0, 3000, 50)]
        alarm = state in ("sending", "not_delivered", "stored", "presented", "acknowledged", "dispatched", "siren")
        assert ((1, 1) in heard) == alarm, state
        assert alarm or set(heard) == {(0, 0)}, state
    assert indicator.sound("idle", 0) == (0, 0, 0, None)


def test_night_is_between_its_hours_on_the_wall():
    hour_ms = 3600000
    for night, hour, there in (
        ((22, 7), 21, False),
        ((22, 7), 22, True),
        ((22, 7), 3, True),
        ((22, 7), 7, False),
        ((1, 5), 4, True),
        ((1, 5), 5, False),
        ((1, 5), 0, False),
    ):
        t_ms = 40 * 24 * hour_ms + (hour - 9) * hour_ms
        assert daily.is_night(night, t_ms, 540) == there, (night, hour)
        assert daily.is_night(night, t_ms + hour_ms - 1, 540) == there
    assert not daily.is_night(None, 0, 540) and not daily.is_night((0, 23), None, 540)


def test_the_daily_test_comes_at_its_hour_and_once_a_day():
    hour_ms, day_ms = 3600000, 86400000
    assert daily.next_ms(500, None, 4, 540) == 500 + day_ms
    for start_hour in range(24):
        at_ms, t_ms = 1000, 70 * day_ms + start_hour * hour_ms
        later = []
        for _ in range(3):
            due_ms = daily.next_ms(at_ms, t_ms, 4, 540)
            later.append(due_ms - at_ms)
            t_ms, at_ms = t_ms + due_ms - at_ms, due_ms
            assert (t_ms + 540 * 60000) % day_ms == 4 * hour_ms
        assert day_ms // 2 <= later[0] < day_ms * 3 // 2 and later[1:] == [day_ms, day_ms]
