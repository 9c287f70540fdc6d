"""Where the real firmware meets the simulated world: the seams of `bellnode`, joined while `joined()` is open.

Everything of bellnode runs as it is, but for `board`, which is the hardware. What a module asks of the operating system
(files, names of hosts, TLS) goes to the bell that runs it: `HERE` says which, task by task.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bellnode import app, indicator, journal, names, staged, tls_cpython, watch

if TYPE_CHECKING:
    from bellsim.world.bell import VirtualBell

HERE: ContextVar["VirtualBell"] = ContextVar("HERE")


class PowerGone(BaseException):
    """The bell has no power: nothing of it runs any more. No program catches this."""


class Hardware:
    """What `bellnode.app` asks of `bellnode.board`."""

    @staticmethod
    def Board(stop: Any, fitted: Any) -> Any:
        """The bell's own."""
        return HERE.get().fit(stop, fitted)

    @staticmethod
    def random(count: int) -> bytes:
        """From the seed."""
        drawn: bytes = HERE.get().chance.randbytes(count)
        return drawn

    @staticmethod
    def unique() -> bytes:
        """The chip's own bytes."""
        return bytes(HERE.get().bell_id.encode())

    @staticmethod
    def journal_partition() -> Any:
        """The flash of its journal."""
        return HERE.get().flash

    @staticmethod
    def bitten() -> bool:
        """Did the watchdog end the last run?"""
        return HERE.get().bitten

    @staticmethod
    def say(text: str) -> None:
        """On the UART."""
        HERE.get().heard_on_uart(text)


class _NoCollector:
    """The world has one heap for all bells: a collection at each heartbeat would say nothing and take long."""

    @staticmethod
    def collect() -> None:
        """Nothing."""


class _Files:
    """`os` as the firmware's modules use it: each operation may be the one at which the power goes."""

    path = os.path

    @staticmethod
    def rename(old: str, new: str) -> None:
        """Whole or not at all."""
        HERE.get().at_file()
        Path(old).rename(new)

    @staticmethod
    def remove(path: str) -> None:
        """Whole or not at all."""
        HERE.get().at_file()
        Path(path).unlink()

    @staticmethod
    def stat(path: str) -> os.stat_result:
        """Is it there?"""
        return Path(path).stat()


def _open(path: str, mode: str = "r") -> Any:
    if "w" in mode:
        HERE.get().at_file()
    return Path(path).open(mode)


async def _dial(address: str, broker: Any) -> tuple[Any, Any]:
    wire = await HERE.get().dial(broker.host)
    return wire, wire


def _steady(rhythm: Any, shown_ms: int) -> tuple[bool, None]:
    """A lamp is read by its colour here: to play its rhythm would be most of what a bell does."""
    return True, None


def _task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> "asyncio.Task[Any]":
    """A bell knows its tasks: they end with its power."""
    task = asyncio.Task(coroutine, loop=loop, **more)
    bell = HERE.get(None)
    if bell is not None:
        bell.tasks[task] = None
        task.add_done_callback(lambda task: bell.tasks.pop(task, None))
    return task


@contextlib.contextmanager
def joined(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """While it is open, bells of this loop are virtual."""
    loop.set_task_factory(_task)
    changes: list[tuple[Any, str, Any]] = [
        (app, "board", Hardware),
        (app, "gc", _NoCollector),
        (watch, "gc", _NoCollector),
        (tls_cpython, "dialler", lambda config: _dial),
        (indicator, "_now", _steady),
    ]
    for module in (journal, staged, names):
        changes += [(module, "os", _Files), (module, "open", _open)]
    missing = object()
    before = [(module, name, module.__dict__.get(name, missing)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            if value is missing:
                delattr(module, name)
            else:
                setattr(module, name, value)
