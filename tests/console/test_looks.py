"""Every look at somebody's data stands in the record: once an hour, and it never keeps an alarm waiting."""

import threading
from typing import Any

import pytest
from desk import Desk, until

from bellgate.console import looks
from bellgate.store import audit, troubles


def looked(desk: Desk) -> list[tuple[str, str]]:
    """(who, what), in the record's order."""
    return [(row["by"], row["detail"]["what"]) for row in desk.store.read_now(lambda tx: audit.acts(tx, "looked"))]


def test_who_looked_at_what_once_an_hour(desk: Desk):
    incident = desk.press(desk.enrol())
    auditor, session = desk.token("auditor"), desk.session(desk.operator())
    for _ in range(5):
        desk.get("/api/v1/incidents", session)
        desk.get(f"/api/v1/incidents/{incident}", session)
        desk.get("/api/v1/bells", auditor)
    wanted = {("김하늘", "incidents"), ("김하늘", f"incident {incident}"), ("script-auditor", "bells")}
    until(lambda: set(looked(desk)) == wanted, "each is written")
    assert len(looked(desk)) == 3
    desk.clock.ahead_ms += looks.HOUR_MS
    desk.get("/api/v1/incidents", session)
    until(lambda: len(looked(desk)) == 4, "the next hour is another look")
    assert desk.store.read_now(audit.verify) is None


def test_an_open_stream_is_a_look(desk: Desk, url: str):
    import httpx

    session = desk.session(desk.operator())
    with httpx.stream("GET", f"{url}/api/v1/events", headers=session, timeout=20, trust_env=False) as stream:
        next(stream.iter_lines())
        until(lambda: looked(desk) == [("김하늘", "incidents")], "written while the stream is open")


def test_a_look_at_what_is_not_there_or_not_allowed_is_none(desk: Desk):
    incident = desk.press(desk.enrol())
    assert desk.get("/api/v1/incidents/999", desk.token()).status_code == 404
    assert desk.get(f"/api/v1/incidents/{incident}", desk.token("owner")).status_code == 403
    desk.get("/api/v1/bells", desk.token("installer"))
    until(lambda: looked(desk) == [("script-installer", "bells")], "the one that was a look")


def test_the_record_that_takes_nothing_keeps_no_alarm_from_a_person(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    incident = desk.press(desk.enrol())
    session = desk.session(desk.operator())
    real = audit.append

    def full(tx: Any, *given: Any) -> None:
        if given[3] == "looked":
            raise ValueError("no room")
        real(tx, *given)

    monkeypatch.setattr(audit, "append", full)

    async def story(client):
        assert (await client.get(f"/api/v1/incidents/{incident}", headers=session)).status_code == 200
        for _ in range(200):
            open_ = await desk.store.read(troubles.open_troubles)
            if open_:
                return open_
            await client.get("/api/v1/me", headers=session)
        return []

    (row,) = desk.talk(story)
    assert (row["kind"], row["subject"]) == ("record_failing", "record")
    assert b"bellgate_looks_unrecorded_total 1.0" in desk.get("/metrics").content
    monkeypatch.undo()
    desk.get(f"/api/v1/incidents/{incident}", session)
    until(lambda: looked(desk) == [("김하늘", f"incident {incident}")], "the next look tries again")


def test_a_look_does_not_wait_for_the_database(desk: Desk):
    """While the writer is held up, whoever looks is answered all the same."""
    incident = desk.press(desk.enrol())
    session = desk.session(desk.operator())
    held, go_on = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        held.set()
        go_on.wait(20)

    desk.store.submit(hold)
    assert held.wait(20)
    try:
        assert desk.get(f"/api/v1/incidents/{incident}", session).status_code == 200
        assert looked(desk) == []
    finally:
        go_on.set()
    until(lambda: looked(desk), "it is written afterwards")


def test_what_is_remembered_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(looks, "KNOWN_MAX", 3)
    numbers = [desk.press(desk.enrol(f"b-{number}")) for number in range(6)]
    token = desk.token()
    for _ in range(2):
        for number in numbers:
            desk.get(f"/api/v1/incidents/{number}", token)
    until(lambda: len(looked(desk)) == 12, "forgotten ones are written once more, and none is missing")
