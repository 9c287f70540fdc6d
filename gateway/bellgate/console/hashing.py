"""Passwords are hashed one at a time, beside the event loop: it takes 64 MiB and a tenth of a second of a Pi."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bellgate.errors import StoreBusy
from bellgate.store import people

# A short queue before "try again": the last one of it waits a second.
WAITING_MAX = 8


class Hashing:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Inside it, nobody else hashes. Raises StoreBusy when too many wait."""
        if self._waiting >= WAITING_MAX:
            raise StoreBusy("too many passwords are checked at once: try again")
        self._waiting += 1
        try:
            async with self._one:
                yield
        finally:
            self._waiting -= 1

    async def hashed(self, password: str, name: str) -> str:
        """What is kept of a password, reckoned in its turn. Raises AnsimbellError if it can't be used, StoreBusy."""
        async with self.turn():
            return await asyncio.to_thread(people.hashed, password, name)
