"""The firmware on MicroPython, wire by wire: a home set, a shop's test mode, settings on trial. A real broker."""

import contextlib
import json
import time

import pytest
from rig_cpython import RUNTIME, a_world, until

from bellnode import boards, indicator, pin

PINS = boards.BOARDS[boards.DEFAULT]
CLOSED, OPEN = boards.PRESSED, 1 - boards.PRESSED
HOME = {
    "zones": [
        {"zone": 1, "name": "현관문", "type": "entry", "wiring": "nc", "input": "zone1"},
        {"zone": 2, "name": "창문", "type": "perimeter", "wiring": "nc_eol", "input": "zone2"},
    ],
    "home": {"exit_s": 10, "entry_s": 10, "pin": pin.make("1234", "9999", bytes(16), 50)},
    "supply": ["mains", "battery"],
}
DEADLINE_S = 40.0  # other programs may want the machine too


@contextlib.contextmanager
def a_bell(folder, settings=None, runtime=RUNTIME, **enrolled):
    with a_world(folder, runtime=runtime) as world:
        world.configure(**enrolled)
        if settings is not None:
            (world.bell.flash / "settings.json").write_text(json.dumps(settings))
        yield world


def key(bus, name):
    """One key of the keypad, held for as long as the bell needs to see it."""
    row = next(place for place, names in enumerate(boards.KEYS) if name in names)
    pins = [PINS.rows[row], PINS.columns[boards.KEYS[row].index(name)]]
    before = bus.lines.count({"parted": pins})
    bus.send(join=pins, looks=3)
    until(lambda: bus.lines.count({"parted": pins}) > before, DEADLINE_S, f"the key {name}")


def keys(bus, text):
    for name in text:
        key(bus, name)


def wait_for(seen, why):
    return until(seen, DEADLINE_S, why)


def tones(lines):
    """What was heard and flashed, in order, without repeats; the lamp without the phase of its blinking."""
    found = []
    for line in lines:
        if "lamp" in line:
            line = ("lamp", indicator.rung_of(line["lamp"][0]))  # noqa: PLW2901
        elif line.get("hz") == 0 or line in found:
            continue
        if not found or found[-1] != line:
            found.append(line)
    return found


@pytest.mark.parametrize("runtime", ["micropython", "image"])
def test_a_home_set_from_arming_to_the_alarm_and_a_duress_that_shows_nothing(tmp_path, runtime):
    with a_bell(tmp_path, HOME, runtime, kind="home-set") as world:
        gateway, bus = world.up(), world.bell.bus

        def armed(how):
            wait_for(lambda: gateway.heartbeats()[-1].get("armed") == how, f"armed {how}")

        def door(level):
            bus.send(pin=PINS.zones[0], level=level)

        bus.send(adc=PINS.zones[1], mv=boards.SUPPLY_MV // 2)
        bus.send(adc=PINS.battery, mv=2050)
        bus.send(pin=PINS.mains, level=CLOSED)
        door(CLOSED)
        time.sleep(1)  # the door settles; nothing says so from outside
        began = len(gateway.events())  # until the simulator has spoken, the window's line looks cut
        heard = []
        for code in ("1234#", "9999#"):
            keys(bus, "*1")
            armed("home")
            said = None
            while said != (said := len(tones(bus.lines))):
                time.sleep(0.5)  # the tone of arming is over: on a busy machine it comes after the heartbeat
            opened = len(bus.lines)
            door(OPEN)
            wait_for(lambda: bus.lamp() == "entry", "the entry delay")
            wait_for(lambda since=opened: any(line.get("hz") for line in bus.lines[since:]), "the entry tone")
            keys(bus, code[:-1])
            place = len(bus.lines)
            key(bus, code[-1])
            armed("off")
            wait_for(lambda: bus.lamp() == "idle", "quiet")
            door(CLOSED)
            time.sleep(2)  # whatever would betray the second code had its time
            entry = tones(bus.lines[opened:place])  # its tone may come once more before the last key is seen
            heard.append([line for line in tones(bus.lines[place:]) if line not in entry and "parted" not in line])
        assert heard[0] == heard[1] and any("hz" in line for line in heard[0]), heard
        assert [event["what"] for event in gateway.events()[began:]] == ["duress"]
        keys(bus, "*2")
        armed("away")
        wait_for(lambda: bus.lamp() == "idle", "the exit delay is over")
        door(OPEN)
        wait_for(lambda: bus.lamp() == "entry", "the entry delay")
        intrusion = wait_for(lambda: gateway.events("intrusion"), "nobody knew the code")[0]
        assert intrusion["zone"] == 1
        wait_for(lambda: {"pin": PINS.siren, "level": 1} in bus.lines, "the siren")
        wait_for(lambda: bus.lamp() == "stored", "the lamp of the intrusion")
        # An arming that outlives a power cut, alarm and all.
        world.bell.kill()
        before = len(gateway.heartbeats())
        world.bell.start()
        wait_for(lambda: len(gateway.heartbeats()) > before, "back")
        assert gateway.heartbeats()[-1]["armed"] == "away"
        assert len({event["seq"] for event in gateway.events("intrusion")}) == 1
        assert not gateway.refused


def command(gateway, number, name, **args):
    message = {"v": 1, "type": "command", "id": f"{number:016x}", "name": name, "now_ms": time.time_ns() // 1_000_000}
    message |= {"ttl_s": 600} | ({"args": args} if args else {})
    gateway.say(message)
    return message


def answers(gateway, number, **wanted):
    """The events that answer a command."""
    found = [event for event in gateway.events() if event.get("info", {}).get("id") == f"{number:016x}"]
    return [event for event in found if wanted.items() <= event["info"].items()]


def test_in_test_mode_a_press_is_a_test_and_a_hold_is_not(tmp_path):
    with a_bell(tmp_path) as world:
        gateway, bus = world.up(), world.bell.bus
        command(gateway, 1, "selftest")
        (report,) = wait_for(lambda: answers(gateway, 1), "the self-test")
        assert (report["what"], report["info"]["journal"], report["info"]["button"]) == ("test", "ok", "open")
        assert report["info"]["rssi"] == -60
        command(gateway, 2, "selftest", test_mode_min=5)
        wait_for(lambda: bus.lamp() == "test_mode", "test mode on the lamp")
        bus.press()
        wait_for(lambda: bus.lamp() == "test_stored", "the test arrived")
        assert not gateway.events("panic")
        bus.send(pin=PINS.button, level=CLOSED)
        wait_for(lambda: gateway.events("panic"), "a hold is real")
        bus.send(pin=PINS.button, level=OPEN)
        wait_for(lambda: bus.lamp() == "stored", "its lamp")
        assert {"pin": PINS.siren, "level": 1} in bus.lines
        silence = command(gateway, 3, "silence")
        wait_for(lambda: answers(gateway, 3), "the answer to silence")
        wait_for(lambda: {"pin": PINS.siren, "level": 0} in bus.lines, "the siren is quiet")
        assert bus.lamp() == "stored"
        command(gateway, 4, "update")
        assert wait_for(lambda: answers(gateway, 4), "update")[0]["what"] == "fault"
        # The last command is not run again by the next start.
        world.bell.kill()
        world.bell.start()
        place = world.bell.uart().count("linked")
        wait_for(lambda: world.bell.uart().count("linked") > place, "linked again")
        before = len(answers(gateway, 3))
        gateway.say(silence)
        wait_for(lambda: "ignored command silence" in world.bell.uart(), "an old command")
        assert len(answers(gateway, 3)) == before and not gateway.refused


def restarted(world):
    """The bell ended to start again, as a reset does; start it."""
    assert world.bell.process.wait(DEADLINE_S) == 0
    world.bell.start()


def test_settings_are_kept_if_they_get_through_and_rolled_back_if_not(tmp_path):
    with a_bell(tmp_path) as world:
        gateway, bus = world.up(), world.bell.bus
        command(gateway, 1, "configure", set={"siren_s": 7, "colour": 1})
        refused = wait_for(lambda: answers(gateway, 1), "the answer")[0]
        assert refused["what"] == "fault" and "colour" in refused["info"]["reason"]
        command(gateway, 2, "configure", set={"siren_s": 7})
        restarted(world)
        wait_for(lambda: answers(gateway, 2, result="kept"), "good settings are kept")
        flash = world.bell.flash
        assert json.loads((flash / "settings.json").read_text()) == {"v": 1, "siren_s": 7}
        until(lambda: not (flash / "settings.trial").exists(), DEADLINE_S)
        dead = [{"host": "127.0.0.1", "port": 9, "server_name": "broker.test"}]
        command(gateway, 3, "configure", set={"brokers": dead}, minutes=1)
        restarted(world)
        wait_for(lambda: "trial" in world.bell.uart() and (flash / "settings.trial").exists(), "on trial")
        world.bell.kill()  # a power cut in the middle: the trial goes on
        world.bell.start()
        lines = len(bus.lines)
        wait_for(lambda: any("hello" in line for line in bus.lines[lines:]), "the board again")
        bus.press()  # an alarm that cannot get out ends the trial before its minute
        restarted(world)
        wait_for(lambda: gateway.events("panic"), "the press gets through with the old settings")
        wait_for(lambda: answers(gateway, 3, result="rolled back"), "and the gateway hears of it")
        assert json.loads((flash / "settings.json").read_text()) == {"v": 1, "siren_s": 7}
        assert not (flash / "settings.trial").exists() and not gateway.refused
        wait_for(lambda: bus.lamp() == "stored", "the lamp")


def test_broken_settings_still_alarm_and_are_told(tmp_path):
    with a_bell(tmp_path, {"siren_s": "loud", "night": [22, 7]}) as world:
        gateway, bus = world.up(), world.bell.bus
        assert gateway.heartbeats()[-1]["faults"] == ["settings"]
        assert 'settings.json: "siren_s"' in world.bell.uart()
        bus.press()
        wait_for(lambda: bus.lamp() == "stored", "an alarm all the same")
