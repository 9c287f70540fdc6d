"""`Pipeline`: one transaction per message, command or due row, and the answers after its commit.

A message is acknowledged to the broker only after the commit. If the commit fails (disk full), it is kept and tried
again every second: the bell has no receipt, the broker no acknowledgement, and the operator is told. An alarm is told
from memory meanwhile (see `emergency`).
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from bellgate import log
from bellgate.config import Config
from bellgate.core import press_test
from bellgate.core.attendance import LAPSED, UNSIGNED
from bellgate.core.incident import Command, Presented
from bellgate.errors import DiskFault, StoreBusy, StoreError
from bellgate.pipeline import intake, news
from bellgate.pipeline.attendance import Attendance
from bellgate.pipeline.carry import Carrier
from bellgate.pipeline.emergency import Emergency
from bellgate.pipeline.moments import Walk
from bellgate.pipeline.press_tests import PressTests
from bellgate.pipeline.settings import After, Inbound, Settings
from bellgate.store import Store, dues, incidents, troubles
from bellgate.store.base import Row, Tx
from bellgate.store.bells import Bell
from bellgate.store.deliveries import Delivery
from bellgate.store.dues import Due

T = TypeVar("T")

AGAIN_S = 1.0  # a full disk or a locked file does not change faster
# As many as the writer's queue. A message beyond it stays unacknowledged at the broker, and its bell sends it again.
AGAIN_MAX = 10_000
# A message that our own fault cannot digest: tried three times, then left unacknowledged for a repaired gateway.
FAULT_TRIES = 3
DEADLINE_S = 5.0
# Python lets one thread at a time compute. Whoever woke the loop waits so long before it goes on, or the targets would
# be told after all of it: receipts, live events, log.
GIVE_WAY_S = 0.00025

_log = structlog.get_logger(__name__)


class Timekeeper(Protocol):
    """The clock as the pipeline needs it; see `bellgate.clock`."""

    def now_ms(self) -> int:
        """Wall clock, Unix milliseconds."""
        ...

    def synchronised(self) -> bool | None:
        """True if it follows a time source, None if unknown."""
        ...


class Pipeline:
    """Everything that changes a case goes through here. `take` may be called from any thread."""

    def __init__(
        self,
        store: Store,
        config: Config,
        clock: Timekeeper,
        send: Callable[[str, bytes], None],
        announce: Callable[[dict[str, Any]], None],
        wake: Callable[[list[Delivery]], None],
        on_canary: intake.OnCanary | None = None,
    ) -> None:
        """send(topic, payload) publishes a receipt, announce(event) tells the consoles, wake(deliveries) tells the
        engine; all are called from the writer's thread after the commit and must return at once.

        on_canary(tx, payload) is called inside the transaction for this gateway's own canary.
        """
        self._store = store
        self._clock = clock
        self._send = send
        self._announce = announce
        self._wake = wake
        self._on_canary = on_canary
        self._gathered: list[Inbound] = []
        self._committed: list[tuple[After, Callable[[], None]]] = []  # in the thread that writes: not handed out yet
        self._reader: int | None = None  # the thread that is in `take_gathered`
        self._notes: list[dict[str, Any]] = []  # that thread's, for the log
        store.follow(self._hand_out_committed)
        self._settings = Settings.of(config)
        self._settings.warm(clock.now_ms())
        self._counts: Counter[str] = Counter()
        self._again: deque[tuple[Inbound, int]] = deque()
        self._again_lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._stopped = False
        self._failing: tuple[int, StoreError] | None = None  # since when, why
        self._emergency = Emergency(self._settings, announce)
        self.walk = Walk()

    @property
    def settings(self) -> Settings:
        """What of gateway.toml matters here: the targets, and who is told when."""
        return self._settings

    @property
    def store_fault(self) -> str | None:
        """Why messages cannot be stored at present, or None."""
        return str(self._failing[1]) if self._failing else None

    @property
    def disk_fault(self) -> bool:
        """True while messages cannot be stored because of the disk: alarms go out from memory."""
        return self._failing is not None and isinstance(self._failing[1], DiskFault)

    def know(self, bells: Iterable[Bell]) -> None:
        """Who may speak, for the time when the database cannot be read. Any thread."""
        self._emergency.know(bells)

    def counters(self) -> dict[str, int]:
        """For /metrics, since the start. waiting: messages that are tried again because the disk failed."""
        names = ("taken", "signals", "duplicates", "refused", "replays", "heartbeats", "statuses", "receipts")
        faults = ("store_failures", "intake_faults", "left_unacknowledged", "record_failures")
        counts = {name: self._counts[name] for name in (*names, *faults)}
        return counts | {"waiting": len(self._again), "told_from_memory": self._emergency.told}

    def stop(self) -> None:
        """No more second tries; what waits stays unacknowledged at the broker."""
        with self._again_lock:
            self._stopped = True
            if self._timer is not None:
                self._timer.cancel()

    # Messages

    def take(self, inbound: Inbound) -> None:
        """Take one message; returns at once. `inbound.ack` is called after the commit."""
        self._counts["taken"] += 1
        self._submit(inbound, 0)

    def gather(self, inbound: Inbound) -> None:
        """Take one message with those that arrived together with it, at the next `take_gathered`. One thread."""
        self._counts["taken"] += 1
        self._gathered.append(inbound)

    def take_gathered(self, send_now: Callable[[], None]) -> None:
        """Everything has been read that had arrived. The calling thread may wait for a commit: what arrives meanwhile
        makes the next group. What it gave to `send` leaves with send_now(), before a line of the log is written."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        self._reader = threading.get_ident()
        try:
            self._take_all(gathered)
            send_now()
        finally:
            self._reader = None
            notes, self._notes = self._notes, []
            if notes:
                log.info_all(notes)

    def _take_all(self, gathered: list[Inbound]) -> None:
        if self._failing is not None:  # a database that is away must not make the caller deaf
            for inbound in gathered:
                self._submit(inbound, 0)
            return
        try:
            self._store.submit_now(
                [(partial(self._take, inbound), partial(self._taken, inbound, 0)) for inbound in gathered]
            )
        except StoreError as error:
            for inbound in gathered:
                self._keep(inbound, 0, error)

    def _in_reader(self) -> bool:
        return self._reader is not None and threading.get_ident() == self._reader

    def _submit(self, inbound: Inbound, faults: int) -> None:
        try:
            self._store.submit(partial(self._take, inbound), partial(self._taken, inbound, faults), pure=True)
        except StoreError as error:
            self._keep(inbound, faults, error)

    def _take(self, inbound: Inbound, tx: Tx) -> After:
        carrier = Carrier(tx, self._settings, self._clock.now_ms())
        intake.take(carrier, inbound, self._clock.synchronised() is not True, self._on_canary)
        news.tell(tx, carrier.after.events)
        return carrier.after

    def _taken(self, inbound: Inbound, faults: int, result: After | Exception) -> None:
        if isinstance(result, After):
            self._committed.append((result, inbound.ack))
            # A small commit may succeed on a disk that takes no press: it works when nothing waits any more.
            if self._failing is not None and not self._again:
                self._store_works_again()
        elif isinstance(result, StoreError):
            self._keep(inbound, faults, result)
        else:
            self._digest_failed(inbound, faults + 1, result)

    def _digest_failed(self, inbound: Inbound, faults: int, error: Exception) -> None:
        self._counts["intake_faults"] += 1
        _log.error("intake_fault", topic=inbound.topic, tries=faults, exc_info=error)
        if faults < FAULT_TRIES:
            self._keep(inbound, faults, None)
            return
        self._counts["left_unacknowledged"] += 1
        detail = f"{type(error).__name__}: {error}"
        with contextlib.suppress(StoreError):
            self._store.submit(partial(self._raise, "intake_failed", inbound.topic, detail), self._raised)

    def _raise(self, kind: str, subject: str, detail: str, tx: Tx) -> After:
        carrier = Carrier(tx, self._settings, self._clock.now_ms())
        carrier.raise_trouble(kind, subject, detail)
        news.tell(tx, carrier.after.events)
        return carrier.after

    def _raised(self, result: After | Exception) -> None:
        if isinstance(result, After):
            self._committed.append((result, _nothing))

    def _keep(self, inbound: Inbound, faults: int, error: StoreError | None) -> None:
        """Try again in a second. error: the store's fault, or None for our own."""
        if error is not None:
            self._counts["store_failures"] += 1
        if isinstance(error, DiskFault):
            self._tell_from_memory(inbound)
        with self._again_lock:
            if self._stopped:
                return
            if len(self._again) >= AGAIN_MAX:
                self._counts["left_unacknowledged"] += 1
                return
            self._again.append((inbound, faults))
            if self._timer is None:
                self._timer = threading.Timer(AGAIN_S, self._try_again)
                self._timer.daemon = True
                self._timer.start()
        if error is not None and self._failing is None:
            now_ms = self._clock.now_ms()
            self._failing = (now_ms, error)
            _log.error("store_failing", reason=str(error))
            # It cannot be written down now: say it to whoever looks, and write it down when the disk works again.
            row = {"id": None, "kind": "store_failing", "subject": "database", "detail": str(error), "count": 1}
            times = {"raised_ms": now_ms, "last_ms": now_ms, "cleared_ms": None, "values": {"reason": str(error)}}
            self._announce(troubles.event("raised", row | times))

    def _tell_from_memory(self, inbound: Inbound) -> None:
        try:
            now_ms = self._clock.now_ms()
            after = self._emergency.after(inbound, now_ms, self._clock.synchronised() is not True)
            if after is not None:
                self._hand_out([after])
        except Exception:  # the last resort must not take the message from those who try it again
            _log.exception("emergency_fault", topic=inbound.topic)

    def _try_again(self) -> None:
        with self._again_lock:
            self._timer = None
            waiting = list(self._again)
            self._again.clear()
        for inbound, faults in waiting:
            self._submit(inbound, faults)

    def _store_works_again(self) -> None:
        assert self._failing is not None
        since_ms, fault = self._failing
        reason = str(fault)
        self._failing = None
        self._emergency.over(self._clock.now_ms())
        _log.info("store_works_again", since_ms=since_ms)

        def job(tx: Tx) -> Row | None:
            troubles.raise_(tx, "store_failing", "database", reason, since_ms)
            return troubles.clear(tx, "store_failing", "database", self._clock.now_ms())

        def done(row: Row | Exception | None) -> None:
            if isinstance(row, dict):
                self._announce(troubles.event("cleared", row))

        with contextlib.suppress(StoreError):
            self._store.submit(job, done)

    # People

    async def command(self, incident_id: int, given: Command) -> dict[str, Any]:
        """Carry out a person's command; the detail view afterwards. Raises CommandRefused and its kinds, StoreError."""
        return await self._transact(lambda carrier: carrier.command(incident_id, given), partial(_view, incident_id))

    async def present(self, incident_id: int, given: Presented) -> dict[str, Any]:
        """An attended console showed the incident; the detail view afterwards. Raises like `command`."""

        def job(carrier: Carrier) -> None:
            carrier.presented(incident_id, given)
            PressTests(carrier).shown()

        return await self._transact(job, partial(_view, incident_id))

    async def watch(self, job: Callable[[Attendance], T]) -> T:
        """What a console or its person says of the watch; what the job returned. Raises NotAllowed, StoreError."""
        return await self._answered(lambda carrier: job(Attendance(carrier)))

    async def press_tests(self, job: Callable[[PressTests], T]) -> T:
        """What a person does about press tests; what the job returned. Raises NotAllowed, RecordError, StoreError."""
        return await self._answered(lambda carrier: job(PressTests(carrier)))

    # The engine

    async def fire(self, due: Due) -> None:
        """Carry out one due row, unless it was moved or removed since it was taken. Raises StoreError."""
        await self._transact(lambda carrier: _fire(carrier, due), lambda _: None)

    async def trouble(self, kind: str, subject: str, said: troubles.Said | None) -> None:
        """Raise (or with None clear) a line of the trouble list. Raises StoreError.

        said: the values in its text (see `console/locale`), or a reason in words of others.
        """

        def job(carrier: Carrier) -> None:
            if said is not None:
                carrier.raise_trouble(kind, subject, said)
            else:
                carrier.clear_trouble(kind, subject)

        await self._transact(job, lambda _: None)

    async def drop_troubles(self, which: Callable[[Tx], list[Row]]) -> None:
        """End the lines whose end nobody will ever say. Raises StoreError."""

        def job(carrier: Carrier) -> None:
            for row in which(carrier.tx):
                carrier.drop_trouble(row)

        await self._transact(job, lambda _: None)

    async def _answered(self, job: Callable[[Carrier], T]) -> T:
        """What the job returned, after its commit."""
        kept: list[T] = []

        def carry(carrier: Carrier) -> None:
            kept[:] = [job(carrier)]

        return await self._transact(carry, lambda _: kept[0])

    async def _transact(self, job: Callable[[Carrier], None], then: Callable[[Tx], T]) -> T:
        """`job` and `then` in one transaction; hands out after the commit even if the caller has given up waiting."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def whole(tx: Tx) -> tuple[After, T]:
            carrier = Carrier(tx, self._settings, self._clock.now_ms())
            job(carrier)
            news.tell(tx, carrier.after.events)
            return carrier.after, then(tx)

        def answer(result: tuple[After, T] | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result)

        def done(result: tuple[After, T] | Exception) -> None:
            if isinstance(result, Exception):
                answer(result)
            else:
                self._committed.append((result[0], partial(answer, result)))

        self._store.submit(whole, done)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await future
        except TimeoutError:
            raise StoreBusy(f"the database did not answer within {DEADLINE_S:g} s: look whether it was done") from None

    # After the commit

    def _hand_out_committed(self) -> None:
        """All of one transaction at once: one wake-up of the engine and one write of the log, however many presses."""
        committed, self._committed = self._committed, []
        if not committed:
            return
        try:
            self._hand_out([after for after, _ in committed])
        finally:
            for _, answer in committed:
                answer()

    def _hand_out(self, afters: list[After]) -> None:
        tests = [test for after in afters for test in after.tests]
        stored_ms = self._clock.now_ms() if tests else 0
        deliveries = [delivery for after in afters for delivery in after.deliveries]
        if deliveries:
            self._wake(deliveries)
            if self._in_reader():
                time.sleep(GIVE_WAY_S)
        for after in afters:
            for receipt in after.receipts:
                try:
                    self._send(*receipt.packed())
                except ValueError:  # our own fault with one receipt must not keep back the others of the group
                    self._counts["intake_faults"] += 1
                    _log.exception("receipt_fault", bell=receipt.bell.bell_id, boot=receipt.boot, seq=receipt.seq)
            for command in after.commands:
                self._send(*command.packed())
            self._counts["receipts"] += len(after.receipts)
            for name in after.counts:
                self._counts[name] += 1
        receipt_ms = self._clock.now_ms() if tests else 0
        for after in afters:
            for event in after.events:
                self._announce(event)
            for press, console in after.shown:
                self.walk.presented(press, console, self._clock.now_ms())
        if tests:
            self.walk.stored(tests, stored_ms, receipt_ms, self._clock.now_ms())
        # Written last: nobody who waits for a press waits for a line of the log.
        notes = [note for after in afters for note in (*after.notes, *map(_said, after.events)) if note]
        if self._in_reader():
            self._notes += notes
        else:
            log.info_all(notes)


def _nothing() -> None:
    pass


def _said(event: dict[str, Any]) -> dict[str, Any] | None:
    """What the log says of a live event."""
    if event["type"] != "incident" or event["change"] in ("opened", "joined"):
        return None  # of a press: its own line says it
    case = event["incident"]
    return {"event": "incident", "incident": case["id"], "change": event["change"], "handling": case["handling"]}


def _view(incident_id: int, tx: Tx) -> dict[str, Any]:
    view = incidents.view(tx, incident_id)
    assert view is not None
    return view


def _fire(carrier: Carrier, due: Due) -> None:
    if not dues.finish(carrier.tx, due):
        return
    if due.kind in (LAPSED, UNSIGNED):
        Attendance(carrier).due(due.kind, due.subject)
    elif due.kind == press_test.DUE:
        PressTests(carrier).due(int(due.subject))
    else:
        carrier.fire(due)


def _settle(future: "asyncio.Future[T]", result: tuple[After, T] | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result[1])
