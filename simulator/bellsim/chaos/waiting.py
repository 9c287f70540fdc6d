"""Waiting for something while tasks run that may break off, and ending them."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from bellsim.runtime import SimulatorError

POLL_S = 0.01


async def until(
    happened: Callable[[], bool], deadline_s: float, why: Callable[[], str], tasks: Iterable[asyncio.Task[Any]] = ()
) -> None:
    """Raises what one of the tasks broke off with, and SimulatorError at the deadline; why(): what is missing then."""
    end_s = time.monotonic() + deadline_s
    while not happened():
        for task in tasks:
            if task.done():
                task.result()
        if time.monotonic() > end_s:
            raise SimulatorError(f"not within {deadline_s:g} s: {why()}")
        await asyncio.sleep(POLL_S)


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End them all, whatever became of each."""
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)
