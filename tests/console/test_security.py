"""What somebody who means harm would try. Routes are found by introspection, so a new one is tried by itself."""

import itertools
import json
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ask_everything import ask, prepared, with_keys
from browser import Dispatcher
from desk import PASSWORD, Desk, until
from fastapi import FastAPI
from fastapi.routing import APIRoute

from bellgate.console import refusal
from bellgate.console.access import MAY, OWN_SESSION, SAFE_METHODS
from bellgate.console.guard import HEADERS
from bellgate.console.pages import WAYS
from bellgate.store import bells, passkeys, people, troubles
from bellgate.store.people import ROLES
from bellgate.store.sessions import SESSION_IDLE_MS

ENDLESS = "/api/v1/events"
EVIL = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>\'"{{7*7}}${7*7}'


def routes(app: FastAPI, bell: str = "b-7f3a") -> Iterator[tuple[str, str, APIRoute]]:
    """(method, path with values put in, route) of everything that the application answers."""
    found = list(_walk(app.routes))
    assert len(found) > 30, "FastAPI keeps its routes elsewhere now"
    for route in found:
        path = route.path.replace("{bell_id}", bell).replace("{language}", "ko")
        path = re.sub(r"\{\w+(:\w+)?\}", "1", path)
        for method in sorted(route.methods or ()):
            yield method, path, route


def _walk(these: Any) -> Iterator[APIRoute]:
    """Newer versions of FastAPI keep an included router as one, older ones copy its routes."""
    for route in these:
        if isinstance(route, APIRoute):
            yield route
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from _walk(router.routes)


def api(app: FastAPI, bell: str = "b-7f3a") -> list[tuple[str, str, APIRoute]]:
    return [(method, path, route) for method, path, route in routes(app, bell) if path.startswith("/api/v1/")]


def rights_of(route: APIRoute) -> tuple[str, ...]:
    """The rights of which a route asks for one. Fails for a route of the API that asks nobody who they are."""
    asked = [each.call.rights for each in route.dependant.dependencies if hasattr(each.call, "rights")]
    assert len(asked) == 1, f"{route.path} must ask once who comes (access.to(…)), and asks {len(asked)} times"
    return asked[0]


# Privilege crossing


@pytest.mark.parametrize("role", ROLES)
def test_every_path_of_the_api_lets_in_whom_the_table_says(desk: Desk, role: str):
    with_keys(desk)
    desk.press(desk.enrol())
    name = desk.operator(f"n-{role}", role)
    tried = 0
    for method, path, route in api(desk.app):
        rights = rights_of(route)
        allowed = not rights or OWN_SESSION in rights or not MAY[role].isdisjoint(rights)
        if allowed and path == ENDLESS:
            continue
        answer = desk.ask(method, path, desk.session(name), json={})
        tried += 1
        refused = answer.status_code == 403 and answer.json()["error"]["code"] == "forbidden"
        assert refused is not allowed, (method, path, rights, answer.text)
        assert answer.status_code < 500
    assert tried >= len(api(desk.app)) - 1


def test_what_changes_something_takes_more_than_the_right_to_read(desk: Desk):
    for method, path, route in api(desk.app):
        if method not in SAFE_METHODS:
            changing = {"command", "present", "change_bells", "press_test", "install", "people", "policy", OWN_SESSION}
            assert rights_of(route) and changing.issuperset(rights_of(route)), path


def test_every_page_of_the_application_asks_who_comes(desk: Desk):
    open_to_all = {"/healthz", "/metrics", "/sign-in", "/texts/{language}.json"}
    open_to_all |= {"/sign-in/code", "/sign-in/password", "/sign-in/passkey", "/sign-in/passkey/challenge"}
    for method, path, route in routes(desk.app):
        if route.path in open_to_all or path.startswith("/static/"):
            continue
        answer = desk.ask(method, path, {"Origin": "http://gateway.local"}, json={})
        to_sign_in = (answer.status_code, answer.headers.get("Location")) == (303, "/sign-in")
        assert answer.status_code == 401 or to_sign_in, (method, path)
        assert "김하늘" not in answer.text


# CSRF


def test_nothing_that_changes_something_takes_a_request_of_another_site(desk: Desk):
    desk.press(desk.enrol())
    name = desk.operator("김하늘", "administrator")
    unsafe = [(method, path) for method, path, _ in routes(desk.app) if method not in SAFE_METHODS]
    assert len(unsafe) > 20
    before = desk.view(1)["version"]
    for method, path in unsafe:
        session = desk.session(name)
        foreign = {"Cookie": session["Cookie"], "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        stranger = desk.session(name)["X-CSRF-Token"]  # of another session, even of the same person
        for more in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": stranger}):
            for body in ({"json": {}}, {"data": {"name": name, "password": PASSWORD}}):
                answer = desk.ask(method, path, foreign | more, **body)
                # A body that is no JSON at all may be refused before anybody asks for the value.
                assert answer.status_code in (403, 422), (method, path, answer.status_code)
                assert "Set-Cookie" not in answer.headers or "ansimbell=" not in answer.headers["Set-Cookie"]
                if "json" in body:
                    assert answer.json()["error"]["code"] == "csrf", (method, path)
        assert desk.get("/api/v1/me", session).status_code == 200, path
    assert desk.view(1)["version"] == before


def test_no_get_changes_anything(desk: Desk):
    """A picture on another site makes a browser send a GET, and the strict cookie is not the only wall."""
    desk.press(desk.enrol())
    name = desk.operator("김하늘", "administrator")
    session = desk.session(name)

    def everything(tx: Any) -> str:
        tables = ("incident", "signal", "operator", "passkey", "bell", "token", "desk")
        return repr([tx.all(f"SELECT * FROM {table}") for table in tables])

    before = desk.store.read_now(everything)
    for method, path, _ in routes(desk.app):
        if method in SAFE_METHODS and path != ENDLESS:
            desk.ask(method, path, session)
    assert desk.store.read_now(everything) == before


# Sessions


def test_a_session_that_is_over_opens_nothing_anywhere(desk: Desk):
    desk.press(desk.enrol())
    session = desk.session(desk.operator("김하늘", "administrator"))
    desk.clock.ahead_ms += SESSION_IDLE_MS + 1_000
    for method, path, _ in api(desk.app):
        answer = desk.ask(method, path, session, json={})
        assert answer.status_code == 401, (method, path)


def test_signing_out_ends_it_on_the_server(desk: Desk):
    session = desk.session(desk.operator())
    assert desk.ask("POST", "/sign-out", session).status_code == 204
    for method, path, _ in api(desk.app):
        assert desk.ask(method, path, session, json={}).status_code == 401, path


@pytest.mark.parametrize("planted", ["ansimbell=planted-by-the-attacker", "ansimbell-step=planted-by-the-attacker"])
def test_a_planted_secret_is_never_the_one_of_a_session(desk: Desk, planted: str):
    desk.operator()
    form = {"name": "김하늘", "password": PASSWORD}
    answer = desk.ask("POST", "/sign-in", {"Cookie": planted}, data=form)
    assert answer.status_code == 303
    value = planted.partition("=")[2]
    assert value not in answer.headers["Set-Cookie"]
    assert desk.get("/api/v1/me", {"Cookie": f"ansimbell={value}"}).status_code == 401


def test_a_known_step_of_somebody_else_signs_nobody_in_by_itself(desk: Desk):
    """An attacker who plants the own half sign-in gets the victim into the attacker's session at most with the code."""
    by = desk.session(desk.operator("chief", "administrator"))
    told = desk.post("/api/v1/people", {"name": "attacker", "role": "owner"}, by).json()
    answer = desk.ask("POST", "/sign-in", data={"name": "attacker", "password": told["password"]})
    step = answer.headers["Set-Cookie"].partition(";")[0]
    desk.operator()
    done = desk.ask("POST", "/sign-in", {"Cookie": step}, data={"name": "김하늘", "password": PASSWORD})
    cookie = next(each for each in done.headers.get_list("Set-Cookie") if each.startswith("ansimbell="))
    assert desk.get("/api/v1/me", {"Cookie": cookie.partition(";")[0]}).json()["name"] == "김하늘"
    assert any(each.startswith('ansimbell-step=""') for each in done.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_cookie_is_out_of_reach(desk: Desk, scheme: str):
    by = desk.session(desk.operator("chief", "administrator"))
    told = desk.post("/api/v1/people", {"name": "이서준", "role": "owner"}, by).json()
    desk.operator()
    base = f"{scheme}://gateway.local"
    answers = [
        desk.ask("POST", f"{base}/sign-in", data={"name": "김하늘", "password": PASSWORD}),
        desk.ask("POST", f"{base}/sign-in", data={"name": "이서준", "password": told["password"]}),
        desk.ask("POST", f"{base}/sign-in/passkey/challenge"),
        desk.ask(
            "POST",
            f"{base}/api/v1/profile/password",
            desk.session("김하늘"),
            json={"old": PASSWORD, "new": "lily-tiger-11"},
        ),
    ]
    for answer in answers:
        set_ = [each for each in answer.headers.get_list("Set-Cookie") if '=""' not in each]
        assert len(set_) == 1, answer.text
        flags = {part.strip().lower().partition("=")[0] for part in set_[0].split(";")[1:]}
        assert {"httponly", "max-age", "path", "samesite"} <= flags
        assert "samesite=strict" in set_[0].lower()
        assert ("secure" in flags) is (scheme == "https")
        assert "domain" not in flags


def test_every_answer_carries_the_guards(desk: Desk):
    session = desk.session(desk.operator("김하늘", "administrator"))
    paths = [(method, path) for method, path, _ in routes(desk.app) if path != ENDLESS]
    paths += [("GET", "/nowhere"), ("GET", "/static/common/base.css"), ("GET", "/static/nowhere"), ("TRACE", "/")]
    for (method, path), headers in itertools.product(paths, ({}, session)):
        answer = desk.ask(method, path, headers, json={})
        for name, value in HEADERS.items():
            assert answer.headers.get(name) == value, (method, path, name)
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache")
        assert ("no-cache" in answer.headers["Cache-Control"]) is path.startswith("/static/")
        assert "Server" not in answer.headers and "X-Powered-By" not in answer.headers
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy and "*" not in policy and "data:" not in policy and "http" not in policy


# Enumeration


def test_an_answer_does_not_tell_which_names_there_are(desk: Desk):
    desk.operator()
    desk.operator("꺼짐")
    desk.post("/api/v1/people/disable", {"name": "꺼짐"}, desk.token("administrator"))

    def attempt(name: str, password: str) -> tuple[Any, ...]:
        answer = desk.ask("POST", "/sign-in", data={"name": name, "password": password})
        body = answer.text.replace(name, "NAME")
        headers = {key: value for key, value in answer.headers.items() if key not in ("date", "content-length")}
        return answer.status_code, body, headers

    alike = [attempt("김하늘", "wrong-wrong"), attempt("아무개", "wrong-wrong"), attempt("꺼짐", "wrong-wrong")]
    alike.append(attempt("꺼짐", PASSWORD))
    assert alike[0][0] == 401 and all(each == alike[0] for each in alike)
    # Nor does the wait.
    waits = {}
    for name in ("김하늘", "아무개", "꺼짐"):
        codes = [attempt(name, "wrong-wrong")[0] for _ in range(4)]
        waits[name] = (codes[-1], attempt(name, PASSWORD)[0])
    assert set(waits.values()) == {(429, 429)}


def test_the_time_of_an_answer_does_not_tell_it_either(desk: Desk, hasher: Any, monkeypatch: pytest.MonkeyPatch):
    """With the real hash: what would be told is that one of them hashes nothing."""
    monkeypatch.setattr(people, "_HASHER", hasher)
    people._nobody.cache_clear()
    desk.operator()
    desk.operator("꺼짐")
    desk.post("/api/v1/people/disable", {"name": "꺼짐"}, desk.token("administrator"))
    took: dict[str, list[float]] = {"김하늘": [], "아무개": [], "꺼짐": []}
    desk.ask("POST", "/sign-in", data={"name": "warm-up", "password": "wrong-wrong"})
    for _ in range(5):
        for name, times in took.items():
            desk.clock.ahead_ms += 61_000
            began = time.process_time()
            assert desk.ask("POST", "/sign-in", data={"name": name, "password": "wrong-wrong"}).status_code == 401
            times.append(time.process_time() - began)
    people._nobody.cache_clear()
    medians = {name: statistics.median(times) for name, times in took.items()}
    assert max(medians.values()) < 2 * min(medians.values()), medians


def test_the_options_of_a_passkey_name_nobody(desk: Desk):
    def options() -> dict[str, Any]:
        told = desk.ask("POST", "/sign-in/passkey/challenge").json()
        assert len(told.pop("challenge")) >= 43  # 32 bytes at least
        return told

    empty = options()
    desk.operator()
    key = passkeys.Passkey("abcd", "김하늘", "efgh", 0, "label", 1, None)
    desk.store.write_now(lambda tx: passkeys.add(tx, key))
    assert options() == empty
    assert not empty.get("allowCredentials") and empty["userVerification"] == "required"
    for credential in ({"id": "abcd"}, {"id": "none"}):
        answer = desk.ask("POST", "/sign-in/passkey", json=credential)
        assert (answer.status_code, answer.json()["error"]["message"]) == (401, "this passkey opens nothing here")


# Area crossing

MARKS = ("성수동", "b-secret", "seongsu", "이웃이 열쇠", "박하나")


def _elsewhere(desk: Desk) -> dict[str, dict[str, str]]:
    """A bell with an incident, a note and troubles in seongsu; and somebody of other-* in every role."""
    bell = desk.enrol("b-secret", "성수동 편의점", "서울 성동구 성수동 1")
    incident = desk.press(bell)
    desk.press(bell, "battery")
    note = {"version": desk.view(incident)["version"], "text": "이웃이 열쇠를 가지고 있음"}
    assert desk.post(f"/api/v1/incidents/{incident}/note", note, desk.token()).status_code == 200
    desk.operator("박하나")
    found = {}
    for role in ROLES:
        name = f"other-{role}"
        desk.store.write_now(
            lambda tx, name=name, role=role: people.add_operator(
                tx, name, role, PASSWORD, desk.clock.now_ms(), ("other-*",)
            )
        )
        found[role] = desk.session(name)
    return found


OUTLINES = "/map/boundaries.geojson"


def test_nobody_reads_anything_of_another_area(desk: Desk):
    for role, session in _elsewhere(desk).items():
        for method, path, _ in routes(desk.app, "b-secret"):
            # The outlines of districts are open data, the same for everybody.
            if method != "GET" or path in (ENDLESS, "/healthz", "/metrics", "/api/v1/openapi.json", OUTLINES):
                continue
            answer = desk.ask(method, path, session)
            # Without the gateway's own name, examples, and what was asked for.
            said = re.sub(r"seongsu-(1|\*|012)|there is no bell b-secret", "", answer.text)
            leaked = [mark for mark in MARKS if mark in said]
            assert not leaked, (role, path, leaked, said[:600])
            assert answer.status_code < 500


def test_nobody_hears_anything_of_another_area(desk: Desk, url: str):
    import httpx

    session = _elsewhere(desk)["dispatcher"]
    heard: list[str] = []
    with httpx.stream("GET", f"{url}{ENDLESS}", headers=session, timeout=20, trust_env=False) as stream:
        lines = stream.iter_lines()
        until(lambda: heard.append(next(lines)) or "heartbeat" in heard[-1], "the stream lives")
        bell = desk.enrol("b-secret-2", "성수동 약국", "서울 성동구 성수동 2")
        desk.press(bell)
        desk.press(bell, "battery")
        beats = 0
        for line in lines:
            heard.append(line)
            beats += line == "event: heartbeat"
            if beats == 2:
                break
    text = re.sub(r"seongsu-(1|\*)", "", "\n".join(heard))
    assert not [mark for mark in MARKS if mark in text]


def test_nobody_commands_anything_in_another_area(desk: Desk):
    sessions = _elsewhere(desk)
    own = desk.press(desk.enrol("b-own", "왕십리", "서울", site="other-1"))
    before = desk.view(1)
    bodies = [
        {"version": before["version"]},
        {"version": before["version"], "disposition": "prank"},
        {"version": before["version"], "text": "x"},
        {"version": before["version"], "into": own},
        {"version": before["version"], "to": "other-dispatcher"},
        {"console": "page-1", "up_to_signal": 1, "sounding": True},
        {"name": "박하나"},
        {"name": "박하나", "role": "owner", "areas": ["other-1"]},
    ]
    for role, session in sessions.items():
        for method, path, route in api(desk.app, "b-secret"):
            if method in SAFE_METHODS or OWN_SESSION in rights_of(route) or path.startswith("/api/v1/desks"):
                continue
            for body in bodies:
                if "{" in route.path or body.get("name") == "박하나":
                    answer = desk.ask(method, path, session, json=body)
                    assert answer.status_code in (403, 404, 422), (role, method, path, body, answer.text)
    # From the own incident into that one, too.
    merged = desk.post(
        f"/api/v1/incidents/{own}/merge",
        {"version": desk.view(own)["version"], "into": 1},
        sessions["dispatcher"],
    )
    assert merged.status_code == 404
    assert desk.view(1) == before
    assert desk.store.read_now(lambda tx: people.operator(tx, "박하나")).role == "dispatcher"


# Stored XSS


def test_what_people_and_bells_write_stays_text_on_every_page(desk: Desk, url: str, browser: Any):
    """Names of bells, addresses, notes, people, passkeys, areas and the values of troubles; every page, both roles."""
    name = f"김하늘 {EVIL}"[: people.NAME_MAX_CHARS]
    bell = desk.enrol("b-evil", f"편의점 {EVIL}", f"서울 {EVIL}")
    for column in ("floor", "entrance", "approach"):
        desk.store.write_now(lambda tx, column=column: tx.run(f"UPDATE bell SET {column} = ?", (EVIL,)))
    incident = desk.press(bell)
    desk.press(bell, "test")
    desk.operator(name, "administrator")
    session = desk.session(name)
    for text in (EVIL, f"javascript:alert(1) {EVIL}"):
        note = {"version": desk.view(incident)["version"], "text": text}
        assert desk.post(f"/api/v1/incidents/{incident}/note", note, session).status_code == 200
    desk.store.write_now(lambda tx: tx.run("UPDATE operator SET areas = ?", (json.dumps([]),)))
    desk.operator(f"이서준{EVIL}"[: people.NAME_MAX_CHARS], "owner")
    desk.store.write_now(lambda tx: tx.run("UPDATE operator SET areas = ? WHERE role = 'owner'", (json.dumps([EVIL]),)))
    key = passkeys.Passkey("YWJj", name, "YWJj", 0, EVIL, desk.clock.now_ms(), None)
    desk.store.write_now(lambda tx: passkeys.add(tx, key))
    desk.store.write_now(lambda tx: tx.run("UPDATE session SET agent = ?, address = ?", (EVIL, EVIL)))
    values = {"reason": EVIL, "acts": EVIL, "bell": EVIL, "name": EVIL, "target": EVIL, "what": EVIL}
    for kind in ("record_failing", "target_failing", "bell_fault", EVIL):
        desk.store.write_now(
            lambda tx, kind=kind: troubles.insert(tx, kind, EVIL, values, desk.clock.now_ms(), state="open")
        )
    desk.store.write_now(
        lambda tx: tx.run("INSERT INTO bell_owner (bell_id, operator) VALUES (?, ?)", ("b-evil", name))
    )
    assert desk.store.read_now(bells.listing)
    for way in WAYS:
        person = Dispatcher(browser, url)
        asked: list[str] = []
        person.page.on("request", lambda request, asked=asked: asked.append(request.url))
        role = "owner" if way.right == "own" else "administrator"
        desk.store.write_now(lambda tx, role=role: tx.run("UPDATE operator SET role = ? WHERE name = ?", (role, name)))
        person.enter(desk, name, re.sub(r"\{incident_id(:int)?\}", str(incident), way.path))
        if way.name == "desk":
            person.page.locator(".card summary").first.click()
            person.page.locator(".card li", has_text="onerror").first.wait_for()
        if way.name == "people":
            person.page.locator("tbody tr", has_text="이서준").locator("button").click()
        person.page.click("#language", force=True) if way.name != "people" else None
        person.page.wait_for_timeout(300)  # an image that fails needs a moment to say so
        assert person.page.evaluate("window.owned") is None, way.name
        assert person.page.evaluate("document.querySelectorAll('img[src=\"x\"], main script').length") == 0
        assert "onerror" in person.page.locator("body").inner_text(), f"{way.name} shows none of it: a test of nothing"
        assert not [each for each in asked if each.endswith("/x")]
        assert not person.complaints, way.name
        person.context.close()


def test_a_name_on_the_sign_in_page_stays_text(desk: Desk, url: str, browser: Any):
    person = Dispatcher(browser, url)
    person.page.goto("/sign-in")
    person.page.fill("#name", EVIL)
    person.page.fill("#password", "wrong-wrong")
    person.page.click("form button")
    person.page.wait_for_selector("[role=alert]")
    assert person.page.input_value("#name") == EVIL
    assert person.page.evaluate("window.owned") is None
    person.context.close()


def test_nothing_of_a_page_is_written_as_markup():
    """What makes the tests above hold for pages to come as well: no text becomes an element anywhere."""
    from bellgate.console.shell import HERE

    forbidden = re.compile(
        r"(inner|outer)HTML\s*\+?=(?!=)|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setHTML|"
        r"srcdoc"
    )
    for path in (HERE / "static").rglob("*.js"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path.name
    for path in (HERE / "templates").rglob("*.html"):
        source = path.read_text(encoding="utf-8")
        assert "|safe" not in source.replace(" ", "") and "autoescape" not in source, path.name
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]* src=)", source), path.name


# Everything else that may be asked


@pytest.mark.parametrize("role", ["dispatcher", "administrator"])
def test_the_api_answers_everything_as_it_is_described(tmp_path: Path, role: str):
    desk = prepared(tmp_path)
    try:
        outcome = ask(desk, role, cases_each=8)
    finally:
        desk.close()
    assert outcome.faults == []
    assert not [status for status in outcome.statuses if status >= 500]
    assert outcome.operations >= 35 and outcome.cases >= 6 * outcome.operations
    assert outcome.statuses[200] > outcome.cases / 5, "most is refused: then little was asked"


def test_an_answer_that_is_not_as_described_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    desk = prepared(tmp_path)
    try:
        monkeypatch.setattr(
            refusal, "log", SimpleNamespace(error=lambda *_, **__: None)
        )  # a traceback with every local takes seconds
        clock = desk.clock.state()
        outcomes = []
        # As it is, a fault of ours, an answer of another shape.
        for state in (clock, None, replace(clock, err_ms="far")):
            monkeypatch.setattr(desk.clock, "state", lambda state=state: state)
            outcomes.append(ask(desk, "administrator", 2, len(outcomes), only="/api/v1/clock"))
    finally:
        desk.close()
    assert [len(outcome.faults) for outcome in outcomes] == [0, 1, 1]
    assert outcomes[1].statuses[500] >= 1
