"""Policies and shifts: the page and its API say what the file says, and what `bellgate policy explain` prints."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import past
import pytest
from browser import Dispatcher, text
from desk import Desk, until
from test_history import STATIC, bound
from typer.testing import CliRunner

from bellgate.cli.policies import policy as program
from bellgate.config_policy import ALARMS
from bellgate.console.pages import HERE
from bellgate.duty import Calendar
from bellwire import KINDS


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Desk]:
    """A gateway with policies; the day after tomorrow is a holiday, tomorrow is not."""
    day = datetime.now(ZoneInfo("Asia/Seoul")).date()
    calendar = f'holidays = ["{day + timedelta(days=2)}"]\nworkdays = ["{day + timedelta(days=1)}"]'
    monkeypatch.setattr("desk.TOML", past.TOML.replace('holidays = ["2099-01-01"]', calendar))
    made = Desk(folder)
    yield made
    made.close()


def local(desk: Desk) -> Calendar:
    return desk.config.calendar.calendar()


def test_the_policies_stand_as_in_the_file(desk: Desk):
    found = desk.get("/api/v1/policy", desk.token("auditor")).json()
    (rule,) = found["policies"]
    assert (rule["name"], rule["sites"], rule["bells"], rule["repeat_s"]) == ("성수동", ["seongsu-*"], [], 60)
    assert [(step["after_s"], step["when"], [one["name"] for one in step["who"]]) for step in rule["steps"]] == [
        (0, "unacknowledged", ["성수지구대", "관제센터"]),
        (20, "unacknowledged", ["상황팀"]),
        (45, "unacknowledged", ["*"]),
    ]
    assert [one["kind"] for step in rule["steps"] for one in step["who"]] == ["station", "station", "station", "every"]
    assert rule["steps"][0]["reached"] == ["station-desk", "centre"]
    assert found["file"] == "gateway.toml" and found["timezone"] == "Asia/Seoul"


def test_no_address_and_no_secret_is_shown(desk: Desk):
    said = desk.get("/api/v1/policy", desk.token("administrator")).text
    assert "centre" in said and "whsec" not in said and "example" not in said


def test_who_is_on_duty_follows_the_clock(desk: Desk):
    calendar = local(desk)
    day = calendar.local(desk.clock.now_ms()).date() + timedelta(days=1)  # a working day, whatever weekday it is
    for hour, wanted in ((3, "chief"), (12, "voice" if day.weekday() < 5 else "chief"), (21, "chief")):
        desk.clock.ahead_ms += calendar.at_ms(day, hour * 60) - desk.clock.now_ms()
        stations = desk.get("/api/v1/policy", desk.token("auditor", f"a{hour}")).json()["stations"]
        assert {one["name"]: one["on_duty"] for one in stations}["상황팀"] == [wanted], hour


def test_every_minute_of_the_week_stands_in_the_bars_as_duty_has_it(desk: Desk):
    found = desk.get("/api/v1/policy", desk.token("auditor")).json()
    duty = desk.config.roster().duty
    people = {one["name"]: one["targets"] for one in found["people"]}
    assert [one["holiday"] for one in found["week"]][1:3] == [False, True] and len(found["week"]) == 7
    for minute in range(0, 7 * 24 * 60, 30):
        at_ms = found["week"][0]["from_ms"] + minute * 60_000
        for station in found["stations"]:
            running = [
                bar
                for bar in found["shifts"]
                if bar["station"] == station["name"] and bar["from_ms"] <= at_ms < bar["until_ms"]
            ]
            drawn = {target for bar in running for who in bar["who"] for target in people.get(who, [who])}
            assert drawn | set(station["always"]) == set(duty.on_duty([station["name"]], at_ms))


def test_another_week_can_be_asked_for(desk: Desk):
    headers = desk.token("auditor")
    found = desk.get("/api/v1/policy?week=2027-03-01", headers).json()
    assert [one["day"] for one in found["week"]][::6] == ["2027-03-01", "2027-03-07"]
    assert found["week"][0]["holiday"], "the first of March"
    for query in ("week=0001-01-01", "week=9999-12-31", "week=x"):
        assert desk.get(f"/api/v1/policy?{query}", headers).status_code == 422, query


@pytest.mark.parametrize("at", ["2026-11-25 03:00", "2026-11-25 12:00", "2026-11-28 12:00"])
@pytest.mark.parametrize(("what", "kind", "site"), [("panic", "store-bell", "seongsu-012"), ("test", "pendant", None)])
def test_it_explains_what_the_command_line_explains(desk: Desk, at: str, what: str, kind: str, site: str | None):
    asked = {"at": at, "what": what, "kind": kind} | ({"site": site} if site else {})
    answer = desk.talk(
        lambda client: client.get("/api/v1/policy/explain", params=asked, headers=desk.token("auditor"))
    ).json()
    command = ["-c", str(desk.config.path), "--at", at, "--kind", what, "--bell", kind, "--json"]
    printed = CliRunner().invoke(program, command + (["--site", site] if site else []))
    assert printed.exit_code == 0, printed.output
    assert answer.pop("written") is True
    assert answer == json.loads(printed.output)


def test_without_policies_it_says_so(folder: Path):
    desk = Desk(folder)
    found = desk.get("/api/v1/policy/explain", desk.token("auditor")).json()
    assert (found["policy"], found["written"], found["rounds"][0]["targets"]) == ("default", False, ["desk"])
    assert desk.get("/api/v1/policy", desk.token("auditor", "a2")).json()["policies"] == []
    desk.close()


@pytest.mark.parametrize(
    "query",
    [
        "at=x",
        "at=0001-01-01 00:00",
        "at=9999-12-31 23:59",
        "at=" + "1" * 41,
        "what=battery",
        "kind=x",
        "site=A%25",
        "site=",
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, query: str):
    answer = desk.get(f"/api/v1/policy/explain?{query}", desk.token("auditor"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid"), answer.text


@pytest.mark.parametrize("role", ["installer", "owner"])
def test_policies_are_not_for_everybody(desk: Desk, role: str):
    headers = desk.token(role)
    assert {desk.get(f"/api/v1/{path}", headers).status_code for path in ("policy", "policy/explain")} == {403}
    assert desk.get("/policy", desk.session(desk.operator("x", role))).status_code == 403
    assert desk.get("/api/v1/policy").status_code == 401


def test_a_site_outside_the_own_areas_does_not_exist(desk: Desk):
    headers = bound(desk, "seongsu-*")
    assert desk.get("/api/v1/policy/explain?site=seongsu-001", headers).status_code == 200
    assert desk.get("/api/v1/policy/explain?site=wangsimni-001", headers).status_code == 404


def test_the_choices_are_those_of_the_tables():
    script = (STATIC / "policy/policy.js").read_text(encoding="utf-8")
    for name, wanted in (("WHATS", ALARMS), ("KINDS", KINDS)):
        found = re.search(rf"^const {name} = (\[.*\]);$", script, re.MULTILINE)
        assert found and set(json.loads(found[1])) == set(wanted)
    assert (HERE / "templates/policy.html").exists()


def test_a_person_reads_it_and_plays_an_alarm_through(desk: Desk, browser: Any):
    desk.operator("이서준", "supervisor")
    with desk.served() as url:
        person = Dispatcher(browser, url)
        person.enter(desk, "이서준", "/policy")
        page = person.page
        rules = text(page.locator("#rules"))
        for told in (
            "성수동",
            "사이트 seongsu-*",
            "0초",
            "20초",
            "45초",
            "아무도 접수하지 않았을 때",
            "모든 알림 대상",
            "60초마다",
        ):
            assert told in rules, told
        assert "gateway.toml" in text(page.locator("#said"))
        assert "지금 지키는 화면이 없습니다" in text(page.locator("#consoles"))
        drawn = page.locator("#week svg").text_content()
        assert "공휴일" in drawn and "박도윤" in drawn
        assert page.locator("#week svg line.now").count() == 1
        page.fill("#site", "seongsu-012")
        page.focus("#explain button")
        page.keyboard.press("Enter")
        until(lambda: "‘성수동’ 규칙" in text(page.locator("#rounds")), "it is played through")
        assert page.locator("#rounds li.again").count() == 1
        title = text(page.locator("#week-title"))
        page.click("#next")
        until(lambda: text(page.locator("#week-title")) != title, "the next week")
        until(lambda: page.locator("#week svg line.now").count() == 0, "now is not in it")
        page.click("#language")
        until(lambda: "while nobody has acknowledged it" in text(page.locator("#rules")), "the page is in English")
        person.context.close()
        desk.hub.close()
    assert not person.complaints
