"""A dozen real bells: MicroPython, each behind a proxy of its own; fingers on their buttons; and what they show.

A probe in the simulated hardware (board/probe.py) tells which events the journal took and what each receipt said: so
every press has its identity, and the database can be asked for it. The firmware knows nothing of that.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bellsim.bell import BOOT_CODE, OFF, Bell, Change
from bellsim.bench import SERVER_NAME
from bellsim.bus import Bus
from bellsim.chaos.installation import enrolled
from bellsim.chaos.seen import Claim, Kept, Key, Press, Seen
from bellsim.chaos.verdict import RANK
from bellsim.fleet import QUIET
from bellsim.network import Proxy
from bellsim.runtime import MICROPYTHON, SimulatorError, find_runtime, link_packages
from bellsim.world.checker import READ_S
from bellsim.world.truth import BUTTON

CODE = "import quiet, probe; probe.tell_events(); " + BOOT_CODE
TEST_MODE_MS = 15 * 60 * 1000  # the firmware's longest
HOLD_MIN_S, HOLD_MAX_S = 0.15, 2.0  # a finger stays until the bell has noticed; 3 s would be another gesture
REST_S = 0.8  # of a finger: the bell has to see the button open
NOTICE_S = 2.5  # from the edge until the journal has the press, on a busy host
SETTLED_S = 1.0  # after the program's first word its button works
WAITING_MAX = 20  # a bell keeps 32 events
WORDS = 60  # lines


class ChaosBell:
    """One bell with what is known of it. tester: its test mode is on whenever it can be."""

    def __init__(self, bell: Bell, seen: Seen, tester: bool, claimed: Callable[[Claim], None]) -> None:
        self.bell, self.tester = bell, tester
        self.bell_id = bell.bell_id
        self.waiting: set[Key] = set()  # events without a receipt
        self.newest: Key | None = None  # alarm
        self.receipts = 0
        self.starts = 0
        self.links_lost = 0
        self.stuck: list[str] = []  # what it said when its watchdog was about to bite
        self._seen, self._claimed = seen, claimed
        self._known: set[Key] = set()
        self._fingers: list[Press] = []  # without an event yet
        self._running_s: float | None = None
        self._pressing = False
        self._noticed = asyncio.Event()
        self._linked = False
        bell.on_bus, bell.on_change, bell.on_uart = self._on_bus, self._on_lamp, self._on_uart
        bell.restarts = True

    @property
    def ready(self) -> bool:
        """A finger may come."""
        since_s = self._running_s
        runs = self.bell.powered and since_s is not None and time.time() - since_s > SETTLED_S
        return runs and not self._pressing and len(self.waiting) < WAITING_MAX

    @property
    def linked(self) -> bool:
        """It says that it has a broker."""
        return self.bell.powered and self.bell.linked

    async def press(self) -> None:
        """A finger, until the bell has noticed it."""
        self._pressing = True
        self._noticed.clear()
        press = Press(self.bell_id, time.time())
        try:
            self.bell.push()
            self._seen.presses.append(press)
            self._fingers.append(press)
            await asyncio.sleep(HOLD_MIN_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._noticed.wait(), HOLD_MAX_S - HOLD_MIN_S)
            self.bell.release()
            await asyncio.sleep(REST_S)
        except ConnectionError:
            pass  # the power went, with the finger there or a moment before
        finally:
            self._pressing = False

    def test_mode(self) -> None:
        """The installer turns it on, once more."""
        with contextlib.suppress(ConnectionError):
            self.bell.tell({"test_ms": TEST_MODE_MS})

    async def power_cut(self) -> None:
        """Its program ends by SIGKILL; its flash stays."""
        await self.bell.power_cut()
        self._off()

    async def power_on(self) -> None:
        """It starts anew."""
        await self.bell.power_on()

    def _off(self) -> None:
        self._running_s = None
        self._linked = False
        for press in self._fingers:
            if time.time() - press.at_s < NOTICE_S:
                press.sure = False

    def _on_bus(self, said: dict[str, Any], at_ns: int) -> None:
        if "kept" in said:
            for boot, seq, what, state in said["kept"]:
                self._kept((self.bell_id, boot, seq), what, state)
        elif "receipt" in said:
            boot, seq, stage = said["receipt"]
            key = (self.bell_id, boot, seq)
            self.receipts += 1
            if stage in RANK:
                self.waiting.discard(key)
                self._claimed(Claim("receipt", key, stage, time.time()))

    def _kept(self, key: Key, what: str, state: str) -> None:
        if key in self._known:
            return
        self._known.add(key)
        self.waiting.add(key)
        self._seen.kept.append(Kept(key, what, state, time.time()))
        if what in BUTTON and state == "alarm":
            if what != "test":
                self.newest = key
            if self._fingers:
                self._fingers.pop(0).key = key
            self._noticed.set()

    def _on_lamp(self, change: Change) -> None:
        if change.rung == OFF:
            self._off()
        elif change.rung in RANK:
            asyncio.get_running_loop().call_later(READ_S, self._read_lamp, change, self.newest, time.time())

    def _read_lamp(self, change: Change, newest: Key | None, at_s: float) -> None:
        """As a person does it: what stood there for a moment only, nobody has read."""
        if self.bell.changes[-1] == change and self.newest == newest:
            self._claimed(Claim("lamp", newest or (self.bell_id, "", 0), change.rung, at_s))

    def _on_uart(self, data: bytes) -> None:
        if b"  boot " in data:
            self._fingers.clear()  # what was not noticed before the power went never will be
            self._running_s = time.time()
            self.starts += 1
            if self.tester:
                asyncio.get_running_loop().call_later(SETTLED_S / 2, self.test_mode)
        if b" is stuck" in data:
            self.stuck.append(self.bell.last_words(WORDS))
        if self._linked and not self.bell.linked:
            self.links_lost += 1
        self._linked = self.bell.linked


async def make(
    stack: contextlib.AsyncExitStack,
    root: Path,
    config: Path,
    broker_port: int,
    count: int,
    testers: int,
    seen: Seen,
    claimed: Callable[[Claim], None],
) -> list[ChaosBell]:
    """Enrolled, and off."""
    runtime = find_runtime(MICROPYTHON)
    bus = Bus()
    await bus.start()
    stack.push_async_callback(bus.stop)
    packages = link_packages(root / "packages")
    for name, source in QUIET.items():
        (packages / f"{name}.py").symlink_to(source)
    made = []
    for number, enrolment in enumerate(await asyncio.to_thread(enrolled, config, count)):
        settings = enrolment.model_dump()
        proxy = Proxy("127.0.0.1", broker_port)
        await proxy.start()
        stack.push_async_callback(proxy.stop)
        settings["brokers"] = [{"host": "127.0.0.1", "port": proxy.port, "server_name": SERVER_NAME}]
        folder = root / "flash" / settings["bell_id"]
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
        bell = Bell(settings["bell_id"], folder, runtime, packages, bus, CODE)
        bell.proxy = proxy
        stack.push_async_callback(bell.stop)
        made.append(ChaosBell(bell, seen, number >= count - testers, claimed))
    return made


async def linked(bells: list[ChaosBell], deadline_s: float) -> None:
    """Until all have their broker. Raises SimulatorError."""
    end_s = time.monotonic() + deadline_s
    while missing := [one for one in bells if not one.linked]:
        if time.monotonic() > end_s:
            words = missing[0].bell.last_words()
            raise SimulatorError(
                f"{len(missing)} bells have no broker after {deadline_s:g} s; the first says:\n{words}"
            )
        await asyncio.sleep(0.05)


async def fingers(bells: list[ChaosBell], chance: random.Random, every_s: float) -> None:
    """Press one bell after the other, until cancelled."""
    under_way: set[asyncio.Task[None]] = set()
    try:
        while True:
            ready = [one for one in bells if one.ready]
            if ready:
                task = asyncio.ensure_future(chance.choice(ready).press())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(chance.uniform(0.3, 1.7) * every_s)
    finally:
        if under_way:
            await asyncio.wait(under_way, timeout=HOLD_MAX_S + REST_S + 1)
