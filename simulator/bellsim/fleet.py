"""`bellsim fleet`: so many bells at once, each the real firmware in a MicroPython process of its own, over mTLS.

All share one broker, one gateway and the processors of this host, so they are switched on a few at a time: the next
one when another is linked. `connected_s` is from the first switch to the last bell's link. Then each is pressed once,
so many a second; `press_to_stored_ms` is from the edge to `stored` on the lamp. Then its power is cut, because a
thousand flashing lamps would take this host's processors from the bells that are still to come. More presses at a
time than the host can carry would measure the host: bells that wait too long leave their broker and connect again.
What was stored is counted in the gateway. The bells have a named pipe as their UART and no proxy (see `nursery`), and
wait in the kernel (see board/quiet.py); else nothing is different from one.
"""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bellgate import admission
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.store import open_store
from bellnode import board, indicator
from bellsim.bell import BOOT_CODE, PRESS_MS
from bellsim.bench import GATEWAY_ID, SERVER_NAME, broker_name, healthy
from bellsim.bus import Bus, Plug
from bellsim.dispatcher import Dispatcher
from bellsim.goals import judge, quantiles
from bellsim.nursery import Nursery
from bellsim.programs import BELLGATE, Program, bellgate, free_ports
from bellsim.rom import IMAGE, ROOMY_BYTES, SOURCE, compile_firmware, compiler
from bellsim.runtime import HEAP_BYTES, MICROPYTHON, SimulatorError, find_runtime, link_packages

GOAL_CONNECTED_S = 90.0
_BOARD = Path(__file__).parent / "board"
QUIET = {"quiet": _BOARD / "quiet.py", "socket": _BOARD / "noting_socket.py"}
QUIET_CODE = "import quiet; " + BOOT_CODE
PRESSES_PER_S = 20.0
AT_ONCE = 12  # handshakes under way: enough for every processor, and each far from its deadline
LINK_DEADLINE_S = 60.0  # for one bell, with its own repeats
STORED_DEADLINE_S = 60.0
FILES_PER_BELL = 3  # bus, UART, and one to spare; the broker has one connection each
FILES_MORE = 200
MEMORY_SAMPLE = 50
LINES_KEPT = 5


@dataclass
class Member:
    """One bell of the fleet."""

    bell_id: str
    flash: Path
    plug: Plug | None = None
    process_id: int = 0
    pressed_ns: int = 0
    stored_ns: int = 0
    linked: asyncio.Event = field(default_factory=asyncio.Event)
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    uart: int | None = None
    lines: list[str] = field(default_factory=list)
    _rest: bytes = b""

    def heard(self, message: dict[str, Any], at_ns: int) -> None:
        """A line from the bus: only the lamp's `stored` after the press matters."""
        waits = "lamp" in message and self.pressed_ns and not self.stored_ns
        if waits and indicator.rung_of(message["lamp"][0]) == "stored":
            self.stored_ns = at_ns
            self.stored.set()

    def read_uart(self) -> None:
        """What the bell says; `linked` is all that matters, and the last lines if it never comes."""
        assert self.uart is not None
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.uart, 65_536)
            if not data:
                self.close_uart()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").strip()
            self.lines = [*self.lines, text][-LINES_KEPT:]
            if text.partition(" ms  ")[2].startswith("linked"):
                self.linked.set()

    def close_uart(self) -> None:
        """Nobody listens any more."""
        if self.uart is not None:
            asyncio.get_running_loop().remove_reader(self.uart)
            os.close(self.uart)
            self.uart = None


async def measure(
    bells: int, over_s: float | None = None, say: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """{"bells", "connected_s", "stored", "press_to_stored_ms": {…}, "memory_mb_per_bell", …}.

    over_s: the presses are spread over so long; None: PRESSES_PER_S of them a second.
    """
    over_s = bells / PRESSES_PER_S if over_s is None else over_s
    runtime = find_runtime(MICROPYTHON)
    _allow_files(FILES_PER_BELL * bells + FILES_MORE)
    async with contextlib.AsyncExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="bellsim-"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        say(f"making a scratch installation and enrolling {bells} bells")
        began_s = time.monotonic()
        console_port, broker_port = free_ports(2)
        config = root / "gateway" / "gateway.toml"
        await bellgate(
            *("init", str(config.parent), "--id", GATEWAY_ID, "--json"),
            *("--console", f"127.0.0.1:{console_port}", "--mqtt", f"127.0.0.1:{broker_port}"),
            *("--advertise", f"{SERVER_NAME}:{broker_port}"),
        )
        members = await asyncio.to_thread(_enrol, config, root / "flash", bells, broker_port)
        enrolled_s = time.monotonic() - began_s
        token = json.loads(await bellgate("token", "-c", str(config), "--role", "dispatcher", "--json"))["token"]
        say("starting broker and gateway")
        url = f"http://127.0.0.1:{console_port}"
        gateway = Program(
            "the gateway", [*BELLGATE, "run", "-c", str(config)], root / "gateway.log", lambda: healthy(url)
        )
        stack.push_async_callback(gateway.stop)
        await gateway.start()
        bus = Bus()
        await bus.start()
        stack.push_async_callback(bus.stop)
        packages = link_packages(root / "packages")
        image = None
        for name, source in QUIET.items():
            (packages / f"{name}.py").symlink_to(source)
        if compiler() is not None:
            image = (await asyncio.to_thread(compile_firmware, root / "mpy", QUIET)).image(root / "firmware.rom")
        nursery = Nursery(runtime, image, HEAP_BYTES if image is None else ROOMY_BYTES)
        stack.push_async_callback(nursery.stop)
        await nursery.start()
        for member in members:
            stack.callback(member.close_uart)

        say(f"switching {bells} bells on, {AT_ONCE} at a time")
        began_s = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)
        environment = runtime.environment(packages) | {"BELLSIM_BUS": bus.address}

        async def switch_on(number: int, member: Member) -> None:
            async with gate:
                member.plug = bus.plug(member.bell_id, member.heard)
                pipe = member.flash / "uart"
                os.mkfifo(pipe)
                member.uart = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
                asyncio.get_running_loop().add_reader(member.uart, member.read_uart)
                member.process_id = await nursery.bear(
                    QUIET_CODE, member.flash, environment | {"BELLSIM_BELL": member.bell_id}, pipe
                )
                await _within(member.linked, LINK_DEADLINE_S)
            if number % 100 == 99 and number + 1 < bells:
                say(f"{sum(each.linked.is_set() for each in members)} linked")

        await asyncio.gather(*(switch_on(number, member) for number, member in enumerate(members)))
        connected_s = time.monotonic() - began_s
        silent = [member for member in members if not member.linked.is_set()]
        if silent:
            raise SimulatorError(
                f"{len(silent)} of {bells} bells did not reach the broker within {LINK_DEADLINE_S:g} s each. "
                f"The first of them, {silent[0].bell_id}, says last:\n" + "\n".join(silent[0].lines)
            )
        memory = await asyncio.to_thread(_memory, members, gateway)
        say(f"all linked after {connected_s:.1f} s; pressing each once within {over_s:g} s")
        await asyncio.gather(*(_press(member, number * over_s / bells) for number, member in enumerate(members)))
        took_ms = [(one.stored_ns - one.pressed_ns) / 1e6 for one in members if one.stored_ns]
        say(f"{len(took_ms)} lamps say stored; counting in the gateway")
        dispatcher = Dispatcher(url, token)
        try:
            signals = await dispatcher.count_signals()
        finally:
            await dispatcher.stop()
        result = {
            "bells": bells,
            "runtime": MICROPYTHON,
            "firmware": SOURCE if image is None else IMAGE,
            "broker": broker_name("embedded"),
            "tls": True,
            "processors": os.cpu_count(),
            "enrolled_s": round(enrolled_s, 1),
            "connected_s": round(connected_s, 1),
            "pressed_over_s": over_s,
            "stored": sum(1 for count in signals.values() if count == 1),
            "signals": sum(signals.values()),
            "lamps_stored": len(took_ms),
            "press_to_stored_ms": quantiles(took_ms),
            **memory,
            "at_unix_s": int(time.time()),
        }
        return judge(result, {"connected_s": GOAL_CONNECTED_S}, {"stored": bells, "lamps_stored": bells})


def _allow_files(count: int) -> None:
    """Let this process and its children open so many files. Raises SimulatorError if the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise SimulatorError(
            f"so many bells need {count} open files, and this system allows {hard}: take fewer bells, or raise the "
            "limit (`ulimit -Hn`, or LimitNOFILE of the service)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _enrol(config: Path, flash: Path, count: int, port: int) -> list[Member]:
    """Admit so many bells through the gateway's own functions, and give each its flash."""
    loaded = load(config)
    authority = admission.open_authority(loaded)
    members = []
    with open_store(loaded.store.url, loaded.data_dir) as store:
        for number in range(1, count + 1):
            site, bell_id = f"fleet-{number:04}", f"f-{number:04}"
            address = f"서울 성동구 성수이로 {number}"
            new = admission.NewBell(site, "store-bell", f"가게 {number}", address, bell_id=bell_id)
            made = admission.enrol(store, loaded, authority, new, None, now_ms())
            settings = made.model_dump()
            settings["brokers"] = [{"host": "127.0.0.1", "port": port, "server_name": SERVER_NAME}]
            folder = flash / made.bell_id
            folder.mkdir(parents=True)
            (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
            members.append(Member(made.bell_id, folder))
    return members


async def _press(member: Member, after_s: float) -> None:
    await asyncio.sleep(after_s)
    assert member.plug is not None
    with contextlib.suppress(ConnectionError):  # a bell that died is missing in the count
        member.pressed_ns = time.monotonic_ns()
        member.plug.send({"pin": board.PINS["button"], "level": board.BUTTON_PRESSED})
        await asyncio.sleep(PRESS_MS / 1_000)
        member.plug.send({"pin": board.PINS["button"], "level": 1 - board.BUTTON_PRESSED})
        await _within(member.stored, STORED_DEADLINE_S)
        # The nursery has not reaped it, so the number is its own, whether it still lives or not.
        os.kill(member.process_id, signal.SIGKILL)


async def _within(event: asyncio.Event, deadline_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), deadline_s)


def _memory(members: list[Member], gateway: Program) -> dict[str, Any]:
    """A bell's share of real memory, of a sample; and what broker and gateway take."""
    shares = []
    for member in members[:: max(1, len(members) // MEMORY_SAMPLE)]:
        with contextlib.suppress(psutil.Error, AttributeError):  # only Linux tells a process's share
            shares.append(psutil.Process(member.process_id).memory_full_info().pss / 1e6)
    found: dict[str, Any] = {"memory_mb_per_bell": round(sum(shares) / len(shares), 2) if shares else None}
    assert gateway.process is not None
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(gateway.process.pid)
        broker = sum(child.memory_info().rss for child in process.children(recursive=True))
        found["memory_mb_gateway"] = round(process.memory_info().rss / 1e6, 1)
        found["memory_mb_broker"] = round(broker / 1e6, 1)
    return found
