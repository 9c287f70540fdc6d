"""What keeps the bell running: food for the watchdog, faults that are told once, the least free heap. Both runtimes."""

import asyncio

from bellnode import life, watch


class Bell:
    """Board, record and owner in one."""

    def __init__(self, safe=False):
        self.at_ms = 0
        self.fed = 0
        self.safe = safe
        self.secrets = ("hunter2",)
        self.steadied = 0
        self.noted = []
        self.lines = []
        self.faults = {}
        self.reports = []
        self.watch = watch.Watch(self, self, self)

    def now_ms(self):
        return self.at_ms

    def watchdog(self, timeout_ms):
        assert timeout_ms == life.WATCHDOG_MS
        return self.feed

    def feed(self):
        self.fed += 1

    def steady(self):
        self.steadied += 1

    def stopped_by(self, what, where):
        self.noted.append((what, where))

    def log(self, text):
        self.lines.append(text)

    def fault(self, name, present):
        self.faults[name] = present

    def report(self, info):
        self.reports.append(info)


def test_it_is_fed_once_a_turn_while_every_part_shows_progress():
    bell = Bell()
    bell.watch.turned()
    assert bell.fed == 0  # not set yet
    bell.watch.set_watchdog()
    for turn in range(200):
        bell.at_ms = turn * 1000
        bell.watch.seen("link")
        bell.watch.turned()
    assert bell.fed == 200 and not bell.noted


def test_a_part_that_is_stuck_starves_it_and_is_noted_once():
    for part, bound_ms in life.BOUNDS_MS.items():
        bell = Bell()
        bell.watch.set_watchdog()
        bell.watch.seen(part)
        for at_ms in range(0, bound_ms + 20000, 1000):
            bell.at_ms = at_ms
            bell.watch.turned()
        assert bell.fed == bound_ms // 1000 + 1, part
        assert bell.noted == [("watchdog", part)]
        bell.watch.seen(part)  # it was slow, and no more
        bell.watch.turned()
        assert bell.fed == bound_ms // 1000 + 2


def test_a_part_without_work_may_be_silent():
    bell = Bell()
    bell.watch.set_watchdog()
    bell.watch.seen("journal")
    bell.watch.idle("journal")
    bell.at_ms = 10**9
    bell.watch.turned()
    assert bell.fed == 1


def test_a_run_becomes_steady_once_and_safe_mode_may_then_end():
    for safe in (False, True):
        bell = Bell(safe)
        ends = []
        for at_ms in range(0, life.steady_ms(safe) + 3000, 1000):
            bell.at_ms = at_ms
            ends.append(bell.watch.turned())
        assert bell.steadied == 1
        assert ends[-2:] == [safe, safe] and not any(ends[:-3])


def raised(fault):
    try:
        raise fault
    except Exception as same:
        return same


def test_a_fault_is_told_each_time_and_reported_once_without_secrets():
    bell = Bell()
    for _ in range(3):
        bell.watch.caught("link", raised(ValueError("hunter2 is bad")))
    bell.watch.caught("node", raised(MemoryError("no room")))
    assert bell.watch.bugs == 4 and len(bell.lines) == 4 and bell.faults == {"link": True, "node": True}
    assert [info["task"] for info in bell.reports] == ["link", "node"]
    assert bell.reports[0]["text"] == "* is bad" and bell.reports[0]["at"].startswith("test_watch:")
    assert not [line for line in bell.lines if "hunter2" in line]


def test_a_loop_that_recovers_goes_on_and_one_that_does_not_is_left():
    bell = Bell()
    for _ in range(watch.TURNS_MAX - 1):
        bell.watch.failed_turn(raised(ValueError("x")))
    bell.watch.turned()
    for _ in range(watch.TURNS_MAX - 1):
        bell.watch.failed_turn(raised(ValueError("x")))
    try:
        bell.watch.failed_turn(raised(ValueError("the last")))
    except ValueError as fault:
        assert str(fault) == "the last"
    else:
        raise AssertionError("went on for ever")


def test_the_least_free_heap_is_kept_and_a_bound_is_told():
    bell = Bell()
    assert [bell.watch.heap(free) for free in (50000, 20000, 40000)] == [50000, 20000, 20000]
    assert bell.faults == {"heap": False}
    bell.watch.heap(life.HEAP_MIN_BYTES - 1)
    bell.watch.heap(50000)
    assert bell.faults == {"heap": True}


def test_a_task_that_fails_begins_again():
    bell = Bell()
    runs = []

    async def task():
        runs.append(len(runs))
        if len(runs) < 3:
            raise MemoryError("allocation failed")
        return "done"

    pause_s, watch.PAUSE_S = watch.PAUSE_S, 0
    assert asyncio.run(bell.watch.guarded(task, "link_task")) == "done"
    watch.PAUSE_S = pause_s
    assert runs == [0, 1, 2] and bell.watch.bugs == 2 and bell.faults == {"link_task": True}
