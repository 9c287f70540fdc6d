"""The JSON API: reading, commanding on what was seen, and every error in words."""

import asyncio
import sqlite3
import threading

import pytest
from desk import Desk
from structlog.testing import capture_logs

from bellgate.console import app as app_module
from bellgate.console.api.models import Disposition
from bellgate.console.guard import BODY_MAX_BYTES
from bellgate.core.incident import DISPOSITIONS
from bellgate.health import Health

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def act(desk: Desk, incident: int, action: str, headers: dict[str, str], **more):
    body = {"version": desk.view(incident)["version"]} | more
    return desk.post(f"/api/v1/incidents/{incident}/{action}", body, headers)


def test_the_whole_handling_through_the_api(desk: Desk):
    token = desk.token(name="김하늘")
    incident = desk.press(desk.enrol())
    for action, handling in (
        ("acknowledge", "acknowledged"),
        ("dispatch", "dispatched"),
        ("en_route", "en_route"),
        ("on_scene", "on_scene"),
        ("clear", "cleared"),
    ):
        answer = act(desk, incident, action, token)
        assert (answer.status_code, answer.json()["handling"]) == (200, handling)
    closed = act(desk, incident, "close", token, disposition="genuine", text="경찰관 도착").json()
    assert (closed["handling"], closed["disposition"], closed["owner"]) == ("closed", "genuine", "김하늘")
    assert closed["timeline"][-1]["detail"]["text"] == "경찰관 도착"
    assert desk.get("/api/v1/incidents", token).json()["items"] == []
    assert [one["id"] for one in desk.get("/api/v1/incidents?state=closed", token).json()["items"]] == [incident]
    assert act(desk, incident, "reopen", token).json()["handling"] == "acknowledged"
    assert desk.get(f"/api/v1/incidents/{incident}", token).json() == desk.view(incident)


def test_a_list_counts_signals_and_a_detail_shows_them(desk: Desk):
    token = desk.token()
    bell = desk.enrol()
    incident = desk.press(bell)
    desk.press(bell)
    (item,) = desk.get("/api/v1/incidents", token).json()["items"]
    assert (item["signals"], item["kind"], item["site"]) == (2, "store-bell", "seongsu")
    detail = desk.get(f"/api/v1/incidents/{incident}", token).json()
    assert [signal["seq"] for signal in detail["signals"]] == [1, 2]
    assert detail["signal_count"] == 2


def test_pages_of_incidents(desk: Desk):
    token = desk.token()
    for number in range(5):
        desk.press(desk.enrol(f"b-{number}"))
    first = [one["id"] for one in desk.get("/api/v1/incidents?state=all&limit=3", token).json()["items"]]
    rest = [one["id"] for one in desk.get(f"/api/v1/incidents?state=all&before={first[-1]}", token).json()["items"]]
    assert first + rest == [5, 4, 3, 2, 1]


def test_two_dispatchers_race_and_the_loser_sees_who_won(desk: Desk):
    incident = desk.press(desk.enrol())
    names = ("김하늘", "이서준")
    sessions = [desk.session(desk.operator(name)) for name in names]

    async def race(client):
        path, body = f"/api/v1/incidents/{incident}/acknowledge", {"version": 1}
        return await asyncio.gather(*(client.post(path, json=body, headers=headers) for headers in sessions))

    answers = desk.talk(race)
    won = [name for name, answer in zip(names, answers, strict=True) if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, 1)
    error = lost[0].json()["error"]
    assert error["code"] == "stale"
    assert error["incident"]["owner"] == won[0]
    assert error["incident"]["timeline"][-1]["by"] == won[0]
    acknowledged = [line for line in desk.view(incident)["timeline"] if line["act"] == "acknowledge"]
    assert [line["by"] for line in acknowledged] == won


def test_a_press_after_the_look_makes_the_command_stale(desk: Desk):
    token = desk.token()
    bell = desk.enrol()
    incident = desk.press(bell)
    seen = desk.view(incident)["version"]
    desk.press(bell)
    answer = desk.post(f"/api/v1/incidents/{incident}/close", {"version": seen, "disposition": "prank"}, token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale")
    assert answer.json()["error"]["incident"]["signal_count"] == 2
    assert desk.view(incident)["handling"] == "received"


def test_what_the_table_does_not_list_is_refused_with_the_state(desk: Desk):
    incident = desk.press(desk.enrol())
    answer = act(desk, incident, "on_scene", desk.token())
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_allowed")
    assert answer.json()["error"]["incident"]["handling"] == "received"


def test_somebody_elses_incident_is_offered_and_accepted_by_name(desk: Desk):
    incident = desk.press(desk.enrol())
    holder, other = (desk.token(name=name) for name in ("김하늘", "이서준"))
    assert act(desk, incident, "acknowledge", holder).status_code == 200
    assert act(desk, incident, "acknowledge", other).json()["error"]["code"] == "not_allowed"
    assert act(desk, incident, "handoff", other, accept=True).json()["error"]["code"] == "not_allowed"
    assert act(desk, incident, "handoff", holder, to="이서준").json()["offered_to"] == "이서준"
    assert act(desk, incident, "handoff", other, accept=True).json()["owner"] == "이서준"
    assert act(desk, incident, "handoff", other).status_code == 422
    assert act(desk, incident, "handoff", other, to="김하늘", accept=True).status_code == 422


def test_two_incidents_that_are_one_are_merged(desk: Desk):
    token = desk.token()
    first, second = (desk.press(desk.enrol(bell_id)) for bell_id in ("b-1", "b-2"))
    assert act(desk, second, "merge", token, into=99).status_code == 404
    assert act(desk, second, "merge", token, into=second).json()["error"]["code"] == "not_allowed"
    merged = act(desk, second, "merge", token, into=first).json()
    assert (merged["handling"], merged["disposition"], merged["merged_into"]) == ("closed", "duplicate", first)
    kept = desk.view(first)
    assert kept["signal_count"] == 2 and len({signal["bell_id"] for signal in kept["signals"]}) == 2
    seen = {"version": kept["version"] - 1, "into": second}
    answer = desk.post(f"/api/v1/incidents/{first}/merge", seen, token).json()
    assert answer["error"]["code"] == "stale"


def test_presented_needs_sound_and_no_version(desk: Desk):
    token = desk.token()
    bell = desk.enrol()
    incident = desk.press(bell)
    path = f"/api/v1/incidents/{incident}/presented"
    given = {"console": "page-1", "up_to_signal": 1, "sounding": True}
    for wrong in (given | {"sounding": False}, {"console": "page-1", "up_to_signal": 1}, given | {"console": EVIL}):
        assert desk.post(path, wrong, token).status_code == 422
    assert desk.view(incident)["handling"] == "received"
    desk.press(bell)
    answer = desk.post(path, given, token).json()
    assert answer["handling"] == "presented"
    assert [signal["stage"] for signal in answer["signals"]] == ["presented", "stored"], "only what was on the screen"


WRONG = [
    ("acknowledge", {}, "version"),
    ("acknowledge", {"version": "x"}, "version"),
    ("acknowledge", {"version": -1}, "version"),
    ("acknowledge", {"version": 1, "force": True}, "force"),
    ("acknowledge", [], "dictionary"),
    ("close", {"version": 1}, "disposition"),
    ("close", {"version": 1, "disposition": "boring"}, "genuine"),
    ("note", {"version": 1, "text": "   "}, "text"),
    ("note", {"version": 1, "text": "x" * 2_001}, "text"),
    ("handoff", {"version": 1}, "accept"),
    ("merge", {"version": 1}, "into"),
]


def test_a_wrong_request_is_told_where_it_is_wrong(desk: Desk):
    incident = desk.press(desk.enrol())
    token = desk.token()
    for path, body, says in WRONG:
        answer = desk.post(f"/api/v1/incidents/{incident}/{path}", body, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid"), (path, body)
        assert says in answer.json()["error"]["message"], (path, body)
    assert desk.view(incident)["version"] == 1


def test_the_dispositions_of_the_api_are_those_of_the_table():
    assert Disposition.__args__ == DISPOSITIONS


def test_what_is_not_there(desk: Desk):
    token = desk.token()
    for path in ("/api/v1/incidents/7", "/api/v1/nothing", "/nothing", "/static/nothing.js", "/static/../app.py"):
        answer = desk.get(path, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path


def test_an_unknown_incident_and_a_number_that_is_none(desk: Desk):
    token = desk.token()
    assert desk.post("/api/v1/incidents/7/acknowledge", {"version": 1}, token).status_code == 404
    for wrong in ("0", "-1", "x", str(2**63)):
        assert desk.get(f"/api/v1/incidents/{wrong}", token).status_code == 422
    assert desk.ask("PUT", "/api/v1/incidents", token).json()["error"]["code"] == "method_not_allowed"


def test_broken_json_and_too_much_of_it(desk: Desk):
    incident = desk.press(desk.enrol())
    token = desk.token() | {"Content-Type": "application/json"}
    path = f"/api/v1/incidents/{incident}/note"
    assert desk.ask("POST", path, token, content=b'{"version": 1,').status_code == 422
    large = desk.ask("POST", path, token, content=b" " * (BODY_MAX_BYTES + 1))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
    form = {"name": "x" * (BODY_MAX_BYTES + 1), "password": "y"}
    assert desk.ask("POST", "/sign-in", data=form).status_code == 413


def test_a_busy_store_is_503(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    from bellgate.errors import StoreBusy

    token = desk.token()
    incident = desk.press(desk.enrol())

    async def busy(*_):
        raise StoreBusy("the database did not answer within 5 s")

    monkeypatch.setattr(desk.pipeline, "command", busy)
    answer = act(desk, incident, "acknowledge", token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"


def test_our_own_bug_is_500_in_the_same_shape_and_without_traceback(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    token = desk.token()

    async def broken(*_):
        raise sqlite3.InterfaceError("a bug")

    monkeypatch.setattr(desk.store, "read", broken)
    with capture_logs() as said:
        answer = desk.get("/api/v1/incidents", token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "bug" not in answer.text
    assert [(line["log_level"], line["path"]) for line in said] == [("error", "/api/v1/incidents")]


def test_bells_come_without_their_keys(desk: Desk):
    bell = desk.enrol()
    answer = desk.get("/api/v1/bells", desk.token("installer"))
    assert answer.json()["items"][0]["bell_id"] == bell.bell_id
    assert "key" not in answer.json()["items"][0]
    assert bell.key.hex() not in answer.text


def test_troubles_are_listed(desk: Desk):
    desk.press(bell := desk.enrol())
    desk.press(bell, "battery")
    (item,) = desk.get("/api/v1/troubles", desk.token()).json()["items"]
    assert (item["kind"], item["subject"], item["state"]) == ("bell_battery", bell.bell_id, "open")
    assert {"id", "detail", "values", "raised_ms", "last_ms", "count", "cleared_ms"} <= item.keys()
    assert "members" not in item


def test_text_that_wants_to_be_code_stays_text(desk: Desk):
    name = desk.operator(EVIL[:60])
    incident = desk.press(desk.enrol(name=EVIL, address=EVIL))
    session = desk.session(name)
    answer = act(desk, incident, "note", session, text=EVIL)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.json()["name"], answer.json()["timeline"][-1]["detail"]["text"]) == (EVIL, EVIL)
    page = desk.get("/", session).text
    assert "<script>alert" not in page and "&lt;script&gt;" in page
    refused = desk.ask("POST", "/sign-in", data={"name": EVIL, "password": "x"}).text
    assert "<script>alert" not in refused


def test_every_answer_carries_the_guards(desk: Desk):
    for path in ("/sign-in", "/api/v1/me", "/static/desk/desk.js", "/nothing", "/healthz"):
        headers = desk.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_no_page_has_inline_code(desk: Desk):
    import re

    for page in (desk.get("/sign-in").text, desk.get("/", desk.session(desk.operator())).text):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?://(?!www\.w3\.org)", page)


def test_health_and_metrics_need_no_name(desk: Desk):
    answer = desk.get("/healthz")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    desk.health = Health(False, [("canary", False, "came back 20 s ago")])
    answer = desk.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == [{"name": "canary", "ok": False, "text": "came back 20 s ago"}]
    assert "bellgate_console_streams 0.0" in desk.get("/metrics").text


def test_the_description_of_the_api_is_whole(desk: Desk):
    told = desk.get("/api/v1/openapi.json").json()
    for path, at in told["paths"].items():
        for method, operation in at.items():
            assert operation["description"], (method, path)
            assert operation["security"], (method, path)
            assert {"401", "403", "422", "503"} <= set(operation["responses"]), (method, path)
    assert "409" in told["paths"]["/api/v1/incidents/{incident_id}/close"]["post"]["responses"]


def test_metrics_of_a_database_that_hangs_are_refused_in_time_and_hold_nobody_up(desk, monkeypatch):
    hangs = threading.Event()

    def slowly(_registry):
        hangs.wait(20)
        return b""

    monkeypatch.setattr(app_module, "generate_latest", slowly)
    monkeypatch.setattr(app_module, "SCRAPE_S", 0.05)
    try:
        answer = desk.get("/metrics")
        assert answer.status_code == 503 and "the database did not answer within 0.05 s" in answer.text
        assert desk.get("/healthz").status_code in (200, 503)
    finally:
        hangs.set()
