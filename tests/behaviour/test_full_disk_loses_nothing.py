"""The disk is full: nothing is acknowledged, nothing is dropped, the operator is told, and it goes on by itself."""

import contextlib
import json
import threading
import time

import pytest
from gatehouse import WAIT_S, Bell, Gatehouse

from bellgate.errors import DiskFault, StoreBusy, StoreError
from bellgate.pipeline import Inbound
from bellgate.pipeline import flow as flow_module
from bellgate.store import bells


def test_press_on_a_full_disk_is_kept_until_it_can_be_stored(gate: Gatehouse, bell: Bell) -> None:
    pages = gate.store.write_now(lambda tx: tx.one("PRAGMA page_count"))
    assert pages is not None
    gate.store.write_now(lambda tx: tx.one(f"PRAGMA max_page_count = {pages['page_count']}"))
    acked: list[int] = []
    sent = 0
    deadline_s = time.monotonic() + WAIT_S
    while gate.pipeline.store_fault is None:  # each press fills a little more
        assert time.monotonic() < deadline_s
        sent += 1
        number = sent
        payload = bell.event()
        gate.pipeline.take(Inbound(bell.up, payload, False, gate.clock.now_ms(), 0, lambda n=number: acked.append(n)))
        with contextlib.suppress(StoreError):  # it may fail together with the press
            gate.store.write_now(lambda tx: None)
    assert "the disk is full" in gate.pipeline.store_fault
    assert len(acked) < sent == len(gate.heard_by(bell)) + sent - len(acked)
    assert gate.pipeline.counters()["waiting"] >= 1
    raised = [one for one in gate.events if one["type"] == "trouble"]
    assert [(one["change"], one["trouble"]["kind"]) for one in raised] == [("raised", "store_failing")]

    gate.store.write_now(lambda tx: tx.one("PRAGMA max_page_count = 1000000"))
    deadline_s = time.monotonic() + WAIT_S
    while len(acked) < sent or gate.pipeline.store_fault is not None or len(gate.events) < 2:
        assert time.monotonic() < deadline_s, gate.pipeline.counters()
        time.sleep(0.02)
    assert sorted(acked) == list(range(1, sent + 1))
    assert [seq for seq, _ in gate.heard_by(bell)] == [*range(1, sent + 1)]
    assert gate.count("signal") == sent and gate.view(1)["signal_count"] == sent
    gate.store.write_now(lambda tx: None)
    (row,) = gate.store.read_now(lambda tx: tx.all("SELECT * FROM trouble WHERE kind = 'store_failing'"))
    assert row["cleared_ms"] is not None


def test_message_that_our_own_fault_cannot_digest_is_left_to_the_broker_and_said(
    gate: Gatehouse, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "AGAIN_S", 0.01)
    monkeypatch.setattr(flow_module.intake, "_event", lambda *_: 1 // 0)
    acked = threading.Event()
    gate.pipeline.take(Inbound(bell.up, bell.event(), False, gate.clock.now_ms(), 0, acked.set))
    deadline_s = time.monotonic() + WAIT_S
    while ("intake_failed", bell.up) not in gate.troubles():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert not acked.is_set() and gate.receipts == []
    assert gate.pipeline.counters()["intake_faults"] == flow_module.FAULT_TRIES
    assert gate.pipeline.counters()["left_unacknowledged"] == 1


def test_kept_messages_are_bounded_and_counted(gate: Gatehouse, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "AGAIN_MAX", 3)
    gate.store.stop()
    for _ in range(5):
        gate.pipeline.take(Inbound(bell.up, bell.event(), False, 0, 0, lambda: None))
    counters = gate.pipeline.counters()
    assert (counters["waiting"], counters["left_unacknowledged"], counters["store_failures"]) == (3, 2, 5)


def _fill(gate: Gatehouse) -> None:
    """From now on no commit that needs another page succeeds."""
    pages = gate.store.write_now(lambda tx: tx.one("PRAGMA page_count"))
    assert pages is not None
    gate.store.write_now(lambda tx: tx.one(f"PRAGMA max_page_count = {pages['page_count']}"))


def test_alarm_goes_out_from_memory_once_and_again_with_its_incident(gate: Gatehouse, bell: Bell) -> None:
    gate.pipeline.know(gate.store.read_now(bells.all_bells))
    _fill(gate)
    acked: list[int] = []
    sent = 0
    deadline_s = time.monotonic() + WAIT_S
    while not gate.pipeline.disk_fault:
        assert time.monotonic() < deadline_s
        sent += 1
        number = sent
        payload = bell.event()
        gate.pipeline.take(Inbound(bell.up, payload, False, gate.clock.now_ms(), 0, lambda n=number: acked.append(n)))
        with contextlib.suppress(StoreError):
            gate.store.write_now(lambda tx: None)
    for _ in range(2):  # the bell sends it again: the station is not told again
        gate.pipeline.take(Inbound(bell.up, payload, False, gate.clock.now_ms(), 0, lambda: None))
        with contextlib.suppress(StoreError):
            gate.store.write_now(lambda tx: None)
    told = [json.loads(one.body)["data"] for one in gate.woken]
    unstored = [one["seq"] for one in told if one["incident"] == 0]
    assert sorted(unstored) == sorted(set(unstored)) and sent in unstored
    assert sorted(unstored) == sorted(set(range(1, sent + 1)) - set(acked))
    assert all(one.target == "station" for one in gate.woken)
    assert {(one["trouble"]["kind"], one.get("sound")) for one in gate.events if one["type"] == "trouble"} >= {
        ("alarm_not_stored", True)
    }
    assert (sent, "stored") not in gate.heard_by(bell)  # the bell is not told what is not true

    gate.store.write_now(lambda tx: tx.one("PRAGMA max_page_count = 1000000"))
    deadline_s = time.monotonic() + WAIT_S
    while len(acked) < sent or gate.pipeline.disk_fault:
        assert time.monotonic() < deadline_s, gate.pipeline.counters()
        time.sleep(0.02)
    assert (sent, "stored") in gate.heard_by(bell)
    assert {json.loads(one.body)["data"]["incident"] for one in gate.woken if one.signal_id} == {1}
    ended = [one for one in gate.events if one["type"] == "trouble" and one["change"] == "cleared"]
    assert "alarm_not_stored" in [one["trouble"]["kind"] for one in ended]


@pytest.mark.parametrize("why", ["test", "heartbeat", "forged", "restore"])
def test_only_an_alarm_that_counts_is_told_from_memory(gate: Gatehouse, bell: Bell, why: str) -> None:
    gate.pipeline.know(gate.store.read_now(bells.all_bells))
    payload = {
        "test": lambda: bell.event("test"),
        "heartbeat": bell.heartbeat,
        "forged": lambda: Bell(key=b"x" * 32).event(),
        "restore": lambda: bell.event(state="restore"),
    }[why]()
    inbound = Inbound(bell.up, payload, False, gate.clock.now_ms(), 0, lambda: None)
    gate.pipeline._keep(inbound, 0, DiskFault("the disk is full"))
    gate.pipeline.stop()
    assert gate.woken == []  # the station takes no tests


def test_lock_of_another_program_is_no_disk_fault(gate: Gatehouse, bell: Bell) -> None:
    gate.pipeline.know(gate.store.read_now(bells.all_bells))
    inbound = Inbound(bell.up, bell.event(), False, gate.clock.now_ms(), 0, lambda: None)
    gate.pipeline._keep(inbound, 0, StoreBusy("locked"))
    gate.pipeline.stop()
    assert gate.woken == [] and gate.pipeline.store_fault == "locked" and not gate.pipeline.disk_fault


def test_a_disk_that_works_now_and_then_repeats_no_alarm(gate: Gatehouse, bell: Bell) -> None:
    gate.pipeline.know(gate.store.read_now(bells.all_bells))
    inbound = Inbound(bell.up, bell.event(), False, gate.clock.now_ms(), 0, lambda: None)
    for _ in range(3):
        gate.pipeline._tell_from_memory(inbound)
        gate.pipeline._emergency.over(gate.clock.now_ms())  # a small commit went through in between
    assert len(gate.woken) == 1 and gate.pipeline.counters()["told_from_memory"] == 1
    lines = [one["change"] for one in gate.events if one["type"] == "trouble"]
    assert lines == ["raised", "cleared"]
