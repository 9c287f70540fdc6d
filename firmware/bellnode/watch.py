"""Keeps the bell running: tasks that begin again, the watchdog's food, the memory. asyncio; `life` decides.

A fault in one task stops no other. Each kind is reported once per start, so that a fault that comes back every
second fills no journal; all of them are counted and stand on the UART.
"""

import asyncio
import gc

from bellnode import life, starts
from bellnode.loan import seldom

PAUSE_S = 1  # before a task that failed begins again
TURNS_MAX = 100  # of the main loop that failed in a row; then only a restart can help


class Watch:
    """board: a Board. record: starts.Starts, begun. owner: log(text), fault(name, present) and report(info)."""

    def __init__(self, board, record, owner):
        self._board = board
        self._record = record
        self._owner = owner
        self._alive = {}  # part: last sign of life, or None while it has nothing to do
        self._reported = {}
        self._feed = None
        self._stuck = None
        self._steady = False
        self._turns = 0
        self.bugs = 0  # faults of the firmware caught since the start
        self.low = None  # least free heap seen after a collection, bytes

    def set_watchdog(self):
        """Set the watchdog, once: from here on the bell has to show progress."""
        self._feed = self._board.watchdog(life.WATCHDOG_MS)

    def seen(self, part):
        """A part made progress."""
        self._alive[part] = self._board.now_ms()

    def idle(self, part):
        """A part has nothing to do: its silence means nothing."""
        self._alive[part] = None

    def turned(self):
        """Once a turn of the main loop; the loop's own progress is that it comes here. True if safe mode may end."""
        now_ms = self._board.now_ms()
        stuck = life.stuck(self._alive, now_ms)
        if stuck is None:
            if self._feed is not None:
                self._feed()
        elif self._stuck is None:
            self._owner.log(f"fault: {stuck} is stuck: the watchdog resets the bell")
            self._record.stopped_by("watchdog", stuck)
        self._stuck = stuck
        self._turns = 0
        if not self._steady and now_ms >= life.steady_ms(self._record.safe):
            self._steady = True
            self._record.steady()
        return self._steady and self._record.safe

    def failed_turn(self, fault):
        """A turn of the main loop ended by an exception. Raises it if the loop does not recover."""
        self.caught("loop", fault)
        self._turns += 1
        if self._turns >= TURNS_MAX:
            raise fault

    def caught(self, name, fault):
        """Something unforeseen was caught: say so on the UART, in the heartbeat and, once, in an event; and go on."""
        self.bugs += 1
        if isinstance(fault, MemoryError):
            gc.collect()
        what = type(fault).__name__
        where = life.where(starts.trace(fault))
        text = life.plain(str(fault), self._record.secrets)
        self._owner.log(f"fault: {name}: {what} {where} {text}")
        self._owner.fault(name, True)
        if name not in self._reported:
            self._reported[name] = {"task": name, "crash": what, "at": where, "text": text}
            self._owner.report(self._reported[name])

    @seldom("cable")
    def reported(self):
        """[info] of what was caught, the first of each kind."""
        return list(self._reported.values())

    async def guarded(self, task, name):
        """A background task must not end by a bug: begin it again."""
        while True:
            try:
                return await task()
            except Exception as fault:  # a bug, by definition: everything foreseen is caught inside
                self.caught(name, fault)
            await asyncio.sleep(PAUSE_S)

    def heap(self, free):
        """The least free heap since the start, given what is free (bytes) after a collection."""
        self.low = free if self.low is None else min(self.low, free)
        self._owner.fault("heap", self.low < life.HEAP_MIN_BYTES)
        return self.low
