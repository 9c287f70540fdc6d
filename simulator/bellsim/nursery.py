"""Starts many bells cheaply: one warm interpreter that forks for each, before MicroPython has begun in it.

A start of its own costs a bell some 20 ms of CPython before MicroPython runs; a fork costs little and shares what does
not change, the firmware's image among it. What is forked is a bell like any other: a process of its own, a folder of
its own as its flash, MicroPython from its beginning. Its UART is a named pipe instead of a pty: it cannot be written.

The nursery reads one job a line and ends all its bells when that stream ends, so none is left behind; the kernel ends
them if the nursery itself is killed (on Linux).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bellsim.rom import mounted
from bellsim.runtime import Runtime, SimulatorError

END_DEADLINE_S = 30.0

_PROGRAM = """
import ctypes, gc, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from micropython_run import run_main
image = open(sys.argv[2], "rb").read() if sys.argv[2] else b""
held = ctypes.create_string_buffer(image, max(1, len(image)))
system = ctypes.CDLL(None)
here = os.getpid()

def live(job):
    if hasattr(system, "prctl"):
        system.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != here:
            return
    os.setsid()
    source, drain = os.open(os.devnull, os.O_RDONLY), os.open(job["uart"], os.O_WRONLY)
    os.dup2(source, 0)
    os.dup2(drain, 1)
    os.dup2(drain, 2)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    words = [*job["words"][:-1], job["words"][-1].replace("@@", str(ctypes.addressof(held)), 1)]
    run_main(["micropython", *words])

gc.collect()
gc.freeze()
born = []
for line in sys.stdin.buffer:
    pid = os.fork()
    if pid == 0:
        try:
            live(json.loads(line))
        finally:
            os._exit(0)
    born.append(pid)
    print(pid, flush=True)
for pid in born:
    os.kill(pid, signal.SIGKILL)  # none has been reaped yet, so every number is still its own
for pid in born:
    os.waitpid(pid, 0)
"""


class Nursery:
    """image: a ROMFS image with the firmware, None: bells import it from the packages' folder."""

    def __init__(self, runtime: Runtime, image: Path | None, heap_bytes: int) -> None:
        self._runtime = runtime
        self._image = image
        self._heap_bytes = heap_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()  # one job and its answer at a time

    async def start(self) -> None:
        """Warm up."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _PROGRAM, str(self._runtime.folder), str(self._image or "")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the simulator, which then ends this one in order
        )

    async def bear(self, code: str, folder: Path, environment: dict[str, str], uart: Path) -> int:
        """Start a bell that runs `code` in `folder`, its words on the named pipe `uart`; its process id."""
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        code = code if self._image is None else mounted(code, self._image)
        words = ["-X", f"heapsize={self._heap_bytes}", "-c", code]
        job: dict[str, Any] = {"cwd": str(folder), "env": environment, "uart": str(uart), "words": words}
        async with self._turn:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            await self._process.stdin.drain()
            answer = await self._process.stdout.readline()
        if not answer:
            raise SimulatorError("the process that starts the bells has ended: is there memory for so many?")
        return int(answer)

    async def stop(self) -> None:
        """End every bell at once, as a power cut does, and the nursery."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_DEADLINE_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
