"""The gateway as an MQTT client: hears every bell, and acknowledges a message only after it was committed.

paho-mqtt runs its own thread. It reads what has arrived, then carries it through one transaction, unless somebody
else writes; acknowledgements and receipts come from whoever wrote. The session at the broker is persistent, so that
what arrives while the gateway is away waits for it.
"""

import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from bellgate.broker.canary import Canary
from bellgate.broker.expel import CONTROL, RESPONSE
from bellgate.broker.quick_client import QuickClient
from bellgate.clock import now_ms
from bellgate.pipeline import Inbound
from bellgate.pki import Authority

SUBSCRIPTIONS = [("bells/+/+/up", 1), ("bells/+/+/status", 1)]
# A frozen broker is noticed after one and a half of these; the canary notices one that answers pings only.
KEEPALIVE_S = 10
# Receipts on their way to the broker. paho's default of 20 would throttle a storm.
UNDER_WAY_MAX = 1_000
# Receipts that wait for a broker that is away, about 4 MB. One beyond is dropped and counted: the bell sends again
# and is answered again.
WAITING_MAX = 10_000
RECONNECT_S = (1, 5)
# Of a mosquitto to what it was told about revoked bells; looked at twice a second.
ANSWERS_MAX = 1_000
# After a reconnect the broker may repeat, for a while, what it had delivered before the break.
REPEATS_FOR_MS = 60_000

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Life:
    """One connection. Acknowledgements of an earlier one must not reach this one: its packet numbers begin anew."""

    number: int
    since_ms: int
    subscribed: bool = False
    canary: int | None = None  # the first canary sent on it: once it is back, nothing older waits in the broker


class Session:
    """Connects in the background and stays connected. `publish` from any thread."""

    def __init__(
        self,
        address: tuple[str, int],
        client_id: str,
        canary: Canary,
        take: Callable[[Inbound], None],
        tls: ssl.SSLContext | None,
        listening_ms: int | None,
        read_over: Callable[[], None] = lambda: None,
        control: bool = False,
    ) -> None:
        """address: (host, port). client_id: secret, because whoever connects with it takes the session over.
        take: called for each message; read_over: after the last one that had arrived.
        listening_ms: until when an earlier process is known to have listened, None if never.
        control: hear what a mosquitto answers to `control` (see `expel`)."""
        self._address = address
        self._canary = canary
        self._take = take
        self._told_read_over = read_over
        self._lock = threading.Lock()
        self._life: _Life | None = None
        self._lives = 0
        self._heard_ms = listening_ms  # the last sign that we were listening
        self._away_since_ms = listening_ms  # the same, when the present connection began
        self._fault = "not connected yet"
        self._control = control
        self._control_mid: int | None = None  # the packet of the subscription to a mosquitto's answers
        self._answers: deque[bytes] = deque(maxlen=ANSWERS_MAX)
        self.dropped_receipts = 0
        self.faults = 0
        self._client = QuickClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=MQTTv311,
            manual_ack=True,
        )
        self._client.on_read_over = self._read_over
        self._client.max_inflight_messages_set(UNDER_WAY_MAX)
        self._client.max_queued_messages_set(WAITING_MAX)
        self._client.reconnect_delay_set(*RECONNECT_S)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_socket_open = _no_delay
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    @property
    def listening(self) -> bool:
        """True while connected and subscribed."""
        life = self._life
        return life is not None and life.subscribed

    @property
    def fault(self) -> str:
        """Why it does not listen; "" while it does."""
        return self._fault

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._client.connect_async(*self._address, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect properly; the broker keeps for us what comes from now on."""
        self._fault = "stopped"
        self._life = None
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 1, not retained; kept while the broker is away, up to WAITING_MAX."""
        info = self._client.publish(topic, payload, qos=1)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self.dropped_receipts += 1

    def send_now(self) -> None:
        """What was published leaves at once; for whoever is told that reading is over."""
        self._client.send_now()

    @property
    def connections(self) -> int:
        """How often it was connected since the start."""
        return self._lives

    def control(self, payload: bytes) -> None:
        """Tell a mosquitto what to do (see `expel`)."""
        self._client.publish(CONTROL, payload, qos=1)

    def answers(self) -> list[bytes]:
        """What the mosquitto has answered since the last question."""
        found = []
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._answers.popleft())
        return found

    def send_canary(self) -> None:
        """Send the next canary, unless there is no connection: nothing would be proved by one that waits."""
        life = self._life
        if life is None or not life.subscribed:
            return
        number, payload = self._canary.make()
        if life.canary is None:
            life.canary = number
        self._client.publish(self._canary.topic, payload, qos=1)

    def waited_ms(self, at_ms: int, repeated: bool) -> int:
        """How long a message that arrives now may have lain in the broker unseen."""
        life = self._life
        if life is None or self._away_since_ms is None:
            return 0
        # What lay there is delivered in order, before the first canary of this connection.
        caught_up = life.canary is not None and self._canary.back >= life.canary
        if caught_up and not (repeated and at_ms - life.since_ms < REPEATS_FOR_MS):
            return 0
        return max(0, at_ms - self._away_since_ms)

    # From here on: paho's thread. An exception here would end it, and with it the gateway's hearing.

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._lost(f"the broker refuses the gateway: {reason}")
            return
        with self._lock:  # what waited for us may arrive before the answer to our subscription
            self._lives += 1
            self._away_since_ms = self._heard_ms
            self._life = _Life(self._lives, now_ms())
        client.subscribe(SUBSCRIPTIONS)
        if self._control:
            self._control_mid = client.subscribe(RESPONSE, 1)[
                1
            ]  # by itself: a broker that refuses it must not keep the bells from us

    def _on_subscribe(self, client: Client, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        if mid == self._control_mid:
            return
        if any(reason.is_failure for reason in reasons):
            self._lost("the broker's permissions keep the gateway from hearing the bells (user CN=gateway)")
            client.reconnect_delay_set(RECONNECT_S[1], RECONNECT_S[1])
            client.disconnect()
            return
        with self._lock:
            if self._life is None:
                return
            self._life.subscribed = True
            self._fault = ""
        _log.info("listening", broker=f"{self._address[0]}:{self._address[1]}")
        self.send_canary()

    def _on_connect_fail(self, *_: Any) -> None:
        self._lost("the broker does not answer, or its certificate does not name the address")

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._lost(f"the connection broke: {reason}")

    def _lost(self, fault: str) -> None:
        with self._lock:
            was, self._life = self._life, None
            changed = self._fault != "stopped" and (was is not None or self._fault != fault)
            self._fault = fault
        if changed:  # once when lost, and `listening` once when back
            _log.warning("not_listening", reason=fault, broker=f"{self._address[0]}:{self._address[1]}")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            self._hear(message)
        except Exception:  # our own fault; unacknowledged, so that the broker repeats it
            self.faults += 1
            _log.exception("session_fault")

    def _read_over(self) -> None:
        try:
            self._told_read_over()
        except Exception:
            self.faults += 1
            _log.exception("session_fault")

    def _hear(self, message: MQTTMessage) -> None:
        at_ms = now_ms()
        life = self._life
        ack = partial(self._ack, life.number if life else 0, message.mid)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # refused and counted by the pipeline: no bell has such a topic
        payload = bytes(message.payload)
        if topic == self._canary.topic:
            number = self._canary.read(payload)
            if number is None:
                ack()  # of an earlier process
                return
            self._take(Inbound(topic, payload, message.retain, at_ms, 0, partial(self._canary_kept, number, ack)))
            return
        if topic == RESPONSE:
            self._answers.append(payload)
            ack()
            return
        waited_ms = self.waited_ms(at_ms, message.dup)
        self._take(Inbound(topic, payload, message.retain, at_ms, waited_ms, ack))

    def _canary_kept(self, number: int, ack: Callable[[], None]) -> None:
        self._canary.came_back(number)
        self._heard_ms = now_ms()
        ack()

    def _ack(self, life: int, mid: int) -> None:
        with self._lock:
            if self._life is None or self._life.number != life:
                return  # of a connection that is gone: the broker repeats it, and the identity makes it a duplicate
            self._client.ack(mid, 1)


def client_context(authority: Authority) -> ssl.SSLContext:
    """TLS 1.2 or newer, both sides by certificates of this installation."""
    context = ssl.create_default_context(cafile=str(authority.path("ca.pem")))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority.path("gateway.pem"), authority.path("gateway.key"))
    return context


def _no_delay(_client: Client, _data: Any, sock: Any) -> None:
    # Otherwise a receipt may wait 40 ms for the answer to the packet before it.
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
