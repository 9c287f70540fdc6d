"""What is not a well sealed message of an enrolled bell is refused, counted, shown, and raises no incident."""

import json
from pathlib import Path

import pytest
from gatehouse import Bell, Gatehouse

from bellgate.pipeline.intake import SUBJECTS_MAX
from bellgate.store import bells
from bellwire import TAG_CHARS, WireError, seal, unpack

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "wire-v1.json").read_text(encoding="utf-8"))
KEY = bytes.fromhex(VECTORS["key_hex"])
SITE, NAME = "seongsu-012", "b-7f3a"
BAD = [(one["name"], one["topic"], bytes.fromhex(one["payload_hex"])) for one in VECTORS["bad"]]


def nothing_happened(gate: Gatehouse) -> None:
    assert gate.incidents() == []
    assert gate.count("signal") == 0
    assert gate.count("delivery") == 0
    assert gate.woken == []


@pytest.mark.parametrize(("name", "topic", "payload"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_vector_is_refused_and_counted(gate: Gatehouse, name: str, topic: str, payload: bytes) -> None:
    gate.enrol(Bell(NAME, SITE, KEY))
    gate.hear(topic, payload)
    nothing_happened(gate)
    assert sum(gate.refusals().values()) == 1
    with pytest.raises(WireError) as fault:
        unpack(payload, topic, {0: KEY})
    (reason,) = gate.refusals()
    if name == "another bell's topic":
        assert reason == "unknown_bell"
    elif name == "another direction":
        assert reason == "topic"
    else:
        assert reason == fault.value.fault
    assert [kind for kind, _ in gate.troubles()] == ["message_refused"]


@pytest.mark.parametrize(("name", "topic", "payload"), BAD, ids=[name for name, _, _ in BAD])
def test_bad_vector_sealed_again_with_the_bells_own_key(gate: Gatehouse, name: str, topic: str, payload: bytes) -> None:
    """What only its seal made bad becomes good; what breaks the format stays refused, and the bell is told."""
    bell = gate.enrol(Bell(NAME, SITE, KEY))
    body = payload[: -TAG_CHARS - 1] if payload[-TAG_CHARS - 1 : -TAG_CHARS] == b"\n" else payload
    sealed = seal(body, bell.up, KEY)
    gate.hear(bell.up, sealed)
    try:
        unpack(sealed, bell.up, {0: KEY})
    except WireError as fault:
        nothing_happened(gate)
        assert gate.refusals() == {fault.fault: 1}
        told = [unpack(payload, topic, {0: KEY}) for topic, payload in gate.receipts]
        answerable = fault.fault in ("v", "age_ms", "what", "state")
        assert [one["stage"] for one in told] == (["refused"] if answerable else [])
        assert all(one["reason"].startswith(fault.fault) for one in told)
    else:
        assert gate.refusals() == {} and gate.count("signal") == 1


def test_another_enrolled_bells_topic_is_refused_by_its_seal(gate: Gatehouse, bell: Bell) -> None:
    other = gate.enrol(Bell("b-0001", bell.site, b"o" * 32))
    gate.hear(other.up, bell.event())
    nothing_happened(gate)
    assert gate.refusals() == {"tag": 1}


def test_retained_press_is_refused(gate: Gatehouse, bell: Bell) -> None:
    payload = bell.event()
    gate.hear(bell.up, payload, retained=True)
    nothing_happened(gate)
    assert gate.refusals() == {"retained": 1} and gate.receipts == []
    gate.hear(bell.up, payload)
    assert gate.count("signal") == 1


def test_unknown_bell_wrong_site_and_revoked_bell(gate: Gatehouse, bell: Bell) -> None:
    stranger = Bell("b-9999")
    gate.hear(stranger.up, stranger.event())
    moved = Bell(bell.bell_id, "elsewhere", bell.key)
    gate.hear(moved.up, moved.event())
    gate.store.write_now(lambda tx: bells.set_state(tx, bell.bell_id, "revoked"))
    gate.hear(bell.up, bell.event())
    nothing_happened(gate)
    assert gate.refusals() == {"unknown_bell": 2, "revoked": 1}
    assert {subject for _, subject in gate.troubles()} == {stranger.up, moved.up, bell.up}


@pytest.mark.parametrize(
    "topic", ["bells/a/b", "bells/A/b/up", "other/a/b/up", "bells/a/b/sideways", "", "bells/+/#/up"]
)
def test_topic_that_is_none_shares_one_line(gate: Gatehouse, topic: str) -> None:
    gate.hear(topic, b"x")
    nothing_happened(gate)
    assert gate.refusals() == {"topic": 1}
    assert ("message_refused", "?") in gate.troubles()


def test_invented_names_do_not_fill_the_trouble_list(gate: Gatehouse) -> None:
    for number in range(SUBJECTS_MAX + 20):
        gate.hear(f"bells/nowhere/b-{number}/up", b"x")
    assert len(gate.troubles()) == SUBJECTS_MAX + 1
    assert gate.troubles()["message_refused", "?"]["count"] == 20
    assert gate.refusals() == {"unknown_bell": SUBJECTS_MAX + 20}


def test_trouble_about_refusals_clears_itself_ten_minutes_after_the_last(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, b"rubbish")
    gate.fast_forward(9 * 60_000)
    gate.hear(bell.up, b"rubbish")
    gate.fast_forward(9 * 60_000)
    assert gate.troubles()["message_refused", bell.bell_id]["count"] == 2
    gate.fast_forward(60_000)
    assert gate.troubles() == {}
    assert gate.refusals() == {"tag": 2}  # the count stays


def test_refused_event_is_told_why(gate: Gatehouse, bell: Bell) -> None:
    body = (
        b'{"v":1,"type":"event","boot":"' + bell.boot.encode() + b'","seq":7,"what":"dance","state":"alarm","age_ms":0}'
    )
    gate.hear(bell.up, seal(body, bell.up, bell.key))
    ((topic, payload),) = gate.receipts
    told = unpack(payload, topic, {0: bell.key})
    assert (told["stage"], told["seq"]) == ("refused", 7)
    assert told["reason"].startswith("what: must be one of panic")
    nothing_happened(gate)


def test_own_canary_is_handed_on_and_anothers_ignored(gate: Gatehouse) -> None:
    gate.hear("bells/gateway-test-1/canary/up", b"chirp")
    gate.hear("bells/gateway-other/canary/up", b"chirp")
    assert gate.canaries == [b"chirp"]
    assert gate.refusals() == {} and gate.troubles() == {}
