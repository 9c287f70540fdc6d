"""The time of day. Nothing else in the gateway asks the operating system for it."""

import ctypes
import sys
import time

# Asking the kernel for each message would be waste; a clock does not lose its source within a few seconds.
_ASK_AGAIN_MS = 10_000
_TIMEX_BYTES = 256  # struct timex is 208 bytes on 64-bit Linux, less elsewhere; its first field, `modes`, 0 only reads
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def now_ms() -> int:
    """Wall clock, Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Clock:
    """The machine's clock; a test or the simulator gives another one with the same two methods."""

    def __init__(self) -> None:
        self._asked_ms: int | None = None
        self._synchronised: bool | None = None

    def now_ms(self) -> int:
        """Wall clock, Unix milliseconds."""
        return now_ms()

    def synchronised(self) -> bool | None:
        """True if the kernel says that the clock follows a time source, None where it cannot say."""
        now = time.monotonic_ns() // 1_000_000
        if self._asked_ms is None or now - self._asked_ms >= _ASK_AGAIN_MS:
            self._asked_ms = now
            self._synchronised = _kernel_says()
        return self._synchronised


def _kernel_says() -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if state < 0 else state != _TIME_ERROR
