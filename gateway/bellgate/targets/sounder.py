"""A siren, a strobe or a buzzer on a relay of this machine.

It looks into the tables once a second and when a message comes, and sounds as long as an incident that it was told of
has nobody who acknowledged it. So it goes off on an acknowledgement whoever carried the news, and after a restart it
goes on where it was. With several gateways on one database each sounder of the same name does the same.
"""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from bellgate.config_targets import SounderTarget
from bellgate.errors import StoreError, TargetError
from bellgate.store import deliveries
from bellgate.store.base import Row, Tx
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Means, Say, Sender
from bellgate.targets.notice import Notice, read, read_body
from bellgate.targets.relay import Relay
from bellgate.targets.sounding import Mount, Sound, Told, calls, decide, level, refused

LOOK_S = 1.0
# One call among them is enough to sound; in a storm there are thousands, and this is looked at every second.
NEWEST = 100
AGAIN_S = 5.0  # a pin that failed is tried again after this; nobody plugs a relay in faster

_log = structlog.get_logger(__name__)


class Sounder(Sender):
    """One [[target]] of kind sounder."""

    retry_max_s = AGAIN_S

    def __init__(self, section: SounderTarget, means: Means) -> None:
        super().__init__(section.name, section.timeout_s)
        self._mount = Mount(
            heard=section.place == "premises",
            tests=section.test,
            on_ms=section.on_ms,
            off_ms=section.off_ms,
            max_ms=section.max_on_s * 1000,
        )
        self._store = means.store
        self._clock = means.clock
        self._relay = Relay(section.pin, section.active_high)
        self._hand = ThreadPoolExecutor(1, f"sounder-{section.name}")  # a pin may block; the loop may not
        self._lock = asyncio.Lock()
        self._poke = asyncio.Event()
        self._sound: Sound | None = None
        self._unstored: dict[str, Told] = {}  # by bell: alarms told from memory, because the disk takes nothing
        self._is_on: bool | None = None  # None: not known, the relay has to be told

    async def send(self, delivery: Delivery) -> str | None:
        """Look and switch now. Raises TargetError when the relay cannot be switched."""
        notice = read(delivery)
        await self._look(notice)
        await self._switch()
        self._poke.set()
        sound = self._sound
        if sound is not None and self._clock.now_ms() < sound.until_ms:
            return "it sounds"
        why = refused(self._mount, notice.test, notice.hushed) if calls(notice) else None
        return f"it stays off ({why})" if why else "it is off"

    async def watch(self, say: Say) -> None:
        """Sound on and off, second by second."""
        said: str | None = ""  # not yet known what the list says
        while True:
            await self._look(None)
            fault: str | None = None
            try:
                async with asyncio.timeout(self.timeout_s):
                    change_ms = await self._switch()
            except TimeoutError:
                fault, change_ms = f"the relay did not answer within {self.timeout_s:g} s", None
            except TargetError as error:
                fault, change_ms = str(error), None
            if fault != said:
                said = fault
                await say("sounder_fault", self.name, fault)
            wait_s = AGAIN_S if fault else min(LOOK_S, change_ms / 1000 if change_ms else LOOK_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._poke.wait()
            self._poke.clear()

    async def close(self) -> None:
        """Off: a sounder without a gateway could not be silenced by anybody."""
        self._hand.submit(self._relay.let_go)
        done = asyncio.get_running_loop().run_in_executor(self._hand, int)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timeout_s):
                await done
        self._hand.shutdown(wait=False, cancel_futures=True)

    async def _look(self, news: Notice | None) -> None:
        """Decide anew. If the tables cannot be read, an alarm in hand sounds all the same."""
        now_ms = self._clock.now_ms()
        if news is not None:
            self._unstored.pop(news.bell_id, None)
            if not news.stored:
                self._unstored[news.bell_id] = Told(news, news.test, news.hushed)
        for bell_id, told in list(self._unstored.items()):
            if now_ms >= told.notice.sent_ms + self._mount.max_ms:
                del self._unstored[bell_id]
        try:
            rows = await self._store.read(partial(self._of_unattended, now_ms), deadline_s=1.0)
        except StoreError as error:
            _log.error("sounder_blind", target=self.name, reason=str(error))
            fresh = [] if news is None else [Told(news, news.test, news.hushed)]
            self._sound = decide(self._mount, [*fresh, *self._unstored.values()], now_ms) or self._sound
            return
        self._sound = decide(self._mount, [*map(_told, rows), *self._unstored.values()], now_ms)

    def _of_unattended(self, now_ms: int, tx: Tx) -> list[Row]:
        mount = self._mount
        after_ms = now_ms - mount.max_ms
        return deliveries.of_unattended(tx, self.name, after_ms, mount.tests, not mount.heard, NEWEST)

    async def _switch(self) -> int | None:
        """Put the relay as it should be now; milliseconds until it should change. Raises TargetError."""
        async with self._lock:
            on, change_ms = level(self._mount, self._sound, self._clock.now_ms())
            if on is not self._is_on:
                self._is_on = None
                await asyncio.get_running_loop().run_in_executor(self._hand, self._relay.put, on)
                self._is_on = on
            return change_ms


def _told(row: Row) -> Told:
    notice = read_body("", row["type"], row["round"], row["body"], row["created_ms"])
    return Told(notice, bool(row["test"]), bool(row["silent"] or row["duress"]))
