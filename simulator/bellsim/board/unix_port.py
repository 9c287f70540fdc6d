"""Imported first on a simulated bell that runs on MicroPython's unix port: takes out a delay that no ESP32 has.

As soon as a TLS stream is watched, that port's `poll` sleeps for 1 ms each time it is called, even where it is told
not to wait; asyncio calls it before every step of every task, so that a press took 14 ms longer than its work. The
esp32 port, by its source, looks at its streams without sleeping. So: while a task is ready to run, run it, and look at
the streams a little later. Nothing else of the interpreter is changed.
"""

import sys

# So many steps at most without a look at the streams: a task that never waits must not shut them out.
STEPS_MAX = 16


def run_what_is_ready_first():
    """Change asyncio's loop; once."""
    from asyncio import core  # noqa: PLC0415 -- CPython has none

    look = core.IOQueue.wait_io_event
    steps = 0

    def wait_io_event(queue, dt):
        nonlocal steps
        if dt == 0 and steps < STEPS_MAX:
            steps += 1
            return
        steps = 0
        look(queue, dt)

    core.IOQueue.wait_io_event = wait_io_event


if sys.implementation.name == "micropython":
    run_what_is_ready_first()
    del run_what_is_ready_first
