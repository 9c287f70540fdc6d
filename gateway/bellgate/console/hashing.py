"""Passwords are hashed one at a time, beside the event loop: it takes 64 MiB and a tenth of a second of a Pi."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from bellgate.errors import StoreBusy

T = TypeVar("T")

# A short queue before "try again": the last one of it waits a second.
WAITING_MAX = 8


class Hashing:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    async def run(self, work: Callable[..., T], *given: object) -> T:
        """`work(*given)` in its turn. Raises StoreBusy when too many wait."""
        if self._waiting >= WAITING_MAX:
            raise StoreBusy("too many passwords are checked at once: try again")
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(work, *given)
        finally:
            self._waiting -= 1
