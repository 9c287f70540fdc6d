"""A receiver of webhooks that writes down what came and when: signature checked, idempotency key kept."""

import asyncio
import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import h11
import standardwebhooks

READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Arrival:
    """One POST. at_s: monotonic clock; key: the idempotency key; body: the CloudEvent."""

    at_s: float
    key: str
    body: dict[str, Any]


@dataclass(slots=True)
class Receiver:
    """Listens on loopback from `start` to `stop`."""

    secret: str = field(default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    arrivals: list[Arrival] = field(default_factory=list)
    unsigned: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it takes webhooks."""
        return f"http://127.0.0.1:{self.port}/press"

    async def start(self) -> None:
        """Begin to listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, h11.ProtocolError):
            pass  # the gateway was killed in the middle of a request: that one did not arrive
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        headers: dict[str, str] = {}
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                body = b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                # Written down before the answer: the sender may be dead by then, and this one has arrived all the same.
                self._keep(headers, body)
                answer = connection.send(h11.Response(status_code=204, headers=[("content-length", "0")])) or b""
                writer.write(answer + (connection.send(h11.EndOfMessage()) or b""))
                await writer.drain()
                connection.start_next_cycle()
            else:
                return

    def _keep(self, headers: dict[str, str], body: bytes) -> None:
        try:
            standardwebhooks.Webhook(self.secret).verify(body.decode(), headers)
        except (standardwebhooks.WebhookVerificationError, ValueError):
            self.unsigned += 1
            return
        self.arrivals.append(Arrival(time.monotonic(), headers["webhook-id"], json.loads(body)))
