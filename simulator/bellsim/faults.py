"""`bellsim fault …`: one thing breaks, and the bell has to come through. The outage on a moved clock is in `outage`.

    broker-restart  the broker is killed with SIGKILL and comes back. Embedded: the gateway starts it again. mosquitto:
                    the simulator starts it after AWAY_S. A press falls into the gap
    broker-freeze   the bell has two brokers. They are two proxies in front of the one real broker; the first falls
                    silent, as a stopped process does: it takes connections and answers nothing. Then comes a press
    flash-dead      every program and erase of the journal's partition fails with EIO; presses follow

Each result is judged against its goal. The times are the simulator's, on this host.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import psutil

from bellnode.config import FILE as CONFIG_FILE
from bellsim.bell import Bell
from bellsim.bench import PLACES, Bench, bench
from bellsim.dispatcher import Dispatcher
from bellsim.goals import judge
from bellsim.network import Proxy
from bellsim.runtime import SimulatorError
from bellsim.story import LINK_DEADLINE_S, NOT_DELIVERED_DEADLINE_S, STAGE_DEADLINE_S, linked

AWAY_S = 0.2
POLL_S = 0.002
HEARTBEAT_DEADLINE_S = 10.0
PRESSES_ON_DEAD_FLASH = 3
DEAD_FILE = "journal.dead"  # beside the bell's flash, see board/esp32.py

Say = Callable[[str], None]


@contextlib.asynccontextmanager
async def stage(broker: str, runtime: str | None, say: Say) -> AsyncIterator[tuple[Bench, Bell, Dispatcher]]:
    """An installation with one bell that is linked, and a dispatcher who can look into the gateway."""
    async with bench(broker, runtime, say=say, places=PLACES[:1]) as it:
        dispatcher = Dispatcher(it.url, it.token)
        try:
            await linked(it.bells[0])
            yield it, it.bells[0], dispatcher
        finally:
            await dispatcher.stop()


async def broker_restart(broker: str, runtime: str | None, say: Say) -> dict[str, Any]:
    """{"gap_s": from the kill until the bell is linked again, "away_s", "press_to_stored_s", "signals", …}."""
    async with stage(broker, runtime, say) as (it, bell, dispatcher):
        assert bell.proxy is not None
        say("killing the broker")
        killed_ns = time.monotonic_ns()
        if it.mosquitto is not None:
            await it.mosquitto.kill()
        else:
            _nats(it).kill()
        pressed_ns = bell.push()
        back = asyncio.ensure_future(_back(bell.proxy.target))
        again = asyncio.ensure_future(_linked_again(bell))
        if it.mosquitto is not None:
            await asyncio.sleep(AWAY_S - (time.monotonic_ns() - killed_ns) / 1e9)
            await it.mosquitto.start()
        else:
            await asyncio.sleep(AWAY_S)
        bell.release()
        back_ns, linked_ns = await asyncio.gather(back, again)
        stored = await bell.wait_for("stored", NOT_DELIVERED_DEADLINE_S, pressed_ns)
        signals = await dispatcher.signals_of(bell.bell_id)
        result = {
            "fault": "broker-restart",
            "broker": it.broker,
            "runtime": bell.runtime,
            "restarted_by": "the gateway" if it.mosquitto is None else f"the simulator, after {AWAY_S} s",
            "away_s": _seconds(killed_ns, back_ns),
            "gap_s": _seconds(killed_ns, linked_ns),
            "press_to_stored_s": _seconds(pressed_ns, stored.at_ns),
            "signals": len(signals),
        }
        return judge(result, {"gap_s": 2.0}, {"signals": 1})


async def broker_freeze(broker: str, runtime: str | None, say: Say) -> dict[str, Any]:
    """{"noticed_s": from the press until the bell turns to the next broker, "delivered_s", "signals", …}."""
    async with stage(broker, runtime, say) as (it, bell, dispatcher):
        assert bell.proxy is not None
        second = Proxy(*bell.proxy.target)
        await second.start()
        try:
            await _give(bell, [bell.proxy.port, second.port])
            await linked(bell)
            before = second.connections
            if before:
                raise SimulatorError("the bell went to its second broker though the first one answers")
            say("the first of two brokers freezes; then the press")
            bell.proxy.freeze()
            pressed_ns = await bell.press()
            await _until(lambda: second.connections > before, NOT_DELIVERED_DEADLINE_S, "the bell did not change over")
            noticed_ns = time.monotonic_ns()
            stored = await bell.wait_for("stored", NOT_DELIVERED_DEADLINE_S, pressed_ns)
            signals = await dispatcher.signals_of(bell.bell_id)
            result = {
                "fault": "broker-freeze",
                "broker": it.broker,
                "runtime": bell.runtime,
                "frozen": "a proxy in front of the broker, the first of two: it takes connections and passes nothing",
                "noticed_s": _seconds(pressed_ns, noticed_ns),
                "delivered_s": _seconds(pressed_ns, stored.at_ns),
                "signals": len(signals),
            }
        finally:
            await second.stop()
        return judge(result, {"noticed_s": 5.0}, {"signals": 1})


async def flash_dead(broker: str, runtime: str | None, say: Say) -> dict[str, Any]:
    """{"presses", "signals", "faults": what the heartbeat says then, "faults_after": when the flash is well, …}."""
    async with stage(broker, runtime, say) as (it, bell, dispatcher):
        dead = bell.flash / DEAD_FILE
        before = await _faults(dispatcher, bell)
        say("the flash is dead from now on")
        dead.touch()
        presses_s = []
        for _ in range(PRESSES_ON_DEAD_FLASH):
            at_ns = await bell.press()
            stored = await bell.wait_for("stored", STAGE_DEADLINE_S, at_ns)
            presses_s.append(_seconds(at_ns, stored.at_ns))
            await _released(bell)
        faults = await _faults(dispatcher, bell, lambda names: "flash" in names)
        dead.unlink()
        say("the flash is well again")
        at_ns = await bell.press()
        await bell.wait_for("stored", STAGE_DEADLINE_S, at_ns)
        faults_after = await _faults(dispatcher, bell, lambda names: "flash" not in names)
        signals = await dispatcher.signals_of(bell.bell_id)
        result = {
            "fault": "flash-dead",
            "broker": it.broker,
            "runtime": bell.runtime,
            "presses": PRESSES_ON_DEAD_FLASH + 1,
            "signals": len(signals),
            "press_to_stored_s": presses_s,
            "faults_before": before,
            "faults": faults,
            "faults_after": faults_after,
            "in_heartbeat": "flash" in faults,
        }
        return judge(result, {}, {"signals": PRESSES_ON_DEAD_FLASH + 1, "in_heartbeat": True})


def _nats(it: Bench) -> psutil.Process:
    """The broker that the gateway has started."""
    process = it.gateway.process
    assert process is not None
    for child in psutil.Process(process.pid).children(recursive=True):
        if child.name() == "nats-server":
            return child
    raise SimulatorError("the gateway has no nats-server of its own")


async def _back(address: tuple[str, int]) -> int:
    """When somebody listens there again, after nobody did (ns)."""
    gone = False  # a process that was just killed still holds its port for a moment
    end_s = time.monotonic() + LINK_DEADLINE_S
    while time.monotonic() < end_s:
        try:
            _, writer = await asyncio.open_connection(*address)
        except OSError:
            gone = True
        else:
            writer.close()
            if gone:
                return time.monotonic_ns()
        await asyncio.sleep(POLL_S)
    raise SimulatorError(f"the broker did not {'come back' if gone else 'end'} within {LINK_DEADLINE_S:g} s")


async def _linked_again(bell: Bell) -> int:
    """When the bell's UART says that it is linked, after it said that it is not (ns)."""
    await _until(lambda: not bell.linked, LINK_DEADLINE_S, "the bell did not lose its broker")
    await _until(lambda: bell.linked, LINK_DEADLINE_S, f"the bell is not linked again:\n{bell.last_words()}")
    return time.monotonic_ns()


async def _give(bell: Bell, ports: list[int]) -> None:
    """Start the bell again with one broker per port."""
    await bell.stop()
    path = bell.flash / CONFIG_FILE
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["brokers"] = [{**settings["brokers"][0], "port": port} for port in ports]
    path.write_text(json.dumps(settings), encoding="utf-8")
    await bell.power_on()


async def _faults(
    dispatcher: Dispatcher, bell: Bell, enough: Callable[[list[str]], bool] = lambda names: True
) -> list[str]:
    """What the bell's newest heartbeat complains of, as the gateway has it; waits for `enough`, not for ever."""
    end_s = time.monotonic() + HEARTBEAT_DEADLINE_S
    while True:
        health = (await dispatcher.bell(bell.bell_id)).get("health") or {}
        names = [str(name) for name in health.get("faults", [])]
        if enough(names) or time.monotonic() > end_s:
            return names
        await asyncio.sleep(0.1)


async def _released(bell: Bell) -> None:
    """Until the bell has seen its button open: an edge before that would be a bounce, and no new press."""
    await _until(
        lambda: any("release" in line for line in bell.uart), STAGE_DEADLINE_S, "the bell saw no release of its button"
    )
    bell.uart.clear()


async def _until(happened: Callable[[], bool], deadline_s: float, why: str) -> None:
    end_s = time.monotonic() + deadline_s
    while not happened():
        if time.monotonic() > end_s:
            raise SimulatorError(why)
        await asyncio.sleep(POLL_S)


def _seconds(start_ns: int, end_ns: int) -> float:
    return round((end_ns - start_ns) / 1e9, 3)
