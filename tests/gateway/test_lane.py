"""One lane under odd targets: how many at once, until when, and what is left when the gateway stops."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bellgate import lane as lane_module
from bellgate.errors import TargetError
from bellgate.lane import UNWRITTEN, Lane
from bellgate.store.deliveries import Delivery

WAIT_S = 20.0
Outcome = str | TargetError | None


def delivery(number: int) -> Delivery:
    return Delivery(str(number), "t", "t", 1, 1, 0, "{}", 0, 0, 0)


class Slow:
    """Sends in tasks; an answer comes when the test gives it."""

    timeout_s, at_once, retry_max_s = 10.0, 16, 1.0

    def __init__(self) -> None:
        self.sending: dict[str, asyncio.Future[str]] = {}
        self.cancelled: list[str] = []

    async def send(self, one: Delivery) -> str | None:
        self.sending[one.id] = asyncio.get_running_loop().create_future()
        try:
            return await self.sending[one.id]
        except asyncio.CancelledError:
            self.cancelled.append(one.id)
            raise

    async def watch(self, say: Any) -> None:
        return

    async def close(self) -> None:
        return


class Quick(Slow):
    """Begins without a task, unless it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True
        self.begun: dict[str, Callable[[Outcome], None]] = {}
        self.ended: list[str] = []

    def begin(self, one: Delivery, done: Callable[[Outcome], None]) -> Callable[[], None] | None:
        if not self.open:
            return None
        self.begun[one.id] = done
        return lambda: self.ended.append(one.id)


class Rig:
    """A lane, and what it said. marks: its reports count as unwritten until `written`."""

    def __init__(self, target: Slow, at_once: int = 16, marks: bool = False) -> None:
        self.over: list[tuple[str, str | None, Exception | None]] = []
        self.hurries = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.marks = marks
        self.lane = Lane("t", target, at_once, self._spawn, self._over, self._hurry)

    def give(self, *numbers: int) -> None:
        self.lane.waiting += [delivery(number) for number in numbers]
        self.lane.pump()

    def write(self, failed: bool = False) -> None:
        if not failed:
            self.lane.unwritten = 0
        self.lane.written(failed)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.ensure_future(work))

    def _over(self, lane: Lane, one: Delivery, proof: str | None, fault: Exception | None) -> None:
        lane.unwritten += self.marks
        self.over.append((one.id, proof, fault))

    def _hurry(self) -> None:
        self.hurries += 1


def told(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(WAIT_S):
            await story()

    asyncio.run(whole())


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def test_quick_target_sends_in_the_turn_that_gave_and_in_the_turn_that_answered() -> None:
    async def story() -> None:
        target = Quick()
        rig = Rig(target, at_once=1)
        rig.give(1, 2)
        assert list(target.begun) == ["1"] and not rig.tasks
        target.begun["1"]("200 OK")
        assert list(target.begun) == ["1", "2"] and not rig.tasks
        fault = TargetError("it refuses")
        target.begun["2"](fault)
        assert rig.over == [("1", "200 OK", None), ("2", None, fault)]

    told(story)


@pytest.mark.parametrize("closed", ["before", "meanwhile"])
def test_quick_target_whose_way_is_closed_is_sent_by_a_task_once(closed: str) -> None:
    async def story() -> None:
        target = Quick()
        target.open = closed == "meanwhile"
        rig = Rig(target, at_once=1)
        rig.give(1)
        if closed == "meanwhile":
            target.begun["1"](None)
        await until(lambda: target.sending)
        target.sending["1"].set_result("200 OK")
        await until(lambda: rig.over)
        assert rig.over == [("1", "200 OK", None)] and len(rig.tasks) == 1

    told(story)


def test_fault_of_ours_in_begin_is_met_again_in_send_and_said() -> None:
    async def story() -> None:
        target = Quick()
        target.begin = lambda one, done: {}[one.id]  # type: ignore[method-assign]
        rig = Rig(target)
        rig.give(1)
        await until(lambda: target.sending)
        target.sending["1"].set_exception(KeyError("x"))
        await until(lambda: rig.over)
        assert isinstance(rig.over[0][2], KeyError)

    told(story)


@pytest.mark.parametrize("kind", [Slow, Quick])
def test_each_attempt_has_its_own_deadline_and_one_that_is_late_makes_room(kind: type[Slow]) -> None:
    async def story() -> None:
        target = kind()
        target.timeout_s = 0.8  # a busy machine may keep the loop for some tenths
        rig = Rig(target, at_once=2)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        rig.give(1)
        await asyncio.sleep(0.4)
        rig.give(2, 3, 4)
        await until(lambda: len(rig.over) >= 1)
        first_s = loop.time() - began_s
        assert [(name, type(fault)) for name, _, fault in rig.over] == [("1", TimeoutError)]
        await until(lambda: len(rig.over) >= 4)
        last_s = loop.time() - began_s
        assert [name for name, _, _ in rig.over] == ["1", "2", "3", "4"]
        assert first_s >= 0.79 and last_s >= 1.99  # 3 began when 1 was late, 4 when 2 was
        assert (target.ended if isinstance(target, Quick) else target.cancelled) == ["1", "2", "3", "4"]

    told(story)


def test_answer_after_the_deadline_counts_no_more() -> None:
    async def story() -> None:
        target = Quick()
        target.timeout_s = 0.02
        rig = Rig(target)
        rig.give(1)
        await until(lambda: rig.over)
        target.begun["1"]("200 OK")
        assert [proof for _, proof, _ in rig.over] == [None]

    told(story)


def test_deadline_covers_both_ways_of_one_attempt() -> None:
    async def story() -> None:
        target = Quick()
        target.timeout_s = 0.2
        rig = Rig(target)
        began_s = asyncio.get_running_loop().time()
        rig.give(1)
        await asyncio.sleep(0.15)
        target.begun["1"](None)
        await until(lambda: rig.over)
        assert asyncio.get_running_loop().time() - began_s < 0.34
        assert isinstance(rig.over[0][2], TimeoutError) and target.cancelled == ["1"]

    told(story)


@pytest.mark.parametrize("kind", [Slow, Quick])
def test_no_more_is_under_way_or_unwritten_than_a_kill_may_repeat(kind: type[Slow]) -> None:
    async def story() -> None:
        target = kind()
        rig = Rig(target, marks=True)
        given = 2_000
        rig.give(*range(given))
        answered = most = 0
        while answered < given:
            open_ = rig.tasks if kind is Slow else target.begun  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            under_way = len(open_) - answered
            most = max(most, under_way + rig.lane.unwritten)
            if under_way:
                name = str(answered)
                if isinstance(target, Quick):
                    target.begun[name]("200 OK")
                else:
                    target.sending[name].set_result("200 OK")
                answered += 1
                await until(lambda n=answered: len(rig.over) == n)
            else:
                assert rig.hurries  # it asked for the commit it waits for
                rig.write()
        assert most == UNWRITTEN[1]

    told(story)


@pytest.mark.parametrize(("waiting", "begun"), [(1, 1), (2, 2), (23, 2), (40, 5), (200, 25), (2_000, 64)])
def test_an_eighth_of_what_waits_may_be_repeated_but_two_at_least(waiting: int, begun: int) -> None:
    async def story() -> None:
        target = Quick()
        rig = Rig(target, at_once=100, marks=True)
        rig.give(*range(waiting))
        # What remains is less after each that went, and with it what may go.
        assert begun * 0.75 <= len(target.begun) <= begun and len(target.begun) >= min(waiting, UNWRITTEN[0])

    told(story)


def test_the_commit_it_waits_for_takes_all_answers_along() -> None:
    async def story() -> None:
        target = Quick()
        rig = Rig(target, marks=True)
        rig.give(*range(40))
        under_way = len(target.begun)
        for number in range(under_way):
            assert rig.hurries == 0  # the others are being answered just now
            target.begun[str(number)]("200 OK")
        assert rig.hurries == 1 and rig.lane.unwritten == len(target.begun) == under_way > 2

    told(story)


def test_slow_target_gets_as_many_at_once_as_it_may_but_not_more_unwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "ROOM_S", 0.05)

    async def story() -> None:
        target = Quick()
        rig = Rig(target, marks=True)
        rig.give(*range(20))
        assert len(target.begun) == UNWRITTEN[0]
        await until(lambda: len(target.begun) == 16)
        for number in range(16):
            target.begun[str(number)]("200 OK")
        assert len(target.begun) == 17 and rig.lane.unwritten == 16  # one went when one was unwritten, then none
        await asyncio.sleep(0.1)
        assert len(target.begun) == 17
        rig.write()
        assert len(target.begun) == 18

    told(story)


def test_sending_goes_before_bookkeeping_that_fails() -> None:
    async def story() -> None:
        target = Quick()
        rig = Rig(target, at_once=1, marks=True)
        rig.give(*range(50))
        answered = 0
        while answered < len(target.begun):
            target.begun[str(answered)]("200 OK")
            answered += 1
        assert answered < 50
        rig.write(failed=True)
        while answered < len(target.begun):
            target.begun[str(answered)]("200 OK")
            answered += 1
        assert answered == 50

    told(story)


@pytest.mark.parametrize("kind", [Slow, Quick])
def test_stop_waits_for_what_is_under_way_and_begins_nothing(kind: type[Slow]) -> None:
    async def story() -> None:
        target = kind()
        rig = Rig(target, at_once=1)
        rig.give(1, 2)
        await asyncio.sleep(0)
        stopped = asyncio.ensure_future(rig.lane.finish(WAIT_S))
        await asyncio.sleep(0.01)
        assert not stopped.done()
        if isinstance(target, Quick):
            target.begun["1"]("200 OK")
        else:
            target.sending["1"].set_result("200 OK")
        await stopped
        assert rig.over == [("1", "200 OK", None)] and len(rig.lane.waiting) == 1

    told(story)


def test_stop_lets_go_of_what_is_not_answered_in_time() -> None:
    async def story() -> None:
        target = Quick()
        rig = Rig(target)
        rig.give(1)
        await rig.lane.finish(0.02)
        assert target.ended == ["1"]
        target.begun["1"]("200 OK")
        assert rig.over == []  # the table says what became of it: nothing

    told(story)


def test_task_that_is_ended_by_the_stop_is_no_failure_of_the_target() -> None:
    async def story() -> None:
        target = Slow()
        rig = Rig(target)
        rig.give(1)
        await asyncio.sleep(0)
        await rig.lane.finish(0.0)
        for task in rig.tasks:
            task.cancel()
        await asyncio.gather(*rig.tasks, return_exceptions=True)
        assert rig.over == [] and target.cancelled == ["1"]

    told(story)
