"""The bus: JSON lines over one loopback TCP server, between the simulator and the bells' simulated hardware.

    simulator -> bell   {"pin": n, "level": 0|1} · {"rssi": -61} · {"wifi": true|false} · {"quit": true} ·
                        {"adc": n, "mv": 2000} · {"join": [n, m], "looks": 3}
    bell -> simulator   {"hello": bell_id, "runtime": "micropython"|"cpython"} first, then
                        {"lamp": [[r, g, b], …]} on each change · {"pin": n, "level": x} ·
                        {"pin": n, "hz": x} · {"parted": [n, m]}

It carries what wires carry in a real bell, and nothing of the firmware's own: no message, no state.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

LINE_BYTES_MAX = 16_384  # a lamp line of 256 pixels is 4 kB; anything longer is not from our board modules
HELLO_DEADLINE_S = 10.0  # a connection that says nothing is not a bell


class Plug:
    """One bell's end of the bus, as the simulator sees it: survives the bell's restarts."""

    def __init__(self, heard: Callable[[dict[str, Any], int], None]) -> None:
        """`heard(message, at_ns)` is called for each line, with time.monotonic_ns() of its arrival."""
        self.heard = heard
        self.runtime: str | None = None
        self.joined = asyncio.Event()
        self.left = asyncio.Event()
        self.left.set()
        self._writer: asyncio.StreamWriter | None = None

    def send(self, message: dict[str, Any]) -> int:
        """Write one line now; returns time.monotonic_ns() just before. Raises ConnectionError if the bell is off."""
        if self._writer is None or self._writer.is_closing():
            raise ConnectionError("this bell is not on the bus: it has no power, or has not started yet")
        at_ns = time.monotonic_ns()
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        return at_ns

    def _join(self, runtime: str, writer: asyncio.StreamWriter) -> None:
        self.runtime = runtime
        self._writer = writer
        self.left.clear()
        self.joined.set()

    def _leave(self, writer: asyncio.StreamWriter) -> None:
        if self._writer is writer:
            self._writer = None
            self.joined.clear()
            self.left.set()


class Bus:
    """The server; one for all bells of a simulation."""

    def __init__(self) -> None:
        self._plugs: dict[str, Plug] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> None:
        """Listen on an ephemeral loopback port; `address` is then "127.0.0.1:port"."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    async def stop(self) -> None:
        """Close the server and every connection; a bell's board modules end its process when the bus is gone."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def plug(self, bell_id: str, heard: Callable[[dict[str, Any], int], None]) -> Plug:
        """The place where the bell of this name will join."""
        self._plugs[bell_id] = Plug(heard)
        return self._plugs[bell_id]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        plug = None
        # A bell that is cut off by SIGKILL ends in a reset; a line that is not ours ends the connection.
        with contextlib.suppress(ConnectionError, ValueError, TimeoutError, asyncio.CancelledError):
            hello = _message(await asyncio.wait_for(reader.readline(), HELLO_DEADLINE_S))
            plug = self._plugs.get(str(hello.get("hello")))
            if plug is not None:
                plug._join(str(hello.get("runtime")), writer)
                while line := await reader.readline():
                    plug.heard(_message(line), time.monotonic_ns())
        if plug is not None:
            plug._leave(writer)
        writer.close()


def _message(line: bytes) -> dict[str, Any]:
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a line on the bus is one JSON object")
    return message
