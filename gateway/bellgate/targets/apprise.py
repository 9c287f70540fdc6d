"""SMS, voice, chat and mail through the library apprise, which runs in programs of its own (`apprise_worker`).

Why apart: many of its services block, some for long, and a thread that hangs cannot be ended. A program can: when an
attempt takes longer than the target's deadline, it is killed, and no other target has noticed. What one of several
services took is kept, so that the next attempt asks only the others.
"""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from bellgate.config_targets import AppriseTarget
from bellgate.errors import StoreError, TargetError
from bellgate.store import deliveries
from bellgate.store.base import Tx
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Means, Say, Sender
from bellgate.targets.notice import read
from bellgate.targets.words import short

# Programs at once, each some 60 MB on a Pi: one sends while the other is still at the message before.
WORKERS_MAX = 2
# Loading the library takes 0.6 s on a PC and ten times that on a small Pi.
START_S = 30.0
_WORKER = Path(__file__).with_name("apprise_worker.py")


class Apprise(Sender):
    """One [[target]] of kind apprise."""

    at_once = WORKERS_MAX

    def __init__(self, section: AppriseTarget, means: Means) -> None:
        super().__init__(section.name, section.timeout_s)
        self._section = section
        self._store = means.store
        self._idle: list[_Worker] = []
        self._ending: list[_Worker] = []
        # What was taken is kept by place: only as long as the list stays the same.
        self._list = hashlib.sha256("\n".join(section.urls).encode()).hexdigest()[:16]

    async def send(self, delivery: Delivery) -> str | None:
        """Ask every service that has not taken it yet. The proof: which took it, by kind and without its URL."""
        taken = self._taken(delivery)
        before = len(taken)
        left = [place for place in range(len(self._section.urls)) if place not in taken]
        title, body = short(read(delivery), self._section.language, self._section.detail)
        faults: list[str] = []
        worker: _Worker | None = self._idle.pop() if self._idle else None
        whole = False
        try:
            if worker is None or not worker.alive:
                worker = await _Worker.start(self._section)
            async for place, why in worker.ask(title, body, left):
                if why:
                    faults.append(f"url {place + 1}: {why}")
                else:
                    taken.add(place)
            whole = True
        except (OSError, EOFError, ValueError) as error:
            raise TargetError(f"the worker of apprise ended ({type(error).__name__})") from None
        finally:
            if worker is not None and whole:
                self._idle.append(worker)
            elif worker is not None:
                self._end(worker)  # also at the deadline: what hangs in it ends here
            if len(taken) > before and len(taken) < len(self._section.urls):
                self._keep(delivery, taken)
        if faults:
            raise TargetError("; ".join(faults))
        return f"taken by {len(taken)} of {len(taken)}: {', '.join(_scheme(url) for url in self._section.urls)}"

    async def watch(self, say: Say) -> None:
        """Say which URL apprise does not know; an hour too early is better than at the first alarm."""
        worker: _Worker | None = None
        try:
            async with asyncio.timeout(START_S):
                worker = await _Worker.start(self._section)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            await say("target_misconfigured", self.name, f"apprise does not start ({type(error).__name__})")
            return
        unknown = [str(place + 1) for place, known in enumerate(worker.known) if not known]
        self._idle.append(worker)
        detail = f"apprise does not know url {', '.join(unknown)} of this target: see its list of services"
        await say("target_misconfigured", self.name, detail if unknown else None)

    async def close(self) -> None:
        """End the workers."""
        while self._idle:
            self._end(self._idle.pop())
        for worker in self._ending:
            await worker.ended()

    def _end(self, worker: "_Worker") -> None:
        worker.kill()
        self._ending = [one for one in self._ending if one.alive]
        self._ending.append(worker)

    def _taken(self, delivery: Delivery) -> set[int]:
        kept = json.loads(delivery.kept) if delivery.kept else {}
        return set(kept["taken"]) if kept.get("list") == self._list else set()

    def _keep(self, delivery: Delivery, taken: set[int]) -> None:
        kept = json.dumps({"list": self._list, "taken": sorted(taken)})
        with contextlib.suppress(StoreError):  # then those services are asked twice
            self._store.submit(partial(_keep, delivery.id, kept))


class _Worker:
    """One program. `ask` one message at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.known: list[bool] = []

    @classmethod
    async def start(cls, section: AppriseTarget) -> "_Worker":
        """Start it and give it the URLs; by its pipe, because everybody may read arguments and environment."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # the library's log may hold what is secret
        )
        worker = cls(process)
        try:
            worker._write({"urls": list(section.urls), "timeout_s": section.timeout_s})
            worker.known = (await worker._read())["known"]
        except BaseException:
            worker.kill()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.shield(worker.ended())
            raise
        return worker

    @property
    def alive(self) -> bool:
        """False once it has ended."""
        return self._process.returncode is None

    async def ask(self, title: str, body: str, only: list[int]) -> AsyncIterator[tuple[int, str]]:
        """(place, why) of each service as soon as it is settled; why "" means that it took the message."""
        self._write({"title": title, "body": body, "only": only})
        while "end" not in (answer := await self._read()):
            yield answer["place"], answer["why"]

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait until it has ended, so that nothing of it is left over."""
        await self._process.wait()

    def _write(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError("it ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _keep(delivery_id: str, kept: str, tx: Tx) -> None:
    deliveries.keep(tx, delivery_id, kept)
