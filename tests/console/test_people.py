"""Operators: who may change whom, what ends at once, and that nothing changes without its line in the record."""

import pytest
from desk import PASSWORD, Desk, until

from bellgate.console.live import HEARTBEAT_S
from bellgate.errors import AnsimbellError
from bellgate.store import areas, audit, people, staff

API = "/api/v1/people"


def chief(desk: Desk, name: str = "김하늘", within: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers of an administrator's browser."""
    desk.store.write_now(
        lambda tx: people.add_operator(tx, name, "administrator", PASSWORD, desk.clock.now_ms(), within)
    )
    return desk.session(name)


def member(desk: Desk, name: str = "이서준", role: str = "dispatcher", within: tuple[str, ...] = ()) -> str:
    desk.store.write_now(lambda tx: people.add_operator(tx, name, role, PASSWORD, desk.clock.now_ms(), within))
    return name


def acts(desk: Desk, *wanted: str) -> list[tuple[str, str, str]]:
    """(act, by, operator) of these acts in the record."""
    found = [(act, row) for act in wanted for row in desk.store.read_now(lambda tx, act=act: audit.acts(tx, act))]
    return [(act, row["by"], row["detail"]["operator"]) for act, row in found]


def sign_in(desk: Desk, name: str, password: str = PASSWORD) -> int:
    return desk.ask("POST", "/sign-in", data={"name": name, "password": password}).status_code


def test_somebody_is_added_and_must_choose_a_password_first(desk: Desk):
    by = chief(desk)
    given = {"name": "이서준", "role": "dispatcher", "areas": ["seongsu-*"]}
    answer = desk.post(API, given, by)
    assert answer.status_code == 200
    told = answer.json()
    assert told["person"]["areas"] == ["seongsu-*"] and told["person"]["password_due"]
    listed = {one["name"]: one for one in desk.get(API, by).json()["items"]}
    assert listed["이서준"] == told["person"] and "password" not in listed["이서준"]
    assert acts(desk, "operator_added") == [("operator_added", "김하늘", "이서준")]

    async def first_sign_in(client):
        answer = await client.post("/sign-in", data={"name": "이서준", "password": told["password"]})
        assert answer.headers["Location"] == "/sign-in/password"
        assert (await client.get("/api/v1/me")).status_code == 401  # half signed in opens nothing
        for new, again, status in (
            ("short", "short", 422),
            (told["password"], told["password"], 422),
            ("lily-tiger-1", "lily-tiger-2", 422),
        ):
            refused = await client.post("/sign-in/password", data={"password": new, "again": again})
            assert refused.status_code == status
        done = await client.post("/sign-in/password", data={"password": "lily-tiger-11", "again": "lily-tiger-11"})
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        assert (await client.get("/api/v1/me")).json()["name"] == "이서준"
        # The step is used up: going back and sending it again opens nothing.
        client.cookies.delete("ansimbell")
        again = await client.post("/sign-in/password", data={"password": "lily-tiger-12", "again": "lily-tiger-12"})
        assert again.headers["Location"] == "/sign-in?again"

    desk.talk(first_sign_in)
    assert sign_in(desk, "이서준", told["password"]) == 401
    assert sign_in(desk, "이서준", "lily-tiger-11") == 303


def test_who_is_disabled_is_out_at_once_and_may_come_back(desk: Desk):
    by, name = chief(desk), member(desk)
    session = desk.session(name)
    assert desk.get("/api/v1/me", session).status_code == 200
    assert desk.post(f"{API}/disable", {"name": name}, by).json()["disabled_ms"] is not None
    assert desk.get("/api/v1/me", session).status_code == 401
    assert sign_in(desk, name) == 401
    with pytest.raises(AnsimbellError, match="may sign in"):
        desk.session(name)
    assert desk.post(f"{API}/enable", {"name": name}, by).json()["disabled_ms"] is None
    assert desk.get("/api/v1/me", session).status_code == 401, "the old session stays over"
    assert sign_in(desk, name) == 303
    assert acts(desk, "operator_disabled", "operator_enabled") == [
        ("operator_disabled", "김하늘", name),
        ("operator_enabled", "김하늘", name),
    ]


@pytest.mark.parametrize("what", ["disable", "change", "password", "sessions", "second-factor"])
def test_an_open_stream_ends_within_a_heartbeat(desk: Desk, url: str, what: str):
    import time

    import httpx

    by, name = chief(desk), member(desk)
    session = desk.session(name)
    body = {"name": name} | ({"role": "auditor", "areas": []} if what == "change" else {})
    with httpx.stream("GET", f"{url}/api/v1/events", headers=session, timeout=20, trust_env=False) as stream:
        lines = stream.iter_lines()
        until(lambda: next(lines) == "event: heartbeat", "the stream lives")
        began = time.monotonic()
        assert desk.post(f"{API}/{what}", body, by).status_code == 200
        for line in lines:
            assert line not in ("event: incident", "event: snapshot")
            if line == "event: signed_out":
                break
        assert time.monotonic() - began < HEARTBEAT_S + 1
        assert line == "event: signed_out"


def test_the_last_administrator_of_all_areas_stays(desk: Desk):
    by = chief(desk)
    chief(desk, "area-chief", ("seongsu-*",))
    script = desk.token("administrator")
    for path, more in (
        ("disable", {}),
        ("change", {"role": "dispatcher"}),
        ("change", {"role": "administrator", "areas": ["seongsu-*"]}),
    ):
        answer = desk.post(f"{API}/{path}", {"name": "김하늘"} | more, script)
        assert answer.status_code == 422 and "last administrator" in answer.text, path
    assert desk.get("/api/v1/me", by).status_code == 200
    chief(desk, "second")
    assert desk.post(f"{API}/disable", {"name": "김하늘"}, script).status_code == 200
    assert desk.post(f"{API}/disable", {"name": "second"}, script).status_code == 422
    assert desk.post(f"{API}/disable", {"name": "area-chief"}, script).status_code == 200


def test_nobody_changes_the_own_rights(desk: Desk):
    by = chief(desk)
    chief(desk, "second")
    for path, more in (("disable", {}), ("password", {}), ("second-factor", {}), ("change", {"role": "owner"})):
        answer = desk.post(f"{API}/{path}", {"name": "김하늘"} | more, by)
        assert answer.status_code == 422 and "this is you" in answer.text
    assert desk.get("/api/v1/me", by).json()["role"] == "administrator"


def test_another_role_counts_from_now_on_and_the_sessions_end(desk: Desk):
    by, name = chief(desk), member(desk)
    before = desk.session(name)
    answer = desk.post(f"{API}/change", {"name": name, "role": "auditor", "areas": ["seongsu-*"]}, by)
    assert (answer.json()["role"], answer.json()["areas"]) == ("auditor", ["seongsu-*"])
    assert desk.get("/api/v1/me", before).status_code == 401
    assert desk.get("/api/v1/me", desk.session(name)).json()["role"] == "auditor"
    # What changes nothing ends nothing.
    kept = desk.session(name)
    assert desk.post(f"{API}/change", {"name": name, "role": "auditor", "areas": ["seongsu-*"]}, by).status_code == 200
    assert desk.get("/api/v1/me", kept).status_code == 200


def test_a_given_password_ends_the_sessions_and_the_old_one(desk: Desk):
    by, name = chief(desk), member(desk)
    session = desk.session(name)
    told = desk.post(f"{API}/password", {"name": name}, by).json()
    assert told["person"]["password_due"] and len(told["password"]) == 19
    assert desk.get("/api/v1/me", session).status_code == 401
    assert sign_in(desk, name) == 401
    answer = desk.ask("POST", "/sign-in", data={"name": name, "password": told["password"]})
    assert answer.headers["Location"] == "/sign-in/password"
    assert "ansimbell=" not in answer.headers["Set-Cookie"]


def test_an_administrator_of_an_area_knows_no_others(desk: Desk):
    chief(desk)
    by = chief(desk, "area-chief", ("seongsu-*",))
    own, other, all_of_it = (
        member(desk, "own", within=("seongsu-1*", "seongsu-012")),
        member(desk, "other", within=("wangsimni-*",)),
        member(desk, "everywhere"),
    )
    assert {one["name"] for one in desk.get(API, by).json()["items"]} == {"area-chief", own}
    for path in ("disable", "enable", "password", "sessions", "second-factor", "change"):
        for name in (other, all_of_it, "김하늘"):
            more = {"role": "owner", "areas": ["seongsu-1"]} if path == "change" else {}
            assert desk.post(f"{API}/{path}", {"name": name} | more, by).status_code == 404, (path, name)
    for wanted in ([], ["*"], ["seongsu*"], ["wangsimni-1"], ["seongsu-1", "wangsimni-1"]):
        assert desk.post(API, {"name": "new", "role": "dispatcher", "areas": wanted}, by).status_code == 422
        assert desk.post(f"{API}/change", {"name": own, "role": "owner", "areas": wanted}, by).status_code == 422
    assert desk.post(API, {"name": "new", "role": "dispatcher", "areas": ["seongsu-2*"]}, by).status_code == 200


def test_areas_cover_what_they_see():
    for mine, theirs, covered in [
        ((), (), True),
        ((), ("a",), True),
        (("a-*",), (), False),
        (("a-*",), ("a-1", "a-2*"), True),
        (("a-*",), ("a*",), False),
        (("*",), ("b-*",), True),
        (("a-1",), ("a-1*",), False),
        (("a-*", "b"), ("b", "a-"), True),
    ]:
        assert areas.covers(mine, theirs) is covered, (mine, theirs)


def test_a_change_that_the_record_refuses_is_not_made(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    by, name = chief(desk), member(desk)
    session = desk.session(name)
    monkeypatch.setattr(audit, "append", lambda *_: (_ for _ in ()).throw(ValueError("no room")))
    for path, more in (("disable", {}), ("change", {"role": "owner"}), ("password", {}), ("sessions", {})):
        answer = desk.post(f"{API}/{path}", {"name": name} | more, by)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "record")
    assert desk.post(API, {"name": "new", "role": "owner"}, by).status_code == 503
    monkeypatch.undo()
    assert desk.get("/api/v1/me", session).json()["role"] == "dispatcher"
    assert [one["name"] for one in desk.get(API, by).json()["items"]] == sorted(["김하늘", name])


def test_what_cannot_be_is_refused_in_words(desk: Desk):
    by = chief(desk)
    desk.token(name="script")
    for given, says in [
        ({"name": "김하늘", "role": "owner"}, "already"),
        ({"name": "script", "role": "owner"}, "bearer token"),
        ({"name": "gateway", "role": "owner"}, "machine"),
        ({"name": "a\tb", "role": "owner"}, "printable"),
        ({"name": "new", "role": "chief"}, "dispatcher"),
        ({"name": "new", "role": "owner", "areas": ["Seongsu"]}, "areas"),
        ({"name": "new", "role": "owner", "password": "mine-mine-mine"}, "password"),
    ]:
        answer = desk.post(API, given, by)
        assert answer.status_code == 422 and says in answer.json()["error"]["message"], given
    assert desk.post(f"{API}/disable", {"name": "nobody"}, by).status_code == 404


def test_there_is_an_end_to_the_number_of_people(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    by = chief(desk)
    monkeypatch.setattr(people, "OPERATORS_MAX", 2)
    assert desk.post(API, {"name": "second", "role": "owner"}, by).status_code == 200
    assert "no more fit" in desk.post(API, {"name": "third", "role": "owner"}, by).text


# The own profile


def test_the_profile_is_for_people_who_signed_in(desk: Desk):
    assert desk.get("/api/v1/profile", desk.token("administrator")).status_code == 403
    for number, role in enumerate(people.ROLES):
        name = member(desk, f"n{number}", role)
        told = desk.get("/api/v1/profile", desk.session(name)).json()
        assert (told["name"], told["role"], told["totp"], told["passkeys"]) == (name, role, False, [])
        assert desk.get("/profile", desk.session(name)).status_code == 200


def test_the_own_password_takes_the_old_one_and_ends_the_other_sessions(desk: Desk):
    name = member(desk)
    here, elsewhere = desk.session(name), desk.session(name)
    wrong = desk.post("/api/v1/profile/password", {"old": "wrong", "new": "lily-tiger-11"}, here)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "wrong_password")
    for new in (PASSWORD, "short", name * 4):
        refused = desk.post("/api/v1/profile/password", {"old": PASSWORD, "new": new}, here)
        assert (refused.status_code == 422) is (new != name * 4), new
    here = desk.session(name)
    done = desk.post("/api/v1/profile/password", {"old": name * 4, "new": "lily-tiger-11"}, here)
    assert done.status_code == 200
    fresh = {"Cookie": done.headers["Set-Cookie"].partition(";")[0], "X-CSRF-Token": here["X-CSRF-Token"]}
    assert fresh["Cookie"] != here["Cookie"], "the session goes on under a new secret"
    assert desk.get("/api/v1/me", here).status_code == 401
    assert desk.get("/api/v1/me", elsewhere).status_code == 401
    assert desk.get("/api/v1/me", fresh).status_code == 200
    assert sign_in(desk, name, "lily-tiger-11") == 303
    assert acts(desk, "password_changed")[-1] == ("password_changed", name, name)


def test_guessing_the_own_password_from_an_open_session_is_slowed(desk: Desk):
    session = desk.session(member(desk))
    codes = [
        desk.post("/api/v1/profile/password", {"old": f"wrong-{n}", "new": "lily-tiger-11"}, session).status_code
        for n in range(5)
    ]
    assert codes == [422, 422, 422, 429, 429]


def test_the_own_sessions_are_listed_and_ended(desk: Desk):
    name = member(desk)
    here, there, third = (desk.session(name) for _ in range(3))
    stranger = desk.session(member(desk, "박하나"))
    listed = desk.get("/api/v1/profile", here).json()["sessions"]
    assert len(listed) == 3 and [one["current"] for one in listed].count(True) == 1
    current = next(one["id"] for one in listed if one["current"])
    of_stranger = desk.get("/api/v1/profile", stranger).json()["sessions"][0]["id"]
    end = "/api/v1/profile/sessions/end"
    assert desk.post(end, {"id": current}, here).status_code == 422
    assert desk.post(end, {"id": of_stranger}, here).status_code == 200
    assert desk.get("/api/v1/me", stranger).status_code == 200, "nobody ends a stranger's session"
    theirs = next(one["id"] for one in desk.get("/api/v1/profile", there).json()["sessions"] if one["current"])
    assert len(desk.post(end, {"id": theirs}, here).json()["sessions"]) == 2
    assert desk.get("/api/v1/me", there).status_code == 401
    assert len(desk.post(end, {"id": None}, here).json()["sessions"]) == 1
    assert desk.get("/api/v1/me", third).status_code == 401
    assert desk.get("/api/v1/me", here).status_code == 200


def test_a_browser_says_what_it_is_and_only_so_much_of_it(desk: Desk):
    name = member(desk)
    form = {"name": name, "password": PASSWORD}
    desk.ask("POST", "/sign-in", {"User-Agent": "x" * 5_000}, data=form)
    listed = desk.get("/api/v1/profile", desk.session(name)).json()["sessions"]
    other = next(one for one in listed if not one["current"])
    assert other["address"] == "192.0.2.7" and other["agent"] == "x" * 200


def test_the_command_line_is_the_way_back_in(tmp_path, monkeypatch: pytest.MonkeyPatch):
    import json

    from typer.testing import CliRunner

    from bellgate import installation
    from bellgate.cli.app import app
    from bellgate.cli.people import operator

    installation.create(tmp_path / "gw", "gw-1", "127.0.0.1:1", "127.0.0.1:2", [], "admin")

    def run(*given: str, ok: bool = True):
        result = CliRunner().invoke(app, ["operator", *given, "-c", str(tmp_path / "gw"), "--json"])
        assert (result.exit_code == 0) is ok, result.output
        return json.loads(result.output) if ok else result

    assert operator.registered_commands
    made = run("add", "이서준", "--role", "dispatcher", "--area", "seongsu-*")
    assert made["areas"] == ["seongsu-*"] and len(made["password"]) == 19 and made["password_due"]
    assert run("change", "이서준", "--role", "supervisor")["areas"] == ["seongsu-*"]
    assert run("change", "이서준", "--everywhere")["areas"] == []
    assert run("disable", "이서준")["disabled_ms"] and run("enable", "이서준")["disabled_ms"] is None
    assert run("reset-password", "이서준")["password"] != made["password"]
    assert run("reset-second-factor", "이서준")["totp"] is False
    for refused in (
        ("disable", "admin"),
        ("change", "admin", "--role", "owner"),
        ("disable", "nobody"),
        ("change", "이서준"),
        ("change", "이서준", "--area", "a", "--everywhere"),
    ):
        run(*refused, ok=False)
    assert [one["name"] for one in run("list")["items"]] == ["admin", "이서준"]
    assert "이서준" in CliRunner().invoke(app, ["operator", "list", "-c", str(tmp_path / "gw")]).output


def test_two_who_go_at_once_leave_one(desk: Desk):
    """Both removals see the other one; the store does one after the other, so the second is refused."""
    chief(desk, "a")
    chief(desk, "b")
    outcomes = []
    for name in ("a", "b"):
        desk.store.submit(lambda tx, name=name: staff.disable(tx, 1, "x", name), outcomes.append)
    until(lambda: len(outcomes) == 2, "both are answered")
    assert [isinstance(each, AnsimbellError) for each in outcomes] == [False, True]
