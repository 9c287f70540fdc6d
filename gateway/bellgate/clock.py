"""The time of day, and how far it can be trusted. Nothing else in the gateway asks the operating system for it.

Two clocks are read together: the wall clock, which may be set at any moment, and a steady one, which never is. If the
one moves and the other does not, the clock was set; then `now_ms` goes on as before until `accept`, so that what waits
in the database can be moved first, and nothing is carried out early, late or twice.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bellgate.core.frozen import frozen

# Asking the kernel for each message would be waste; a clock does not lose its source within a few seconds.
_ASK_AGAIN_MS = 10_000
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
# A clock that is corrected by less is let be: everything in the database is meant to the second.
STEP_MS = 2_000
# Between two readings that belong together; a process that was stopped in between reads again.
_TOGETHER_MS = 100
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now_ms() -> int:
    """Wall clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Milliseconds since the machine started; never set, and goes on while the machine sleeps, where it can."""
    return time.clock_gettime_ns(_STEADY) // 1_000_000


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@frozen
class ClockState:
    """What the kernel and the processes say of the machine's clock. None: cannot be asked here.

    source: the program that keeps it. err_ms: at most so far from the true time, as the kernel reckons.
    """

    synchronised: bool | None
    source: str | None
    err_ms: int | None


@frozen
class ClockMark:
    """A moment on both clocks, to be compared after a restart. boot: of the machine."""

    wall_ms: int
    steady_ms: int
    boot: str


class Clock:
    """The machine's clock; a test or the simulator gives it other hands. Every method may be called from any thread."""

    def __init__(self, wall: Callable[[], int] = now_ms, steady: Callable[[], int] = steady_ms) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._offset_ms: int | None = None  # wall minus steady, when last looked
        self._pending_ms = 0
        self._asked_ms: int | None = None
        self._kernel: tuple[bool | None, int | None] = (None, None)
        self._source: str | None = None

    def now_ms(self) -> int:
        """Wall clock, Unix milliseconds; as it was before a step until that is accepted."""
        return self._read()[0]

    def pending_ms(self) -> int:
        """By how much the clock was set without `accept`; negative: back."""
        return self._read()[1]

    def accept(self, step_ms: int) -> None:
        """What waits has been moved by so much: `now_ms` follows the clock again. (The negative takes it back.)"""
        with self._lock:
            self._pending_ms -= step_ms

    def mark(self) -> ClockMark:
        """This moment, to be kept."""
        return ClockMark(self.now_ms(), self._steady(), _boot())

    def resume(self, kept: ClockMark | None) -> None:
        """Compare with what was kept before the restart: if the clock was set meanwhile, that is pending now.

        After a restart of the machine only a clock that went back can be told from time that has passed.
        """
        if kept is None:
            return
        now, steady = self.now_ms(), self._steady()
        if kept.boot and kept.boot == _boot():
            step = (now - kept.wall_ms) - (steady - kept.steady_ms)
        else:
            step = min(now - kept.wall_ms, 0)
        if abs(step) >= STEP_MS:
            with self._lock:
                self._pending_ms += step

    def synchronised(self) -> bool | None:
        """True if the kernel says that the clock follows a time source, None where it cannot say."""
        return self._ask()[0]

    def look(self) -> None:
        """Find out what keeps the clock; takes some milliseconds."""
        self._source = time_source()

    def state(self) -> ClockState:
        """What is known of the clock; the source as of the last `look`."""
        known, err_ms = self._ask()
        return ClockState(known, self._source, err_ms)

    def _read(self) -> tuple[int, int]:
        """(time, pending)"""
        while True:
            before = self._steady()
            wall = self._wall()
            steady = self._steady()
            if steady - before <= _TOGETHER_MS:
                break
        with self._lock:
            offset = wall - steady
            # Two threads may come here out of order; what a step changes is far more than that.
            if self._offset_ms is not None and abs(offset - self._offset_ms) >= STEP_MS:
                self._pending_ms += offset - self._offset_ms
            self._offset_ms = offset
            return wall - self._pending_ms, self._pending_ms

    def _ask(self) -> tuple[bool | None, int | None]:
        now = time.monotonic_ns() // 1_000_000
        if self._asked_ms is None or now - self._asked_ms >= _ASK_AGAIN_MS:
            self._asked_ms = now
            self._kernel = _kernel_says()
        return self._kernel


def time_source() -> str | None:
    """The program that keeps this machine's clock, as it is called, or None if none is seen to run."""
    names = {"chronyd": "chrony", "systemd-timesyncd": "systemd-timesyncd", "systemd-timesyn": "systemd-timesyncd"}
    names |= {"ntpd": "ntpd", "ntpsec": "ntpsec", "openntpd": "openntpd"}
    for process in psutil.process_iter(["name"]):
        if (name := names.get(process.info["name"] or "")) is not None:
            return name
    return None


class _Timex(ctypes.Structure):
    """The beginning of struct timex; 208 bytes on 64-bit Linux, less elsewhere. modes 0 only reads."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # µs
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def _kernel_says() -> tuple[bool | None, int | None]:
    """(synchronised, at most so many ms from the true time)"""
    if sys.platform != "linux":
        return None, None
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None, None
    timex = _Timex()
    state = int(adjtimex(ctypes.byref(timex)))
    if state < 0:
        return None, None
    return state != _TIME_ERROR, None if state == _TIME_ERROR else -(-timex.maxerror // 1000)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
