"""`bellsim demo`: a scratch installation, and a press that travels the whole way, live in the terminal.

`headless` plays the story by itself and ends. `interactive` lets a person press, cut and answer with keys; the answer
can just as well be given in the console's page.
"""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from rich.live import Live

from bellsim.bell import Bell
from bellsim.bench import bench
from bellsim.dispatcher import Dispatcher, Incident
from bellsim.runtime import SimulatorError
from bellsim.screen import Words, address_panel, bells_table, live_view
from bellsim.story import Stage, Tell, play

KEYS = "1 2 3 press   p+n power   n+n network   a acknowledge   d dispatch   c close   q quit"
PACE_S = 0.6  # a person has to be able to follow
REFRESH_PER_S = 10


async def headless(
    tell: Tell, words: Words | None, broker: str, runtime: str | None, keep: bool, pace_s: float
) -> dict[str, Any]:
    """Play the story on a fresh installation; what the last line of --json says."""
    async with _stage(tell, words, broker, runtime, keep) as stage:
        if words is not None:
            words.console.print(address_panel(stage.bench))
        result = await play(stage, pace_s)
        if words is not None:
            words.console.print()
            words.console.print(bells_table(stage))
        return result


async def interactive(words: Words, broker: str, runtime: str | None, keep: bool) -> None:
    """Until q, or the end of standard input."""
    async with _stage(words.tell, words, broker, runtime, keep) as stage:
        desk = Desk(stage, words)
        words.live = words.console.is_terminal
        if not words.live:
            words.console.print(address_panel(stage.bench))
            words.console.print(KEYS)
            await desk.run()
            return
        with Live(
            console=words.console,
            get_renderable=lambda: live_view(stage, words, KEYS),
            refresh_per_second=REFRESH_PER_S,
            transient=False,
        ):
            await desk.run()
        words.live = False


@contextlib.asynccontextmanager
async def _stage(tell: Tell, words: Words | None, broker: str, runtime: str | None, keep: bool) -> AsyncIterator[Stage]:
    async with bench(broker, runtime, keep, say=lambda text: tell("starting", text=text)) as installation:
        dispatcher = Dispatcher(installation.url, installation.token)
        try:
            await dispatcher.start()
            if words is not None:
                words.bench = installation
            stage = Stage(installation, dispatcher, tell)
            tell(
                "ready",
                console=installation.url,
                operator=installation.operator,
                password=installation.password,
                broker=installation.broker,
                runtime=installation.runtime.name,
                bells=[
                    {"bell": bell.bell_id, "name": installation.places[bell.bell_id].name}
                    for bell in installation.bells
                ],
            )
            yield stage
        finally:
            await dispatcher.stop()


class Desk:
    """What each key does. A key that cannot be carried out says why, and nothing breaks."""

    def __init__(self, stage: Stage, words: Words) -> None:
        self._stage = stage
        self._words = words
        self._prefix = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read keys until q or the end of the input."""
        async with _keys() as keys:
            try:
                while (key := await keys.get()) and key not in ("q", "Q", "\x03", "\x04"):
                    self._key(key.lower())
            finally:
                for task in list(self._tasks):
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def _key(self, key: str) -> None:
        prefix, self._prefix = self._prefix, ""
        if key in "pn" and key:
            self._prefix = key
            return
        number = int(key) if key.isascii() and key.isdigit() else 0
        if 1 <= number <= len(self._stage.bench.bells):
            bell = self._stage.bench.bells[number - 1]
            act = {"p": self._power, "n": self._network}.get(prefix, self._press)
            self._do(act(bell))
        elif key in ("a", "d", "c"):
            self._do(self._answer(key))

    def _do(self, what: Awaitable[None]) -> None:
        async def carefully() -> None:
            try:
                await what
            except (SimulatorError, ConnectionError) as error:
                self._words.tell("note", text=str(error))

        task = asyncio.ensure_future(carefully())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _press(self, bell: Bell) -> None:
        self._stage.press(bell)

    async def _power(self, bell: Bell) -> None:
        on = not bell.powered
        self._stage.tell("power", bell=bell.bell_id, on=on)
        await (bell.power_on() if on else bell.power_cut())

    async def _network(self, bell: Bell) -> None:
        on = bell.proxy is not None and bell.proxy.state != "open"
        self._stage.tell("network", bell=bell.bell_id, on=on)
        await bell.network(on)

    async def _answer(self, key: str) -> None:
        """The scripted dispatcher takes the oldest open incident that still needs this step."""
        dispatcher = self._stage.dispatcher
        before = {"a": ("received", "presented"), "d": ("received", "presented", "acknowledged"), "c": None}[key]
        for number in sorted(dispatcher.incidents):
            incident = dispatcher.incidents[number]
            wanted = incident["handling"] != "closed" if before is None else incident["handling"] in before
            if wanted:
                act: Callable[[Incident], Awaitable[Incident]] = {
                    "a": dispatcher.acknowledge,
                    "d": dispatcher.dispatch,
                    "c": dispatcher.close,
                }[key]
                does = {"a": "acknowledge", "d": "dispatch", "c": "close"}[key]
                self._stage.tell("dispatcher", bell=incident["bell_id"], does=does, incident=number)
                await act(incident)
                return
        self._words.tell("note", text="the dispatcher has nothing to do: no open incident waits for that")


@contextlib.asynccontextmanager
async def _keys() -> AsyncIterator[asyncio.Queue[str]]:
    """Keys as they are pressed, "" at the end of the input. A terminal is set back afterwards."""
    queue: asyncio.Queue[str] = asyncio.Queue(1_000)  # nobody types ahead so far; more is dropped
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor) if os.isatty(descriptor) else None

    def read() -> None:
        try:
            data = os.read(descriptor, 256)
        except OSError:
            data = b""
        with contextlib.suppress(asyncio.QueueFull):
            for key in data.decode(errors="ignore") if data else [""]:
                queue.put_nowait(key)
        if not data:
            loop.remove_reader(descriptor)

    reading = None
    try:
        if before is not None:
            tty.setcbreak(descriptor)
        try:
            loop.add_reader(descriptor, read)
        except PermissionError:  # a regular file is always readable, and epoll does not take it
            reading = asyncio.create_task(_read_file(descriptor, queue))
        yield queue
    finally:
        if reading is not None:
            reading.cancel()
        loop.remove_reader(descriptor)
        if before is not None:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def _read_file(descriptor: int, queue: asyncio.Queue[str]) -> None:
    while data := os.read(descriptor, 256):
        for key in data.decode(errors="ignore"):
            await queue.put(key)
    await queue.put("")
