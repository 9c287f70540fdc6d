"""Watches the broker: new and revoked bells, a broker that died, refusals in its log.

The command line enrols in another process, so the database's revision is what tells of a change.
"""

import asyncio
import time
from functools import partial

import structlog

from bellgate.broker import expel
from bellgate.broker.embedded import EmbeddedBroker
from bellgate.broker.nats import Violation
from bellgate.broker.session import Session
from bellgate.clock import Clock
from bellgate.errors import BrokerError, StoreError
from bellgate.pipeline import Pipeline
from bellgate.store import Store, Tx, bells, refusals
from bellgate.store.bells import Bell

EVERY_S = 0.5  # a new bell is let in, and a revoked one cut off, within a second
# A broker that dies at once again and again is started ever more rarely; a bell waits at most this long for it.
AGAIN_MAX_S = 30.0
# Not being connected for a moment is a restart; for longer it is trouble.
AWAY_GRACE_S = 5.0
# A broker that runs and lets us in no more, for so long, is started anew: one whose disk was full while the gateway was
# away never writes again, and one that hangs answers nobody. A start with a day's messages to read back is shorter.
DEAF_S = 15.0
# How long a mosquitto may take to say that it has cut a bell off.
ANSWER_S = 5.0
# Troubles for refusals of one look at the log; the count in /metrics is exact beyond it.
LINES_MAX = 5

_log = structlog.get_logger(__name__)


class BrokerWatch:
    """broker None: somebody else runs it, and only the session is watched; expels: it can be told to cut a bell off."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        broker: EmbeddedBroker | None,
        session: Session,
        clock: Clock,
        revision: int,
        expels: bool = False,
    ) -> None:
        """revision: of the bells that the broker was started with."""
        self._expels = expels
        self._expelled: set[str] = set()  # on the present connection
        self._told = (-1, -1)  # revision and connection of the last look
        self._asked_s: float | None = None
        self._store, self._pipeline, self._broker = store, pipeline, broker
        self._session, self._clock = session, clock
        self._revision = revision
        self._again_s = 0.0
        self._next_start_s = 0.0
        self._moving = asyncio.Lock()
        self._open: set[str] = set()  # troubles that we raised; None of them is known at the start
        self._cleared_old = False
        self._away_since_s: float | None = time.monotonic()
        self._started_s = time.monotonic()

    def counts(self) -> tuple[int, int] | None:
        """(starts, reloads) of the embedded broker, None without one."""
        return (self._broker.starts, self._broker.reloads) if self._broker else None

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                _log.error("watch_store", reason=str(error))
            except Exception:  # the watch must go on whatever one look meets
                _log.exception("watch_fault")
            await asyncio.sleep(EVERY_S)

    async def shelter(self, on: bool, bells: list[Bell]) -> bool:
        """The disk takes nothing: let the embedded broker live in memory; or bring it back. True if it was moved.

        Raises BrokerError; then the next look starts it where it was.
        """
        if self._broker is None or self._broker.sheltered == on:
            return False
        async with self._moving:
            await asyncio.to_thread(self._broker.stop)
            self._broker.shelter(on)
            try:
                await asyncio.to_thread(self._broker.start, bells)
            except BrokerError:
                self._broker.shelter(not on)
                raise
        return True

    async def look(self) -> None:
        """One look."""
        async with self._moving:
            await self._look()

    async def _look(self) -> None:
        if not self._cleared_old:
            for kind in ("broker_down", "broker_permissions", "not_listening", "revoked_connected"):
                await self._pipeline.trouble(kind, "broker", None)
            self._cleared_old = True
        await self._look_at_session()
        if self._broker is None:
            if self._expels and self._session.listening:
                await self._expel()
            return
        if not self._broker.alive() or self._deaf() or await asyncio.to_thread(self._broker.certificate_changed):
            await self._start_again(self._broker)
            return
        revision = await self._store.read(bells.revision)
        if revision != self._revision:
            await self._permit(self._broker, revision)
        found = await asyncio.to_thread(self._broker.violations)
        if found:
            await self._refused(found)

    async def _expel(self) -> None:
        """Have a mosquitto cut revoked bells off. It keeps who they are; we say all of them again on each connection,
        for it may have been set up anew."""
        connection = self._session.connections
        revision = await self._store.read(bells.revision)
        if (revision, connection) != self._told:
            if connection != self._told[1]:
                self._expelled.clear()
            gone = [name for name in await self._store.read(bells.revoked) if name not in self._expelled]
            for payload in expel.commands(gone):
                self._session.control(payload)
                self._asked_s = time.monotonic()
            self._expelled.update(gone)
            self._told = (revision, connection)
            if gone:
                _log.info("broker_expels", bells=len(gone), revision=revision)
        answers = self._session.answers()
        faults = [fault for payload in answers for fault in expel.faults(payload)]
        if faults:
            await self._say("revoked_connected", faults[0][:200])
        elif answers:
            await self._say("revoked_connected", None)
        elif self._asked_s is not None and time.monotonic() - self._asked_s > ANSWER_S:
            await self._say("revoked_connected", "no answer")
        if answers or self._asked_s is None or time.monotonic() - self._asked_s > ANSWER_S:
            self._asked_s = None

    async def _permit(self, broker: EmbeddedBroker, revision: int) -> None:
        listed = await self._store.read(bells.all_bells)
        try:
            await asyncio.to_thread(broker.permit, listed)
        except BrokerError as error:
            await self._say("broker_permissions", str(error))
            return  # tried again at the next look
        self._revision = revision
        _log.info("broker_permits", bells=len(listed), revision=revision)
        await self._say("broker_permissions", None)

    async def _start_again(self, broker: EmbeddedBroker) -> None:
        now_s = time.monotonic()
        if now_s < self._next_start_s:
            return
        if not broker.alive():
            fault = broker.fault()
            _log.error("broker_died", reason=fault)
            await self._say("broker_down", fault)
        elif self._deaf():
            _log.error("broker_deaf", reason=self._session.fault)
            await self._say("broker_down", f"it runs and answers nobody: {self._session.fault or 'no connection'}")
        self._again_s = min(max(self._again_s * 2, 1.0), AGAIN_MAX_S)
        self._next_start_s = now_s + self._again_s
        revision = await self._store.read(bells.revision)
        try:
            await asyncio.to_thread(broker.stop)
            await asyncio.to_thread(broker.start, await self._store.read(bells.all_bells))
        except BrokerError as error:
            _log.error("broker_not_started", reason=str(error), again_s=self._again_s)
            await self._say("broker_down", str(error))
            return
        self._revision = revision
        self._started_s = time.monotonic()
        await self._say("broker_down", None)

    def _deaf(self) -> bool:
        since_s = self._away_since_s
        return since_s is not None and time.monotonic() - max(since_s, self._started_s) > DEAF_S

    async def _look_at_session(self) -> None:
        if self._session.listening:
            self._away_since_s = None
            self._again_s = 0.0
            await self._say("not_listening", None)
            return
        now_s = time.monotonic()
        if self._away_since_s is None:
            self._away_since_s = now_s
        elif now_s - self._away_since_s > AWAY_GRACE_S:
            await self._say("not_listening", self._session.fault or "?")

    async def _refused(self, found: list[Violation]) -> None:
        at_ms = self._clock.now_ms()
        known = {bell.bell_id for bell in await self._store.read(bells.all_bells)}
        subjects = {_bell_named(one.client, known): one.text for one in found}
        await self._store.write(partial(_count, len(found), at_ms))
        for subject, text in list(subjects.items())[:LINES_MAX]:
            await self._pipeline.trouble("message_refused", subject, f"acl: {text[:200]}")

    async def _say(self, kind: str, detail: str | None) -> None:
        if detail is None and kind not in self._open:
            return
        if detail is not None and kind in self._open:
            return  # said once when lost, and once when back
        await self._pipeline.trouble(kind, "broker", detail)
        if detail is None:
            self._open.discard(kind)
        else:
            self._open.add(kind)


def _count(count: int, at_ms: int, tx: Tx) -> None:
    for _ in range(count):
        refusals.count(tx, "acl", at_ms)


def _bell_named(client: str, known: set[str]) -> str:
    """The bell that a client id names: the bell_id itself, or followed by a secret part as our firmware does it."""
    for name in (client, client.rpartition("-")[0]):
        if name in known:
            return name
    return "?"
