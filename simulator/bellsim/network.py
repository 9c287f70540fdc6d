"""A TCP proxy on loopback between a bell and its broker: the cable that a test can cut.

`freeze` is silence, as when a router loses its uplink: nothing is refused and nothing arrives. What was on the way
stays there, as TCP would send it again, and goes on after `restore`. `drop` is a reset: connections end at once, and
new ones too. `vanish` is the other end without power: no goodbye reaches the broker, and what was still on the way is
lost with the memory that would have sent it again. `lose_sight` makes connections half-open: each end still holds its
own and hears nothing more, as when a router has forgotten them; new ones pass. The bytes are TLS and pass unread; the
proxy knows no keys.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

CHUNK_BYTES = 65_536
CONNECT_DEADLINE_S = 5.0


class _Cable:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.bell = writer
        self.broker: asyncio.StreamWriter | None = None
        self.gone = False  # the bell has no power any more
        self.half_open = False

    def abort(self) -> None:
        for end in (self.bell, self.broker):
            if end is not None:
                end.transport.abort()


class Proxy:
    """One bell's way to the broker at (host, port). `port` is where the bell connects on 127.0.0.1."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.state = "open"  # open · frozen · dropped
        self.connections = 0  # accepted since the start
        self.latency_s = 0.0  # in either direction, before each piece that passes
        self.bytes_per_s: float | None = None  # in either direction; None: as quick as it goes
        self.aborted = 0  # connections that were reset here
        self.swallowed = 0  # bytes that half-open connections lost
        self.slowed_s = 0.0  # for how long pieces waited here, all together
        # Called with (bytes, time.monotonic_ns()) when bytes from the bell have been passed on.
        self.passed_up: Callable[[int, int], None] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._cables: set[_Cable] = set()

    async def start(self) -> None:
        """Listen on an ephemeral loopback port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        self._abort_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """From now on nothing passes, in either direction, and nobody is told."""
        self.state = "frozen"
        self._open.clear()

    def drop(self) -> None:
        """Reset every connection; a new one is reset as well until `restore`."""
        self.state = "dropped"
        self._open.set()
        self._abort_all()

    def reset(self) -> None:
        """Reset every connection, once; new ones pass."""
        self._abort_all()

    def lose_sight(self) -> int:
        """Every connection becomes half-open; how many."""
        cables = [cable for cable in self._cables if not cable.half_open and not cable.gone]
        for cable in cables:
            cable.half_open = True
        return len(cables)

    def vanish(self) -> None:
        """The bell loses its power now. The broker still holds the connection, until it loses patience."""
        for cable in self._cables:
            cable.gone = True
            cable.bell.transport.abort()

    def restore(self) -> None:
        """Everything passes again."""
        self.state = "open"
        self._open.set()

    def _abort_all(self) -> None:
        for cable in list(self._cables):
            cable.abort()
            self.aborted += 1

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        cable = _Cable(writer)
        self._cables.add(cable)
        try:
            await self._open.wait()
            if self.state == "dropped" or cable.gone:
                return
            out_reader, out_writer = await asyncio.wait_for(asyncio.open_connection(*self.target), CONNECT_DEADLINE_S)
            cable.broker = out_writer
            up = asyncio.ensure_future(self._pump(cable, reader, out_writer, True))
            down = asyncio.ensure_future(self._pump(cable, out_reader, writer, False))
            try:
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
                if cable.gone:
                    await down
            finally:
                for pump in (up, down):
                    pump.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        except (OSError, TimeoutError, asyncio.CancelledError):
            # The broker is away: the bell sees its connection end, as it would without the proxy.
            cable.abort()
        finally:
            self._cables.discard(cable)
            if self.state == "dropped":
                cable.abort()
            for end in (cable.bell, cable.broker):
                if end is not None:
                    end.close()

    async def _pump(self, cable: _Cable, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._open.wait()
                if self.state == "dropped" or (cable.gone and up):
                    return
                if cable.gone:
                    continue  # nobody is there to take it
                if (wait_s := self._slowness_s(len(data))) > 0:
                    await asyncio.sleep(wait_s)
                    self.slowed_s += wait_s
                if cable.half_open:
                    self.swallowed += len(data)
                    continue
                writer.write(data)
                if up and self.passed_up is not None:
                    self.passed_up(len(data), time.monotonic_ns())
                await writer.drain()
            if cable.half_open:
                await asyncio.Event().wait()  # nor does the end of a connection that was forgotten
            await self._open.wait()  # the end of a connection does not travel through a cut cable either

    def _slowness_s(self, count: int) -> float:
        return self.latency_s + (count / self.bytes_per_s if self.bytes_per_s else 0.0)
