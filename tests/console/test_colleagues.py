"""Who may take an incident over, whom the escalation tells next, and a hand-off that is not taken."""

from typing import Any

from desk import PASSWORD, Desk

from bellgate.store import people


def bound(desk: Desk, name: str, *areas: str, role: str = "dispatcher") -> dict[str, str]:
    """A session of somebody who is bound to these areas."""
    desk.store.write_now(lambda tx: people.add_operator(tx, name, role, PASSWORD, 1, areas))
    return desk.session(name)


def test_those_on_watch_come_first_and_only_who_may_see_it(desk: Desk):
    incident = desk.press(desk.enrol(site="seongsu-012"))
    me = desk.session(desk.operator())
    bound(desk, "박산", "seongsu-*")
    bound(desk, "최들", "mapo-*")
    desk.operator("한별", "supervisor")
    desk.operator("정강", "auditor")
    desk.operator("주인", "owner")
    watch = desk.session(desk.operator("이서준", "control-centre"))
    begun = desk.post("/api/v1/desks/begin", {"console": "page-1"}, watch).json()
    proof = {
        "desk": begun["desk"],
        "heartbeat_ms": desk.clock.now_ms(),
        "audio_ms": 5_000,
        "visible": True,
        "signed_ago_ms": 0,
    }
    heard = {"desk": begun["desk"], "heard": True, "proof": proof}
    assert desk.post("/api/v1/desks/heard", heard, watch).json()["condition"] == "attended"
    listed = desk.get(f"/api/v1/incidents/{incident}/colleagues", me).json()["items"]
    assert [(one["name"], one["on_watch"], one["signed_in"]) for one in listed] == [
        ("이서준", True, True),
        ("박산", False, True),
        ("한별", False, False),
    ]
    desk.store.write_now(lambda tx: tx.run("UPDATE operator SET disabled_ms = 1 WHERE name = ?", ("한별",)))
    assert "한별" not in desk.get(f"/api/v1/incidents/{incident}/colleagues", me).text


def test_who_does_not_see_the_incident_learns_nothing_of_it(desk: Desk):
    incident = desk.press(desk.enrol(site="seongsu-012"))
    outside = bound(desk, "최들", "mapo-*")
    answer = desk.get(f"/api/v1/incidents/{incident}/colleagues", outside)
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"
    assert desk.get("/api/v1/incidents/99/colleagues", desk.token()).status_code == 404
    for action, more in (("handoff", {"decline": True}), ("merge", {"into": incident})):
        answer = desk.post(f"/api/v1/incidents/{incident}/{action}", {"version": 1} | more, outside)
        assert answer.status_code == 404, action


def test_plans_name_everyone_without_a_policy(desk: Desk):
    plans = desk.get("/api/v1/plans", desk.token("auditor")).json()["plans"]
    everyone = {"after_ms": 0, "when": "unacknowledged", "names": ["*"], "attended": True, "screens_only": True}
    assert plans == {"default": {"repeat_ms": 60_000, "steps": [everyone]}}


def test_an_offer_is_declined_or_taken_back_and_the_record_says_which(desk: Desk):
    incident = desk.press(desk.enrol())
    mine, theirs = desk.session(desk.operator()), desk.session(desk.operator("이서준"))
    stranger = desk.session(desk.operator("박산"))

    def act(action: str, headers: dict[str, str], **more: Any) -> Any:
        body = {"version": desk.view(incident)["version"]} | more
        return desk.post(f"/api/v1/incidents/{incident}/{action}", body, headers)

    act("acknowledge", mine)
    assert act("handoff", mine, decline=True).json()["error"]["code"] == "not_allowed", "there is no offer"
    assert act("handoff", mine, to="이서준").status_code == 200
    assert act("handoff", stranger, decline=True).json()["error"]["code"] == "not_allowed"
    declined = act("handoff", theirs, decline=True).json()
    assert (declined["owner"], declined["offered_to"]) == ("김하늘", None)
    assert declined["timeline"][-1]["detail"] == {"to": "이서준", "accepted": False, "declined": True}
    assert act("handoff", theirs, accept=True).json()["error"]["code"] == "not_allowed", "the offer is gone"
    act("handoff", mine, to="이서준")
    assert act("handoff", mine, decline=True).json()["offered_to"] is None
    assert act("handoff", mine).status_code == 422
    assert act("handoff", mine, accept=True, decline=True).status_code == 422
