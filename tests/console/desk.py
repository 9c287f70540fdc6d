"""A gateway without a broker behind a real console: sealed packets go into the real pipeline on a real SQLite file.

`Desk.ask` goes straight into the application; `Desk.served` puts it behind a real uvicorn on a port of its own.
"""

import asyncio
import contextlib
import itertools
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from prometheus_client import CollectorRegistry

from bellgate.clock import Clock, now_ms, steady_ms
from bellgate.config import load
from bellgate.console.app import Deps, create_app
from bellgate.console.live import Hub
from bellgate.health import Health
from bellgate.pipeline import Inbound, Pipeline
from bellgate.store import bells, dues, incidents, open_store, people, sessions
from bellwire import join, pack

TOML = """\
[gateway]
id = "seongsu-1"
[mqtt]
advertise = ["gateway.local:8883"]
[[target]]
name = "desk"
kind = "console"
"""
PASSWORD = "tiger-lily-7788"
WAIT_S = 20.0


def until(true: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> Any:
    """Ask again until it is true; fails with `what` at the deadline."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        value = true()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {wait_s:g} s in vain: {what}")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Its result. In a thread of its own: Playwright keeps an event loop in the one that calls."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class HeldClock(Clock):
    """The real time, and as much more as the test lets pass."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        super().__init__(lambda: now_ms() + self.ahead_ms, lambda: steady_ms() + self.ahead_ms)

    def synchronised(self) -> bool:
        return True


class Bell:
    def __init__(self, bell_id: str, name: str, address: str, kind: str = "store-bell", site: str = "seongsu") -> None:
        self.bell_id, self.name, self.address, self.kind, self.site = bell_id, name, address, kind, site
        self.up = join(site, bell_id, "up")
        self.key = bell_id.encode().ljust(32, b"k")
        self.boot = bell_id.encode().hex().ljust(16, "0")[:16]
        self.seq = itertools.count(1)

    def event(self, what: str = "panic", age_ms: int | None = 0, state: str = "alarm", **more: Any) -> bytes:
        message = {"v": 1, "type": "event", "boot": self.boot, "seq": next(self.seq), "what": what, "state": state}
        return pack(message | {"age_ms": age_ms} | more, self.up, self.key)


class Desk:
    def __init__(self, folder: Path) -> None:
        (folder / "gateway.toml").write_text(TOML, encoding="utf-8")
        self.config = load(folder / "gateway.toml")
        self.clock = HeldClock()
        self.store = open_store(self.config.store.url, self.config.data_dir)
        self.store.start()
        self.hub = Hub()
        self.receipts: list[tuple[str, bytes]] = []
        self.health = Health(True, [("canary", True, "came back 0.1 s ago")])
        self.pipeline = Pipeline(
            self.store,
            self.config,
            self.clock,
            lambda topic, payload: self.receipts.append((topic, payload)),
            self.hub.publish,
            lambda deliveries: None,
        )
        self.metrics = CollectorRegistry()
        self.app = create_app(
            Deps(self.store, self.pipeline, self.config, self.clock, lambda: self.health, self.metrics, self.hub)
        )

    def close(self) -> None:
        self.hub.close()
        self.pipeline.stop()
        self.store.stop()

    # The other end

    def enrol(
        self, bell_id: str = "b-7f3a", name: str = "성수 편의점", address: str = "서울 성동구 아차산로 1", **more: str
    ) -> Bell:
        bell = Bell(bell_id, name, address, **more)
        row = bells.Bell(
            bell_id, bell.site, bell.kind, name, address, 37.5445, 127.0559, bell.key, 0, "00", "active", 1
        )
        self.store.write_now(lambda tx: bells.add(tx, row))
        return bell

    def press(self, bell: Bell, what: str = "panic", **more: Any) -> int:
        """One signal; the number of the incident that it opened or joined, 0 if there is none."""
        acked = threading.Event()
        payload = bell.event(what, **more)
        self.pipeline.take(Inbound(bell.up, payload, False, self.clock.now_ms(), 0, acked.set))
        assert acked.wait(WAIT_S), "the press was not acknowledged"
        rows = self.store.read_now(lambda tx: incidents.views(tx, "open"))
        own = (row["id"] for row in rows if row["bell_id"] == bell.bell_id and row["test"] == (what == "test"))
        return max(own, default=0)

    def view(self, incident_id: int) -> dict[str, Any]:
        view = self.store.read_now(lambda tx: incidents.view(tx, incident_id))
        assert view is not None
        return view

    def let_pass(self, ms: int) -> None:
        """Time passes, and what falls due is carried out, as the engine would."""
        self.clock.ahead_ms += ms
        for due in self.store.write_now(lambda tx: dues.take(tx, self.clock.now_ms(), 30_000, 100)):
            run(self.pipeline.fire(due))

    # People

    def token(self, role: str = "dispatcher", name: str | None = None) -> dict[str, str]:
        """The headers of a program with this role."""
        called = name or f"script-{role}"
        secret = self.store.write_now(lambda tx: people.add_token(tx, called, role, self.clock.now_ms()))
        return {"Authorization": f"Bearer {secret}"}

    def operator(self, name: str = "김하늘", role: str = "dispatcher", password: str = PASSWORD) -> str:
        self.store.write_now(lambda tx: people.add_operator(tx, name, role, password, self.clock.now_ms()))
        return name

    def session(self, operator: str) -> dict[str, str]:
        """The headers of a signed-in browser."""
        secret, opened = self.store.write_now(lambda tx: sessions.open_session(tx, operator, self.clock.now_ms()))
        return {"Cookie": f"ansimbell={secret}", "X-CSRF-Token": opened.csrf}

    # HTTP

    def talk(self, conversation: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        """Several requests in one event loop, with the cookies that a browser would keep."""

        async def whole() -> Any:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://gateway.local", trust_env=False
            ) as client:
                return await conversation(client)

        return run(whole())

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        return self.talk(lambda client: client.request(method, path, headers=headers, **more))

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.ask("GET", path, headers)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.ask("POST", path, headers, json=body)

    @contextlib.contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """The base URL while a real server runs. Open streams are cut at the end."""
        listener = socket.create_server(("127.0.0.1", port))
        server = uvicorn.Server(
            uvicorn.Config(self.app, log_config=None, access_log=False, timeout_graceful_shutdown=1, lifespan="off")
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="uvicorn")
        thread.start()
        try:
            until(lambda: server.started, "the server starts")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(WAIT_S)
            listener.close()
            assert not thread.is_alive(), "the server did not stop"


def csrf_of(page: str) -> str:
    """The CSRF value in the page's HTML."""
    found = re.search(r'data-csrf="([^"]+)"', page)
    assert found
    return found.group(1)


def stages(desk: Desk, incident: int) -> list[str]:
    """What the receipts of its signals have said, in their order."""
    return [signal["stage"] for signal in desk.view(incident)["signals"]]
