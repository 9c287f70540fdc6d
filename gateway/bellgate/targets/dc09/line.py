"""The TCP or TLS connection to one receiver: one frame out, its answer in, never two at once.

A frame leaves in one write, so in one segment: receivers have been seen to lose the second of two. The connection is
kept; one that the receiver closed meanwhile is opened anew, and one on which anything went wrong is not used again.
"""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable
from typing import TypeVar

from bellgate.errors import TargetError
from bellgate.targets.dc09.frame import REPLY_BYTES_MAX, shown

T = TypeVar("T")


class Line:
    """One receiver. Not thread-safe: it lives in one event loop."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        pin: str | None = None,
    ) -> None:
        """timeout_s: for connecting, sending and the answer together. pin: SHA-256 of its certificate, hex."""
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.offset_ms = 0  # the receiver's clock less ours, as its last NAK told
        self._host, self._port, self._timeout_s = host, port, timeout_s
        self._tls, self._server_name, self._pin = tls, server_name or host, pin
        self._lock = asyncio.Lock()
        self._quiet: asyncio.Task[object] | None = None
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, make: Callable[[], bytes], read: Callable[[bytes], T | None]) -> T:
        """Send make() and wait until read(reply) is not None; a supervision frame in flight gives way.

        make is called again, for a fresh time, if a kept connection turns out to be dead. Raises TargetError.
        """
        if self._quiet is not None:
            self._quiet.cancel()
        return await self._locked(make, read)

    async def ask_quietly(self, make: Callable[[], bytes], read: Callable[[bytes], T | None]) -> T | None:
        """The same for supervision: None if it gave way to an alarm, whose answer says as much. Raises TargetError."""
        task: asyncio.Task[T] = asyncio.ensure_future(self._locked(make, read))
        self._quiet = task
        try:
            await asyncio.wait({task})
        finally:
            self._quiet = None
            task.cancel()
        return None if task.cancelled() else task.result()

    async def close(self) -> None:
        """Let go of the connection."""
        self._drop()

    async def _locked(self, make: Callable[[], bytes], read: Callable[[bytes], T | None]) -> T:
        async with self._lock:
            heard: list[bytes] = []
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._exchange(make, read, heard)
            except TimeoutError:
                self._drop()
                said = f"; it said {shown(heard[-1])[:120]!r}" if heard else ""
                raise TargetError(f"{self.address} did not answer within {self._timeout_s:g} s{said}") from None
            except BaseException:  # a cancelled one too: its answer may still come, and must not be taken for another's
                self._drop()
                raise

    async def _exchange(self, make: Callable[[], bytes], read: Callable[[bytes], T | None], heard: list[bytes]) -> T:
        kept = self._stream is not None
        try:
            return await self._once(make, read, heard)
        except (OSError, EOFError) as error:
            if not kept or heard:
                raise TargetError(f"{self.address} broke off before it answered ({_reason(error)})") from None
        self._drop()
        try:
            return await self._once(make, read, heard)
        except (OSError, EOFError) as error:
            raise TargetError(f"{self.address} broke off before it answered ({_reason(error)})") from None

    async def _once(self, make: Callable[[], bytes], read: Callable[[bytes], T | None], heard: list[bytes]) -> T:
        reader, writer = self._stream or await self._connect()
        writer.write(make())
        await writer.drain()
        while True:
            try:
                raw = await reader.readuntil(b"\r")
            except asyncio.LimitOverrunError:
                raise TargetError(f"{self.address} talks, but not in frames: is it a DC-09 receiver?") from None
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    heard.append(bytes(error.partial))
                raise EOFError(shown(error.partial)[:120] or "the connection was closed") from None
            heard.append(raw)
            answer = read(raw[max(raw.rfind(b"\n"), 0) :])
            if answer is not None:
                return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._server_name if self._tls is not None else None
        try:
            stream = await asyncio.open_connection(
                self._host, self._port, ssl=self._tls, server_hostname=name, limit=REPLY_BYTES_MAX
            )
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not valid ({error.verify_message}): check ca and server_name of this receiver"
            raise TargetError(f"{self.address}: {why}") from None
        except OSError as error:
            raise TargetError(f"{self.address} cannot be reached ({_reason(error)})") from None
        if self._pin is not None and not _pinned(stream[1], self._pin):
            stream[1].close()
            why = "it shows another certificate than the pinned one: check pin, and who answers there"
            raise TargetError(f"{self.address}: {why}")
        self._stream = stream
        return stream

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream[1].close()
            self._stream = None


def _pinned(writer: asyncio.StreamWriter, pin: str) -> bool:
    found: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    certificate = found.getpeercert(binary_form=True) if found is not None else None
    return certificate is not None and hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), pin)


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
