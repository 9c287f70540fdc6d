"""A gateway that is killed again and again, and started again each time, as systemd would."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

from bellsim.programs import BELLGATE, STOP_DEADLINE_S
from bellsim.runtime import SimulatorError

ASK_S = 0.05
ASK_DEADLINE_S = 2.0
AGAIN_S = 0.2  # after an end that nobody wanted
FAILURES_MAX = 20  # of starts, one after the other


class Victim:
    """One `bellgate run` on one gateway.toml, kept alive by `keep`."""

    def __init__(self, name: str, config: Path, console_port: int, log: Path, environment: dict[str, str]) -> None:
        """environment: added to the simulator's own."""
        self.name = name
        self.failures_max = FAILURES_MAX
        self.starts = 0
        self.spans: list[tuple[float, float]] = []  # ready from, until; monotonic seconds
        self.ready_since_s: float | None = None
        self.started_s = 0.0
        self.ended_alone = 0
        self._config, self._port, self._log = config, console_port, log
        self._environment = os.environ | environment
        self._process: asyncio.subprocess.Process | None = None
        self._left: dict[int, psutil.Process] = {}
        self._killed = self._stopping = False
        self._may_start = asyncio.Event()
        self._may_start.set()

    async def keep(self) -> None:
        """Start it, and again whenever it has ended, until `stop`. Raises SimulatorError if it won't start."""
        failures = 0
        while not self._stopping:
            await self._may_start.wait()
            if self._stopping:
                return
            self._killed = False
            with self._log.open("ab") as log:
                self.started_s = time.monotonic()
                self.starts += 1
                self._process = await asyncio.create_subprocess_exec(
                    *BELLGATE, "run", "-c", str(self._config), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, env=self._environment,
                )  # fmt: skip
            ended = asyncio.create_task(self._process.wait())
            while not ended.done() and self.ready_since_s is None:
                if await self._ready():
                    self.ready_since_s = time.monotonic()
                    failures = 0
                await asyncio.wait([ended], timeout=ASK_S)
            await ended
            self._close_span()
            if not self._killed and not self._stopping:
                self.ended_alone += 1
                failures += 1
                if failures >= self.failures_max:
                    raise SimulatorError(f"{self.name} does not start; it said last:\n{self._last_words()}")
                await asyncio.sleep(AGAIN_S)

    def kill(self) -> float:
        """SIGKILL to this process alone; when."""
        process = self._process
        if process is not None and process.returncode is None:
            self._killed = True
            with contextlib.suppress(psutil.Error):
                self._left |= {child.pid: child for child in psutil.Process(process.pid).children(recursive=True)}
            self._close_span()
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        return time.monotonic()

    async def hold(self) -> None:
        """SIGKILL, and no new start until `let_go`."""
        self._may_start.clear()
        self.kill()
        if self._process is not None:
            await self._process.wait()

    def let_go(self) -> None:
        """It may start again."""
        self._may_start.set()

    def freeze(self, frozen: bool) -> bool:
        """SIGSTOP or SIGCONT to this process alone; False: there is none."""
        process = self._process
        if process is None or process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)
        return True

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def stop(self) -> None:
        """Ask it to end; then end what killed ones have left behind."""
        self._stopping = True
        self._may_start.set()
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_DEADLINE_S)
            except TimeoutError:
                self.kill()
                await process.wait()
        for child in self._left.values():
            with contextlib.suppress(psutil.Error):  # gone, or its number is somebody else's by now: psutil looks
                if child.is_running():
                    child.terminate()
        await asyncio.to_thread(psutil.wait_procs, list(self._left.values()), STOP_DEADLINE_S)

    def _close_span(self) -> None:
        if self.ready_since_s is not None:
            self.spans.append((self.ready_since_s, time.monotonic()))
            self.ready_since_s = None

    async def _ready(self) -> bool:
        """True if /healthz answers 200. By hand: an HTTP library costs more than the gateway it asks."""
        try:
            async with asyncio.timeout(ASK_DEADLINE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
