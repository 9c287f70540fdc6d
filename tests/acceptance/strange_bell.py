"""A bell that somebody else wrote: paho-mqtt and the standard library, by the text of the wire format and nothing else.

It imports nothing of ours on purpose. If it works, any MQTT client that follows docs/protocol.md does.
"""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt


def seal(key: bytes, topic: str, body: bytes) -> bytes:
    return body + b"\n" + hmac.new(key, topic.encode() + b"\n" + body, hashlib.sha256).hexdigest().encode()


def _pem(kind: str, der_base64: str) -> str:
    lines = [der_base64[at : at + 64] for at in range(0, len(der_base64), 64)]
    return f"-----BEGIN {kind}-----\n" + "\n".join(lines) + f"\n-----END {kind}-----\n"


class Refused(Exception):
    """The broker did not let us in."""


class StrangeBell:
    """Connects on entry; `receipts` collects (boot, seq, stage) of every verified receipt, in order of arrival."""

    def __init__(self, enrolment: Path, folder: Path, *, tls: bool = True, port: int | None = None) -> None:
        self.file = json.loads(enrolment.read_text(encoding="utf-8"))
        self.bell_id, self.site = self.file["bell_id"], self.file["site"]
        self.key = base64.b64decode(self.file["key"])
        self.boot = secrets.token_hex(8)
        self.seq = 0
        self.beats = 0
        self.receipts: list[dict] = []
        self.unverified: list[bytes] = []
        self.disconnects = 0
        self._changed = threading.Condition()
        self._acknowledged: set[int] = set()
        self._connected: str | None = None
        self._subscribed = False
        broker = self.file["brokers"][0]
        self.address = (broker["host"], port or broker["port"])
        # clean_session False: receipts sent while we are away for a moment are kept for us.
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=self.bell_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,  # the tests say when
        )
        if tls:
            self.client.tls_set_context(self._context(folder, broker["server_name"]))
        self.client.on_connect = self._on_connect
        self.client.on_connect_fail = lambda *_: self._note("connect failed")
        self.client.on_disconnect = self._on_disconnect
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_subscribe = self._on_subscribe

    def _context(self, folder: Path, server_name: str) -> ssl.SSLContext:
        context = _Named(ssl.PROTOCOL_TLS_CLIENT)
        context.name = server_name
        context.load_verify_locations(cadata=base64.b64decode(self.file["ca_der"]))
        pem = folder / f"{self.bell_id}-{secrets.token_hex(4)}.pem"
        pem.write_text(_pem("PRIVATE KEY", self.file["key_der"]) + _pem("CERTIFICATE", self.file["cert_der"]))
        context.load_cert_chain(pem)
        return context

    def topic(self, leaf: str) -> str:
        return f"bells/{self.site}/{self.bell_id}/{leaf}"

    # Connecting

    def connect(self, deadline_s: float = 10.0) -> "StrangeBell":
        """Connect and subscribe. Raises Refused at once when the broker says no."""
        try:
            self.client.connect(*self.address, keepalive=10)
        except (OSError, ssl.SSLError) as error:
            raise Refused(str(error)) from error
        self.client.loop_start()
        try:
            self.wait(lambda: self._connected or self.disconnects, "an answer to CONNECT", deadline_s)
            if self._connected != "Success":
                raise Refused(self._connected or "disconnected before CONNACK")
            self.wait(lambda: self._subscribed or self.disconnects, "an answer to SUBSCRIBE", deadline_s)
            if self.disconnects:
                raise Refused("disconnected before the subscription")
        except BaseException:
            self.close()
            raise
        return self

    def connect_soon(self, deadline_s: float = 15.0) -> "StrangeBell":
        """Connect, again and again: a new bell is known to the broker within seconds."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                return self.connect()
            except Refused:
                if time.monotonic() > end:
                    raise
                self._connected, self._subscribed, self.disconnects = None, False, 0
                time.sleep(0.2)

    def connect_again(self) -> "StrangeBell":
        """After the connection broke, or was left."""
        self.close()
        self._connected, self._subscribed, self.disconnects = None, False, 0
        return self.connect_soon()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> "StrangeBell":
        return self.connect_soon()

    def __exit__(self, *_: object) -> None:
        self.close()

    # Speaking

    def press(self, what: str = "panic", **more: object) -> int:
        """A new event; returns its number."""
        self.seq += 1
        self.send_event(self.seq, what, **more)
        return self.seq

    def send_event(self, seq: int, what: str = "panic", attempt: int = 0, **more: object) -> None:
        body = {"v": 1, "type": "event", "boot": self.boot, "seq": seq, "what": what, "state": "alarm", "age_ms": 0}
        body.update(more)
        if attempt:
            body["try"] = attempt
        self.say("up", body)

    def heartbeat(self, pending: int = 0) -> None:
        self.beats += 1
        self.say(
            "up",
            {
                "v": 1,
                "type": "heartbeat",
                "boot": self.boot,
                "seq": self.seq,
                "n": self.beats,
                "up_s": 1,
                "pending": pending,
                "kind": self.file["kind"],
                "fw": "strange-1",
            },
        )

    def say(self, leaf: str, body: dict) -> None:
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        self.publish(self.topic(leaf), seal(self.key, self.topic(leaf), text))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, wait: bool = True) -> None:
        """Publish with QoS 1 and wait for the PUBACK (which proves nothing but that the broker heard it)."""
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        if wait:
            self.wait(lambda: info.mid in self._acknowledged, f"a PUBACK for {topic}")

    # Hearing

    def stages(self, seq: int) -> list[str]:
        """The stages of this event's receipts, in order of arrival."""
        return [r["stage"] for r in list(self.receipts) if r["boot"] == self.boot and r["seq"] == seq]

    def wait_stage(self, seq: int, stage: str, deadline_s: float = 15.0) -> None:
        self.wait(lambda: stage in self.stages(seq), f"receipt {stage} for event {seq}", deadline_s)

    def wait(self, happened, what: str, deadline_s: float = 15.0) -> None:
        with self._changed:
            if not self._changed.wait_for(happened, deadline_s):
                raise AssertionError(f"{self.bell_id}: no {what} within {deadline_s:g} s; heard {self.receipts}")

    def _note(self, text: str) -> None:
        with self._changed:
            self._connected = text
            self._changed.notify_all()

    def _on_connect(self, client, _userdata, _flags, reason, _properties) -> None:
        if reason.is_failure:
            self._note(str(reason))
            return
        client.subscribe(self.topic("down"), qos=1)
        self._note("Success")

    def _on_subscribe(self, _client, _userdata, _mid, reasons, _properties) -> None:
        with self._changed:
            self._subscribed = not any(reason.is_failure for reason in reasons)
            self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self.disconnects += 1
            self._changed.notify_all()

    def _on_publish(self, _client, _userdata, mid, _reason, _properties) -> None:
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()

    def _on_message(self, _client, _userdata, message) -> None:
        body, _, tag = message.payload.rpartition(b"\n")
        good = seal(self.key, message.topic, body) == body + b"\n" + tag and message.topic == self.topic("down")
        with self._changed:
            if good:
                self.receipts.append(json.loads(body))
            else:
                self.unverified.append(message.payload)
            self._changed.notify_all()


class _Named(ssl.SSLContext):
    """paho asks for the name it connects to; an enrolment file names another one for the certificate."""

    name = ""

    def wrap_socket(self, sock, *args, **kwargs):
        kwargs["server_hostname"] = self.name
        return super().wrap_socket(sock, *args, **kwargs)
