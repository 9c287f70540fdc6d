"""`bellsim bell`: one bell on a desk, with a cable that anybody can plug into: a pty, for `bellkit` or another tool.

The bell has a pty of its own at every start. The cable is another one, which stays: a chip that resets does not pull
the plug. What nobody reads is lost, as on a UART; what comes faster than the bell reads waits, as in an adapter.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bellsim.bell import Bell
from bellsim.bus import Bus
from bellsim.runtime import SimulatorError, find_runtime, link_packages

PIECE_BYTES = 512
WAITING_BYTES_MAX = 65_536  # of a flood that the bell has not read yet; then the sender has to wait
RETRY_S = 0.005
BOOT_HOLD_S = 6.0
HELP = "press [ms] · boot [s] · cut · on · wifi on|off · quit"


class Cable:
    """A pty beside the bell: `path` is what a program opens."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._master, self._slave = os.openpty()  # held open: a program that closes its end breaks nothing
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.plugged = True
        self.lost_bytes = 0  # from the bell, that nobody read
        self._waiting = b""
        bell.on_uart = self._from_bell
        self._task = asyncio.ensure_future(self._to_bell())
        asyncio.get_running_loop().add_reader(self._master, self._from_outside)

    def close(self) -> None:
        """Take it away."""
        asyncio.get_running_loop().remove_reader(self._master)
        self._task.cancel()
        self._bell.on_uart = None
        os.close(self._master)
        os.close(self._slave)

    def _from_bell(self, data: bytes) -> None:
        if not self.plugged:
            return
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        self.lost_bytes += len(data) - written

    def _from_outside(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, PIECE_BYTES)
            if self.plugged:
                self._waiting += data
        if len(self._waiting) >= WAITING_BYTES_MAX:
            asyncio.get_running_loop().remove_reader(self._master)

    async def _to_bell(self) -> None:
        while True:
            if self._waiting:
                try:
                    taken = self._bell.write_uart(self._waiting[:PIECE_BYTES])
                except (ConnectionError, OSError):
                    taken = len(self._waiting)  # no power: a wire remembers nothing
                full = len(self._waiting) >= WAITING_BYTES_MAX
                self._waiting = self._waiting[taken:]
                if full and len(self._waiting) < WAITING_BYTES_MAX:
                    asyncio.get_running_loop().add_reader(self._master, self._from_outside)
                if taken == PIECE_BYTES:
                    await asyncio.sleep(0)
                    continue
            await asyncio.sleep(RETRY_S)


@contextlib.asynccontextmanager
async def desk(
    flash: Path,
    packages: Path,
    name: str = "blank-1",
    runtime: str | None = None,
    networks: list[list[Any]] | None = None,
) -> AsyncIterator[tuple[Bell, Cable]]:
    """(bell, cable): a bell with this folder as its flash, switched on; taken down at the end, whatever happens.

    packages: a folder for what the bell can import. networks: see `Bell.air`; None: any name will do.
    """
    bus = Bus()
    await bus.start()
    bell = Bell(name, flash, find_runtime(runtime), link_packages(packages), bus)
    bell.networks = networks
    bell.restarts = True
    cable = Cable(bell)
    try:
        await bell.power_on()
        yield bell, cable
    finally:
        await bell.power_cut()
        cable.close()
        await bus.stop()


async def alone(flash: Path | None, networks: list[str], runtime: str | None, as_json: bool) -> None:
    """Until standard input ends or says quit."""
    with tempfile.TemporaryDirectory(prefix="bellsim-") as scratch:
        if flash is None:
            flash = Path(scratch) / "flash"
        flash.mkdir(parents=True, exist_ok=True)
        there = [network(text) for text in networks] or None
        async with desk(flash, Path(scratch) / "packages", runtime=runtime, networks=there) as (bell, cable):
            if as_json:
                print(json.dumps({"port": cable.path, "flash": str(flash), "runtime": bell.runtime}), flush=True)
            else:
                print(f"{cable.path}\nflash: {flash}   runtime: {bell.runtime}   {HELP}", flush=True)
            async for line in _lines():
                try:
                    if not await obey(bell, line):
                        break
                except SimulatorError as error:
                    print(error, flush=True)


def network(text: str) -> list[Any]:
    """NAME:PASSWORD:DBM as `Bell.air` has it. Raises SimulatorError."""
    name, *rest = text.rsplit(":", 2)
    try:
        password, dbm = rest
        return [name, password, int(dbm)]
    except ValueError:
        raise SimulatorError(
            f"{text!r} is no network: write NAME:PASSWORD:DBM, for example Shop:12345678:-61"
        ) from None


async def _lines() -> AsyncIterator[str]:
    """Of standard input. Without one (a service, a test): for ever nothing."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except (OSError, ValueError):
        await asyncio.Event().wait()
    while line := await reader.readline():
        yield line.decode(errors="replace")


async def obey(bell: Bell, line: str) -> bool:
    """One line of what a person at the desk does to the bell, see HELP. False: quit. Raises SimulatorError."""
    words = line.split()
    try:
        match words:
            case []:
                pass
            case ["quit"]:
                return False
            case ["press", *ms]:
                await bell.press(int(ms[0]) if ms else 120)
            case ["boot", *seconds]:
                bell.boot_button(True)
                await asyncio.sleep(float(seconds[0]) if seconds else BOOT_HOLD_S)
                bell.boot_button(False)
            case ["cut"]:
                await bell.power_cut()
            case ["on"]:
                await bell.power_on()
            case ["wifi", "on" | "off" as how]:
                bell.tell({"wifi": how == "on"})
            case _:
                raise SimulatorError(f"there is no {line.strip()!r} here: {HELP}")
    except (ConnectionError, ValueError) as error:
        raise SimulatorError(str(error)) from None
    return True
