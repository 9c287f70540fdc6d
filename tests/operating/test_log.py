"""The log: JSON, one id from press to delivery, and no secret in a traceback."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from estate import Estate

from bellgate import log as log_lines
from bellgate.engine import Engine
from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery


@pytest.fixture
def out() -> io.StringIO:
    """Standard error, as `log` has it."""
    return io.StringIO()


@pytest.fixture
def said(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set up as by `bellgate run`; said() is all of it so far."""
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    monkeypatch.setattr(log_lines._how, "write_all", log_lines._how.write_all)
    monkeypatch.setattr(sys, "stderr", out)
    log_lines.set_up_log()
    structlog.configure(cache_logger_on_first_use=False)
    yield out.getvalue
    structlog.configure(**before)
    logging.root.handlers[:] = handlers


@pytest.fixture
def log(said: Any) -> Any:
    """log() reads what was said so far."""
    return lambda: [json.loads(line) for line in said().splitlines()]


@pytest.fixture
def terminal(out: io.StringIO, request: pytest.FixtureRequest) -> Any:
    """The same at a terminal: terminal() is what stands there."""
    out.isatty = lambda: True  # type: ignore[method-assign]
    return request.getfixturevalue("said")


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


def test_on_a_terminal_neither(terminal: Any) -> None:
    try:
        password = "correct horse battery staple"
        raise RuntimeError(f"{len(password)} is wrong")  # 28
    except RuntimeError:
        structlog.get_logger("test").exception("fault")
    assert "28 is wrong" in terminal() and "Traceback" in terminal() and "battery" not in terminal()


def test_many_lines_say_what_structlog_says_of_one(log: Any) -> None:
    structlog.get_logger("test").info("press_stored", press="b-1/1/1", incident=None, late=False)
    note = {"event": "press_stored", "press": "b-1/1/1", "incident": None, "late": False}
    log_lines.info_all([note, note])
    one, *many = log()
    assert len(many) == 2 and many[0] == many[1]
    assert {**many[0], "timestamp": ""} == {**one, "timestamp": ""} and one["level"] == "info"
    moments = [datetime.fromisoformat(line["timestamp"]) for line in (one, many[0])]
    assert all(line["timestamp"].endswith("Z") for line in (one, many[0]))
    assert timedelta(0) <= moments[1] - moments[0] < timedelta(minutes=1)
    assert note == {"event": "press_stored", "press": "b-1/1/1", "incident": None, "late": False}  # left as it was


def test_many_lines_are_one_write(log: Any, out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(out, "write", said.append)
    log_lines.info_all({"event": "press_stored", "signal": number} for number in range(100))
    (text,) = said
    assert [json.loads(line)["signal"] for line in text.splitlines()] == list(range(100)) and text.endswith("\n")


def test_no_lines_write_nothing(log: Any, out: io.StringIO) -> None:
    log_lines.info_all([])
    log_lines.info_all(iter(()))
    assert out.getvalue() == ""


def test_korean_stands_there_as_it_is(log: Any, out: io.StringIO) -> None:
    log_lines.info_all([{"event": "not_sent", "reason": "성수 24시 편의점\n연무장길"}])
    assert "성수 24시 편의점\\n연무장길" in out.getvalue()
    assert log()[0]["reason"] == "성수 24시 편의점\n연무장길"


@pytest.mark.parametrize("value", [b"\xff", frozenset({1}), ValueError("no"), 3j])
def test_what_json_does_not_know_is_said_as_python_does(log: Any, value: object) -> None:
    structlog.get_logger("test").info("odd", value=value)
    log_lines.info_all([{"event": "odd", "value": value}])
    assert [line["value"] for line in log()] == [repr(value)] * 2


@pytest.mark.parametrize("value", ["\ud800", 2**70, -(2**70), {1: "one"}, {"in": ["\udcff"]}])
def test_a_value_that_no_json_line_can_hold_keeps_no_other_line_back(log: Any, value: object) -> None:
    log_lines.info_all([{"event": "before"}, {"event": "odd", "value": value}, {"event": "after"}])
    events = [line["event"] for line in log()]
    assert [one for one in events if one != "odd"] == ["before", "after"]


class Full(io.StringIO):
    """A disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


class Gone(io.StringIO):
    """A terminal that was closed."""

    def write(self, text: str) -> int:
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("out", [Full(), Gone()])
def test_lines_that_cannot_be_written_are_lost_and_no_more(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> None:
    before, handlers = structlog.get_config(), logging.root.handlers[:]
    monkeypatch.setattr(log_lines._how, "write_all", log_lines._how.write_all)
    monkeypatch.setattr(sys, "stderr", out)
    try:
        log_lines.set_up_log()
        log_lines.info_all([{"event": "lost"}])
        structlog.get_logger("test").info("lost")
    finally:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers


def test_on_a_terminal_many_lines_are_readable_text(terminal: Any) -> None:
    log_lines.info_all([{"event": "press_stored", "bell": "성수"}, {"event": "press_again", "stage": "stored"}])
    first, second = terminal().splitlines()
    assert "press_stored" in first and "성수" in first and "press_again" in second
    for line in (first, second):
        assert not line.startswith("{")


def test_a_press_says_its_incident_and_whether_it_opened_it(estate: Estate, log: Any) -> None:
    bell_id = estate.enrol()
    estate.press(bell_id)
    estate.press(bell_id)
    estate.press(bell_id, "contact", state="restore")
    estate.enrol("b-2")
    estate.press("b-2", "battery")
    said = [
        (line["press"], line["what"], line["incident"], line["change"])
        for line in log()
        if line["event"] == "press_stored"
    ]
    start = "0" * 15 + "1"
    assert said == [
        (f"b-1/{start}/1", "panic", 1, "opened"),
        (f"b-1/{start}/2", "panic", 1, "joined"),
        (f"b-1/{start}/3", "contact", 1, "joined"),
        (f"b-2/{start}/1", "battery", None, None),
    ]


def test_an_incident_of_a_press_has_no_line_of_its_own_and_a_command_has(estate: Estate, log: Any) -> None:
    number = estate.press(estate.enrol())
    estate.command(number, "acknowledge")
    said = [(line["incident"], line["change"], line["handling"]) for line in log() if line["event"] == "incident"]
    assert said == [(number, "acknowledge", "acknowledged")]
