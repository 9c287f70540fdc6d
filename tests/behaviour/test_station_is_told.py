"""The outbox against real HTTP servers: signed, repeated under the same id and bytes, and each target for itself."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import standardwebhooks
from gatehouse import SECRET, Bell, Clock, Gatehouse
from station import WAIT_S, Station, until

from bellgate import engine as engine_module
from bellgate import lanes
from bellgate.engine import Engine
from bellgate.store import deliveries, dues
from bellgate.targets import open_targets


def target(name: str, url: str, timeout_s: int = 10) -> str:
    return f"""
[[target]]
name = "{name}"
kind = "webhook"
url = "{url}"
secret = "{SECRET}"
timeout_s = {timeout_s}
"""


@contextmanager
def running(gate: Gatehouse) -> Iterator[Engine]:
    """The engine in a loop of its own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    engine = gate.engine = Engine(gate.store, gate.clock, open_targets(gate.config, gate.store, gate.clock))
    asyncio.run_coroutine_threadsafe(engine.start(gate.pipeline), loop).result(WAIT_S)
    try:
        yield engine
    finally:
        asyncio.run_coroutine_threadsafe(engine.stop(0.1), loop).result(WAIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_S)
        loop.close()


def states(gate: Gatehouse, name: str) -> list[str]:
    rows = gate.store.read_now(lambda tx: tx.all("SELECT state FROM delivery WHERE target = ? ORDER BY rowid", (name,)))
    return [row["state"] for row in rows]


@pytest.fixture
def station() -> Iterator[Station]:
    made = Station()
    yield made
    made.close()


def test_press_reaches_the_station_signed_as_a_cloudevent(tmp_path: Path, station: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell, "holdup", age_ms=1_500, zone=3)
        until(lambda: states(gate, "station") == ["delivered"], "not delivered")
        gate.command(1, "acknowledge")
        until(lambda: states(gate, "station") == ["delivered"] * 2, "not delivered")
    (headers, body), (_, second) = station.requests
    event = standardwebhooks.Webhook(SECRET).verify(body, headers)  # raises unless the signature fits
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert event["specversion"] == "1.0" and event["id"] == headers["webhook-id"]
    assert (event["source"], event["type"]) == ("ansimbell/test-1", "ansimbell.signal")
    data = event["data"]
    assert {key: data[key] for key in ("bell_id", "boot", "seq", "what", "state", "incident", "site", "test")} == {
        "bell_id": bell.bell_id,
        "boot": bell.boot,
        "seq": 1,
        "what": "holdup",
        "state": "alarm",
        "incident": 1,
        "site": bell.site,
        "test": False,
    }
    assert data["occurred"] == {"at_ms": gate.clock.at_ms - 1_500, "err_ms": 2_000, "source": "age"}
    assert data["silent"] and data["zone"] == 3 and data["address"] == "아차산로 1" and data["number"] == 1
    change = json.loads(second)
    assert change["type"] == "ansimbell.incident"
    assert (change["data"]["change"], change["data"]["handling"], change["data"]["owner"]) == (
        "acknowledge",
        "acknowledged",
        "김하늘",
    )
    assert station.connections == 1  # kept alive
    gate.close()


def test_tampered_body_does_not_verify(tmp_path: Path, station: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: station.requests, "nothing came")
    ((headers, body),) = station.requests
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(body.replace(b"panic", b"picnic"), headers)
    gate.close()


@pytest.mark.parametrize("status", [500, 410, 302, 0], ids=["error", "gone", "moved", "hangs up"])
def test_refusing_station_is_tried_again_with_the_same_bytes_and_is_trouble(tmp_path: Path, status: int) -> None:
    station = Station(lambda number: status if number < 3 else 204)
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        for number in (1, 2):
            until(lambda n=number: len(station.requests) == n and states(gate, "station") == ["failed"], "not failed")
            until(lambda: ("target_failing", "station") in gate.troubles(), "no trouble")
            if status:
                assert str(status) in gate.troubles()["target_failing", "station"]["detail"]
            gate.clock.at_ms += 999 * number  # 1 s, then 2 s: not yet
            asyncio.run(asyncio.sleep(2 * engine_module.TICK_S))
            assert len(station.requests) == number
            gate.clock.at_ms += number
        until(lambda: states(gate, "station") == ["delivered"], "not delivered")
        until(lambda: gate.troubles()["target_failing", "station"]["state"] == "falling", "not seen to work")
        gate.clock.at_ms += 30_000
        until(lambda: gate.troubles() == {}, "the trouble stays")
    bodies = [body for _, body in station.requests]
    assert len(set(station.ids())) == 1 and len(set(bodies)) == 1 and len(bodies) == 3
    assert gate.view(1)["deliveries"][0]["attempts"] == 3
    for headers, body in station.requests:
        standardwebhooks.Webhook(SECRET).verify(body, headers)
    gate.close()
    station.close()


def test_station_that_is_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    gone = Station()
    gone.close()
    gate = Gatehouse(tmp_path / "gate", target("station", gone.url))
    bell = gate.enrol(Bell())
    with running(gate):
        for _ in range(50):
            gate.press(bell)
        until(lambda: states(gate, "station") == ["failed"] * 50, "not failed")
        assert "cannot be reached" in gate.view(1)["deliveries"][0]["last_error"]
        back = Station(port=gone.port)
        gate.clock.at_ms += 1_000
        until(lambda: states(gate, "station") == ["delivered"] * 50, "not delivered")
    assert len(back.requests) == len(set(back.ids())) == 50
    gate.close()
    back.close()


def test_slow_target_delays_no_other(tmp_path: Path, station: Station) -> None:
    let_go = threading.Event()
    slow = Station(lambda _: 204 if let_go.wait(WAIT_S) else 500)
    gate = Gatehouse(tmp_path / "gate", target("slow", slow.url) + target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        for _ in range(40):
            gate.press(bell)
        until(lambda: states(gate, "station") == ["delivered"] * 40, "not delivered")
        assert states(gate, "slow") == ["pending"] * 40
        until(lambda: len(slow.requests) == lanes.SENDING_MAX, "not as many at once")
        let_go.set()
        until(lambda: states(gate, "slow") == ["delivered"] * 40, "not delivered")
    assert len(slow.ids()) == len(set(slow.ids())) == 40
    gate.close()
    slow.close()


def test_target_that_never_answers_is_given_up_at_its_deadline_and_tried_again(tmp_path: Path) -> None:
    let_go = threading.Event()
    station = Station(lambda number: 204 if number > 1 else let_go.wait(WAIT_S) and 0)
    gate = Gatehouse(tmp_path / "gate", target("station", station.url, timeout_s=1))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: states(gate, "station") == ["failed"], "not given up")
        assert gate.view(1)["deliveries"][0]["last_error"] == "no answer within 1 s"
        gate.clock.at_ms += 1_000
        until(lambda: states(gate, "station") == ["delivered"], "not delivered")
    let_go.set()
    assert len(set(station.ids())) == 1
    gate.close()
    station.close()


def test_killed_gateway_sends_again_under_the_same_id_and_only_what_was_in_flight(tmp_path: Path) -> None:
    let_go = threading.Event()
    station = Station(lambda number: 204 if number != 2 else let_go.wait(WAIT_S) and 0)
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: states(gate, "station") == ["delivered"], "not delivered")
        gate.press(bell)
        until(lambda: len(station.requests) == 2, "not in flight")
        after = gate.killed(tmp_path / "after")
    let_go.set()
    first, flying = station.ids()
    with running(after):
        until(lambda: states(after, "station") == ["delivered"] * 2, "not sent again")
    assert station.ids() == [first, flying, flying]
    assert station.requests[1][1] == station.requests[2][1]
    after.close()
    gate.close()
    station.close()


def test_message_is_given_up_after_a_day_and_that_is_trouble(tmp_path: Path) -> None:
    station = Station(lambda _: 503)
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: states(gate, "station") == ["failed"], "not failed")
        gate.command(1, "dispatch")
        until(lambda: states(gate, "station") == ["failed"] * 2, "not failed")
        gate.clock.at_ms += lanes.DEAD_AFTER_MS
        until(lambda: states(gate, "station") == ["dead"] * 2, "not given up")
        until(lambda: ("delivery_dead", "station") in gate.troubles(), "no trouble")
        sent = len(station.requests)
        gate.clock.at_ms += 3_600_000
        asyncio.run(asyncio.sleep(2 * engine_module.TICK_S))
        assert len(station.requests) == sent
    gate.close()
    station.close()


def test_more_than_memory_holds_waits_in_the_table(
    tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LANE_MAX", 5)
    let_go = threading.Event()
    station.reply = lambda _: 204 if let_go.wait(WAIT_S) else 500
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate) as engine:
        for _ in range(60):
            gate.press(bell)
        until(lambda: len(station.requests) == lanes.SENDING_MAX, "not as many at once")
        assert engine.counters()["waiting"] <= 5
        let_go.set()
        until(lambda: states(gate, "station") == ["delivered"] * 60, "not delivered")
    assert len(station.ids()) == len(set(station.ids())) == 60
    gate.close()


def test_engine_escalates_by_the_clock(tmp_path: Path, station: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    with running(gate) as engine:
        gate.press(gate.enrol(Bell()))
        for number in range(1, 4):
            until(lambda n=number: len(station.requests) == n, "not told")
            gate.clock.at_ms += 60_000
        until(lambda: len(station.requests) == 4, "not told")
        gate.command(1, "acknowledge")
        until(lambda: len(station.requests) == 5, "not told")
        assert engine.alive() and engine.counters()["fired"] == 3
    events = [json.loads(body)["data"] for _, body in station.requests]
    assert [one.get("round") for one in events] == [None, 1, 2, 3, 4]
    gate.close()


def test_clock_that_is_set_back_keeps_nobody_waiting(tmp_path: Path, station: Station) -> None:
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    with running(gate):
        gate.press(gate.enrol(Bell()))
        until(lambda: len(station.requests) == 1, "not told")
        gate.clock.set_by(-86_400_000)
        until(lambda: ("clock_set_back", "clock") in gate.troubles(), "not noticed")
        gate.clock.at_ms += 60_000
        until(lambda: len(station.requests) == 2, "not told again")
        gate.command(1, "acknowledge")
        gate.clock.set_by(-86_400_000)
        until(lambda: gate.troubles()["clock_set_back", "clock"]["count"] == 2, "not noticed")
        gate.clock.at_ms += 180_000
        until(lambda: gate.view(1)["owner"] is None, "the acknowledgement never ends")
    gate.close()


def test_auditor_says_what_is_late_and_mends_what_is_forgotten(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)

    async def story() -> None:
        engine = Engine(gate.store, gate.clock, {})
        engine._pipeline = gate.pipeline  # the loops are not started: nobody carries anything out
        await engine.audit()
        assert gate.troubles() == {}
        gate.clock.at_ms += 60_000 + engine_module.LATE_MS + 1
        await engine.audit()
        assert "escalation of 1 is 15 s late" in gate.troubles()["late_due", "engine"]["detail"]
        await engine.tick()
        await engine.audit()
        gate.clock.at_ms += 60_000
        await engine.tick()
        assert gate.troubles() == {}
        await gate.store.write(lambda tx: dues.remove(tx, "escalation", "1"))
        await engine.audit()
        assert ("no_escalation", "incident 1") in gate.troubles()
        before = len(gate.events)
        await engine.tick()
        assert [one["change"] for one in gate.events[before:]] == ["escalated"]

    asyncio.run(story())


def test_due_row_that_cannot_be_carried_out_stops_no_other(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.store.write_now(lambda tx: dues.put(tx, "nonsense", "x", gate.clock.at_ms))
    with running(gate):
        until(lambda: ("due_failed", "nonsense/x") in gate.troubles(), "no trouble")
        gate.clock.at_ms += 60_000
        until(lambda: gate.events[-1]["change"] == "escalated", "not escalated")


def test_bells_are_not_missed_because_the_gateway_was_away(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat())
    gate.clock.at_ms += 3_600_000
    with running(gate) as engine:
        fired = engine.counters()["fired"]
        asyncio.run(asyncio.sleep(2 * engine_module.TICK_S))
        assert engine.counters()["fired"] == fired and gate.troubles() == {}
        gate.clock.at_ms += engine_module.START_GRACE_MS
        until(lambda: ("bell_missing", bell.bell_id) in gate.troubles(), "not missed")


def test_messages_for_a_target_that_is_gone_are_said(tmp_path: Path) -> None:
    gate = Gatehouse(tmp_path / "gate", target("old", "http://127.0.0.1:9/"))
    gate.press(gate.enrol(Bell()))
    gate.close()
    after = Gatehouse(tmp_path / "gate", target("new", "http://127.0.0.1:9/"), Clock(gate.clock.at_ms))
    with running(after):
        assert "1 messages wait" in after.troubles()["target_removed", "old"]["detail"]
    after.close()
    again = Gatehouse(tmp_path / "gate", target("old", "http://127.0.0.1:9/"), Clock(gate.clock.at_ms))
    with running(again):
        assert ("target_removed", "old") not in again.troubles()
    again.close()


def test_stop_finishes_what_is_in_flight_and_writes_it_down(tmp_path: Path) -> None:
    station = Station(lambda _: time.sleep(0.05) or 204)
    gate = Gatehouse(tmp_path / "gate", target("station", station.url))
    bell = gate.enrol(Bell())
    with running(gate):
        gate.press(bell)
        until(lambda: station.requests, "not in flight")
    gate.close()
    after = Gatehouse(tmp_path / "gate", target("station", station.url))
    assert states(after, "station") == ["delivered"]
    assert after.store.read_now(deliveries.states) == {}
    after.close()
    station.close()
