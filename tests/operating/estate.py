"""An installation on a folder of its own, with the real pipeline on a real database, and a clock set by the test."""

import asyncio
import threading
from pathlib import Path
from typing import Any

from bellgate import clock, installation
from bellgate.core.incident import Command
from bellgate.pipeline import Inbound, Pipeline
from bellgate.pki import Authority
from bellgate.store import bells, deliveries, incidents, open_store
from bellgate.store.deliveries import Delivery
from bellwire import join, pack

START_MS = 1_795_430_400_000
DAY_MS = 86_400_000
KEY = b"k" * 32
WAIT_S = 20.0
SECRET = "whsec_" + "QUJD" * 11


class Clock(clock.Clock):
    """at_ms: what both hands say; known: whether it is synchronised. The test sets both."""

    def __init__(self) -> None:
        self.at_ms = START_MS
        self.known: bool | None = True
        super().__init__(lambda: self.at_ms, lambda: self.at_ms)

    def synchronised(self) -> bool | None:
        return self.known


class Estate:
    def __init__(self, folder: Path, more: str = "", url: str = installation.DEFAULT_STORE) -> None:
        made = installation.create(folder, "test-1", "127.0.0.1:1", "127.0.0.1:2", ["127.0.0.1:2"], "admin", url)
        station = f'[[target]]\nname = "station"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\n'
        path = made.config.path
        path.write_text(path.read_text(encoding="utf-8") + station + more, encoding="utf-8")
        self.config = installation.load(path)
        self.authority = Authority(self.config.data_dir / "pki")
        self.clock = Clock()
        self.events: list[dict[str, Any]] = []
        self.woken: list[Delivery] = []
        self.seq: dict[str, int] = {}
        self.sheltered = False
        self.open()

    def open(self) -> None:
        self.store = open_store(self.config.store.url, self.config.data_dir)
        self.store.start()
        self.pipeline = Pipeline(
            self.store, self.config, self.clock, lambda *_: None, self.events.append, self.woken.extend
        )

    async def move_broker(self, on: bool, listed: list[bells.Bell]) -> bool:
        moved = self.sheltered != on
        self.sheltered = on
        return moved

    def close(self) -> None:
        self.pipeline.stop()
        self.store.stop()

    def enrol(self, bell_id: str = "b-1") -> str:
        row = bells.Bell(
            bell_id,
            "seongsu-012",
            "store-bell",
            "성수 24시 편의점",
            "연무장길 12",
            None,
            None,
            KEY,
            0,
            "ff",
            "active",
            1,
        )
        self.store.write_now(lambda tx: bells.add(tx, row))
        return bell_id

    def packet(self, bell_id: str, what: str, **more: Any) -> tuple[str, bytes]:
        self.seq[bell_id] = self.seq.get(bell_id, 0) + 1
        topic = join("seongsu-012", bell_id, "up")
        message = {"v": 1, "type": "event", "boot": "0" * 15 + "1", "seq": self.seq[bell_id], "what": what}
        return topic, pack(message | {"state": "alarm", "age_ms": 0} | more, topic, KEY)

    def hear(self, topic: str, payload: bytes) -> None:
        acked = threading.Event()
        self.pipeline.take(Inbound(topic, payload, False, self.clock.at_ms, 0, acked.set))
        assert acked.wait(WAIT_S), "the message was not acknowledged"
        self.store.write_now(lambda tx: None)

    def press(self, bell_id: str, what: str = "panic", **more: Any) -> int:
        """The number of the newest incident."""
        self.hear(*self.packet(bell_id, what, **more))
        return int(self.store.read_now(lambda tx: incidents.views(tx, "all"))[0]["id"])

    def command(self, number: int, action: str, **more: Any) -> None:
        version = self.view(number)["version"]
        asyncio.run(self.pipeline.command(number, Command(action, "김하늘", version, **more)))

    def close_incident(self, number: int) -> None:
        self.command(number, "acknowledge")
        self.command(number, "close", disposition="accidental")

    def deliver_all(self) -> None:
        marks = [deliveries.Mark(one.id, "delivered", 1, self.clock.at_ms, proof="204") for one in self.woken]
        self.store.write_now(lambda tx: deliveries.mark(tx, marks))

    def view(self, number: int) -> dict[str, Any]:
        found = self.store.read_now(lambda tx: incidents.view(tx, number))
        assert found is not None
        return found

    def count(self, table: str, where: str = "1 = 1") -> int:
        row = self.store.read_now(lambda tx: tx.one(f"SELECT COUNT(*) AS n FROM {table} WHERE {where}"))
        assert row is not None
        return int(row["n"])
