"""A press is one signal however often it arrives; a second press joins and counts."""

import json
from typing import Any

import pytest
from gatehouse import Bell, Gatehouse

from bellgate import log
from bellgate.pipeline import Inbound, settings


def test_same_event_three_times_is_one_signal_and_three_receipts(gate: Gatehouse, bell: Bell) -> None:
    payload = bell.event()
    for _ in range(3):
        gate.hear(bell.up, payload)
    assert gate.heard_by(bell) == [(1, "stored")] * 3
    assert gate.count("signal") == 1
    assert len(gate.incidents()) == 1
    assert gate.view(1)["signals"][0]["arrivals"] == 3
    assert gate.view(1)["version"] == 1
    assert len(gate.woken) == 1
    assert gate.pipeline.counters()["duplicates"] == 2


def test_resend_with_another_age_and_try_is_the_same_event(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    bell.seq = 0
    gate.press(bell, age_ms=2_000, **{"try": 1})
    assert gate.count("signal") == 1
    assert gate.heard_by(bell) == [(1, "stored")] * 2


def test_second_press_joins_counts_and_sounds_again(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.press(bell)
    assert len(gate.incidents()) == 1
    view = gate.view(1)
    assert [one["seq"] for one in view["signals"]] == [1, 2]
    assert view["signal_count"] == 2 and view["last_signal"] == 2 and view["version"] == 2
    assert [(one["change"], one["sound"]) for one in gate.events] == [("opened", True), ("joined", True)]
    told = [json.loads(one.body) for one in gate.woken]
    assert [one["type"] for one in told] == ["ansimbell.signal"] * 2
    assert [one["data"]["signals"] for one in told] == [1, 2]


def test_press_during_acknowledged_incident_is_stored_and_waits_for_its_own_acknowledgement(
    gate: Gatehouse, bell: Bell
) -> None:
    gate.press(bell)
    gate.command(1, "acknowledge")
    gate.press(bell)
    assert gate.heard_by(bell) == [(1, "stored"), (1, "acknowledged"), (2, "stored")]
    gate.command(1, "acknowledge")
    assert gate.heard_by(bell)[3:] == [(2, "acknowledged")]


def test_duplicate_is_answered_with_the_present_stage(gate: Gatehouse, bell: Bell) -> None:
    payload = gate.press(bell)
    gate.command(1, "dispatch")
    gate.hear(bell.up, payload)
    assert gate.heard_by(bell) == [(1, "stored"), (1, "dispatched"), (1, "dispatched")]


def test_stages_climb_to_closed_and_are_told_to_the_bell(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.present(1, 1)
    for action in ("acknowledge", "dispatch", "en_route", "on_scene", "clear"):
        gate.command(1, action)
    gate.command(1, "close", disposition="genuine")
    stages = ["stored", "presented", "acknowledged", "dispatched", "closed"]
    assert gate.heard_by(bell) == [(1, stage) for stage in stages]
    assert gate.view(1)["disposition"] == "genuine"
    acts = [one["act"] for one in gate.view(1)["timeline"]]
    expected = ["opened", "escalated", "presented", "acknowledge", "dispatch", "en_route", "on_scene", "clear", "close"]
    assert acts == expected


def test_presented_up_to_a_signal_says_nothing_about_a_newer_one(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.press(bell)
    gate.present(1, 1)
    assert gate.heard_by(bell) == [(1, "stored"), (2, "stored"), (1, "presented")]
    desk = [one for one in gate.view(1)["deliveries"] if one["target"] == "desk"]
    assert [one["state"] for one in desk] == ["displayed", "sent", "sent"]  # the third tells of the presenting itself


def test_press_after_closing_opens_a_new_incident(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    gate.command(1, "close", disposition="accidental")
    gate.press(bell)
    assert [(one["id"], one["handling"]) for one in gate.incidents()] == [(2, "received"), (1, "closed")]


def test_trouble_of_the_bell_is_no_alarm(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell, "mains")
    gate.fast_forward(10_000)
    assert gate.incidents() == [] and gate.woken == []
    assert ("bell_mains", bell.bell_id) in gate.troubles()
    gate.press(bell, "mains", state="restore")
    gate.fast_forward(60_000)
    assert gate.troubles() == {}
    assert gate.heard_by(bell) == [(1, "stored"), (2, "stored")]
    assert [(one["type"], one["change"]) for one in gate.events] == [("trouble", "raised"), ("trouble", "cleared")]


def test_cancel_never_closes_and_never_opens(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell, "cancel")
    assert gate.incidents() == []
    gate.press(bell)
    gate.press(bell, "cancel")
    assert gate.view(1)["cancel_asked"] and gate.view(1)["handling"] == "received"


def test_event_of_an_earlier_start_is_taken_and_flagged_late(gate: Gatehouse, bell: Bell) -> None:
    old = bell.event(age_ms=None)
    bell.restart()
    gate.hear(bell.up, bell.heartbeat())
    gate.hear(bell.up, old)
    view = gate.view(1)
    assert view["late"] and view["occurred"]["err_ms"] is None
    assert view["handling"] == "received" and len(gate.woken) == 1
    assert gate.heard_by(bell) == [(1, "stored")]


def test_a_receipt_that_cannot_be_sealed_keeps_no_other_one_back(
    gate: Gatehouse, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = settings.pack

    def fails_once(message: dict[str, Any], topic: str, key: bytes) -> bytes:
        if message["seq"] == 1:
            raise ValueError("our own fault")
        return pack(message, topic, key)

    monkeypatch.setattr(settings, "pack", fails_once)
    acked: list[int] = []
    for number in (1, 2):
        payload = bell.event()
        gate.pipeline.gather(Inbound(bell.up, payload, False, gate.clock.now_ms(), 0, lambda n=number: acked.append(n)))
    gate.pipeline.take_gathered(lambda: None)
    gate.store.write_now(lambda tx: None)
    assert gate.heard_by(bell) == [(2, "stored")] and acked == [1, 2]
    assert gate.count("signal") == 2 and len(gate.woken) == 2
    assert gate.pipeline.counters()["intake_faults"] == 1


def test_receipts_leave_before_the_log_is_written(gate: Gatehouse, bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(log, "info_all", lambda notes: order.extend(str(note["event"]) for note in notes))
    for _ in range(2):
        gate.pipeline.gather(Inbound(bell.up, bell.event(), False, gate.clock.now_ms(), 0, lambda: order.append("ack")))
    gate.pipeline.take_gathered(lambda: order.append(f"{len(gate.receipts)} receipts"))
    gate.store.write_now(lambda tx: None)
    assert order == ["ack", "ack", "2 receipts", "press_stored", "press_stored"]


def test_the_log_is_written_even_if_the_receipts_cannot_leave(
    gate: Gatehouse, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(log, "info_all", lambda notes: lines.extend(str(note["event"]) for note in notes))
    gate.pipeline.gather(Inbound(bell.up, bell.event(), False, gate.clock.now_ms(), 0, lambda: None))
    with pytest.raises(ZeroDivisionError):
        gate.pipeline.take_gathered(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    assert lines == ["press_stored"] and gate.count("signal") == 1
