"""Who may do what: every role on every path, sessions, CSRF, guessing, and who is let in at all."""

import itertools

import pytest
from argon2 import PasswordHasher
from desk import PASSWORD, Desk, csrf_of
from test_installing import certificate

from bellgate.console.access import MAY
from bellgate.console.hashing import WAITING_MAX as CHECKS_WAITING_MAX
from bellgate.console.signin import FORGET_AFTER_MS, FREE_TRIES, LONGEST_WAIT_MS, SignInDelay
from bellgate.errors import AnsimbellError
from bellgate.pki import Authority
from bellgate.store import people
from bellgate.store.people import ROLES
from bellgate.store.sessions import SESSION_IDLE_MS, SESSIONS_PER_OPERATOR

COMMAND = {"version": 1}
# (method, path, body): the right that it takes; None: any role.
PATHS = {
    ("GET", "/api/v1/me", None): None,
    ("GET", "/api/v1/incidents", None): "read",
    ("GET", "/api/v1/incidents/1", None): "read",
    ("GET", "/api/v1/incidents/1/export.zip", None): "read",
    ("GET", "/api/v1/history", None): "read",
    ("GET", "/api/v1/history.csv", None): "read",
    ("GET", "/api/v1/reports", None): "reports",
    ("GET", "/api/v1/reports.csv?table=days", None): "reports",
    ("GET", "/api/v1/policy", None): "policy",
    ("GET", "/api/v1/policy/explain", None): "policy",
    ("GET", "/api/v1/incidents/1/colleagues", None): "command",
    ("GET", "/api/v1/plans", None): "read",
    ("GET", "/api/v1/clock", None): "read",
    ("GET", "/api/v1/bells", None): "bells",
    ("GET", "/api/v1/bells/b-7f3a", None): "bells",
    ("GET", "/api/v1/bells/b-7f3a/background", None): "bells",  # or "read": whoever has that has this, too
    ("POST", "/api/v1/bells/b-7f3a/place", "place"): "change_bells",
    ("POST", "/api/v1/bells/b-7f3a/owners", "owners"): "people",
    ("GET", "/api/v1/bells/b-7f3a/routing", None): "bells",
    ("GET", "/api/v1/bells/b-7f3a/walk", None): "bells",
    ("POST", "/api/v1/bells/b-7f3a/walk/presented", "press"): "install",
    ("POST", "/api/v1/bells/b-7f3a/portcode", "nonce"): "install",
    ("GET", "/api/v1/bells/b-7f3a/commissioning", None): "bells",
    ("POST", "/api/v1/bells/b-7f3a/commissioning", "certificate"): "install",
    ("GET", f"/api/v1/bells/b-7f3a/commissioning/{'0' * 32}", None): "bells",
    ("GET", f"/api/v1/bells/b-7f3a/commissioning/{'0' * 32}/page", None): "bells",
    ("GET", f"/api/v1/bells/b-7f3a/commissioning/{'0' * 32}/pdf", None): "bells",
    ("GET", "/api/v1/bells/b-7f3a/press-tests", None): "bells",
    ("GET", "/api/v1/press-tests", None): "bells",
    ("POST", "/api/v1/press-tests", "press tests"): "press_test",
    ("POST", "/api/v1/press-tests/1/end", None): "press_test",
    ("POST", "/api/v1/press-tests/1/presented", "page"): "press_test",
    ("GET", "/api/v1/my/bells", None): "own",
    ("GET", "/api/v1/map", None): "bells",
    ("GET", "/api/v1/troubles", None): "troubles",
    ("GET", "/api/v1/troubles/cleared", None): "troubles",
    ("POST", "/api/v1/incidents/1/acknowledge", "version"): "command",
    ("POST", "/api/v1/incidents/1/dispatch", "version"): "command",
    ("POST", "/api/v1/incidents/1/en_route", "version"): "command",
    ("POST", "/api/v1/incidents/1/on_scene", "version"): "command",
    ("POST", "/api/v1/incidents/1/clear", "version"): "command",
    ("POST", "/api/v1/incidents/1/reopen", "version"): "command",
    ("POST", "/api/v1/incidents/1/close", "disposition"): "command",
    ("POST", "/api/v1/incidents/1/handoff", "to"): "command",
    ("POST", "/api/v1/incidents/1/merge", "into"): "command",
    ("POST", "/api/v1/incidents/1/note", "text"): "command",
    ("POST", "/api/v1/incidents/1/presented", "presented"): "present",
    ("GET", "/api/v1/desks", None): "read",
    ("POST", "/api/v1/desks/begin", "console"): "present",
    ("POST", "/api/v1/desks/heard", "heard"): "present",
    ("POST", "/api/v1/desks/proof", "proof"): "present",
    ("POST", "/api/v1/desks/end", "desk"): "present",
    ("GET", "/api/v1/people", None): "people",
    ("POST", "/api/v1/people", "new person"): "people",
    ("POST", "/api/v1/people/change", "person"): "people",
    ("POST", "/api/v1/people/password", "name"): "people",
    ("POST", "/api/v1/people/second-factor", "name"): "people",
    ("POST", "/api/v1/people/sessions", "name"): "people",
    ("POST", "/api/v1/people/disable", "name"): "people",
    ("POST", "/api/v1/people/enable", "name"): "people",
}
DESK = {"desk": "0" * 32}
PROOF = DESK | {"heartbeat_ms": 1, "audio_ms": 1, "visible": True, "signed_ago_ms": 0}
BODIES = {
    None: None,
    "version": COMMAND,
    "disposition": COMMAND | {"disposition": "genuine"},
    "to": COMMAND | {"to": "이서준"},
    "into": COMMAND | {"into": 2},
    "text": COMMAND | {"text": "문 앞에 개가 있음"},
    "place": {"seen": "0" * 16, "name": "성수 편의점", "address": "서울 성동구 아차산로 1"},
    "owners": {"seen": [], "owners": []},
    "press": {"boot": "622d376633610000", "seq": 2, "console": "bellkit"},
    "press tests": {"bells": ["b-7f3a"], "minutes": 5},
    "page": {"console": "page-1"},
    "nonce": {"op": "wipe", "nonce": "0" * 32},
    "certificate": certificate(id="0" * 32),
    "presented": {"console": "page-1", "up_to_signal": 1, "sounding": True},
    "console": {"console": "page-1"},
    "heard": DESK | {"heard": True, "proof": PROOF},
    "proof": PROOF,
    "desk": DESK,
    "new person": {"name": "새사람", "role": "dispatcher", "areas": ["seongsu-*"]},
    "person": {"name": "박하나", "role": "supervisor", "areas": []},
    "name": {"name": "박하나"},
}


def test_every_role_stands_in_the_table():
    assert set(MAY) == set(ROLES)


def test_every_path_of_the_api_is_tried_here(desk: Desk):
    told = desk.get("/api/v1/openapi.json").json()["paths"]
    listed = {
        (method.upper(), path.format(incident_id="1", bell_id="b-7f3a", certificate_id="0" * 32, test_id="1"))
        for path, at in told.items()
        for method in at
    }
    own = {(method, path) for method, path in listed if path.startswith("/api/v1/profile")}  # see test_people
    assert listed - own == {(method, path.partition("?")[0]) for method, path, _ in PATHS} | {("GET", "/api/v1/events")}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says_and_nothing_else(desk: Desk, role: str):
    bell = desk.enrol()
    desk.press(bell)
    desk.press(bell, "test")
    desk.operator("박하나")
    Authority.create(desk.config.data_dir / "pki", "seongsu-1")
    posted = desk.post(
        "/api/v1/bells/b-7f3a/commissioning", BODIES["certificate"], desk.token("administrator", "first")
    )
    assert posted.status_code == 201
    token = desk.token(role)
    for (method, path, body), right in PATHS.items():
        answer = desk.ask(method, path, token, json=BODIES[body])
        allowed = right is None or right in MAY[role]
        # A command that is allowed may still be impossible from here (409); it is never 403.
        assert (answer.status_code in (200, 201, 409)) is allowed, (role, path, answer.text)
        if not allowed:
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "forbidden"
    if "read" not in MAY[role]:
        assert desk.get("/api/v1/events", token).status_code == 403
    if "command" not in MAY[role]:
        assert desk.view(1)["handling"] == ("presented" if "present" in MAY[role] else "received")


def test_without_a_name_nothing_is_answered(desk: Desk):
    desk.press(desk.enrol())
    strangers = ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}, {"Cookie": "ansimbell=x"})
    for (method, path, body), headers in itertools.product([*PATHS, ("GET", "/api/v1/events", None)], strangers):
        answer = desk.ask(method, path, headers, json=BODIES[body])
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "not_signed_in"
        assert "성수" not in answer.text


def test_a_wrong_bearer_does_not_fall_back_to_the_session(desk: Desk):
    session = desk.session(desk.operator())
    assert desk.get("/api/v1/me", session).status_code == 200
    assert desk.get("/api/v1/me", session | {"Authorization": "Bearer x"}).status_code == 401


def test_every_post_of_a_browser_needs_the_csrf_value(desk: Desk):
    incident = desk.press(desk.enrol())
    session = desk.session(desk.operator())
    other = desk.session(desk.operator("이서준"))
    for csrf in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x"}, {"X-CSRF-Token": other["X-CSRF-Token"]}):
        for method, path, body in PATHS:
            if method == "POST":
                answer = desk.ask(method, path, {"Cookie": session["Cookie"]} | csrf, json=BODIES[body])
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf"), path
        assert desk.ask("POST", "/sign-out", {"Cookie": session["Cookie"]} | csrf).status_code == 403
    assert desk.view(incident)["handling"] == "received"
    assert desk.post(f"/api/v1/incidents/{incident}/acknowledge", COMMAND, session).status_code == 200
    assert desk.view(incident)["owner"] == "김하늘"


def test_sign_in_work_and_sign_out(desk: Desk):
    desk.operator()

    async def story(client):
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
        answer = await client.post("/sign-in", data={"name": "김하늘", "password": PASSWORD})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and "Secure" not in cookie
        page = await client.get("/")
        assert page.status_code == 200
        csrf = {"X-CSRF-Token": csrf_of(page.text)}
        kept = dict(client.cookies)
        assert (await client.get("/api/v1/me")).json()["name"] == "김하늘"
        assert (await client.post("/sign-out", headers=csrf)).status_code == 204
        client.cookies.update(kept)  # a thief who copied the cookie
        assert (await client.get("/api/v1/me")).status_code == 401

    desk.talk(story)


def test_over_https_the_cookie_is_secure(desk: Desk):
    desk.operator()
    answer = desk.ask("POST", "https://gateway.local/sign-in", data={"name": "김하늘", "password": PASSWORD})
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_planted_cookie_is_worth_nothing_after_sign_in(desk: Desk):
    desk.operator("attacker")
    desk.operator()
    planted = desk.session("attacker")["Cookie"]
    for cookie in (planted, "ansimbell=chosen-by-the-attacker"):
        form = {"name": "김하늘", "password": PASSWORD}
        answer = desk.ask("POST", "/sign-in", {"Cookie": cookie}, data=form)
        assert answer.status_code == 303
        assert cookie.partition("=")[2] not in answer.headers["Set-Cookie"]
        assert desk.get("/api/v1/me", {"Cookie": cookie}).status_code == 401


def test_a_form_from_another_site_signs_nobody_in(desk: Desk):
    desk.operator()
    form = {"name": "김하늘", "password": PASSWORD}
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = desk.ask("POST", "/sign-in", headers, data=form)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers
    assert desk.ask("POST", "/sign-in", {"Origin": "http://gateway.local"}, data=form).status_code == 303


def test_a_session_ends_when_nobody_uses_it(desk: Desk):
    session = desk.session(desk.operator())
    for _ in range(3):  # a page that is only left open reads, and that does not count
        desk.clock.ahead_ms += SESSION_IDLE_MS // 4
        assert desk.get("/api/v1/incidents", session).status_code == 200
    desk.clock.ahead_ms += SESSION_IDLE_MS // 4 + 1_000
    assert desk.get("/api/v1/incidents", session).status_code == 401


def test_a_person_who_works_stays_signed_in(desk: Desk):
    session = desk.session(desk.operator())
    incident = desk.press(desk.enrol())
    for number in range(4):
        desk.clock.ahead_ms += SESSION_IDLE_MS // 2
        note = {"version": desk.view(incident)["version"], "text": f"순찰 {number}"}
        assert desk.post(f"/api/v1/incidents/{incident}/note", note, session).status_code == 200


def test_guessing_is_slowed_and_nobody_is_locked_out(desk: Desk):
    desk.operator(role="supervisor")

    def attempt(password: str, name: str = "김하늘"):
        return desk.ask("POST", "/sign-in", data={"name": name, "password": password})

    waits = []
    for number in range(FREE_TRIES + 3):
        assert attempt(f"wrong-{number}").status_code == 401
        refused = attempt(PASSWORD) if number >= FREE_TRIES else None
        if refused is not None:
            assert refused.status_code == 429, "even the right password waits"
            waits.append(int(refused.headers["Retry-After"]))
            desk.clock.ahead_ms += waits[-1] * 1_000
    assert waits == sorted(set(waits)) and waits[0] >= 1
    assert attempt(PASSWORD).status_code == 303
    assert b"bellgate_sign_in_wrong_total 5.0" in desk.get("/metrics").content
    assert attempt("wrong", "nobody").status_code == 401  # another name waits for nothing


def test_an_unknown_name_and_a_wrong_password_look_the_same(desk: Desk):
    desk.operator()
    for name in ("김하늘", "아무개"):
        answer = desk.ask("POST", "/sign-in", data={"name": name, "password": "wrong"})
        assert answer.status_code == 401
        assert "이름이나 비밀번호가 맞지 않습니다" in answer.text


def test_more_sign_ins_than_can_be_checked_are_put_off(desk: Desk):
    import asyncio

    desk.operator()

    async def crowd(client):
        form = {"name": "아무개", "password": "wrong"}
        each = (client.post("/sign-in", data=form | {"name": f"n{number}"}) for number in range(CHECKS_WAITING_MAX + 4))
        return [answer.status_code for answer in await asyncio.gather(*each)]

    codes = desk.talk(crowd)
    assert codes.count(503) == 4 and codes.count(401) == CHECKS_WAITING_MAX


def test_the_delay_grows_to_its_end_and_is_forgotten():
    delay = SignInDelay()
    now_ms, waits = 1_000_000, []
    for _ in range(20):
        delay.wrong("a", "x", now_ms)
        waits.append(delay.wait_ms("a", "x", now_ms))
        now_ms += waits[-1]
    assert waits[: FREE_TRIES + 1] == [0] * FREE_TRIES + [2_000]
    assert waits[-1] == LONGEST_WAIT_MS and all(a <= b for a, b in itertools.pairwise(waits))
    delay.wrong("a", "x", now_ms)
    assert delay.wait_ms("a", "x", now_ms - 10 * LONGEST_WAIT_MS) <= LONGEST_WAIT_MS, (
        "a clock set back locks nobody out"
    )
    assert delay.wait_ms("a", "other address", now_ms) == 0
    assert delay.wait_ms("a", "x", now_ms + FORGET_AFTER_MS + 1) == 0


def test_the_table_of_guesses_is_bounded():
    delay = SignInDelay(entries_max=10)
    for number in range(1_000):
        for _ in range(FREE_TRIES + 1):
            delay.wrong(f"n{number}", "x", 0)
    assert [number for number in range(1_000) if delay.wait_ms(f"n{number}", "x", 0)] == list(range(990, 1_000))


def test_the_database_holds_no_secret(desk: Desk):
    name = desk.operator()
    session, token = desk.session(name), desk.token()

    def everything(tx):
        return repr([tx.all(f"SELECT * FROM {table}") for table in ("operator", "session", "token")])

    kept = desk.store.read_now(everything)
    assert "argon2id" in kept
    for secret in (PASSWORD, session["Cookie"].partition("=")[2], token["Authorization"].removeprefix("Bearer ")):
        assert secret not in kept


NO_OPERATOR = [
    ("", "dispatcher", PASSWORD, "printable"),
    (" 김하늘", "dispatcher", PASSWORD, "printable"),
    ("a\nb", "dispatcher", PASSWORD, "printable"),
    ("x" * 65, "dispatcher", PASSWORD, "64"),
    ("gateway", "dispatcher", PASSWORD, "machine"),
    ("bell b-7f3a", "dispatcher", PASSWORD, "machine"),
    ("김하늘", "chief", PASSWORD, "dispatcher, supervisor"),
    ("김하늘", "dispatcher", "short", "10 to 256"),
    ("taken", "dispatcher", PASSWORD, "already"),
    ("script", "dispatcher", PASSWORD, "bearer token"),
]


def test_an_operator_that_cannot_be_is_refused_in_words(desk: Desk):
    desk.operator("taken")
    desk.token(name="script")
    for name, role, password, says in NO_OPERATOR:
        with pytest.raises(AnsimbellError, match=says):
            desk.operator(name, role, password)
    with pytest.raises(AnsimbellError, match="operator"):
        desk.token(name="taken")
    assert [one.name for one in desk.store.read_now(people.operators)] == ["taken"]


def test_passwords_are_hashed_as_rfc_9106_says(hasher: PasswordHasher):
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (65_536, 3, 4)


def test_a_new_password_is_long_and_never_the_same():
    made = {people.new_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(password) == 19 and not set(password) & set("ilo01") for password in made)


def test_an_operator_has_a_bounded_number_of_sessions(desk: Desk):
    name = desk.operator()
    first = desk.session(name)
    for _ in range(SESSIONS_PER_OPERATOR):
        desk.clock.ahead_ms += 10
        last = desk.session(name)
    assert desk.get("/api/v1/me", first).status_code == 401
    assert desk.get("/api/v1/me", last).status_code == 200
