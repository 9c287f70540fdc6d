"""A `time` that can be moved on, for bells that have to live through an outage in seconds. MicroPython only.

Found before the interpreter's own `time`, so that asyncio and the firmware count with it alike; see `probe`.
"""

import utime
from utime import *  # noqa: F403

_skipped_ms = 0


def skip(ms):
    """Move the clock on; by how many ms in all."""
    global _skipped_ms  # noqa: PLW0603 -- there is one clock
    _skipped_ms += ms
    return _skipped_ms


def ticks_ms():
    """As time.ticks_ms."""
    return utime.ticks_add(utime.ticks_ms(), _skipped_ms)
