"""Put into a bell that is measured: stamps on the flash, and a clock that the simulator can move on.

The firmware knows nothing of it. The simulator imports it before the firmware, see `latency` and `outage`.

    simulator to bell    {"skip_ms": 1000}      the bell's clock moves on; only with skipping_time.py as its `time`
    bell to simulator    {"journal_us": 512}    from the edge to the last flash operation before the lamp changes
                         {"erases": 3}          of so many, the last is about to begin
                         {"skipped_ms": 1000}   in all, after what had become due has run
                         {"kept": [["3f…", 2, "panic", "alarm"]]}  events that the journal has taken or had
                         {"receipt": ["3f…", 2, "stored"]}         as the gateway said it
    simulator to bell    {"test_ms": 60000}     the installer's cable turns test mode on
"""

import asyncio
import json
import sys
import time

import esp32
import machine

if sys.implementation.name == "cpython":

    def _now_us():
        return time.perf_counter_ns() // 1000

else:
    _now_us = time.ticks_us

SETTLE_S = 0.002  # real time: what a skip made due takes less


class _Stamps:
    def __init__(self):
        self.edge_us = None
        self.flash_us = None
        self.erases = 0


def stamp_flash():
    """From now on each press that reaches the flash is reported as `journal_us`, and each erase before it begins.

    The flash is read back after a record was programmed: that is a part of the commit, and of this time.
    """
    stamps = _Stamps()
    drive, write, read = machine.Pin.drive, esp32.Partition._write, esp32.Partition.readblocks
    ioctl = esp32.Partition.ioctl
    say = machine.BUS.say

    def on_drive(pin, level):
        if level != pin.value():
            # Both edges: the release saves nothing, and the next press starts anew.
            stamps.edge_us, stamps.flash_us = _now_us(), None
        drive(pin, level)

    def on_write(*given):
        write(*given)
        stamps.flash_us = _now_us()

    def on_read(*given):
        read(*given)
        if stamps.flash_us is not None:
            stamps.flash_us = _now_us()

    def on_ioctl(partition, request, argument):
        if request == 6:
            stamps.erases += 1
            say('{"erases": %d}' % stamps.erases)
        return ioctl(partition, request, argument)

    def on_say(line):
        say(line)
        if "lamp" in line and stamps.edge_us is not None and stamps.flash_us is not None:
            say('{"journal_us": %d}' % (stamps.flash_us - stamps.edge_us))
            stamps.edge_us = None

    machine.Pin.drive = on_drive
    esp32.Partition._write = on_write
    esp32.Partition.readblocks = on_read
    esp32.Partition.ioctl = on_ioctl
    machine.BUS.say = on_say


def skip_when_told():
    """From now on the simulator may move the clock on."""
    hear = machine.BUS._hear
    telling = []

    async def tell(total_ms):
        await asyncio.sleep(SETTLE_S)
        machine.BUS.say('{"skipped_ms": %d}' % total_ms)

    def on_hear(line):
        if b'"skip_ms"' in line:
            total_ms = time.skip(int(line.split(b":")[1].split(b"}")[0]))
            telling.append(asyncio.create_task(tell(total_ms)))
            if len(telling) > 1:
                telling.pop(0)  # it is done: the simulator waits for each
        else:
            hear(line)

    machine.BUS._hear = on_hear


def tell_events():
    """From now on the simulator hears which events the journal holds and what the gateway says of them; and it may
    turn test mode on."""
    from bellnode import app  # noqa: PLC0415

    save, take = app.App._save, app.App._take
    hear = machine.BUS._hear
    known = set()
    apps = []

    def tell(bell, records):
        apps[:] = [bell]
        new = [one for one in records if (one["boot"], one["seq"]) not in known]
        known.clear()
        known.update([(one["boot"], one["seq"]) for one in records])
        if new:
            kept = [[one["boot"], one["seq"], one["what"], one["state"]] for one in new]
            machine.BUS.say(json.dumps({"kept": kept}))

    def on_save(bell, records):
        save(bell, records)
        tell(bell, records)

    def on_take(bell, given):
        take(bell, given)
        if given[0] == "loaded":
            tell(bell, given[1])
        elif given[0] == "received" and given[1]["type"] == "receipt":
            machine.BUS.say(json.dumps({"receipt": [given[1]["boot"], given[1]["seq"], given[1]["stage"]]}))

    def on_hear(line):
        if b'"test_ms"' in line:
            if apps:
                apps[0]._feed(("service", json.loads(line)["test_ms"]))
        else:
            hear(line)

    app.App._save, app.App._take = on_save, on_take
    machine.BUS._hear = on_hear
