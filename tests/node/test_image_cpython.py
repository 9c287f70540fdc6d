"""The linked firmware, executed in place: the way of a press when nothing more can be loaded."""

import time
from contextlib import contextmanager

from rig_cpython import a_world, until

# From the moment the file is there, to load a module fails as it does without memory.
NO_MORE = "no_more_imports"
STARVED = f"""
import builtins, os, sys
real = builtins.__import__
def limited(name, *more):
    try:
        os.stat("{NO_MORE}")
    except OSError:
        return real(name, *more)
    if name in sys.modules:
        return real(name, *more)
    raise MemoryError("memory allocation failed, allocating 592 bytes")
builtins.__import__ = limited
import bellnode.app
bellnode.app.main()
"""
HEAP_K = 128
STAGES = ("stored", "presented", "acknowledged", "dispatched", "closed")


@contextmanager
def starved(tmp_path):
    """(world, gateway, bus) of a bell that is linked up, and from now on can load nothing more."""
    with a_world(tmp_path, runtime="image") as world:
        world.bell.run_image(STARVED, HEAP_K)
        gateway = world.up()
        until(lambda: "linked" in world.bell.uart())
        (world.bell.flash / NO_MORE).touch()
        yield world, gateway, world.bell.bus


def test_the_whole_way_of_a_press_needs_no_import(tmp_path):
    with starved(tmp_path) as (world, gateway, bus):
        bus.press()
        event = until(lambda: gateway.events("panic"), why="the press")[0]
        until(lambda: bus.lamp() == "stored", why="stored")
        for stage in STAGES[1:]:
            climb(gateway, event, stage)
            until(lambda stage=stage: bus.lamp() == stage, why=stage)
        assert "fault: link" not in world.bell.uart() and "fault: node" not in world.bell.uart()


def test_an_alarm_without_a_broker_is_dialled_through_without_an_import(tmp_path):
    with starved(tmp_path) as (world, gateway, bus):
        world.brokers[0].stop()
        until(lambda: "lost" in world.bell.uart())
        bus.press()
        until(lambda: bus.lamp() == "not_delivered", 13, "the person must know")
        world.brokers[0].start()
        until(lambda: bus.lamp() == "stored", 40, "delivered after all")
        assert {event["seq"] for event in gateway.events("panic")} == {1}
        assert "fault: link" not in world.bell.uart() and "fault: node" not in world.bell.uart()


def test_what_cannot_be_loaded_is_told_and_loses_no_press(tmp_path):
    with starved(tmp_path) as (_, gateway, bus):
        order = {
            "v": 1,
            "type": "command",
            "id": f"{1:016x}",
            "name": "selftest",
            "now_ms": time.time_ns() // 1_000_000,
        }
        gateway.say(order | {"ttl_s": 600})
        fault = until(lambda: gateway.events("fault"), why="the order could not be loaded")[0]
        assert fault["info"]["crash"] == "MemoryError"
        bus.press()
        until(lambda: gateway.events("panic"), why="the press")
        until(lambda: bus.lamp() == "stored", why="stored")


def climb(gateway, event, stage):
    """The gateway says how far the alarm is."""
    receipt = {"v": 1, "type": "receipt", "stage": stage, "now_ms": time.time_ns() // 1_000_000}
    gateway.say(receipt | {"boot": event["boot"], "seq": event["seq"]})
