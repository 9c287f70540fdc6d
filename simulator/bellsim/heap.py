"""`bellsim heap`: the smallest Python heap in which the whole firmware of a store bell lives through a story.

The story is real: TLS with the bell's certificate, a press, stored, presented, acknowledged, dispatched and closed
through the real gateway, each read from the lamp. A heap is too small if the story breaks off, or if the bell says that
a fault was caught. The heap is searched by halving; what is found has to work again before it counts. mbedTLS lives
outside this heap, here as on an ESP32; the simulated board and its bus live inside it, and a real board has none.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bellnode.config import FILE as CONFIG_FILE
from bellsim.bell import Bell
from bellsim.bench import PLACES, Bench, bench
from bellsim.dispatcher import Dispatcher
from bellsim.goals import judge
from bellsim.rom import Chip, compile_firmware
from bellsim.runtime import MICROPYTHON, SimulatorError, find_runtime
from bellsim.story import Stage, linked, the_whole_way

GOAL_K = 64
TOO_SMALL_K = 24  # asyncio, TLS and the simulated board's bus alone want more
LARGEST_K = 320  # what the demo's bells have
AGAIN = 2  # a heap may work once by luck: when the collector ran
POLL_S = 0.02
# Said by the interpreter at its end, by the firmware of a fault that it caught, by asyncio of a task that ended.
BROKEN = ("MemoryError", "memory allocation", "fault:", "Traceback", "Task exception")


@dataclass(frozen=True)
class Trial:
    """One story. why: what broke off, "" if nothing did."""

    heap_k: int
    why: str


async def measure(
    say: Callable[[str], None] = lambda text: None, fixed_k: int | None = None, broker: str = "embedded"
) -> dict[str, Any]:
    """{"heap_k", "heap_k_plain_mpy", "modules", "linked_modules": {name: bytes}, …}: the modules as people read them,
    and as the image has them. fixed_k: only try this heap, with the image.
    """
    base = find_runtime(MICROPYTHON)
    assert base.folder is not None  # so it is for MicroPython
    began_s = time.monotonic()
    async with bench(broker, MICROPYTHON, proxied=False, say=say, places=PLACES[:1]) as it:
        bell = it.bells[0]
        await bell.stop()
        say("compiling the firmware")
        compiled = await asyncio.to_thread(compile_firmware, it.root / "mpy")
        image = compiled.image(it.root / "firmware.rom")
        read = await asyncio.to_thread(compile_firmware, it.root / "read", None, False)
        in_place = Chip(MICROPYTHON, base.folder, image=image)
        plain = Chip(MICROPYTHON, base.folder)
        dispatcher = Dispatcher(it.url, it.token)
        await dispatcher.start()
        try:
            result = {
                "runtime": MICROPYTHON,
                "words": 64,
                "broker": it.broker,
                "tls": True,
                "modules": read.sizes,
                "firmware_bytes": sum(read.sizes.values()),
                "linked_modules": compiled.sizes,
                "linked_bytes": sum(compiled.sizes.values()),
                "image_bytes": image.stat().st_size,
            }
            if fixed_k is not None:
                trial = await _trial(it, dispatcher, bell, in_place, fixed_k)
                result |= {"tried_k": fixed_k, "heap_k": None if trial.why else fixed_k, "why": trial.why}
                return judge(result, {"heap_k": fixed_k})
            say("looking for the smallest heap: the firmware in an image that is executed in place")
            result["heap_k"], result["below"] = await _smallest(it, dispatcher, bell, in_place, say)
            say("looking for the smallest heap: .mpy files that are loaded into the heap")
            bell.packages = compiled.folder
            result["heap_k_plain_mpy"], _ = await _smallest(it, dispatcher, bell, plain, say)
        finally:
            await dispatcher.stop()
    result |= {"goal_k": GOAL_K, "took_s": round(time.monotonic() - began_s, 1), "at_unix_s": int(time.time())}
    return judge(result, {"heap_k": GOAL_K})


async def _smallest(
    it: Bench, dispatcher: Dispatcher, bell: Bell, chip: Chip, say: Callable[[str], None]
) -> tuple[int | None, str]:
    """(the smallest heap in K that works, why the next smaller one does not); (None, why) if none does."""
    works, fails, why = None, TOO_SMALL_K, ""
    ends = LARGEST_K
    while ends - fails > 1:
        heap_k = ends if works is None else (ends + fails) // 2
        trial = await _trial(it, dispatcher, bell, chip, heap_k)
        for _ in range(AGAIN - 1 if not trial.why and ends - fails <= 8 else 0):
            trial = await _trial(it, dispatcher, bell, chip, heap_k)
        say(f"{heap_k} K: {trial.why or 'the whole story'}")
        if trial.why:
            fails, why = heap_k, trial.why
            if works is None:
                return None, why
        else:
            works = ends = heap_k
    return works, why


async def _trial(it: Bench, dispatcher: Dispatcher, bell: Bell, chip: Chip, heap_k: int) -> Trial:
    bell.interpreter = Chip(chip.name, chip.folder, heap_bytes=heap_k * 1024, image=chip.image)
    bell.uart.clear()
    story = asyncio.ensure_future(_story(it, dispatcher, bell))
    watch = asyncio.ensure_future(_broken(bell))
    try:
        await asyncio.wait((story, watch), return_when=asyncio.FIRST_COMPLETED)
        if story.done() and not watch.done():
            await asyncio.sleep(POLL_S)
        why = (watch.result() or "the bell broke off without a word") if watch.done() else ""
        if story.done() and story.exception() is not None:
            fault = story.exception()
            if not isinstance(fault, SimulatorError | ConnectionError):
                raise fault if fault is not None else AssertionError
            # Its last line is the UART's last; if that is blank, the story broke off all the same.
            why = why or str(fault).rpartition("\n")[2].strip()[:100] or str(fault).partition("\n")[0][:100]
    finally:
        for task in (story, watch):
            task.cancel()
        await asyncio.gather(story, watch, return_exceptions=True)
        await bell.power_cut()
        for file in bell.flash.iterdir():  # journal, crash count: the next trial begins as this one did
            if file.name != CONFIG_FILE:
                file.unlink()
        for incident in dispatcher.incidents.values():
            if incident["handling"] != "closed":
                await dispatcher.close(incident)
    return Trial(heap_k, why)


async def _story(it: Bench, dispatcher: Dispatcher, bell: Bell) -> None:
    await bell.power_on()
    await linked(bell)
    await the_whole_way(Stage(it, dispatcher, lambda kind, **what: None), bell, 0.0)


async def _broken(bell: Bell) -> str:
    """When the bell says that something broke, or ends: what."""
    started = False
    while True:
        for line in bell.uart:
            if any(sign in line for sign in BROKEN):
                await asyncio.sleep(POLL_S)  # the last line of a traceback says most
                said = [text.strip() for text in bell.uart if text.strip()]
                return (said[-1] if "Traceback" in line else line.strip())[:100]
        started = started or bell.powered
        if started and not bell.powered:
            return f"the interpreter ended: {bell.last_words(1).strip()}"[:100]
        await asyncio.sleep(POLL_S)


def tables(result: dict[str, Any]) -> str:
    """The sizes as two tables for people: of the modules as they are read, and as the image has them."""
    return table("module", result["modules"]) + "\n\n" + table("module in the image", result["linked_modules"])


def table(title: str, modules: dict[str, int]) -> str:
    """The sizes as a table for people and for the docs."""
    rows = [f"| {name} | {size:,} |" for name, size in modules.items()]
    total = f"| **all {len(modules)}** | **{sum(modules.values()):,}** |"
    return "\n".join([f"| {title} | .mpy bytes |", "|---|---:|", *rows, total])
