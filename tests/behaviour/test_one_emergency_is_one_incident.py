"""What belongs together is one case: a bell's presses, a home's devices, what a person merges; never a test."""

import asyncio
import json
from pathlib import Path

import pytest
from gatehouse import CONSOLE, SECRET, STATION, Bell, Gatehouse

from bellgate.core.incident import Command
from bellgate.errors import NotAllowed, StaleVersion, UnknownIncident
from bellgate.store import holds, retention

MINUTE_MS = 60_000


class HomeBell(Bell):
    """A bell of another kind, at the site of one home unless said otherwise."""

    def __init__(self, bell_id: str, kind: str, site: str = "seongsu-home-7") -> None:
        self.kind = kind
        super().__init__(bell_id, site, bell_id.encode().ljust(32, b"k"))

    def row(self):
        import dataclasses

        return dataclasses.replace(super().row(), kind=self.kind)


@pytest.fixture
def home(gate: Gatehouse) -> tuple[Bell, Bell, Bell]:
    """A home set and two pendants of one home."""
    kinds = [("b-set", "home-set"), ("b-mother", "pendant"), ("b-child", "pendant")]
    return tuple(gate.enrol(HomeBell(bell_id, kind)) for bell_id, kind in kinds)


def changes(gate: Gatehouse, incident: int) -> list[str]:
    found = [json.loads(one.body)["data"] for one in gate.woken if one.incident_id == incident]
    return [one["change"] for one in found if "change" in one]


def test_a_home_is_one_incident_and_each_device_hears_of_its_own_press(gate: Gatehouse, home) -> None:
    intrusion, mother, child = home
    gate.press(intrusion, "intrusion")
    gate.press(mother)
    gate.press(child, "medical")
    view = gate.view(1)
    assert len(gate.incidents()) == 1 and view["signal_count"] == 3
    assert (view["what"], view["priority"], view["bell_id"]) == ("panic", 81, "b-set")
    assert [one["bell_id"] for one in view["signals"]] == ["b-set", "b-mother", "b-child"]
    gate.command(1, "dispatch")
    for bell in home:
        assert gate.heard_by(bell) == [(1, "stored"), (1, "dispatched")]
    gate.press(mother)
    assert gate.heard_by(mother)[-2:] == [(2, "stored"), (2, "dispatched")]
    gate.command(1, "close", disposition="genuine")
    assert [gate.heard_by(bell)[-1] for bell in home] == [(1, "closed"), (2, "closed"), (1, "closed")]
    gate.press(child)
    assert [one["id"] for one in gate.incidents("open")] == [2]


def test_messages_about_a_home_name_the_bell_that_spoke_and_the_incidents_own(gate: Gatehouse, home) -> None:
    gate.press(home[0], "intrusion")
    gate.press(home[1])
    gate.fast_forward(MINUTE_MS)
    bodies = [json.loads(one.body)["data"] for one in gate.woken]
    assert [one["bell_id"] for one in bodies] == ["b-set", "b-mother", "b-set"]
    assert {one["incident"] for one in bodies} == {1}


def test_a_restarted_device_of_a_home_is_told_its_own_stages(gate: Gatehouse, home) -> None:
    gate.press(home[0], "intrusion")
    gate.press(home[1])
    gate.command(1, "acknowledge")
    gate.hear(home[1].up, home[1].heartbeat())
    assert gate.heard_by(home[1]) == [(1, "stored"), (1, "acknowledged"), (1, "acknowledged")]
    listed = {row["bell_id"]: row["open_incidents"] for row in gate.store.read_now(_listing)}
    assert listed == {"b-set": 1, "b-mother": 1, "b-child": 0}


def _listing(tx):
    from bellgate.store import bells

    return bells.listing(tx)


def test_a_test_of_one_device_stays_apart_from_the_homes_alarm(gate: Gatehouse, home) -> None:
    gate.press(home[0], "intrusion")
    gate.press(home[1], "test")
    assert [(one["id"], one["test"]) for one in gate.incidents()] == [(2, True), (1, False)]


def test_a_site_with_two_home_sets_is_not_one_home(gate: Gatehouse, home) -> None:
    gate.enrol(HomeBell("b-neighbour", "home-set"))
    for bell in home:
        gate.press(bell)
    assert len(gate.incidents()) == 3


def test_shop_bells_of_one_site_stay_apart(gate: Gatehouse, bell: Bell) -> None:
    other = gate.enrol(Bell("b-2", bell.site, b"2" * 32))
    gate.press(bell)
    gate.press(other)
    assert len(gate.incidents()) == 2


@pytest.fixture
def two(gate: Gatehouse, bell: Bell) -> tuple[Bell, Bell]:
    """Two counters of a shop, both pressed: incidents 1 and 2."""
    other = gate.enrol(Bell("b-2", bell.site, b"2" * 32))
    gate.press(bell)
    gate.press(other, "holdup")
    return bell, other


def merge(gate: Gatehouse, incident: int, into: int, version: int | None = None):
    seen = gate.view(incident)["version"] if version is None else version
    return asyncio.run(gate.pipeline.command(incident, Command("merge", "김하늘", seen, into=into)))


def test_merged_incident_goes_on_in_the_other_one(gate: Gatehouse, two) -> None:
    first, second = two
    gate.command(1, "dispatch")
    view = merge(gate, 2, 1)
    assert (view["handling"], view["disposition"], view["merged_into"]) == ("closed", "duplicate", 1)
    kept = gate.view(1)
    assert kept["what"] == "holdup" and kept["silent"] and kept["signal_count"] == 2 and kept["last_signal"] == 2
    assert [one["bell_id"] for one in kept["signals"]] == [first.bell_id, second.bell_id]
    assert gate.heard_by(second) == [(1, "stored"), (1, "dispatched")], "never closed: help is on its way to it"
    assert changes(gate, 2)[-1] == "merge" and changes(gate, 1)[-1] == "absorbed"
    acts = [(one["act"], one["detail"].get("from", one["detail"].get("into"))) for one in kept["timeline"]]
    assert acts[-1] == ("absorbed", 2) and gate.view(2)["timeline"][-1]["detail"]["into"] == 1
    count = len(gate.woken)
    gate.fast_forward(60 * MINUTE_MS)
    assert len(gate.woken) == count, "the merged one is told no more, the other one is dispatched"
    gate.press(second)
    assert len(gate.incidents()) == 2 and gate.view(1)["signal_count"] == 3, (
        "a new press belongs where the old ones went"
    )
    assert gate.heard_by(second)[-1] == (2, "dispatched")
    gate.command(1, "close", disposition="genuine")
    assert gate.heard_by(second)[-2:] == [(1, "closed"), (2, "closed")]
    gate.press(second)
    assert len(gate.incidents("open")) == 1


def test_merging_twice_follows_the_chain(gate: Gatehouse, two) -> None:
    third = gate.enrol(Bell("b-3", two[0].site, b"3" * 32))
    gate.press(third)
    merge(gate, 1, 2)
    merge(gate, 2, 3)
    assert [gate.view(number)["merged_into"] for number in (1, 2, 3)] == [3, 3, None]
    gate.press(two[0])
    assert gate.view(3)["signal_count"] == 4
    with pytest.raises(NotAllowed, match="merged into 3"):
        gate.command(1, "reopen")


def test_merges_that_are_refused_change_nothing(gate: Gatehouse, two, bell: Bell) -> None:
    gate.press(bell, "test")
    before = [gate.view(number) for number in (1, 2, 3)]
    for into, error, said in ((3, NotAllowed, "is a test"), (1, NotAllowed, "itself"), (99, UnknownIncident, "99")):
        with pytest.raises(error, match=said):
            merge(gate, 1, into)
    with pytest.raises(StaleVersion):
        merge(gate, 1, 2, version=0)
    assert [gate.view(number) for number in (1, 2, 3)] == before
    gate.command(2, "close", disposition="prank")
    with pytest.raises(NotAllowed, match="closed"):
        merge(gate, 1, 2)
    assert gate.view(1)["handling"] == "received" and gate.incidents("open")[-1]["escalation"]["next_ms"]


SERVICE = f"""
[[target]]
name = "service"
kind = "webhook"
url = "http://127.0.0.1:9/service"
secret = "{SECRET}"
[[policy]]
name = "technical"
alarms = ["tamper"]
[[policy.step]]
after_s = 0
targets = ["service"]
[[policy]]
name = "police"
[[policy.step]]
after_s = 0
targets = ["station", "desk"]
"""


@pytest.mark.parametrize("handled", [None, "acknowledge", "dispatch"])
def test_what_begins_as_tampering_and_becomes_a_panic_reaches_the_police_at_once(
    tmp_path: Path, handled: str | None
) -> None:
    gate = Gatehouse(tmp_path / "gate", STATION + CONSOLE + SERVICE)
    bell = gate.enrol(Bell())
    gate.press(bell, "tamper")
    gate.fast_forward(3 * MINUTE_MS)
    assert {one.target for one in gate.woken} == {"service"}
    if handled:
        gate.command(1, handled, by="기사")
    gate.press(bell, "panic")
    at_once = [one.target for one in gate.woken if one.target == "station"]
    assert at_once == ["station"] and gate.view(1)["escalation"]["policy"] == "police"
    gate.fast_forward(2 * MINUTE_MS)
    rounds = [one.target for one in gate.woken if one.target == "station"]
    assert len(rounds) == (3 if handled is None else 1)
    gate.fast_forward(10 * MINUTE_MS)  # the technician forgets it
    assert (len([one for one in gate.woken if one.target == "station"]) > 3) == (handled != "dispatch")
    gate.close()


def test_what_is_held_for_a_court_is_held_in_the_incident_that_took_it_over(gate: Gatehouse, two) -> None:
    merge(gate, 1, 2)
    gate.command(2, "close", disposition="genuine")
    later_ms = gate.clock.at_ms + 1

    def removed(tx) -> int:
        return retention.incidents(tx, False, later_ms)

    gate.store.write_now(lambda tx: holds.put(tx, 1, "김하늘", "2026고단123", later_ms))
    assert gate.store.write_now(removed) == 0 and len(gate.view(2)["signals"]) == 2
    gate.store.write_now(lambda tx: holds.release(tx, 1, "김하늘", "끝남", later_ms))
    assert gate.store.write_now(removed) == 2 and gate.incidents() == []
