"""The disk is full: nothing is acknowledged, nothing is dropped, the operator is told, and it goes on by itself."""

import contextlib
import threading
import time

import pytest
from gatehouse import WAIT_S, Bell, Gatehouse

from bellgate.errors import StoreError
from bellgate.pipeline import Inbound
from bellgate.pipeline import flow as flow_module


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
