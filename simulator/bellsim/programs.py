"""The real programs as processes of their own: `bellgate` commands, the running gateway, a mosquitto.

Only what was started here is ever ended, by its process id; that includes the broker which a killed gateway leaves.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from bellsim.runtime import SimulatorError

COMMAND_DEADLINE_S = 30.0
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 10.0
POLL_S = 0.05
LOG_LINES = 12  # of a program that would not start: its error is at the end

BELLGATE = (sys.executable, "-c", "from bellgate.cli import main; main()")
SBIN = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"  # where mosquitto lies, and where a user's PATH does not look


def free_ports(count: int) -> list[int]:
    """So many loopback ports that nobody uses now. All are held at once, so they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def bellgate(*arguments: str) -> str:
    """Run one `bellgate` command; returns its standard output. Raises SimulatorError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *BELLGATE, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), COMMAND_DEADLINE_S)
    except BaseException as error:  # also when the demo is interrupted: no command outlives it
        if process.returncode is None:
            process.kill()
            await process.wait()
        if isinstance(error, TimeoutError):
            raise SimulatorError(f"`bellgate {arguments[0]}` did not end within {COMMAND_DEADLINE_S:g} s") from None
        raise
    if process.returncode != 0:
        said = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        raise SimulatorError(f"`bellgate {arguments[0]}` ended with {process.returncode}: {said}")
    return out.decode()


def find_mosquitto() -> str:
    """The mosquitto program. Raises SimulatorError saying how to get it."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=SBIN)
    if found is None:
        raise SimulatorError(
            "mosquitto is not installed: `sudo apt-get install mosquitto` (Debian, Ubuntu, Raspberry Pi OS), "
            "`brew install mosquitto` (macOS), or use the embedded broker: leave --broker out"
        )
    return found


class Program:
    """A program that runs until it is stopped; what it prints goes to `log`."""

    def __init__(self, name: str, command: list[str], log: Path, ready: Callable[[], Awaitable[bool]]) -> None:
        """ready: asked again and again after the start until it says yes; it must not raise."""
        self.name = name
        self.log = log
        self.process: asyncio.subprocess.Process | None = None
        self._command = command
        self._ready = ready
        self._left: list[psutil.Process] = []  # children of a killed one; perhaps adopted by the next

    async def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Start it and wait until it is ready. Raises SimulatorError with its own last words."""
        with self.log.open("ab") as log:
            began = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the simulator, which then stops this one in order
            )
        end_s = time.monotonic() + deadline_s
        while not await self._ready():
            ended = self.process.returncode
            if ended is not None or time.monotonic() > end_s:
                said = self._last_words(began)
                await self.kill()
                how = f"ended with {ended}" if ended is not None else f"was not ready within {deadline_s:g} s"
                raise SimulatorError(f"{self.name} {how}. It said:\n{said}")
            await asyncio.sleep(POLL_S)

    async def kill(self) -> None:
        """SIGKILL to this process alone: what it had started stays, as after a crash."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(psutil.Error):
            self._left += psutil.Process(self.process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        """Ask it to end; after STOP_DEADLINE_S, kill it. Then end whatever it left behind."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_DEADLINE_S)
            except TimeoutError:
                await self.kill()
        for child in self._left:
            with contextlib.suppress(psutil.Error):  # gone, or its number is somebody else's by now: psutil looks
                if child.is_running():
                    child.terminate()
        await asyncio.to_thread(psutil.wait_procs, self._left, STOP_DEADLINE_S)
        self._left = []

    def _last_words(self, began: int) -> str:
        with self.log.open("rb") as log:
            log.seek(began)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_LINES:]) or "    (nothing)"
