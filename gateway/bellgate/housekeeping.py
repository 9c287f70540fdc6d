"""What a gateway does for itself: checkpoints, backups, retention, room on the disk. Never in the way of an alarm.

Each job has a time of its own; one that fails says so in the trouble list and is tried again, and stops no other.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from bellgate import __version__, backups, checkpoints, disk
from bellgate.config import Config
from bellgate.errors import AnsimbellError, StoreError
from bellgate.pipeline import Pipeline
from bellgate.pipeline.flow import Timekeeper
from bellgate.pki import Authority
from bellgate.store import Store, Tx, audit, bell_history, bells, facts, figures, retention, troubles
from bellgate.store.bells import Bell

LOOK_S = 1.0
DISK_EVERY_S = 1.0
KNOW_EVERY_S = 30.0
OVERDUE_EVERY_S = 60.0
RETENTION_EVERY_MS = 86_400_000
RETENTION_FACT = "retention_ms"
SETTINGS_FACT = "settings_sha256"
AGAIN_S = 60.0  # after a failure: a full or missing disk does not change faster
SAID_BY = "gateway"
_FAILING = ("checkpoint_failing", "backup_failing", "retention_failing", "record_failing")
_KINDS = (*_FAILING, "disk_low", "disk_readonly", "press_test_due")

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Job:
    """next_s: steady seconds. trouble: what a failure is called, or None if nobody needs to know."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_s: float
    trouble: str | None
    next_s: float = 0.0


class Housekeeping:
    """`run` in the event loop; what takes time goes to a thread of its own."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        config: Config,
        clock: Timekeeper,
        authority: Authority,
        move_broker: Callable[[bool, list[Bell]], Awaitable[bool]],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """move_broker(into_memory, bells) -> True if it was moved; see `BrokerWatch.shelter`.

        steady_s: what says when a job is due; a simulation has its own.
        """
        self._store, self._pipeline, self._config, self.clock = store, pipeline, config, clock
        self._authority = authority
        self._writer = checkpoints.Writer(config.checkpoint_dir, config.gateway.id, authority)
        self._move_broker = move_broker
        self._steady_s = steady_s
        # Always the same one: memory that a thread has used stays with it, and each of the event loop's common threads
        # would keep what one backup takes, some 4 MB, as its turn comes.
        self._hand = ThreadPoolExecutor(1, "housekeeping")
        self._bells: list[Bell] = []
        self._noted = False
        self._open: dict[str, troubles.Said] = {}
        self._began = False
        self._jobs = [
            _Job("know", self._know, KNOW_EVERY_S, None),
            _Job("disk", self._look_at_disk, DISK_EVERY_S, None),
            _Job("checkpoint", self.checkpoint, config.audit.checkpoint_s, "checkpoint_failing"),
            _Job("backup", self.backup, 60.0, "backup_failing"),
            _Job("retention", self.retain, 600.0, "retention_failing"),
            _Job("press tests", self.count_overdue, OVERDUE_EVERY_S, None),
        ]
        self.backup_ms: int | None = None
        self.checkpoint_ms: int | None = None
        self.backup_took_s = 0.0
        self.removed = 0
        self.room: disk.Room | None = None

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Do what is due now."""
        for job in self._jobs:
            if self._steady_s() >= job.next_s:
                again_s = await self._carry_out(job)
                job.next_s = self._steady_s() + again_s

    async def _carry_out(self, job: _Job) -> float:
        """When to do it again, in seconds."""
        try:
            if not self._began:
                await self._begin()
            await job.work()
        except AnsimbellError as error:
            if job.trouble is not None:
                await self._say(job.trouble, job.name, str(error))
            return min(job.every_s, AGAIN_S)
        except Exception as error:  # our own fault: the other jobs go on, and the operator knows
            _log.exception("housekeeping_fault", job=job.name)
            if job.trouble is not None:
                await self._say(job.trouble, job.name, f"{type(error).__name__}: {error}: report this fault")
            return AGAIN_S
        if job.trouble is not None:
            await self._say(job.trouble, job.name, None)
        return job.every_s

    async def _begin(self) -> None:
        """Lines of the last life count as open until they are known to be over."""
        for row in await self._store.read(troubles.open_troubles):
            if row["kind"] in _KINDS:
                self._open[row["kind"]] = row["values"]
        self._began = True

    async def _say(self, kind: str, subject: str, detail: troubles.Said | None) -> None:
        if self._open.get(kind) == detail:
            return
        if detail is not None and kind not in self._open:
            _log.error(kind, reason=detail)
        try:
            await self._pipeline.trouble(kind, subject, detail)
        except StoreError as error:  # it is said when the database takes it again
            _log.error("trouble_not_written", kind=kind, reason=str(error))
            return
        if detail is None:
            self._open.pop(kind, None)
        else:
            self._open[kind] = detail

    async def _aside(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """`work`, while the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._hand, partial(work, *args, **more))

    # Jobs

    async def _know(self) -> None:
        self._bells = await self._store.read(bells.all_bells)
        self._pipeline.know(self._bells)

    async def checkpoint(self) -> None:
        """One line at the second place, if there is something to say."""
        if "record_failing" in self._open or await self._store.read(partial(_is_open, "record_failing")):
            entry = audit.Entry(self.clock.now_ms(), None, SAID_BY, "record_works_again", {})
            await self._store.write(lambda tx: audit.append_all(tx, [entry]))
            self._open.setdefault("record_failing", "")
            await self._say("record_failing", "record", None)
        await self._note_settings()
        head, at_ms = await self._store.read(audit.head), self.clock.now_ms()
        if await self._aside(self._writer.due, head, at_ms):
            said = {True: "synchronised", False: "unsynchronised", None: "unknown"}[self.clock.synchronised()]
            await self._aside(self._writer.write, head, at_ms, said)
        self.checkpoint_ms = at_ms

    async def _note_settings(self) -> None:
        """Which gateway.toml is in force stands in the record: its digest, when it is another one than before."""
        if self._noted:
            return
        digest = hashlib.sha256(await self._aside(self._config.path.read_bytes)).hexdigest()
        at_ms, name = self.clock.now_ms(), f"{SETTINGS_FACT}/{self._config.gateway.id}"

        def note(tx: Tx) -> None:
            if facts.get(tx, name) != digest:
                facts.put(tx, name, digest)
                detail = {"gateway": self._config.gateway.id, "sha256": digest, "version": __version__}
                audit.append(tx, at_ms, None, SAID_BY, "settings", detail)

        await self._store.write(note)
        self._noted = True

    async def backup(self) -> None:
        """One backup, if the newest is old enough; then those that may go are removed."""
        if not self._config.store.url.startswith("sqlite:"):
            return  # pg_dump's work; the doctor says so
        there = await self._aside(backups.listed, self._config.backup_dir)
        self.backup_ms = there[-1].made_ms if there else None
        at_ms = self.clock.now_ms()
        age_ms = None if self.backup_ms is None else at_ms - self.backup_ms
        if age_ms is not None and 0 <= age_ms < self._config.backup.every_s * 1000:
            return
        began_s = time.monotonic()
        made = await self._aside(backups.make, self._config, self._authority, at_ms)
        self.backup_took_s = time.monotonic() - began_s
        self.backup_ms = made.made_ms
        gone = await self._aside(backups.rotate, self._config)
        _log.info("backup_made", folder=str(made.folder), took_ms=round(self.backup_took_s * 1000), removed=gone)

    async def retain(self) -> None:
        """Once a day: note the size, remove what is over."""
        now_ms = self.clock.now_ms()
        last = await self._store.read(lambda tx: facts.get(tx, RETENTION_FACT))
        if last is not None and 0 <= now_ms - int(last) < RETENTION_EVERY_MS:
            return
        size = await self._aside(figures.size_bytes, self._store)
        await self._store.write(lambda tx: figures.note_size(tx, size, now_ms))
        if self.clock.synchronised() is False:
            return  # tried again: a clock that follows nothing must not decide what is old
        removed = await self._remove(now_ms)
        self.removed += sum(removed.values())

        def finish(tx: Tx) -> None:
            facts.put(tx, RETENTION_FACT, str(now_ms))
            if any(removed.values()):
                audit.append(tx, now_ms, None, SAID_BY, "retention", removed)

        await self._store.write(finish)
        if any(removed.values()):
            _log.info("retention", **removed)

    async def _remove(self, now_ms: int) -> dict[str, int]:
        keep = self._config.retention
        plan: list[tuple[str, int, Callable[[Tx, int], int]]] = [
            ("tests", keep.tests_days, lambda tx, before: retention.incidents(tx, True, before)),
            ("press_tests", keep.tests_days, retention.press_tests),
            ("incidents", keep.incidents_days, lambda tx, before: retention.incidents(tx, False, before)),
            ("signals", keep.incidents_days, retention.loose_signals),
            ("deliveries", keep.deliveries_days, retention.deliveries),
            ("troubles", keep.troubles_days, retention.troubles),
            ("refusals", keep.refusals_days, retention.refusals),
            ("places", 1, retention.places),  # of wiped bells, after the incidents that told of them
        ]
        removed: dict[str, int] = {}
        for name, days, portion in plan:
            removed[name] = 0
            while days:
                before_ms = now_ms - days * figures.DAY_MS
                count = await self._store.write(partial(_portion, portion, before_ms))
                removed[name] += count
                if count < retention.PORTION:
                    break
                await asyncio.sleep(0.05)  # alarms first
        return removed

    async def count_overdue(self) -> None:
        """One line for all bells that nobody has pressed as a test for too long; the page of bells names them."""
        if self.clock.synchronised() is False:
            return  # a clock that follows nothing must not decide what is overdue
        days, now_ms = self._config.bells.press_test_days, self.clock.now_ms()
        count = await self._store.read(lambda tx: bell_history.overdue(tx, now_ms, days))
        await self._say("press_test_due", "bells", {"n": count, "days": days} if count else None)

    async def _look_at_disk(self) -> None:
        folder = self._config.data_dir
        self.room = room = await self._aside(disk.room, folder)
        if room is None:
            return
        full = room.free < disk.FULL_BYTES or (
            self._pipeline.disk_fault and "full" in (self._pipeline.store_fault or "")
        )
        if full and await self._aside(disk.give_up_reserve, folder):
            _log.error("reserve_given_up", free_bytes=room.free)
        stuck = full or room.readonly or self._pipeline.disk_fault
        if stuck:
            await self._shelter(True)
        elif room.free >= disk.LOW_BYTES and not self._pipeline.counters()["waiting"]:
            await self._shelter(False)
        if not stuck:
            await self._aside(disk.keep_reserve, folder)
        if self._pipeline.disk_fault:
            return  # `store_failing` says it, and nothing more can be written down
        # In steps: each new text is a write, and a disk that fills moves every second.
        free: dict[str, str | int] = {
            "free_mb": room.free // 10_000_000 * 10,
            "all_mb": room.total // 1_000_000,
            "folder": str(folder),
        }
        low = not room.readonly and (room.free < disk.LOW_BYTES or not (folder / disk.RESERVE_FILE).exists())
        await self._say("disk_low", "disk", free if low else None)
        await self._say("disk_readonly", "disk", {"folder": str(folder)} if room.readonly else None)

    async def _shelter(self, on: bool) -> None:
        """The embedded broker cannot take a press either on such a disk: it lives in memory until there is room.

        Even with room again it would have to be started anew: it does not write on after a write that failed.
        """
        if await self._move_broker(on, self._bells):
            _log.warning("broker_moved", to="memory" if on else "disk")


def _is_open(kind: str, tx: Tx) -> bool:
    return troubles.open_count(tx, kind) > 0


def _portion(portion: Callable[[Tx, int], int], before_ms: int, tx: Tx) -> int:
    return portion(tx, before_ms)
