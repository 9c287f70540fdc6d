"""For a fleet, imported first of all: a bell that waits costs no processor time. MicroPython's unix port only.

That port cannot wait in the kernel while a TLS stream or a flag is watched: it looks at all of them a thousand times a
second. A bell on its own does not mind. A thousand of them on one host would do nothing else. An ESP32 has no such
kernel. So: look once, and if nothing is ready, wait in the kernel for the sockets themselves; then look again. The
socket below the TLS stream is the newest one, see `noting_socket`. Nothing in the firmware is changed.
"""

import select
import sys


def wait_in_the_kernel():
    """Change asyncio's loop; once, and before `unix_port` does."""
    import socket  # noqa: PLC0415 -- noting_socket
    from asyncio import core  # noqa: PLC0415 -- CPython has none

    look = core.IOQueue.wait_io_event

    def wait_io_event(queue, dt):
        look(queue, 0)
        task = core._task_queue.peek()
        if dt == 0 or (task is not None and core.ticks_diff(task.ph_key, core.ticks()) <= 0):
            return
        poll = select.poll()
        for read, write, stream in queue.map.values():
            events = (select.POLLIN if read else 0) | (select.POLLOUT if write else 0)
            if hasattr(stream, "fileno"):
                poll.register(stream.fileno(), events)
            elif hasattr(stream, "readinto") and socket.newest is not None and socket.newest.fileno() >= 0:
                poll.register(socket.newest.fileno(), events)
        poll.poll(dt)

    core.IOQueue.wait_io_event = wait_io_event


if sys.implementation.name == "micropython":
    wait_in_the_kernel()
