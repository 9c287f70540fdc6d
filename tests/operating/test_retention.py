"""What is removed when its time is over, and what never is."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from estate import DAY_MS, Estate

from bellgate.housekeeping import Housekeeping
from bellgate.store import audit, bells, holds, retention, troubles

KEEP = """
[retention]
incidents_days = 100
tests_days = 10
deliveries_days = 20
troubles_days = 30
refusals_days = 40
"""


@pytest.fixture
def estate(tmp_path: Path) -> Any:
    made = Estate(tmp_path / "gate", KEEP)
    yield made
    made.close()


def keep_house(estate: Estate, after_days: int) -> dict[str, int]:
    """One daily run, so many days later; what it wrote down."""
    estate.clock.at_ms += after_days * DAY_MS
    house = Housekeeping(
        estate.store, estate.pipeline, estate.config, estate.clock, estate.authority, estate.move_broker
    )
    asyncio.run(house.retain())
    rows = estate.store.read_now(lambda tx: audit.acts(tx, "retention"))
    return dict(rows[-1]["detail"]) if rows else {}


def test_each_class_goes_when_its_time_is_over(estate: Estate) -> None:
    bell = estate.enrol()
    real = estate.press(bell)
    estate.close_incident(real)
    estate.close_incident(estate.press(bell, "test"))
    still = estate.press(bell)
    estate.deliver_all()
    estate.store.write_now(lambda tx: troubles.raise_(tx, "k", "s", "d", estate.clock.at_ms))
    estate.store.write_now(lambda tx: troubles.clear(tx, "k", "s", estate.clock.at_ms))
    estate.hear("bells/nowhere/b-9/up", b"{}")
    rows = estate.count("audit")

    assert keep_house(estate, 5) == {}
    assert keep_house(estate, 6)["tests"] == 1 and estate.count("incident") == 2
    assert keep_house(estate, 10)["deliveries"] >= 1
    assert estate.count("delivery", f"incident_id = {real}") == 0 and estate.view(real)["signals"]
    assert estate.count("delivery", f"incident_id = {still}") >= 1
    assert keep_house(estate, 10)["troubles"] >= 1
    assert keep_house(estate, 10)["refusals"] == 1 and estate.count("refusal") == 0
    assert estate.count("incident") == 2
    assert keep_house(estate, 60)["incidents"] == 1
    assert [one["id"] for one in estate.store.read_now(lambda tx: tx.all("SELECT id FROM incident"))] == [still]
    # The record is whole, with what was removed written down in it.
    assert estate.count("audit") > rows and estate.store.read_now(audit.verify) is None
    assert estate.store.read_now(lambda tx: audit.timeline(tx, real))


def test_a_press_that_was_removed_cannot_be_played_back(estate: Estate) -> None:
    bell = estate.enrol()
    topic, payload = estate.packet(bell, "panic")
    estate.hear(topic, payload)
    estate.close_incident(1)
    keep_house(estate, 101)
    assert estate.count("incident") == 0 and estate.count("signal") == 1
    (row,) = estate.store.read_now(lambda tx: tx.all("SELECT * FROM signal"))
    assert (row["received_ms"], row["occurred_ms"], row["info"], row["incident_id"]) == (0, 0, "{}", None)
    estate.hear(topic, payload)
    assert estate.count("incident") == 0 and estate.count("signal", "arrivals = 2") == 1


def test_what_is_held_stays_and_who_said_so_is_written_down(estate: Estate) -> None:
    bell = estate.enrol()
    for _ in range(2):
        estate.close_incident(estate.press(bell))
    estate.deliver_all()
    at_ms = estate.clock.at_ms
    estate.store.write_now(lambda tx: holds.put(tx, 1, "이수진", "2026고단123", at_ms))
    keep_house(estate, 101)
    assert [one["id"] for one in estate.store.read_now(lambda tx: tx.all("SELECT id FROM incident"))] == [1]
    assert estate.count("delivery", "incident_id = 1") >= 1
    (said,) = estate.store.read_now(lambda tx: audit.acts(tx, "legal_hold"))
    assert (said["by"], said["detail"]) == ("이수진", {"reason": "2026고단123"})
    estate.store.write_now(lambda tx: holds.release(tx, 1, "이수진", "끝남", estate.clock.at_ms))
    keep_house(estate, 1)
    assert estate.count("incident") == 0


def test_many_go_in_portions(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PORTION", 2)
    for number in range(5):
        estate.close_incident(estate.press(estate.enrol(f"b-{number}"), "test"))
    assert keep_house(estate, 11)["tests"] == 5 and estate.count("incident") == 0


def test_a_clock_that_follows_nothing_removes_nothing(estate: Estate) -> None:
    estate.close_incident(estate.press(estate.enrol(), "test"))
    estate.clock.known = False
    assert keep_house(estate, 8_000) == {}  # it believes that it is the year 2048
    assert estate.count("incident") == 1


def test_without_a_number_it_is_kept_for_ever(estate: Estate) -> None:
    from bellgate.config_keeping import RetentionSection

    assert RetentionSection().incidents_days == 0
    estate.config = estate.config.model_copy(update={"retention": RetentionSection()})
    estate.close_incident(estate.press(estate.enrol()))
    keep_house(estate, 20_000)
    assert estate.count("incident") == 1
    assert estate.store.read_now(lambda tx: bells.get(tx, "b-1")) is not None
