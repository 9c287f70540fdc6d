"""Contacts, power, check-in and the way of a press: what must hold for every sequence (hypothesis; CPython)."""

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_checkin import MIDNIGHT_UNIX_MS
from test_presses import Way

from bellnode import cancel, checkin, contacts, patterns, power, testmode

NOMINAL = {"short": 0, "made": 500, "broken": 667, "cut": 1000}
LINE = contacts.parse([{"zone": 1, "name": "문", "type": "entry", "wiring": "nc_eol"}])
PLAIN = contacts.parse([{"zone": 1, "name": "문", "type": "entry", "wiring": "nc"}])
conditions = st.sampled_from(sorted(NOMINAL))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(conditions, st.integers(10, 40)), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_noise_makes_no_events(story, chance):
    """Each condition lasts 1 to 4 s, read every 100 ms with a noise of 7 % of full scale: told once each, in order."""
    lines, now_ms, told, wanted, contact, last = contacts.start(LINE, 0), 0, [], [], None, None
    for condition, samples in story:
        for _ in range(samples):
            now_ms += 100
            value = max(0, min(1000, NOMINAL[condition] + chance.randint(-70, 70)))
            lines, effects = contacts.step(lines, ("reading", 1, value, now_ms), now_ms)
            told += [effect[:-1] for effect in effects]
        if condition == last:
            continue
        if last in ("cut", "short"):
            wanted.append(("tamper", 1, last, False))
        if condition in ("cut", "short"):
            wanted.append(("tamper", 1, condition, True))
        elif contact != condition:
            wanted.append(("contact", 1, "closed" if condition == "made" else "open"))
            contact = condition
        last = condition
    assert told == wanted


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.one_of(st.none(), st.integers(0, 1000))), max_size=80))
def test_any_readings_keep_the_conditions_apart(script):
    lines, now_ms = contacts.start(LINE, 0), 0
    contact, tamper, offline = None, None, False
    for gap_ms, value in script:
        now_ms += gap_ms
        lines, effects = contacts.step(lines, ("reading", 1, value, now_ms), now_ms)
        for effect in effects:
            assert 0 <= effect[-1] <= now_ms
            if effect[0] == "contact":
                assert effect[2] != contact and tamper is None
                contact = effect[2]
            elif effect[0] == "tamper":
                assert (tamper is None) == effect[3] and (effect[3] or effect[2] == tamper)
                tamper = effect[2] if effect[3] else None
            else:
                assert effect[2] != offline
                offline = effect[2]
        assert lines[0].offline == offline


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.one_of(st.none(), st.booleans())), max_size=60))
def test_a_plain_contact_ends_at_its_true_level(script):
    """None: only the loop turns."""
    lines, now_ms, level, told = contacts.start(PLAIN, 0), 0, None, []
    for gap_ms, value in script:
        now_ms += gap_ms
        given = ("tick",) if value is None else ("reading", 1, int(value), now_ms)
        lines, effects = contacts.step(lines, given, now_ms)
        told += [effect[2] for effect in effects]
        level = level if value is None else value
    lines, effects = contacts.step(lines, ("tick",), now_ms + 200)
    told += [effect[2] for effect in effects]
    assert all(one != two for one, two in itertools.pairwise(told))
    assert level is None or told[-1] == ("closed" if level else "open")
    assert contacts.due_ms(lines) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(2100, 4300), st.randoms(use_true_random=False))
def test_a_trembling_voltage_is_at_most_one_event(mv, chance):
    state, told = power.start(power.parse({}), (), 0), []
    for second in range(200):
        state, effects = power.step(state, ("battery", mv + chance.randint(-35, 35)), second * 1000)
        told += effects
    assert len([effect for effect in told if effect[2] == "alarm"]) <= 2 and len(told) <= 3
    levels = [effect[4]["level"] for effect in told]
    assert len(set(levels)) == len(levels), "it went to and fro"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.one_of(st.none(), st.integers(0, 4300))), max_size=60))
def test_battery_events_are_in_order(script):
    state, now_ms, alarmed = power.start(power.parse({}), (), 0), 0, False
    for gap_s, mv in script:
        for _ in range(3):
            now_ms += gap_s * 1000
            state, effects = power.step(state, ("battery", mv), now_ms)
            for effect in effects:
                assert effect[2] == "alarm" or alarmed, "restored what nobody was told of"
                alarmed = effect[2] == "alarm"
        assert alarmed == bool(power.faults(state))
        assert power.percent(state) is None or 0 <= power.percent(state) <= 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40000), st.one_of(st.none(), st.booleans())), max_size=60))
def test_mains_events_alternate_and_are_rare(script):
    state, now_ms, told = power.start(power.parse({}), (), 0), 0, []
    for gap_ms, present in script:
        now_ms += gap_ms
        given = ("tick",) if present is None else ("mains", present)
        state, effects = power.step(state, given, now_ms)
        told += [(effect[2], now_ms) for effect in effects]
    assert [kind for kind, _ in told] == [("alarm", "restore")[place % 2] for place in range(len(told))]
    assert all(two[1] - one[1] >= 10000 for one, two in itertools.pairwise(told))


DAYS = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 1439)), st.one_of(st.none(), st.integers(0, 1439))),
    min_size=7,
    max_size=21,
)


@settings(max_examples=40, deadline=None)
@given(DAYS)
def test_weeks_of_check_ins(days):
    """Each day the minute of the "I am fine", or None, and that of a restart, or None: no false miss, no lost one."""
    window = checkin.parse({"from": "08:00", "until": "10:00", "remind_min": 30})
    first = MIDNIGHT_UNIX_MS // checkin.DAY_MS + 1
    state, kept = checkin.start(window, first - 1, False, False, 0), None
    minute_ms, told = 60000, []

    def give(entry, now_ms):
        nonlocal state, kept
        state, effects = checkin.step(state, entry, now_ms)
        for effect in effects:
            if effect[0] == "keep":
                kept = (state.day, state.missed)
            else:
                told.append((now_ms // minute_ms, effect[:3]))

    for day, (sign, restart) in enumerate(days):
        for minute in sorted({*range(0, 1440, 30), sign or 0, restart or 0}):  # each half hour is enough
            now_ms = (day * 1440 + minute) * minute_ms
            if minute == restart:
                state = checkin.start(window, *(kept or (first - 1, False)), False, now_ms)
            give(("tick", MIDNIGHT_UNIX_MS + now_ms), now_ms)
            if minute == sign:
                give(("sign", True), now_ms)
    missed = {at // 1440 for at, effect in told if effect[1:] == ("checkin_missed", "alarm")}
    for day, (sign, restart) in enumerate(days):
        late = restart is not None and restart >= 570  # a restart during the reminder begins it anew
        if sign is not None and sign < 600:
            assert day not in missed, day
        elif (sign is None or sign > 630) and not late:
            assert day in missed, day
    reminded = None
    for at, effect in told:
        if effect == ("remind", True):
            reminded = at
        if effect[1:] == ("checkin_missed", "alarm"):
            assert reminded is not None and at - reminded >= 30, "a miss without its reminder"
            reminded = None


steps = st.one_of(
    st.tuples(st.just("edge"), st.integers(0, 1)),
    st.tuples(st.just("on"), st.integers(1, testmode.LONGEST_MS)),
    st.tuples(st.sampled_from(["cancel", "off", "tick"])),
)
waits = st.one_of(st.integers(0, 2000), st.integers(2000, 40000), st.just(testmode.LONGEST_MS))
ways = st.tuples(st.sampled_from(sorted(patterns.RULES)), st.sampled_from([0, 1000, 5000]))


@settings(max_examples=200, deadline=None)
@given(ways, st.lists(st.tuples(waits, steps), max_size=40))
@example(("choice", 1000), [(900000, ("edge", 1)), (0, ("cancel",))])  # the wait for a double press outlived it
def test_no_press_is_lost_on_its_way(way_of, script):
    """Every press of the button is an event, a test, or turns the one that is held; what is held goes or turns once."""
    rule, window_ms = way_of
    way, now_ms, presses, cancels = Way(rule, window_ms), 0, 0, 0
    for gap_ms, entry in script:
        end_ms = now_ms + gap_ms
        if entry[0] != "tick":  # else the loop stalls over the gap
            way.until(end_ms)
        now_ms = end_ms
        if entry[0] == "edge":
            before = way.button.phase
            way.edge(entry[1], now_ms)
            presses += before == "up" and way.button.phase != "up"
        elif entry[0] == "cancel":
            way.cancel, effects = cancel.step(way.cancel, entry + (now_ms,), now_ms)
            way.told += effects
            cancels += 1
        elif entry[0] == "tick":
            way.tick(now_ms)
        else:
            given = ("on", entry[1], "command", False) if entry[0] == "on" else entry
            way.test, effects = testmode.step(way.test, given, now_ms)
            way.tested(effects, now_ms)
        assert way.test.mode == "off" or 0 < way.test.until_ms - way.test.since_ms <= testmode.LONGEST_MS
    way.edge(0, now_ms)
    way.until(now_ms + 2 * testmode.LONGEST_MS)
    assert way.test == testmode.OFF and way.due_ms() is None
    assert not [name for name, present in way.faults[-1:] if present], "a released button is still stuck"
    turned = [effect for effect in way.told if effect[0] == "turn" and effect[1] != "cancel"]
    held = [effect for effect in way.told if effect[0] == "press" and effect[4] is not None]
    sent = [effect for effect in way.told if effect[0] == "press" and (effect[3] or {}).get("pattern") != "hold"]
    reals = [effect for effect in way.modes if effect == ("mode", False, "real")]
    # A hold in test mode is the only press that is both.
    assert presses <= len(sent) + len(turned) + len(way.tests) <= presses + len(way.tests)
    assert len(reals) <= len(way.tests)
    ends = [effect for effect in way.told if effect[0] in ("turn", "go")]
    assert len(ends) == len(held)
    cancelled = [effect for effect in way.told if effect[:2] in (("turn", "cancel"), ("event", "cancel"))]
    assert len(cancelled) == cancels
