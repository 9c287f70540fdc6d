"""Two ends and a fake wire: packets made by bellwire go into the real pipeline on a real SQLite file.

`Gatehouse` is a gateway without a broker: what it would publish lies in `receipts`, what it would show in `events`.
Its clock is set by the test, so a story of an hour takes milliseconds.
"""

import asyncio
import itertools
import shutil
import threading
from pathlib import Path
from typing import Any

from bellgate import clock
from bellgate.config import load
from bellgate.core.attendance import ATTENDED, Desk
from bellgate.core.incident import Command, Presented
from bellgate.engine import Engine
from bellgate.pipeline import Inbound, Pipeline
from bellgate.store import bells, desks, dues, incidents, open_store, refusals, troubles
from bellgate.store.deliveries import Delivery
from bellwire import join, pack, unpack

TOML = """\
[gateway]
id = "test-1"
[mqtt]
advertise = ["gateway.local:8883"]
"""
SECRET = "whsec_" + "QUJD" * 11
STATION = f"""
[[target]]
name = "station"
kind = "webhook"
url = "http://127.0.0.1:9/hook"
secret = "{SECRET}"
"""
CONSOLE = """
[[target]]
name = "desk"
kind = "console"
"""
START_MS = 1_795_430_400_000
WAIT_S = 20.0


class Clock(clock.Clock):
    """at_ms: what the wall says. Time passes when it is changed, unless by `set_by`: then somebody set the clock."""

    def __init__(self, at_ms: int = START_MS) -> None:
        self.at_ms = at_ms
        self.set_ms = 0
        super().__init__(lambda: self.at_ms, lambda: self.at_ms - self.set_ms)
        self.now_ms()

    def set_by(self, by_ms: int) -> None:
        self.set_ms += by_ms
        self.at_ms += by_ms

    def synchronised(self) -> bool:
        return True


class Bell:
    """The other end: says things as a bell would, and reads what it is told."""

    def __init__(self, bell_id: str = "b-7f3a", site: str = "seongsu-012", key: bytes = b"k" * 32) -> None:
        self.bell_id, self.site, self.key = bell_id, site, key
        self.up, self.down, self.status = (join(site, bell_id, leaf) for leaf in ("up", "down", "status"))
        self._boots = itertools.count(1)
        self.restart()

    def restart(self) -> None:
        self.boot = f"{next(self._boots):016x}"
        self.seq = self.n = 0

    def row(self) -> bells.Bell:
        return bells.Bell(
            self.bell_id,
            self.site,
            "store-bell",
            "GS25 성수점",
            "아차산로 1",
            None,
            None,
            self.key,
            0,
            "00",
            "active",
            1,
        )

    def event(self, what: str = "panic", state: str = "alarm", age_ms: int | None = 0, **more: Any) -> bytes:
        self.seq += 1
        message = {"v": 1, "type": "event", "boot": self.boot, "seq": self.seq, "what": what, "state": state}
        return pack(message | {"age_ms": age_ms} | more, self.up, self.key)

    def heartbeat(self, **more: Any) -> bytes:
        self.n += 1
        message = {"v": 1, "type": "heartbeat", "boot": self.boot, "seq": self.seq, "n": self.n, "up_s": 60 * self.n}
        return pack(message | {"pending": 0, "kind": "store-bell", "fw": "1.0"} | more, self.up, self.key)

    def says(self, state: str) -> bytes:
        return pack({"v": 1, "type": "status", "state": state, "boot": self.boot}, self.status, self.key)


class Gatehouse:
    def __init__(self, folder: Path, more: str = STATION + CONSOLE, clock: Clock | None = None) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "gateway.toml").write_text(TOML + more, encoding="utf-8")
        self.folder = folder
        self.more = more
        self.config = load(folder / "gateway.toml")
        self.clock = clock or Clock()
        self.store = open_store(self.config.store.url, self.config.data_dir)
        self.store.start()
        self.receipts: list[tuple[str, bytes]] = []
        self.events: list[dict[str, Any]] = []
        self.woken: list[Delivery] = []
        self.canaries: list[bytes] = []
        self.engine: Engine | None = None
        self.pipeline = Pipeline(
            self.store,
            self.config,
            self.clock,
            lambda topic, payload: self.receipts.append((topic, payload)),
            self.events.append,
            self._wake,
            lambda tx, payload: self.canaries.append(payload),
        )

    def _wake(self, made: list[Delivery]) -> None:
        self.woken += made
        if self.engine is not None:
            self.engine.wake(made)

    def close(self) -> None:
        self.pipeline.stop()
        self.store.stop()

    def killed(self, folder: Path) -> "Gatehouse":
        """What the disk holds at this instant, opened by the next process; nothing of this one is closed or flushed."""
        folder.mkdir()
        for entry in self.folder.iterdir():
            if not entry.name.endswith("-shm"):
                shutil.copy(entry, folder / entry.name)
        return Gatehouse(folder, self.more, self.clock)

    def enrol(self, bell: Bell) -> Bell:
        self.store.write_now(lambda tx: bells.add(tx, bell.row()))
        return bell

    def attend(self) -> None:
        """Somebody sits at a console; its page never lapses, because no due row was set."""
        at_ms = self.clock.now_ms()
        desk = Desk("d" * 32, "김하늘", "page-1", (), at_ms, ATTENDED, at_ms, at_ms, at_ms)
        self.store.write_now(lambda tx: desks.save(tx, desk))

    def hear(self, topic: str, payload: bytes, retained: bool = False, waited_ms: int = 0) -> None:
        """One message from the broker; returns when it was acknowledged."""
        acked = threading.Event()
        self.pipeline.take(Inbound(topic, payload, retained, self.clock.now_ms(), waited_ms, acked.set))
        assert acked.wait(WAIT_S), "the message was not acknowledged"
        self.store.write_now(lambda tx: None)  # whatever followed that commit has been handed out

    def press(self, bell: Bell, what: str = "panic", **more: Any) -> bytes:
        payload = bell.event(what, **more)
        self.hear(bell.up, payload)
        return payload

    def fast_forward(self, by_ms: int) -> None:
        """Let time pass: every due row on the way is carried out at its own time, as the engine would."""
        until_ms = self.clock.at_ms + by_ms
        while True:
            row = self.store.read_now(lambda tx: tx.one("SELECT MIN(due_ms) AS at_ms FROM due"))
            at_ms = row["at_ms"] if row else None
            if at_ms is None or at_ms > until_ms:
                self.clock.at_ms = until_ms
                return
            self.clock.at_ms = max(self.clock.at_ms, at_ms)
            for due in self.store.write_now(lambda tx: dues.take(tx, self.clock.at_ms, 30_000, 100)):
                asyncio.run(self.pipeline.fire(due))

    def command(self, incident_id: int, action: str, by: str = "김하늘", **more: Any) -> dict[str, Any]:
        version = self.view(incident_id)["version"]
        return asyncio.run(self.pipeline.command(incident_id, Command(action, by, version, **more)))

    def present(self, incident_id: int, up_to_signal: int) -> dict[str, Any]:
        return asyncio.run(self.pipeline.present(incident_id, Presented("console 김하늘", up_to_signal)))

    def heard_by(self, bell: Bell) -> list[tuple[int, str]]:
        """(seq, stage) of every receipt for this bell so far, read with the bell's own key."""
        told = [unpack(payload, topic, {0: bell.key}) for topic, payload in self.receipts if topic == bell.down]
        return [(one["seq"], one["stage"]) for one in told]

    def view(self, incident_id: int) -> dict[str, Any]:
        view = self.store.read_now(lambda tx: incidents.view(tx, incident_id))
        assert view is not None
        return view

    def incidents(self, state: str = "all") -> list[dict[str, Any]]:
        return self.store.read_now(lambda tx: incidents.views(tx, state))

    def troubles(self) -> dict[tuple[str, str], dict[str, Any]]:
        rows = self.store.read_now(troubles.open_troubles)
        return {(row["kind"], row["subject"]): row for row in rows}

    def refusals(self) -> dict[str, int]:
        return self.store.read_now(refusals.counts)

    def count(self, table: str) -> int:
        row = self.store.read_now(lambda tx: tx.one(f"SELECT COUNT(*) AS n FROM {table}"))
        assert row is not None
        return int(row["n"])
