"""A lean HTTP/1.1 client for one address: h11 for the protocol, asyncio streams for the bytes, connections kept open.

Why not a full client: on a Pi-sized core httpx takes 1.4 ms for a small POST, this 0.4 ms, and a press has a
millisecond or so for its whole way. The caller sets the deadline; a cancelled request closes its connection.
"""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import h11

from bellgate.errors import TargetError

# A receiver has nothing to tell us beyond its status; more than this is not read.
ANSWER_BYTES_MAX = 65_536
# Idle connections kept: as many as the engine uses at once for one target.
IDLE_MAX = 16
_READ_BYTES = 65_536
# What is kept of an answer: room for an identifier, not for a page.
KEPT_BYTES = 1_024
SAID_CHARS = 200
_PATH_SAFE = "/%:@!$&'()*+,;=~-._?[]"  # what a URL may hold as it is; the rest (Hangul, blanks) is escaped


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    wire: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    answering: bool = False  # the first byte of an answer to the present request has come

    def close(self) -> None:
        self.writer.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. body: its first bytes, for the record."""

    status: int
    body: bytes

    def told(self) -> str:
        """ "200 OK: received as 4711": the status and the first line of the answer."""
        lines = self.body.decode("utf-8", "replace").split("\n", 1)
        said = "".join(char for char in lines[0] if char.isprintable()).strip()[:SAID_CHARS]
        return f"{phrase(self.status)}: {said}" if said else phrase(self.status)


class HttpClient:
    """POSTs to one URL. Not thread-safe: it lives in one event loop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._path = quote(path, safe=_PATH_SAFE)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.authority = shown if parts.port is None else f"{shown}:{parts.port}"
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []

    async def post(self, headers: list[tuple[str, str]], body: bytes) -> int:
        """The status code of the answer. Raises TargetError when there is none; the caller sets the deadline."""
        return (await self.exchange(headers, body)).status

    async def exchange(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """The answer. Raises TargetError when there is none; the caller sets the deadline."""
        while self._idle:
            kept = self._idle.pop()
            try:
                return await self._ask(kept, headers, body)
            except (OSError, EOFError):
                # The receiver closed a connection that lay idle. If it began to answer, it has our message: say so.
                if kept.answering:
                    raise TargetError(f"{self.authority} broke off in the middle of its answer") from None
        try:
            fresh = await self._connect()
        except ssl.SSLCertVerificationError as error:
            raise TargetError(f"{self.authority}: its certificate is not valid ({error.verify_message})") from None
        except OSError as error:
            raise TargetError(f"{self.authority} cannot be reached ({_reason(error)})") from None
        try:
            return await self._ask(fresh, headers, body)
        except (OSError, EOFError) as error:
            raise TargetError(f"{self.authority} broke off before it answered ({_reason(error)})") from None

    async def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            connection = self._idle.pop()
            connection.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await connection.writer.wait_closed()

    async def _connect(self) -> _Connection:
        if self._tls and self._context is None:
            self._context = ssl.create_default_context()
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
        return _Connection(reader, writer)

    async def _ask(self, connection: _Connection, headers: list[tuple[str, str]], body: bytes) -> Answer:
        wire = connection.wire
        connection.answering = False
        reusable = False
        try:
            request = h11.Request(
                method="POST",
                target=self._path,
                headers=[("host", self.authority), *headers, ("content-length", str(len(body)))],
            )
            parts = (wire.send(request), wire.send(h11.Data(data=body)), wire.send(h11.EndOfMessage()))
            connection.writer.write(b"".join(part for part in parts if part))
            await connection.writer.drain()
            answer = await self._answer(connection)
            if wire.our_state is h11.DONE and wire.their_state is h11.DONE:
                wire.start_next_cycle()
                reusable = True
            return answer
        except h11.RemoteProtocolError as error:
            if not connection.answering:
                raise EOFError(str(error)) from None
            raise TargetError(f"{self.authority} does not answer in HTTP ({error})") from None
        finally:
            if reusable and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
            else:
                connection.close()

    async def _answer(self, connection: _Connection) -> Answer:
        status = 0
        size = 0
        kept = b""
        while True:
            event = connection.wire.next_event()
            if event is h11.NEED_DATA:
                data = await connection.reader.read(_READ_BYTES)
                connection.answering = connection.answering or bool(data)
                connection.wire.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                size += len(event.data)
                kept = (kept + event.data)[:KEPT_BYTES] if len(kept) < KEPT_BYTES else kept
                if size > ANSWER_BYTES_MAX:
                    return Answer(status, kept)  # it is all we need; the connection is not used again
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, kept)
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("the connection was closed")


def phrase(status: int) -> str:
    """ "404 Not Found"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
