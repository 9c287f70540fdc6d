"""The bell's own illness, on MicroPython with a real broker: crash loops, hangs, faults, dead names, no radio."""

import json
import signal

from rig_cpython import a_world, until

from bellnode import ring_format

WDT_MS = 4000  # in place of 30 s, so that nobody has to wait; the loop turns once a second


def names(world, **hosts):
    """The broker list with other hosts in front of, or in place of, its numbers."""
    brokers = [dict(broker) for broker in world.config["brokers"]]
    for place, host in hosts.items():
        brokers[int(place[1:])]["host"] = host
    return brokers


def boots(gateway):
    return {beat["boot"] for beat in gateway.heartbeats()}


def test_a_crash_loop_ends_in_safe_mode_which_still_alarms(tmp_path):
    with a_world(tmp_path) as world:
        gateway = world.up()
        for start in range(3):
            assert gateway.heartbeats()[-1]["faults"] == []
            world.bell.kill()
            world.bell.start()
            until(lambda start=start: len(boots(gateway)) == start + 2, why="the next start")
        until(lambda: gateway.heartbeats()[-1]["crash"] == 3, why="the crashes are counted")
        assert gateway.heartbeats()[-1]["faults"] == ["safe_mode"]
        until(lambda: world.bell.bus.lines, why="the board on its bus")
        world.bell.bus.press()
        until(lambda: world.bell.bus.lamp() == "stored", why="an alarm from safe mode")
        # A clean stop breaks the row.
        world.bell.bus.send(quit=True)
        assert world.bell.wait() == 0
        world.bell.start()
        until(lambda: gateway.heartbeats()[-1]["faults"] == [], why="out of safe mode")


def test_a_loop_that_hangs_is_reset_and_the_press_survives(tmp_path):
    with a_world(tmp_path) as world:
        world.bell.environment["BELLSIM_WDT_MS"] = str(WDT_MS)
        gateway = world.up()
        gateway.answering = False
        world.bell.bus.press()
        event = until(lambda: gateway.events("panic"), why="the press")[0]
        world.bell.bus.send(hang=True)
        assert world.bell.wait() in (-signal.SIGKILL, 128 + signal.SIGKILL)
        gateway.answering = True
        world.bell.environment["BELLSIM_RESET"] = "3"  # WDT_RESET, as the chip would know
        world.bell.start()
        again = until(lambda: [e for e in gateway.events("panic") if e["age_ms"] is None], why="after the reset")[0]
        assert (again["boot"], again["seq"]) == (event["boot"], event["seq"])
        fault = until(lambda: gateway.events("fault"), why="the report of the reset")[0]
        assert fault["info"] == {"crash": "watchdog", "at": "loop"}
        until(lambda: world.bell.bus.lamp() == "stored")


def test_a_bell_that_works_is_not_reset(tmp_path):
    with a_world(tmp_path) as world:
        world.bell.environment["BELLSIM_WDT_MS"] = str(WDT_MS)
        gateway = world.up()
        world.bell.bus.press()
        until(lambda: gateway.events("panic"), why="the press")
        world.brokers[0].stop()  # nobody answers: no reason to stop feeding either

        def clock_ms():
            return max(int(line.split()[0]) for line in world.bell.uart().splitlines() if " ms  " in line)

        until(lambda: clock_ms() > WDT_MS + 2000, 30, why="longer than the watchdog waits")
        assert world.bell.process.poll() is None and len(boots(gateway)) == 1


def test_a_crash_is_reported_once_by_the_next_start(tmp_path):
    with a_world(tmp_path) as world:
        lamp = tmp_path / "packages/neopixel.py"
        good = lamp.resolve()
        lamp.unlink()
        lamp.write_text("class NeoPixel:\n    def __init__(self, pin, count):\n        raise RuntimeError('no lamp')\n")
        for broker in world.brokers:
            broker.start()
        gateway = world.gateway()
        world.bell.start()
        world.bell.wait()
        lamp.unlink()
        lamp.symlink_to(good)
        for _ in range(2):
            world.bell.start()
            until(lambda: world.bell.bus.lines and gateway.heartbeats(), why="a start")
            fault = until(lambda: gateway.events("fault"), why="the report")[0]
            assert fault["info"] == {"crash": "RuntimeError", "at": "neopixel:3", "text": "no lamp"}
            until(lambda: gateway.heartbeats()[-1]["pending"] == 0 or world.bell.uart().count("receipt stored"))
            world.bell.kill()
        assert len({(e["boot"], e["seq"]) for e in gateway.events("fault")}) == 1


def test_no_key_gets_into_a_crash_dump(tmp_path):
    """The worst of exceptions: its text is the whole enrolment file."""
    with a_world(tmp_path) as world:
        lamp = tmp_path / "packages/neopixel.py"
        whole = lamp.resolve()
        lamp.unlink()
        lamp.write_text(
            "class NeoPixel:\n    def __init__(self, *a):\n        raise RuntimeError(open('config.json').read())\n"
        )
        world.bell.start()
        until(lambda: world.bell.process.poll() is not None, why="the crash")
        lamp.unlink()
        lamp.symlink_to(whole)
        gateway = world.up()
        fault = until(lambda: gateway.events("fault"), why="the report")[0]
        assert fault["info"]["crash"] == "RuntimeError"
        enrolled = json.loads((world.bell.flash / "config.json").read_text())
        keys = [enrolled[name] for name in ("key", "key_der")]
        left = [path for path in world.bell.flash.iterdir() if path.name != "config.json"]
        assert {"boot.a", "journal.flash"} <= {path.name for path in left}
        for said in (
            world.bell.uart(),
            json.dumps(gateway.events()),
            *(path.read_bytes().decode("latin-1") for path in left),
        ):
            assert not [key for key in keys for at in range(0, len(key) - 12, 4) if key[at : at + 12] in said]


def test_a_lamp_that_fails_stops_no_alarm(tmp_path):
    with a_world(tmp_path) as world:
        lamp = tmp_path / "packages/neopixel.py"
        text = lamp.resolve().read_text().replace("BUS.say(text", "raise RuntimeError('dim')\n            BUS.say(text")
        lamp.unlink()
        lamp.write_text(text)
        gateway = world.up()
        world.bell.bus.press()
        until(lambda: gateway.events("panic"), why="the press")
        until(lambda: gateway.heartbeats()[-1]["faults"], why="the fault is told")
        until(lambda: "release" in world.bell.uart(), why="the button is out again")
        fault = until(lambda: gateway.events("fault"), why="and reported, once")
        assert {e["info"]["crash"] for e in fault} == {"RuntimeError"}
        world.bell.bus.press()
        until(lambda: len({e["seq"] for e in gateway.events("panic")}) == 2, why="and the next press")
        assert len({e["seq"] for e in gateway.events("fault")}) <= 2  # of the outputs, and of an effect
        assert world.bell.process.poll() is None


def test_a_sector_is_erased_ahead_also_without_a_receipt(tmp_path):
    def sectors():
        data = (world.bell.flash / "journal.flash").read_bytes()
        size = ring_format.SECTOR_BYTES
        return sum(ring_format.read_header(data[at : at + size]) is not None for at in range(0, len(data), size))

    with a_world(tmp_path) as world:
        gateway = world.up()
        assert sectors() == 2
        gateway.answering = False
        world.bell.bus.press()
        until(lambda: gateway.events("panic"), why="the press, into the first of them")
        until(lambda: sectors() == 3, why="another one in store")
        assert world.bell.bus.lamp() == "sending"


def test_a_known_address_needs_no_dns(tmp_path):
    with a_world(tmp_path) as world:
        world.configure(brokers=names(world, b0="broker.invalid"))
        (world.bell.flash / "addresses.json").write_text(json.dumps({"broker.invalid": "127.0.0.1"}))
        gateway = world.up()
        world.bell.bus.press()
        until(lambda: world.bell.bus.lamp() == "stored")
        # The broker goes away and comes back: the address is doubted, DNS does not know, and the old address does it.
        world.brokers[0].stop()
        until(lambda: "ECONNREFUSED" in world.bell.uart() or "111" in world.bell.uart(), why="the loss")
        world.brokers[0].start()
        until(lambda: len(gateway.heartbeats()) > 1, 20, why="back, by the address that is known")
        assert len(boots(gateway)) == 1


def test_a_name_that_worked_is_kept_and_one_that_does_not_resolve_costs_one_try(tmp_path):
    with a_world(tmp_path, brokers=2) as world:
        world.configure(brokers=names(world, b0="no-such-broker.invalid", b1="localhost"))
        world.up(1)
        kept = json.loads((world.bell.flash / "addresses.json").read_text())
        assert kept == {"localhost": "127.0.0.1"}


def test_without_wifi_it_waits_and_does_not_restart(tmp_path):
    with a_world(tmp_path) as world:
        world.configure(wifi=[{"ssid": "one", "password": "secret-one"}, {"ssid": "two", "password": "secret-two"}])
        gateway = world.up()
        bus = world.bell.bus
        bus.send(wifi=False)
        until(lambda: "the network is away" in world.bell.uart(), why="the loss")
        bus.press()
        until(lambda: bus.lamp() == "not_delivered", 15, why="it says that nobody has it")
        assert world.bell.process.poll() is None
        bus.send(wifi=True)
        until(lambda: bus.lamp() == "stored", why="delivered when the network is back")
        assert len(boots(gateway)) == 1 and gateway.heartbeats()[-1]["crash"] == 0
        assert "secret" not in world.bell.uart()


def test_two_paths_give_one_signal(tmp_path):
    """A neighbour's broker is one more in the list: what went out over both is one identity."""
    with a_world(tmp_path, brokers=2) as world:
        own = world.up()
        neighbour = world.gateway(1)
        own.answering = False  # its gateway is dead, its broker is not
        world.bell.bus.press()
        until(lambda: neighbour.events("panic"), why="over the neighbour")
        until(lambda: world.bell.bus.lamp() == "stored", why="the neighbour's receipt")
        assert own.events("panic"), "it went over its own broker first"
        heard = own.events("panic") + neighbour.events("panic")
        assert len({(event["boot"], event["seq"]) for event in heard}) == 1


def test_the_heap_is_flat_over_presses_and_reconnects(tmp_path):
    with a_world(tmp_path) as world:
        gateway, bus = world.up(), world.bell.bus
        free = []
        for turn in range(7):
            for _ in range(4):
                before = len({e["seq"] for e in gateway.events("panic")})
                bus.press()
                until(lambda b=before: len({e["seq"] for e in gateway.events("panic")}) > b, 30, "a press")
                seq = max(e["seq"] for e in gateway.events("panic"))
                boot = gateway.events("panic")[-1]["boot"]
                until(lambda: bus.lamp() == "stored", 30)
                gateway.receipt(boot, seq, "closed")
                until(lambda: bus.lamp() in ("closed", "idle"), 30, "closed")
                # A finger that comes back before the contact has settled is a contact that bounces.
                until(lambda n=seq: f"release  seq {n}" in world.bell.uart(), 30, "the finger is off")
            world.brokers[0].stop()
            world.brokers[0].start()
            until(lambda t=turn: len(gateway.heartbeats()) > t + 1, 60, why="back after the broker's restart")
            free.append(gateway.heartbeats()[-1]["heap"])
        # The least free heap so far, each time after a collection: the first turns fill what is filled once.
        assert free[3] - free[-1] <= 1024, free
        assert "fault" not in world.bell.uart()
