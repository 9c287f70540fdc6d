"""The watch over HTTP, on a real pipeline: who counts as attended, and what happens when a console is lost."""

from typing import Any

import pytest
from desk import Desk

from bellgate.core.attendance import LAPSE_MS, LEASE_UNATTENDED_MS
from bellgate.store import dues, troubles


class Page:
    """What a console's page says to the gateway, without the page."""

    def __init__(self, desk: Desk, name: str = "김하늘", console: str = "page-1", **more: Any) -> None:
        self.desk, self.console = desk, console
        self.headers = desk.session(desk.operator(name, **more))
        self.audio_ms = 1_000
        self.id = self.say("begin", {"console": console}).json()["desk"]

    def say(self, what: str, body: dict[str, Any], **more: Any) -> Any:
        return self.desk.post(f"/api/v1/desks/{what}", body, self.headers)

    def proof(self, **changes: Any) -> dict[str, Any]:
        self.audio_ms += 4_000
        proof = {"desk": self.id, "heartbeat_ms": self.desk.clock.now_ms(), "audio_ms": self.audio_ms}
        return proof | {"visible": True, "signed_ago_ms": 0} | changes

    def prove(self, **changes: Any) -> str:
        answer = self.say("proof", self.proof(**changes))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["condition"])

    def hear(self, heard: bool = True) -> str:
        return str(self.say("heard", {"desk": self.id, "heard": heard, "proof": self.proof()}).json()["condition"])


def open_troubles(desk: Desk) -> dict[str, Any]:
    return {row["kind"]: row for row in desk.store.read_now(troubles.open_troubles)}


def escalation_ms(desk: Desk, incident: int) -> int | None:
    return desk.store.read_now(lambda tx: dues.next_ms(tx, "escalation", str(incident)))


def test_a_watch_from_begin_to_end(desk: Desk):
    page = Page(desk)
    assert page.prove() == "begun"
    assert page.hear(False) == "begun"
    assert page.hear() == "attended"
    assert page.prove() == "attended"
    listed = desk.get("/api/v1/desks", desk.token()).json()["items"]
    assert [(one["operator"], one["condition"], one["desk"]) for one in listed] == [("김하늘", "attended", None)]
    ended = page.say("end", {"desk": page.id})
    assert ended.json()["condition"] == "ended"
    assert page.say("proof", page.proof()).status_code == 409, "a watch that is over proves nothing"
    assert desk.get("/api/v1/desks", desk.token()).json()["items"] == []


def test_a_browser_presents_only_in_an_attended_watch(desk: Desk):
    page = Page(desk)
    incident = desk.press(desk.enrol())
    path = f"/api/v1/incidents/{incident}/presented"
    body = {"console": "page-1", "up_to_signal": 1, "sounding": True}
    assert desk.post(path, body, page.headers).status_code == 422
    assert desk.post(path, body | {"desk": page.id}, page.headers).status_code == 409
    assert desk.view(incident)["handling"] == "received"
    page.hear()
    assert desk.post(path, body | {"desk": page.id}, page.headers).status_code == 200
    assert desk.view(incident)["handling"] == "presented"


def test_nobody_uses_the_watch_of_another(desk: Desk):
    mine, other = Page(desk), Page(desk, "이서준", "page-2")
    mine.hear()
    assert other.say("proof", mine.proof()).status_code == 409
    assert other.say("end", {"desk": mine.id}).status_code == 409
    assert mine.prove() == "attended"


def test_a_page_that_falls_silent_hands_its_incidents_on_at_once(desk: Desk):
    page = Page(desk)
    page.hear()
    incident = desk.press(desk.enrol())
    planned_ms = escalation_ms(desk, incident)
    assert planned_ms is not None and planned_ms - desk.clock.now_ms() > 30_000
    desk.let_pass(LAPSE_MS - 500)
    assert open_troubles(desk) == {} and escalation_ms(desk, incident) == planned_ms
    desk.let_pass(600)
    line = open_troubles(desk)["console_silent"]
    assert (line["subject"], line["values"]["why"]) == ("김하늘 on page-1", "lapsed")
    assert escalation_ms(desk, incident) <= desk.clock.now_ms()
    rounds = desk.view(incident)["escalation"]["round"]
    desk.let_pass(1)
    assert desk.view(incident)["escalation"]["round"] == rounds + 1
    assert page.prove() == "attended", "the page is back"
    assert "console_silent" not in open_troubles(desk)


def test_while_another_console_shows_it_nothing_is_hurried(desk: Desk):
    one, two = Page(desk), Page(desk, "이서준", "page-2")
    one.hear(), two.hear()
    incident = desk.press(desk.enrol())
    planned_ms = escalation_ms(desk, incident)
    assert one.prove(visible=False) == "deaf"
    assert escalation_ms(desk, incident) == planned_ms
    assert two.prove(audio_ms=0) == "deaf"
    assert escalation_ms(desk, incident) <= desk.clock.now_ms()


def test_a_console_of_another_area_does_not_count(desk: Desk):
    here, there = Page(desk), Page(desk, "이서준", "page-2")
    desk.store.write_now(lambda tx: tx.run("UPDATE desk SET areas = '[\"wangsimni-*\"]' WHERE id = ?", (there.id,)))
    here.hear(), there.hear()
    incident = desk.press(desk.enrol())
    assert here.prove(visible=False) == "deaf"
    assert escalation_ms(desk, incident) <= desk.clock.now_ms()


def test_an_acknowledgement_of_somebody_who_is_gone_is_not_trusted_for_the_whole_lease(desk: Desk):
    page = Page(desk)
    page.hear()
    incident = desk.press(desk.enrol())
    version = desk.view(incident)["version"]
    desk.post(f"/api/v1/incidents/{incident}/acknowledge", {"version": version}, page.headers)
    desk.let_pass(LAPSE_MS + 100)
    left_ms = desk.view(incident)["lease_until_ms"] - desk.clock.now_ms()
    assert LEASE_UNATTENDED_MS - 1_000 < left_ms <= LEASE_UNATTENDED_MS
    desk.let_pass(LEASE_UNATTENDED_MS + 100)
    assert desk.view(incident)["owner"] is None and desk.view(incident)["handling"] == "presented"


def test_nobody_ends_a_watch_with_something_open_that_nobody_took(desk: Desk):
    page = Page(desk)
    page.hear()
    incident = desk.press(desk.enrol())
    desk.press(desk.enrol("b-2"), "test")
    refused = page.say("end", {"desk": page.id})
    assert refused.status_code == 409
    assert refused.json()["error"]["message"].startswith(f"nobody has taken incident {incident}:")

    def command(action: str, **more: str) -> None:
        body = {"version": desk.view(incident)["version"], **more}
        assert desk.post(f"/api/v1/incidents/{incident}/{action}", body, page.headers).status_code == 200

    command("acknowledge")
    assert "you hold incident" in page.say("end", {"desk": page.id}).json()["error"]["message"]
    command("close", disposition="accidental")
    assert page.say("end", {"desk": page.id}).json()["condition"] == "ended"


def test_nobody_at_any_console_is_said_after_a_moment(desk: Desk):
    page = Page(desk)
    desk.let_pass(11_000)
    assert "console_unattended" in open_troubles(desk)
    assert page.say("proof", page.proof()).status_code == 409, "nobody ever began it"
    page = Page(desk, "이서준", "page-2")
    page.hear()
    assert "console_unattended" not in open_troubles(desk)


def test_a_reload_begins_anew(desk: Desk):
    page = Page(desk)
    page.hear()
    first = page.id
    page.id = page.say("begin", {"console": "page-1"}).json()["desk"]
    assert page.id != first
    assert page.prove() == "begun"
    assert page.say("proof", page.proof(desk=first)).status_code == 409


@pytest.mark.parametrize("changes", [{"heartbeat_ms": -1}, {"audio_ms": "x"}, {"desk": "short"}, {"more": 1}])
def test_a_proof_that_is_none_is_refused(desk: Desk, changes: dict[str, Any]):
    page = Page(desk)
    page.hear()
    assert page.say("proof", page.proof() | changes).status_code == 422
