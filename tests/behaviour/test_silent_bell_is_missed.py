"""Who is alive: a bell that goes silent is missed, a replay cannot fake it, what was lost is said."""

from pathlib import Path

from gatehouse import Bell, Gatehouse

from bellgate.store import bells

MINUTE_MS = 60_000


def missing(gate: Gatehouse, bell: Bell) -> bool:
    return ("bell_missing", bell.bell_id) in gate.troubles()


def online(gate: Gatehouse) -> bool:
    return bool(gate.store.read_now(bells.listing)[0]["online"])


def test_silence_is_trouble_and_no_alarm_and_clears_itself(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat())
    assert online(gate)
    gate.fast_forward(3 * MINUTE_MS - 1)
    assert not missing(gate, bell)
    gate.fast_forward(1)
    assert missing(gate, bell) and not online(gate)
    assert gate.incidents() == [] and gate.woken == []
    gate.hear(bell.up, bell.heartbeat())
    assert online(gate)
    gate.fast_forward(30_000)
    assert not missing(gate, bell)


def test_bell_that_comes_and_goes_is_one_line(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(3 * MINUTE_MS)
    for _ in range(4):
        gate.hear(bell.status, bell.says("online"))
        gate.hear(bell.up, bell.heartbeat())
        gate.hear(bell.status, bell.says("offline"))
        gate.fast_forward(29_999)
        assert missing(gate, bell)
        gate.fast_forward(1)
    assert [one["change"] for one in gate.events] == ["raised"]
    assert gate.troubles()["bell_missing", bell.bell_id]["count"] == 5


def test_retained_hello_does_not_make_the_living_start_an_old_one(gate: Gatehouse, bell: Bell) -> None:
    """The broker may hand out the newest hello before what it kept of an earlier start."""
    kept = [bell.says("online"), bell.heartbeat()]
    bell.restart()
    gate.hear(bell.status, bell.says("online"), retained=True)
    for topic, payload in zip((bell.status, bell.up), kept, strict=True):
        gate.hear(topic, payload)
    for _ in range(4):
        gate.hear(bell.up, bell.heartbeat())
        gate.fast_forward(MINUTE_MS)
    assert online(gate) and not missing(gate, bell)


def test_heartbeats_keep_it_alive(gate: Gatehouse, bell: Bell) -> None:
    for _ in range(20):
        gate.hear(bell.up, bell.heartbeat())
        gate.fast_forward(MINUTE_MS)
    assert not missing(gate, bell)


def test_replayed_heartbeats_fake_nothing(gate: Gatehouse, bell: Bell) -> None:
    first = bell.heartbeat()
    gate.hear(bell.up, first)
    second = bell.heartbeat()
    gate.hear(bell.up, second)
    bell.restart()
    gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(2 * MINUTE_MS)
    for payload in (first, second):  # of a superseded start
        gate.hear(bell.up, payload)
    gate.fast_forward(MINUTE_MS)
    assert missing(gate, bell)
    assert gate.pipeline.counters()["replays"] == 2


def test_event_out_of_an_old_journal_does_not_revive_the_old_start(gate: Gatehouse, bell: Bell) -> None:
    old_event, old_heartbeat = bell.event(age_ms=None), bell.heartbeat()
    bell.restart()
    gate.hear(bell.up, bell.heartbeat())
    gate.hear(bell.up, old_event)
    gate.hear(bell.up, old_heartbeat)
    assert gate.count("signal") == 1
    assert gate.pipeline.counters()["replays"] == 1


def test_last_will_is_believed_after_a_grace(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.status, bell.says("online"), retained=True)
    gate.hear(bell.up, bell.heartbeat())
    gate.hear(bell.status, bell.says("offline"))
    assert not online(gate)
    gate.fast_forward(29_999)
    assert not missing(gate, bell)
    gate.fast_forward(1)
    assert missing(gate, bell)


def test_last_will_of_an_earlier_start_is_ignored(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat())
    will = bell.says("offline")
    bell.restart()
    gate.hear(bell.status, bell.says("online"))
    gate.hear(bell.up, bell.heartbeat())
    gate.hear(bell.status, will)
    assert online(gate)


def test_first_heartbeat_after_a_connect_is_answered_with_the_stages(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat())
    gate.press(bell)
    gate.command(1, "acknowledge")
    gate.press(bell)
    before = len(gate.receipts)
    gate.hear(bell.up, bell.heartbeat())
    assert len(gate.receipts) == before
    gate.hear(bell.status, bell.says("online"))  # it has connected again
    gate.hear(bell.up, bell.heartbeat())
    assert gate.heard_by(bell)[before:] == [(1, "acknowledged"), (2, "stored")]


def test_gap_is_a_loss_until_the_event_comes_after_all(gate: Gatehouse, bell: Bell) -> None:
    first = bell.event()
    second = bell.event()
    gate.hear(bell.up, second)
    assert gate.troubles() == {}  # one may have overtaken the other
    gate.fast_forward(10_000)
    lost = ("events_lost", f"{bell.bell_id}/{bell.boot}")
    assert gate.troubles()[lost]["detail"].startswith("1 of 2 events")
    gate.hear(bell.up, first)
    assert gate.troubles() == {}


def test_loss_that_a_heartbeat_told_of_ends_when_the_last_of_them_has_come(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    second, third = bell.event(), bell.event()
    gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(10_000)
    gate.hear(bell.up, second)
    (line,) = gate.troubles().values()
    assert line["detail"].startswith("1 of 3 events")  # the second is no reason to forget the third
    gate.hear(bell.up, third)
    assert gate.troubles() == {}


def test_loss_of_the_past_ends_by_itself(gate: Gatehouse, bell: Bell) -> None:
    bell.event()
    gate.press(bell, "contact")
    gate.fast_forward(10_000)
    bell.restart()
    gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(7 * 24 * 60 * MINUTE_MS - 1)
    assert "events_lost" in {kind for kind, _ in gate.troubles()}
    gate.fast_forward(1)
    assert "events_lost" not in {kind for kind, _ in gate.troubles()}


def test_heartbeat_that_has_nothing_left_to_send_shows_a_loss(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell)
    bell.event()
    gate.hear(bell.up, bell.heartbeat(pending=1))
    assert gate.troubles() == {}
    gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(10_000)
    assert [kind for kind, _ in gate.troubles()] == ["events_lost"]


def test_faults_in_heartbeats_are_raised_and_cleared_one_by_one(gate: Gatehouse, bell: Bell) -> None:
    gate.hear(bell.up, bell.heartbeat(faults=["flash", "button"]))
    assert set(gate.troubles()) == {("bell_fault", f"{bell.bell_id}/{name}") for name in ("flash", "button")}
    gate.hear(bell.up, bell.heartbeat(faults=["button"]))
    gate.fast_forward(60_000)
    assert set(gate.troubles()) == {("bell_fault", f"{bell.bell_id}/button")}
    assert gate.troubles()["bell_fault", f"{bell.bell_id}/button"]["count"] == 1


def test_supervision_survives_a_kill(gate: Gatehouse, bell: Bell, tmp_path: Path) -> None:
    gate.hear(bell.up, bell.heartbeat())
    after = gate.killed(tmp_path / "after")
    after.fast_forward(3 * MINUTE_MS)
    assert missing(after, bell)
    after.close()
