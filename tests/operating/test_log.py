"""The log: JSON, one id from press to delivery, and no secret in a traceback."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from estate import Estate

from bellgate import log as log_lines
from bellgate.engine import Engine
from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set up as by `bellgate run`; log() reads what was said so far."""
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    log_lines.set_up_log()
    structlog.configure(cache_logger_on_first_use=False)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    structlog.configure(**before)
    logging.root.handlers[:] = handlers


class Station:
    """Refuses the first attempt."""

    timeout_s, at_once, retry_max_s = 5.0, 4, 0.05

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    async def send(self, delivery: Delivery) -> str | None:
        self.got.append(delivery)
        if len(self.got) == 1:
            raise TargetError("HTTP 503")
        return "204"

    async def watch(self, say: Any) -> None:
        return

    async def close(self) -> None:
        return


def test_one_id_leads_from_the_press_to_the_delivery(estate: Estate, log: Any) -> None:
    station = Station()

    async def story() -> None:
        engine = Engine(estate.store, estate.clock, {"station": station})
        await engine.start(estate.pipeline)
        estate.pipeline._wake = engine.wake
        topic, payload = estate.packet(estate.enrol(), "panic")
        await asyncio.to_thread(estate.hear, topic, payload)
        await asyncio.to_thread(estate.hear, topic, payload)
        async with asyncio.timeout(20):
            while engine.counters()["sent"] < 1:
                estate.clock.at_ms += 100
                await asyncio.sleep(0.02)
        await engine.stop()

    asyncio.run(story())
    press = "b-1/0000000000000001/1"
    mine = [line for line in log() if line.get("press") == press]
    assert [line["event"] for line in mine] == ["press_stored", "not_sent", "press_again", "sent"] or sorted(
        line["event"] for line in mine
    ) == ["not_sent", "press_again", "press_stored", "sent"]
    stored = next(line for line in mine if line["event"] == "press_stored")
    assert (stored["signal"], stored["incident"], stored["what"]) == (1, 1, "panic")
    sent = next(line for line in mine if line["event"] == "sent")
    assert sent["target"] == "station" and sent["attempts"] == 2 and sent["incident"] == 1
    assert {"timestamp", "level"} <= set(sent)
    # After a restart the id comes out of the table.
    (row,) = estate.store.read_now(lambda tx: tx.all("SELECT press FROM delivery WHERE target = 'station'"))
    assert row["press"] == press


def test_a_traceback_shows_no_values(log: Any) -> None:
    def opens(secret: bytes) -> None:
        password = "correct horse battery staple"
        raise RuntimeError(f"{len(secret) + len(password)} is wrong")

    try:
        opens(b"the key of a bell")
    except RuntimeError:
        structlog.get_logger("test").exception("fault")
        logging.getLogger("library").exception("library fault")
    said = log()
    text = json.dumps(said)
    assert len(said) == 2 and "45 is wrong" in text and "opens" in text
    assert "battery" not in text and "the key of" not in text


def test_on_a_terminal_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", out)
    try:
        log_lines.set_up_log()
        structlog.configure(cache_logger_on_first_use=False)
        try:
            password = "correct horse battery staple"
            raise RuntimeError(f"{len(password)} is wrong")  # 28
        except RuntimeError:
            structlog.get_logger("test").exception("fault")
        said = out.getvalue()
        assert "28 is wrong" in said and "Traceback" in said and "battery" not in said
    finally:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
