"""The keeping of either database: retention, holds, figures, the record's savepoint, an export."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "operating"))
from estate import DAY_MS, Estate

from bellgate import dossier, installation
from bellgate.housekeeping import Housekeeping
from bellgate.store import audit, deliveries, figures, holds, retention, troubles
from bellgate.store.deliveries import Delivery


@pytest.fixture(params=["sqlite", "postgresql"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Estate]:
    url = installation.DEFAULT_STORE if request.param == "sqlite" else request.getfixturevalue("url")
    made = Estate(tmp_path / "gate", "[retention]\nincidents_days = 10\n", url)
    yield made
    made.close()


def test_what_is_over_goes_and_what_is_held_stays(estate: Estate) -> None:
    for bell_id in ("b-1", "b-2"):
        estate.close_incident(estate.press(estate.enrol(bell_id)))
    estate.deliver_all()
    estate.store.write_now(lambda tx: holds.put(tx, 2, "이수진", "2026고단123", estate.clock.at_ms))
    assert estate.store.read_now(figures.read).legal_holds == 1
    estate.clock.at_ms += 11 * DAY_MS
    house = Housekeeping(
        estate.store, estate.pipeline, estate.config, estate.clock, estate.authority, estate.move_broker
    )
    asyncio.run(house.retain())
    assert [row["id"] for row in estate.store.read_now(lambda tx: tx.all("SELECT id FROM incident"))] == [2]
    assert estate.count("signal") == 2 and estate.count("signal", "incident_id IS NULL") == 1
    assert estate.store.read_now(audit.verify) is None
    estate.store.write_now(lambda tx: holds.release(tx, 2, "이수진", "끝남", estate.clock.at_ms))
    assert estate.store.read_now(holds.held) == []


def _message(estate: Estate, name: str, created_ms: int, trouble_id: int | None = None) -> None:
    """One that arrived, about a trouble or about incident 1."""
    about = (None, trouble_id) if trouble_id is not None else (1, None)
    made = Delivery(name, "arc", "t", about[0], None, 0, "{}", 1, created_ms, created_ms, trouble_id=about[1])
    estate.store.write_now(lambda tx: deliveries.insert(tx, made, "delivered"))


def _kept(estate: Estate) -> list[str]:
    return [row["id"] for row in estate.store.read_now(lambda tx: tx.all("SELECT id FROM delivery ORDER BY number"))]


def test_messages_about_troubles_go_when_the_trouble_is_over(estate: Estate) -> None:
    """They belong to no incident, so nothing else ever removes them."""
    at_ms = estate.clock.at_ms
    row = estate.store.write_now(lambda tx: troubles.raise_(tx, "bell_missing", "b-1", {"silent_s": 180}, at_ms))
    _message(estate, "raised", at_ms, row["id"])
    _message(estate, "young", at_ms + 10, row["id"])
    assert estate.store.write_now(lambda tx: retention.deliveries(tx, at_ms + 5)) == 0
    estate.store.write_now(lambda tx: troubles.clear(tx, "bell_missing", "b-1", at_ms))
    assert estate.store.write_now(lambda tx: retention.deliveries(tx, at_ms + 5)) == 1 and _kept(estate) == ["young"]
    # Its line itself may have gone before it.
    estate.store.write_now(lambda tx: troubles.forget(tx, row["id"]))
    assert estate.store.write_now(lambda tx: retention.deliveries(tx, at_ms + 11)) == 1 and _kept(estate) == []
    assert estate.store.write_now(lambda tx: retention.deliveries(tx, at_ms + 11)) == 0


def test_a_message_of_a_wrong_clock_holds_up_no_other(estate: Estate) -> None:
    estate.close_incident(estate.press(estate.enrol()))
    estate.deliver_all()
    estate.store.write_now(lambda tx: tx.put("DELETE FROM delivery"))
    at_ms = estate.clock.at_ms
    for name, created_ms in (("future", at_ms + 9_000), ("old", at_ms), ("young", at_ms + 10)):
        _message(estate, name, created_ms)
    assert estate.store.write_now(lambda tx: retention.deliveries(tx, at_ms + 5)) == 1
    assert _kept(estate) == ["future", "young"]


def test_figures_and_size(estate: Estate) -> None:
    estate.press(estate.enrol())
    said = estate.store.read_now(figures.read)
    assert said.incidents_open == {"received": 1} and said.bells == {"active": 1} and said.record_rows >= 2
    assert said.oldest_due_ms is not None and figures.size_bytes(estate.store) > 100_000
    estate.store.write_now(lambda tx: figures.note_size(tx, 1, DAY_MS))
    estate.store.write_now(lambda tx: figures.note_size(tx, 201, 3 * DAY_MS))
    assert estate.store.read_now(figures.growth_bytes) == 100


def test_an_export_holds_its_links(estate: Estate) -> None:
    number = estate.press(estate.enrol())
    content = estate.store.read_now(lambda tx: dossier.collect(tx, number, "test-1", 1, "unknown"))
    assert audit.broken_link(content["record"]["rows"]) is None and content["record"]["rows"]
    content["record"]["rows"][0]["by"] += "x"
    assert audit.broken_link(content["record"]["rows"]) == content["record"]["rows"][0]["id"]


def test_a_record_that_takes_nothing_holds_up_no_alarm(estate: Estate) -> None:
    estate.enrol()
    # Somebody has put a row where the next one belongs.
    estate.store.write_now(
        lambda tx: tx.run(
            "INSERT INTO audit (id, at_ms, incident_id, by, act, detail, hash) "
            "VALUES (9223372036854775807, 1, NULL, 'x', 'x', '{}', 'x')"
        )
    )
    number = estate.press("b-1")
    assert estate.view(number)["handling"] == "received"
    assert [row["kind"] for row in estate.store.read_now(troubles.open_troubles)] == ["record_failing"]
