"""Who looked at whose data: a line in the record, once per person, subject and hour.

A live page asks all day long; what counts is that somebody saw it in that hour. A look is never refused and never
waits: the line rides on the next commit. If the record takes none, that is counted and raised as trouble, and the next
look tries again.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from bellgate.clock import Clock
from bellgate.errors import StoreError
from bellgate.store import Store, Tx, audit
from bellgate.store.troubles import Said

HOUR_MS = 3_600_000
# Fifty people at a hundred incidents in an hour; about 200 bytes each. Beyond it the oldest is forgotten, and its next
# look is written once more.
KNOWN_MAX = 5_000

Tell = Callable[[str, str, Said | None], Awaitable[object]]
_log = structlog.get_logger(__name__)


class Who(Protocol):
    """Who looks; see `bellgate.console.access.Principal`."""

    @property
    def name(self) -> str:
        """As the record calls them."""
        ...

    @property
    def role(self) -> str:
        """What they are."""
        ...


class Looks:
    """Used from one event loop. tell: raises a trouble (`Pipeline.trouble`). failed: counts a line that is missing."""

    def __init__(self, store: Store, clock: Clock, tell: Tell, failed: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._failed = failed
        self._known: OrderedDict[tuple[str, str, int], None] = OrderedDict()
        self._telling: set[asyncio.Task[None]] = set()

    async def looked(self, who: Who, subject: str) -> None:
        """This person sees this now: "incident 12", "bells". Never raises, never waits for the database."""
        key = (who.name, subject, self._clock.now_ms() // HOUR_MS)
        if key in self._known:
            return
        self._known[key] = None
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        self._write(who.name, "looked", {"what": subject, "role": who.role}, key)

    def note(self, by: str, act: str, detail: dict[str, str | int | bool | None]) -> None:
        """A line that hinders nobody if it can't be written: a sign-in, a passkey that was refused."""
        self._write(by, act, detail, None)

    def _write(
        self, by: str, act: str, detail: dict[str, str | int | bool | None], key: tuple[str, str, int] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        at_ms = self._clock.now_ms()

        def job(tx: Tx) -> None:
            audit.append(tx, at_ms, None, by, act, detail)

        def done(result: Exception | None) -> None:  # in the thread that writes
            if isinstance(result, Exception):
                with contextlib.suppress(RuntimeError):  # the loop has ended, and the console with it
                    loop.call_soon_threadsafe(self._missing, act, result, key)

        try:
            self._store.submit(job, done, lazily=True)
        except StoreError as error:
            self._missing(act, error, key)

    def _missing(self, act: str, error: Exception, key: tuple[str, str, int] | None) -> None:
        if key is not None:
            self._known.pop(key, None)
        self._failed()
        _log.error("look_not_recorded", act=act, error=str(error))
        if not self._telling:  # one at a time: they all say the same
            task = asyncio.get_running_loop().create_task(self._say(act, error))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _say(self, act: str, error: Exception) -> None:
        try:
            await self._tell("record_failing", "record", {"acts": act, "reason": str(error)})
        except StoreError as failed:  # then the disk is the trouble, and somebody else says so
            _log.error("trouble_not_raised", kind="record_failing", error=str(failed))
