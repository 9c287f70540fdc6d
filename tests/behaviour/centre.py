"""An alarm receiving centre: pysiaalarm, which is not ours, on a loopback port; and receivers that are odd on purpose.

pysiaalarm answers before its handler has run, and its key is text where ours is hex: both are taken care of here.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from gatehouse import Clock, Gatehouse
from pysiaalarm import SIAAccount, SIAEvent
from pysiaalarm.aio import SIAClient
from station import WAIT_S, until

from bellgate import clock
from bellgate.engine import Engine
from bellgate.targets import open_targets
from bellgate.targets.dc09.frame import util

ACCOUNT = "1234"
# {AES key length in bits: (as this product's hex digits, as pysiaalarm's text)}
_TEXT = "A1B2C3D4E5F60718" * 2
KEYS = {8 * size: (_TEXT[:size].encode().hex(), _TEXT[:size]) for size in (16, 24, 32)}


class Loop:
    """An event loop of its own thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def close(self) -> None:
        async def end() -> None:
            ours = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            await asyncio.wait(ours, timeout=1.0) if ours else None

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


class Centre:
    """The independent receiver. frames: every event it took, in order, as pysiaalarm understood it."""

    def __init__(self, *accounts: SIAAccount, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.frames: list[SIAEvent] = []
        self._loop = Loop()
        self._client: SIAClient = SIAClient("127.0.0.1", port, list(accounts) or [SIAAccount(ACCOUNT)], self._took)
        self._writers: set[asyncio.StreamWriter] = set()
        serve = self._client.sia_server.handle_line

        async def recorded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            with contextlib.suppress(ConnectionError):
                await serve(reader, writer)

        self._client.sia_server.handle_line = recorded
        self._loop.run(self._client.async_start(ssl=tls))
        assert self._client.server is not None
        self.port = self._client.server.sockets[0].getsockname()[1]

    async def _took(self, event: SIAEvent) -> None:
        self.frames.append(event)

    @property
    def counts(self) -> Any:
        return self._client.counts

    def events(self) -> list[SIAEvent]:
        """Without supervision."""
        return [one for one in self.frames if one.message_type.value != "NULL"]

    def codes(self) -> list[str]:
        return [one.code for one in self.events()]

    @property
    def connections(self) -> int:
        return len(self._writers)

    def close(self) -> None:
        async def hang_up() -> None:
            await self._client.async_stop()
            for writer in self._writers:
                writer.close()

        self._loop.run(hang_up())
        self._loop.close()


Answer = Callable[[bytes, int], bytes | None]


class OddReceiver:
    """A receiver whose answers the test makes: answer(frame, its number from 1), None for silence."""

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.frames: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = Loop()

        async def start() -> asyncio.Server:
            return await asyncio.start_server(self._serve, "127.0.0.1", port)

        self._server: asyncio.Server = self._loop.run(start())
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                frame = await reader.readuntil(b"\r")
                self.frames.append(frame)
                answer = self._answer(frame, len(self.frames))
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        async def stop() -> None:
            self._server.close()
            for writer in self._writers:
                writer.close()

        self._loop.run(stop())
        self._loop.close()


def receivers(*ports: int, more: str = "") -> str:
    return "".join(f'[[target.receiver]]\naddress = "127.0.0.1:{port}"\n{more}\n' for port in ports)


# For receivers that stay silent on purpose; others may take their time on a busy machine.
SILENT = "timeout_s = 2\n"


def target(*ports: int, settings: str = "", more: str = "", premises: str = "") -> str:
    """[[target]] in gateway.toml. Without supervision, unless the settings say so: frames are counted."""
    usual = {"null_s": "null_s = 0\n", "timeout_s": "timeout_s = 15\n"}
    rest = "".join(line for key, line in usual.items() if key not in settings)
    head = f'[[target]]\nname = "arc"\nkind = "dc09"\naccount = "{ACCOUNT}"\n{rest}{settings}\n'
    return head + receivers(*ports, more=more) + premises


@contextlib.contextmanager
def running(gate: Gatehouse) -> Iterator[Engine]:
    """The engine in a loop of its own thread."""
    loop = Loop()
    engine = gate.engine = Engine(gate.store, gate.clock, open_targets(gate.config, gate.store, gate.clock))
    loop.run(engine.start(gate.pipeline))
    try:
        yield engine
    finally:
        loop.run(engine.stop(0.1))
        gate.engine = None
        loop.close()


def deliveries(gate: Gatehouse, name: str = "arc") -> list[dict[str, Any]]:
    rows = gate.store.read_now(
        lambda tx: tx.all("SELECT * FROM delivery WHERE target = ? ORDER BY created_ms, kept", (name,))
    )
    return [dict(row) for row in rows]


def now() -> Clock:
    """The receiver's clock is this machine's, so ours must be too, unless a test is about that."""
    return Clock(clock.now_ms())


class Ticking(Clock):
    """Goes on by itself, and can be set."""

    def __init__(self) -> None:
        super().__init__(clock.now_ms())

    @property
    def at_ms(self) -> int:
        return clock.now_ms() + self.ahead_ms

    @at_ms.setter
    def at_ms(self, at_ms: int) -> None:
        self.ahead_ms = at_ms - clock.now_ms()


def settled(gate: Gatehouse, *states: str) -> None:
    until(
        lambda: sorted(row["state"] for row in deliveries(gate)) == sorted(states),
        f"deliveries are not {states}, but {[(row['state'], row['last_error']) for row in deliveries(gate)]}",
    )


def reply(text: str) -> bytes:
    body = text.encode()
    return b"\n%04X%04X%s\r" % (util.crc(body), len(body), body)


def ack(sent: bytes) -> bytes:
    number = sent.partition(b'"')[2].partition(b'"')[2][:4].decode()
    return reply(f'"ACK"{number}R0L0#{ACCOUNT}[]')
