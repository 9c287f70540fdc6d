"""The home set: its table walked through whole, and what must hold for every sequence (hypothesis; CPython)."""

import hashlib
import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_homeset import CODE, DURESS, ENTRY_MS, EXIT_MS, SETTINGS, ZONES, Set, events

from bellnode import arming, checkin, homeset, pin

PHASES = ("off", "exit", "set", "entry", "alarm")
SIGNS = ("arm", "disarm", "elapsed", "left_open", "delayed", "instant")


@pytest.mark.parametrize(("phase", "sign"), list(itertools.product(PHASES, SIGNS)))
def test_the_table_is_the_machine(phase, sign):
    if (phase, sign) in arming.TABLE:
        assert arming.turn(phase, sign) in PHASES
    else:
        with pytest.raises(ValueError, match=f"{phase!r} cannot take {sign!r}"):
            arming.turn(phase, sign)


def test_the_table_has_nothing_else_and_every_phase_leads_to_off():
    assert {phase for phase, _ in arming.TABLE} | set(arming.TABLE.values()) == set(PHASES)
    assert {sign for _, sign in arming.TABLE} == set(SIGNS)
    assert all(arming.TABLE[(phase, "disarm")] == "off" for phase in PHASES[1:])
    assert all((phase, sign) in arming.TABLE for (phase, _), sign in arming.OPENED.items())


# (mode, type of zone): what its opening has to be in each phase. Written from the promise, not from the tables.
N, D, I = "nothing", "delay", "intrusion"  # noqa: E741
PROMISE = {
    ("home", "entry"): {"set": D, "entry": N, "alarm": I},
    ("home", "perimeter"): {"set": I, "entry": I, "alarm": I},
    ("home", "interior"): {"set": N, "entry": N, "alarm": N},
    ("away", "entry"): {"exit": N, "set": D, "entry": N, "alarm": I},
    ("away", "perimeter"): {"exit": I, "set": I, "entry": I, "alarm": I},
    ("away", "interior"): {"exit": N, "set": I, "entry": N, "alarm": I},
}


def reached(mode, phase):
    """A home set in this phase, with a second door beside the zones, and a second window for the alarm."""
    home = Set(SETTINGS._replace(zones=(*ZONES, ZONES[0]._replace(number=11), ZONES[1]._replace(number=12))))
    if phase != "off":
        home.give(("arm", mode, False))
    if phase in ("set", "entry", "alarm"):
        home.wait(EXIT_MS)
    home.wait(arming.WARM_UP_MS if phase != "exit" else 0)
    if phase == "entry":
        home.opened(11)
    if phase == "alarm":
        home.opened(12)
    assert home.home.phase == phase
    return home


@pytest.mark.parametrize(("mode", "kind"), PROMISE)
@pytest.mark.parametrize("left_out", (False, True))
def test_each_zone_in_each_phase(mode, kind, left_out):
    number = next(zone.number for zone in ZONES if zone.type == kind)
    for phase, promised in PROMISE[(mode, kind)].items():
        home = reached(mode, phase)
        if phase == "exit":
            home.wait(0)
            home.home = home.home._replace(started_ms=-arming.WARM_UP_MS)
        if left_out:
            home.home = home.home._replace(bypass=(number,))
        seen = home.opened(number)
        wanted = N if left_out else promised
        assert (("intrusion", "alarm", number) in events(seen)) == (wanted == I), (phase, seen)
        assert (home.home.phase == "entry") == (wanted == D or (phase == "entry" and wanted == N)), phase
        assert (("sound", "entry") in seen) == (wanted == D)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("mode", ("home", "away"))
@pytest.mark.parametrize("code", (CODE, DURESS))
def test_the_code_disarms_from_everywhere(phase, mode, code):
    if (mode, phase) == ("home", "exit"):
        return  # nobody leaves
    home = reached(mode, phase)
    home.code(code)
    assert (home.home.phase, home.home.mode, home.home.bypass, home.home.until_ms) == ("off", "off", (), None)
    assert home.wait(600000) == []


numbers = st.sampled_from([zone.number for zone in ZONES])
inputs = st.one_of(
    st.tuples(st.just("contact"), numbers, st.sampled_from(["open", "closed"])),
    st.tuples(st.just("tamper"), numbers, st.sampled_from(["cut", "short"]), st.booleans()),
    st.tuples(st.just("offline"), numbers, st.booleans()),
    st.tuples(st.just("arm"), st.sampled_from(["home", "away"]), st.booleans()),
    st.tuples(st.just("pin"), st.sampled_from([CODE, DURESS, "0000", "", "x"])),
    st.tuples(st.just("bypass"), numbers, st.booleans()),
    st.tuples(st.just("press"), st.sampled_from(["panic", "holdup", "medical"])),
    st.tuples(st.sampled_from(["checkin", "presence", "tick", "restart", "lost"])),
)
gaps = st.sampled_from([0, 1, 500, 9999, 10000, ENTRY_MS, EXIT_MS, 180000, 3600000, 30 * 3600000])
scripts = st.lists(st.tuples(gaps, inputs), max_size=40)
WATCHED = SETTINGS._replace(window=checkin.parse({"from": "08:00", "until": "10:00"}))
UNIX_MS = 1700000000000


def give(home, entry, now_ms):
    if entry[0] == "tick":
        entry += (UNIX_MS + now_ms,)
    elif entry[0] not in ("arm", "bypass"):
        entry += (now_ms,)
    return homeset.step(home, entry, now_ms)


def run(script, watch):
    """Play a script with a tick at every due moment; watch(before, entry, after, effects, now_ms) sees each step."""
    home, _ = homeset.start(WATCHED, None, 0)
    kept, now_ms = None, 0

    def one(entry):
        nonlocal home, kept
        before = home
        if entry[0] in ("restart", "lost"):
            home, effects = homeset.start(WATCHED, kept if entry[0] == "restart" else {}, now_ms)
        else:
            home, effects = give(home, entry, now_ms)
        for effect in effects:
            if effect[0] == "keep":
                kept = json.loads(json.dumps(effect[1]))
        watch(before, entry, home, effects, now_ms)

    for gap_ms, entry in script:
        end_ms = now_ms + gap_ms
        while homeset.due_ms(home) is not None and homeset.due_ms(home) <= end_ms:
            now_ms = max(now_ms, homeset.due_ms(home))
            one(("tick",))
            assert homeset.due_ms(home) is None or homeset.due_ms(home) > now_ms, "a due moment that is never over"
        now_ms = end_ms
        one(entry)
    return home, now_ms


@settings(max_examples=200, deadline=None)
@given(scripts)
def test_what_must_hold_for_every_sequence(script):
    standing = set()

    def watch(before, entry, after, effects, now_ms):
        told = events(effects)
        if entry[0] == "press":
            assert effects[0] == ("event", entry[1], "alarm", None, None, now_ms)
        whats = {what for what, state, _ in told if state == "alarm"} - {"checkin_missed"}
        if before.phase == "off" and entry[0] not in ("press", "pin", "lost"):
            # Disarmed: only tamper, faults and 24h zones.
            assert whats <= {"tamper", "fault"} or told[0][2] == 4, told
        if before.mode != "off" and after.mode == "off":
            assert entry in (("pin", CODE), ("pin", DURESS)) or ("fault", "alarm", None) in told
        if entry[0] == "restart":
            assert (after.phase, after.mode) == (before.phase, before.mode) and told == []
            assert after.bypass == before.bypass and after.memory == before.memory and after.wrong == before.wrong
        if entry[0] == "lost":
            standing.clear()
        if entry == ("pin", CODE):
            assert ("duress", "alarm", None) not in told
        if entry == ("pin", DURESS) and now_ms >= before.deaf_until_ms:
            assert ("duress", "alarm", None) in told
        for what, state, zone in told:  # each alarm of a zone once until its restore
            if zone is not None:
                assert ((zone, what) in standing) == (state == "restore"), (told, standing)
                (standing.discard if state == "restore" else standing.add)((zone, what))
        assert (after.phase == "off") == (after.mode == "off")
        assert (after.until_ms is None) == (after.phase in ("off", "set"))
        sounds = [effect[1] for effect in effects if effect[0] == "sound"]
        if before.phase != after.phase and after.phase in ("off", "set") and entry[0] != "lost":
            assert sounds[-1] == "quiet"
        if before.phase != after.phase and after.phase in ("exit", "entry"):
            assert sounds[-1] == after.phase
        if after.phase == "alarm" and before.phase != "alarm":
            assert sounds[-1] == "siren"
        assert set(sounds) <= set(homeset.SOUNDS)
        assert {effect[1] for effect in effects if effect[0] == "beep"} <= set(homeset.BEEPS)
        assert {effect[1] for effect in effects if effect[0] == "refused"} <= set(homeset.REFUSALS)
        assert not [effect for effect in effects[:-1] if effect[0] == "keep"], "kept before what has to be journaled"

    run(script, watch)


@settings(max_examples=100, deadline=None)
@given(scripts, numbers)
def test_an_opening_while_armed_is_never_lost(script, number):
    home, now_ms = run(script, lambda *_: None)
    kind = next(zone.type for zone in ZONES if zone.number == number)
    if home.phase == "off" or number in home.bypass or arming.ACTS.get((home.mode, kind)) is None:
        return
    home, _ = give(home, ("contact", number, "closed"), now_ms)
    home, effects = give(home, ("contact", number, "open"), now_ms)
    if home.phase == "off" or (kind == "interior" and now_ms - home.started_ms < arming.WARM_UP_MS):
        return
    told = list(effects)
    for _ in range(4):  # nobody enters a code: until everything has run out
        if home.until_ms is not None:
            now_ms = home.until_ms
            home, effects = give(home, ("tick",), now_ms)
            told += effects
    quiet = kind == "interior" and home.cause is None  # seen on the way out
    assert quiet or [what for what, state, _ in events(told) if what == "intrusion" and state == "alarm"], told


@settings(max_examples=100, deadline=None)
@given(scripts)
def test_duress_looks_like_the_code_from_every_state(script):
    home, now_ms = run(script, lambda *_: None)
    one, normal = give(home, ("pin", CODE), now_ms)
    two, duress = give(home, ("pin", DURESS), now_ms)
    assert one == two
    assert [e for e in normal if e[0] != "event"] == [e for e in duress if e[0] != "event"]
    if now_ms >= home.deaf_until_ms:
        assert {what for what, _, _ in events(duress)} - {"checkin_missed"} == {"duress"}


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_a_damaged_record_never_breaks_the_start(rubbish):
    whole = Set().armed().kept
    home, effects = homeset.start(SETTINGS, rubbish, 0)
    assert home.phase == "off" and (rubbish is None) == (events(effects) == [])
    for key in whole:
        home, effects = homeset.start(SETTINGS, {**whole, key: rubbish}, 0)
        assert home.phase in PHASES and (home.mode == "off") == (home.phase == "off")
        home, _ = homeset.step(home, ("tick", None), 10**9)


@settings(max_examples=30, deadline=None)
@given(st.text("0123456789", min_size=4, max_size=8), st.binary(min_size=16, max_size=16), st.integers(1, 5))
def test_the_derivation_is_that_of_the_standard_library(code, salt, rounds):
    assert pin.derive(code, salt, rounds) == hashlib.pbkdf2_hmac("sha256", code.encode(), salt, rounds)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_judged(text):
    pins = SETTINGS.pins
    assert pin.judge(pins, text) == {CODE: "pin", DURESS: "duress"}.get(text, "wrong")
