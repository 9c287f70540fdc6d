"""What became of attempts is written down once each, with as few commits as possible, and never forgotten."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from bellgate import lanes as lanes_module
from bellgate.clock import Clock
from bellgate.errors import StoreBusy, StoreError
from bellgate.lanes import Lanes
from bellgate.store import Store, Tx
from bellgate.store.deliveries import Delivery, Mark

WAIT_S = 20.0


class Quick:
    """A target that answers when it is told to."""

    timeout_s = 10.0
    at_once = 16
    retry_max_s = 60.0

    def __init__(self) -> None:
        self.begun: dict[str, Callable[[str], None]] = {}

    def begin(self, one: Delivery, done: Callable[[str], None]) -> Callable[[], None]:
        self.begun[one.id] = done
        return lambda: None

    async def send(self, one: Delivery) -> str:
        raise AssertionError("it was begun")

    async def watch(self, say: Any) -> None:
        pass

    async def close(self) -> None:
        pass


class Desk:
    """Takes jobs as the store does, and does them when it is told to. fault: why the next commit fails."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[Tx], Any], Callable[[Any], None] | None]] = []
        self.refuses: StoreError | None = None

    def submit(self, job: Any, done: Any = None, *, lazily: bool = False, pure: bool = False) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.jobs.append((job, done))

    def commit(self, fault: StoreError | None = None, times: int = 1) -> None:
        """Do what waits, `times` times over as after a savepoint, and answer."""
        jobs, self.jobs = self.jobs, []
        for _ in range(times):
            for job, _ in jobs:
                job(cast(Tx, None))
        for _, done in jobs:
            if done is not None:
                done(fault)


class Rig:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.target, self.desk = Quick(), Desk()
        self.written: list[list[str]] = []
        monkeypatch.setattr(lanes_module.deliveries, "mark", self._mark)
        self.lanes = Lanes(
            cast(Store, self.desk), Clock(), {"t": self.target}, lambda work: work.close(), cast(Any, None)
        )

    def _mark(self, _tx: Tx, marks: list[Mark]) -> None:
        self.written.append([one.id for one in marks])

    def give(self, *numbers: int) -> None:
        self.lanes.offer([Delivery(str(n), "t", "ansimbell.signal", 1, n, 0, "{}", 0, 1, 1) for n in numbers])

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self.target.begun[str(number)]("200 OK")


def told(story: Callable[[], Any]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(WAIT_S):
            await story()

    asyncio.run(whole())


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_answers_that_come_before_the_commit_ride_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        rig = Rig(monkeypatch)
        rig.give(*range(80))
        rig.answer(0, 1, 2)
        rig.desk.commit()
        assert rig.written == [["0", "1", "2"]]
        await turn()
        assert not rig.lanes.holds("0") and rig.lanes.holds("3") and not rig.desk.jobs
        assert rig.lanes.counters()["unwritten"] == len(rig.target.begun) - 3

    told(story)


def test_an_answer_during_the_commit_rides_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        rig = Rig(monkeypatch)
        rig.give(*range(80))
        rig.answer(0)
        rig.desk.commit()
        rig.answer(1)  # the loop has not been told of the commit yet
        await turn()
        assert rig.lanes.holds("1")
        rig.desk.commit()
        await turn()
        assert rig.written == [["0"], ["1"]] and not rig.lanes.holds("1")

    told(story)


def test_a_job_that_is_run_again_writes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        rig = Rig(monkeypatch)
        rig.give(*range(80))
        rig.answer(0, 1)
        rig.desk.commit(times=2)
        assert rig.written == [["0", "1"]] * 2

    told(story)


@pytest.mark.parametrize("how", ["the commit fails", "the store takes none"])
def test_what_could_not_be_written_is_written_later_and_in_order(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        rig = Rig(monkeypatch)
        waits: dict[str, Callable[[], None]] = {}
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "call_later", lambda _s, again: waits.update({again.__name__: again}))
        rig.give(*range(80))
        if how == "the store takes none":
            rig.desk.refuses = StoreBusy("busy")
        rig.answer(0, 1)
        rig.desk.commit(StoreError("full"))
        await turn()
        rig.answer(2)
        assert rig.lanes.holds("0") and not rig.desk.jobs
        rig.desk.refuses = None
        waits["_write_marks"]()
        rig.desk.commit()
        await turn()
        assert rig.written[-1] == ["0", "1", "2"] and not rig.lanes.holds("0")

    told(story)
