"""A lean HTTP/1.1 client for one address: httptools (llhttp) reads the answers, connections are kept open.

Why not a full client: a press has a millisecond or so for its whole way, and in a storm each POST costs the processor
some 30 µs this way, a hundred with h11 and asyncio's streams, and 1.4 ms with httpx. The caller sets the deadline; a
cancelled request closes its connection.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from functools import lru_cache, partial
from http import HTTPStatus
from typing import cast
from urllib.parse import quote, urlsplit

import httptools

from bellgate.core.frozen import frozen
from bellgate.errors import TargetError

# A receiver has nothing to tell us beyond its status; more than this is not read.
ANSWER_BYTES_MAX = 65_536
# The same for the lines above an answer; a proxy's cookies and policies are 4 kB of it at most.
HEAD_BYTES_MAX = 16_384
# Idle connections kept: as many as the engine uses at once for one target.
IDLE_MAX = 16
# Whatever such an answer says of its length, nothing follows.
BODILESS = (204, 304)
CLOSE_S = 1.0  # a receiver that does not close its side is left to itself
# What is kept of an answer: room for an identifier, not for a page.
KEPT_BYTES = 1_024
SAID_CHARS = 200
_PATH_SAFE = "/%:@!$&'()*+,;=~-._?[]"  # what a URL may hold as it is; the rest (Hangul, blanks) is escaped
_FRAMED = re.compile(rb"^(content-length|transfer-encoding)\s*:", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"[!-9;-~]+: [ -~]*")


@frozen
class Answer:
    """What came back. body: its first bytes, for the record."""

    status: int
    body: bytes

    def told(self) -> str:
        """ "200 OK: received as 4711": the status and the first line of the answer."""
        lines = self.body.decode("utf-8", "replace").split("\n", 1)
        said = "".join(char for char in lines[0] if char.isprintable()).strip()[:SAID_CHARS]
        return f"{phrase(self.status)}: {said}" if said else phrase(self.status)


# Gets what came back: TargetError if that was no answer, OSError or EOFError if the connection ended before it began.
Done = Callable[[Answer | Exception], None]


class _Connection(asyncio.Protocol):
    """One request at a time, and its answer. The on_… methods are httptools'."""

    def __init__(self, client: "HttpClient") -> None:
        self._client = client
        self._parser = httptools.HttpResponseParser(self)
        self._done: Done | None = None  # who waits for an answer
        self._gone: asyncio.Future[None] | None = None
        self.heard = 0  # bytes of the answer to the present request, the lines above it included

    def ask(self, request: bytes, done: Done) -> None:
        """Send it."""
        self._done = done
        self._status: int | None = None  # of the answer, once the lines above it are there
        self._head = b""
        self._kept = b""
        self._size = self.heard = 0
        self._whole = self._more = self._reusable = False
        self._transport.write(request)

    def drop(self) -> None:
        """End it at once; nobody is told."""
        self._done = None
        self._transport.abort()

    async def close(self) -> None:
        """End it in peace."""
        self._gone = asyncio.get_running_loop().create_future()
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._gone

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has no such parent

    def data_received(self, data: bytes) -> None:
        if self._done is None:  # what nobody asked for would be taken for the answer to the next request
            self._client.forget(self)
            self._transport.abort()
            return
        begun = self._status is not None
        self.heard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._reusable = False
            if not self._whole:
                self._fail(self._no_http(str(error)))
                return
        if self._whole:
            self._answer(self._reusable and not self._more)
            return
        if not begun:
            self._head += data
        if self._status is None:
            if self.heard > HEAD_BYTES_MAX:
                self._fail(self._no_http(f"more than {HEAD_BYTES_MAX} bytes above the answer"))
        elif self._status in BODILESS or self.heard > ANSWER_BYTES_MAX:
            self._answer(False)  # it is all we need

    def eof_received(self) -> None:
        self._client.forget(self)  # the transport closes itself

    def connection_lost(self, error: Exception | None) -> None:
        self._client.forget(self)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if self._done is None:
            return
        if not self.heard:
            self._fail(error if isinstance(error, OSError) else EOFError("the connection was closed"))
        elif error is None and self._status is not None and not self._has_length():
            self._answer(False)  # an answer without a length ends with its connection
        else:
            self._fail(TargetError(f"{self._client.authority} broke off in the middle of its answer"))

    # What the parser calls

    def on_message_begin(self) -> None:
        self._more = self._whole  # a second answer, to nothing

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._status is None and not 100 <= status < 200:  # those say that the answer is yet to come
            self._status = status

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if len(self._kept) < KEPT_BYTES and not self._whole:
            self._kept = (self._kept + data)[:KEPT_BYTES]

    def on_message_complete(self) -> None:
        if self._status is not None and not self._whole:
            self._whole = True
            self._reusable = self._parser.should_keep_alive()

    def _has_length(self) -> bool:
        return _FRAMED.search(self._head[: self.heard - self._size]) is not None

    def _answer(self, reusable: bool) -> None:
        done, self._done = self._done, None
        if not (reusable and self._client.keep(self)):
            self._transport.close()
        assert done is not None and self._status is not None
        done(Answer(self._status, self._kept))

    def _fail(self, error: Exception) -> None:
        done, self._done = self._done, None
        self._transport.abort()
        if done is not None:
            done(error)

    def _no_http(self, why: str) -> TargetError:
        return TargetError(f"{self._client.authority} does not answer in HTTP ({why})")


class HttpClient:
    """POSTs to one URL. Not thread-safe: it lives in one event loop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_PATH_SAFE)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.authority = shown if parts.port is None else f"{shown}:{parts.port}"
        self._start = f"POST {path} HTTP/1.1\r\nhost: ".encode() + _in_ascii(self.authority) + b"\r\n"
        self._context: ssl.SSLContext | None = None
        self._idle: list[_Connection] = []

    async def post(self, headers: list[tuple[str, str]], body: bytes) -> int:
        """The status code of the answer. Raises TargetError when there is none; the caller sets the deadline."""
        return (await self.exchange(headers, body)).status

    async def exchange(self, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """The answer. Raises TargetError when there is none; the caller sets the deadline."""
        return await self.ask(lines(headers), body)

    def begin(self, head: bytes, body: bytes, done: Done) -> Callable[[], None] | None:
        """`ask` at once, without a task, if a connection is open; what ends it early, or None."""
        if not self._idle:
            return None
        connection = self._idle.pop()
        connection.ask(self._request(head, body), done)
        return connection.drop

    async def ask(self, head: bytes, body: bytes) -> Answer:
        """`exchange` for a head that is made already: its `lines`."""
        request = self._request(head, body)
        while self._idle:
            kept = self._idle.pop()
            try:
                return await self._ask(kept, request)
            except (OSError, EOFError):
                pass  # the receiver closed a connection that lay idle; it did not begin to answer
        try:
            fresh = await self._connect()
        except ssl.SSLCertVerificationError as error:
            raise TargetError(f"{self.authority}: its certificate is not valid ({error.verify_message})") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: it cannot be the name of a host
            raise TargetError(f"{self.authority} cannot be reached ({_reason(error)})") from None
        try:
            return await self._ask(fresh, request)
        except (OSError, EOFError) as error:
            raise TargetError(f"{self.authority} broke off before it answered ({_reason(error)})") from None

    async def close(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(connection.close() for connection in idle))

    def keep(self, connection: _Connection) -> bool:
        """It has answered, and another request may follow; False if there are enough already."""
        if len(self._idle) >= IDLE_MAX:
            return False
        self._idle.append(connection)
        return True

    def forget(self, connection: _Connection) -> None:
        """It is closed, or not to be trusted."""
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self) -> _Connection:
        if self._tls and self._context is None:
            self._context = ssl.create_default_context()
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: _Connection(self), self._host, self._port, ssl=self._context)
        return made

    async def _ask(self, connection: _Connection, request: bytes) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        connection.ask(request, partial(_settle, answer))
        try:
            return await answer
        except asyncio.CancelledError:
            connection.drop()
            raise

    def _request(self, head: bytes, body: bytes) -> bytes:
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (self._start, head, len(body), body)


def _settle(future: "asyncio.Future[Answer]", result: Answer | Exception) -> None:
    if future.done():
        return  # cancelled in the same turn of the loop
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def lines(headers: list[tuple[str, str]]) -> bytes:
    """Headers as they go over the wire. Raises ValueError for what would not stay in its line."""
    made = [f"{name}: {value}" for name, value in headers]
    for line in made:
        if not _FIELD.fullmatch(line):
            raise ValueError(f"{line!r} cannot be a header")
    return "".join(f"{line}\r\n" for line in made).encode("ascii")


def _in_ascii(name: str) -> bytes:
    try:
        return name.encode("idna")
    except UnicodeError:
        return b""  # nobody will be connected to, either


@lru_cache(64)
def phrase(status: int) -> str:
    """ "404 Not Found"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
