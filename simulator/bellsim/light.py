"""A light bell: MQTT over TLS as wire.md says it, without the firmware. It sends a press again until it is stored.

Hundreds of them fit into one process, so they can load a gateway where a real bell would cost an interpreter each.
What a bell is for (flash, button, lamp) is missing; what the gateway sees of one is the same.
"""

import asyncio
import base64
import contextlib
import secrets
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bellgate.enrolment import Enrolment
from bellnode import mqtt
from bellwire import WireError, join, pack, unpack

CONNECT_DEADLINE_S = 10.0
KEEPALIVE_S = 30
RECONNECT_S = 0.3
# A real bell sends again after 1, 2, 4 … 30 s; these are watched for minutes, not for days.
RESEND_S = (1.0, 2.0, 4.0)
LOOK_S = 0.1


class LightBell:
    """One enrolled bell. `press` whenever you like; `stored` says which presses the gateway has."""

    def __init__(self, enrolment: Enrolment, on_stored: Callable[[str, int], None] = lambda boot, seq: None) -> None:
        self.bell_id = enrolment.bell_id
        self.boot = secrets.token_hex(8)
        self.seq = 0
        self.pressed: dict[int, float] = {}  # seq -> when, in seconds of the monotonic clock
        self.stored: dict[int, float] = {}
        self.resends = 0
        self._key = base64.b64decode(enrolment.key)
        self._up = join(enrolment.site, enrolment.bell_id, "up")
        self._down = join(enrolment.site, enrolment.bell_id, "down")
        self._status = join(enrolment.site, enrolment.bell_id, "status")
        self._address = enrolment.brokers[0]
        self._context = _context(enrolment)
        self._on_stored = on_stored
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0
        self._next: dict[int, tuple[float, int]] = {}  # seq -> (when it is sent next, attempt)

    async def run(self) -> None:
        """Stay connected and send what is not stored yet, until cancelled."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, mqtt.MqttError, EOFError):
                await self._life()
            self._writer = None
            await asyncio.sleep(RECONNECT_S)

    def press(self, at_s: float) -> None:
        """A panic, now."""
        self.seq += 1
        self.pressed[self.seq] = at_s
        self._next[self.seq] = (at_s, 0)
        self._send_due()

    def waiting(self) -> int:
        """How many presses are not stored yet."""
        return len(self._next)

    async def _life(self) -> None:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            reader, writer = await asyncio.open_connection(
                self._address.host, self._address.port, ssl=self._context, server_hostname=self._address.server_name
            )
        try:
            will = pack({"v": 1, "type": "status", "state": "offline", "boot": self.boot}, self._status, self._key)
            writer.write(mqtt.connect(f"{self.bell_id}-{self.boot}", KEEPALIVE_S, (self._status, will)))
            writer.write(mqtt.subscribe(self._down, 1))
            decoder = mqtt.Decoder()
            ping_s = time.monotonic() + KEEPALIVE_S / 2
            while True:
                data = b""
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        data = await reader.read(65536)
                        if not data:
                            raise EOFError
                for packet in decoder.feed(data) if data else ():
                    self._take(packet, writer)
                self._send_due()
                if time.monotonic() > ping_s:
                    ping_s = time.monotonic() + KEEPALIVE_S / 2
                    writer.write(mqtt.PINGREQ)
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    await writer.drain()
        finally:
            self._writer = None
            writer.close()

    def _take(self, packet: Any, writer: asyncio.StreamWriter) -> None:
        if packet.kind == mqtt.CONNACK and packet.codes[0]:
            raise EOFError
        if packet.kind == mqtt.SUBACK:
            self._writer = writer
        if packet.kind != mqtt.PUBLISH:
            return
        if packet.number is not None:
            writer.write(mqtt.puback(packet.number))
        try:
            message = unpack(packet.payload or b"", packet.topic, {0: self._key})
        except WireError:
            return
        if message["type"] != "receipt" or message["boot"] != self.boot or message["stage"] == "refused":
            return
        seq = message["seq"]
        if self._next.pop(seq, None) is not None:
            self.stored[seq] = time.monotonic()
            self._on_stored(self.bell_id, seq)

    def _send_due(self) -> None:
        if self._writer is None:
            return
        now_s = time.monotonic()
        for seq, (due_s, attempt) in list(self._next.items()):
            if due_s > now_s:
                continue
            age_ms = int((now_s - self.pressed[seq]) * 1000)
            event = {"v": 1, "type": "event", "boot": self.boot, "seq": seq, "what": "panic", "state": "alarm"}
            message = event | {"age_ms": age_ms} | ({"try": min(attempt, 255)} if attempt else {})
            self._number = self._number % 65_535 + 1
            self._writer.write(mqtt.publish(self._up, pack(message, self._up, self._key), self._number))
            self.resends += attempt > 0
            self._next[seq] = (now_s + RESEND_S[min(attempt, len(RESEND_S) - 1)], attempt + 1)


def _context(enrolment: Enrolment) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=base64.b64decode(enrolment.ca_der))
    with tempfile.TemporaryDirectory() as folder:  # the standard library reads a key from a file alone
        pem = Path(folder) / "bell.pem"
        pem.touch(mode=0o600)
        pem.write_text(_pem("PRIVATE KEY", enrolment.key_der) + _pem("CERTIFICATE", enrolment.cert_der))
        context.load_cert_chain(pem)
    return context


def _pem(what: str, text: str) -> str:
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n"
