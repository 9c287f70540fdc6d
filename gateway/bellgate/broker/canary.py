"""The gateway's own message: MQTT → database → back, every few seconds, along the way of the alarms.

It travels as bells/gateway-<id>/canary/up under a key that lives as long as this process: one of an earlier start, or
of another gateway on the same broker, proves nothing here and is not taken for ours.
"""

import secrets
import threading

from bellgate.clock import now_ms
from bellgate.store import Tx, facts
from bellwire import WireError, join, pack, unpack

# Facts in the database: when the last canary was committed, and until when the gateway is known to have listened.
CANARY_FACT = "canary_ms"
LISTENING_FACT = "listening_ms"


class Canary:
    """Makes canaries and knows which one came back. Any thread."""

    def __init__(self, gateway_id: str) -> None:
        self._gateway_id = gateway_id
        self.topic: str = join(f"gateway-{gateway_id}", "canary", "up")
        self._key = secrets.token_bytes(32)
        self._boot = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._sent = 0
        self._back = 0
        self._back_ms: int | None = None
        self._round_trip_ms: float | None = None
        self._sent_ms: dict[int, int] = {}

    @property
    def sent(self) -> int:
        """The number of the newest one that was made."""
        return self._sent

    @property
    def back(self) -> int:
        """The number of the newest one that came back through the database; 0 before the first."""
        return self._back

    @property
    def round_trip_ms(self) -> float | None:
        """MQTT → commit → here, of the newest one that came back."""
        return self._round_trip_ms

    def age_ms(self) -> int | None:
        """Since the last one came back; None before the first."""
        return None if self._back_ms is None else max(0, now_ms() - self._back_ms)

    def make(self) -> tuple[int, bytes]:
        """The next one: (its number, its payload)."""
        with self._lock:
            self._sent += 1
            number = self._sent
            self._sent_ms[number] = now_ms()
            for old in [one for one in self._sent_ms if one <= number - 16]:  # 16: a minute and more of silence
                del self._sent_ms[old]
        message = {
            "v": 1,
            "type": "heartbeat",
            "boot": self._boot,
            "seq": 0,
            "n": number,
            "up_s": 0,
            "pending": 0,
            "kind": "store-bell",
            "fw": "canary",
        }
        return number, pack(message, self.topic, self._key)

    def read(self, payload: bytes) -> int | None:
        """The number of a canary of this process, None for anything else."""
        try:
            number: int = unpack(payload, self.topic, {0: self._key})["n"]
        except WireError:
            return None
        return number

    def keep(self, tx: Tx, payload: bytes) -> None:
        """Inside the transaction: write down that it passed here."""
        if self.read(payload) is None:
            return
        at = str(now_ms())
        facts.put(tx, facts.of_gateway(CANARY_FACT, self._gateway_id), at)
        facts.put(tx, facts.of_gateway(LISTENING_FACT, self._gateway_id), at)

    def came_back(self, number: int) -> None:
        """After the commit."""
        with self._lock:
            self._back = max(self._back, number)
            self._back_ms = now_ms()
            sent_ms = self._sent_ms.pop(number, None)
            if sent_ms is not None:
                self._round_trip_ms = float(self._back_ms - sent_ms)
