"""An owner: the own bells on a phone, in plain words, and nothing else at all."""

from typing import Any

import pytest
from browser import Dispatcher, text
from desk import Desk, until
from test_bells import beat, closed
from test_console_access import BODIES, PATHS

from bellgate.console.pages import WAYS


def own(desk: Desk, name: str, *bell_ids: str) -> str:
    """An owner of these bells."""
    desk.operator(name, "owner")
    boss = desk.token("administrator")
    for bell_id in bell_ids:
        owners = desk.get(f"/api/v1/bells/{bell_id}", boss).json()["owners"]
        given = {"seen": owners, "owners": [*owners, name]}
        assert desk.post(f"/api/v1/bells/{bell_id}/owners", given, boss).status_code == 200
    return name


def test_an_owner_sees_the_own_bells_and_no_others(desk: Desk):
    shop, home = desk.enrol(), desk.enrol("b-2", "다른 집")
    beat(desk, shop)
    desk.press(shop, "test")
    closed(desk, desk.press(shop), "accidental")
    closed(desk, desk.press(home), "genuine")
    session = desk.session(own(desk, "윤가람", "b-7f3a"))
    answer = desk.get("/api/v1/my/bells", session)
    (bell,) = answer.json()["items"]
    assert (bell["bell_id"], bell["online"], bell["battery_mv"]) == ("b-7f3a", True, 4020)
    assert bell["last_test"]["stage"] == "stored"
    assert [case["what"] for case in bell["incidents"]] == ["panic", "test"]
    assert "다른 집" not in answer.text and "script-dispatcher" not in answer.text and shop.key.hex() not in answer.text


def test_whoever_forces_an_owner_to_show_the_page_learns_nothing(desk: Desk):
    bell = desk.enrol(kind="home-set")
    desk.press(bell, "duress")
    session = desk.session(own(desk, "윤가람", "b-7f3a"))
    (shown,) = desk.get("/api/v1/my/bells", session).json()["items"]
    assert shown["incidents"] == [] and "duress" not in str(shown)
    holdup = desk.press(desk.enrol("b-2"), "holdup")
    other = desk.session(own(desk, "서나래", "b-2"))
    assert desk.get("/api/v1/my/bells", other).json()["items"][0]["incidents"] == []
    closed(desk, holdup, "genuine")
    assert [case["what"] for case in desk.get("/api/v1/my/bells", other).json()["items"][0]["incidents"]] == ["holdup"]


def test_nothing_else_is_reachable(desk: Desk):
    desk.press(desk.enrol())
    session = desk.session(own(desk, "윤가람", "b-7f3a"))
    for (method, path, body), right in PATHS.items():
        answer = desk.ask(method, path, session, json=BODIES[body])
        assert (answer.status_code != 403) is (right in (None, "own")), path
    assert desk.get("/api/v1/events", session).status_code == 403
    assert desk.get("/tiles/1/0/0", session).status_code == 403
    for way in WAYS:
        if way.right not in (None, "own") and way.path != "/":
            assert desk.get(way.path.replace("{incident_id:int}", "1"), session).status_code == 403, way.path
    arrived = desk.get("/", session)
    assert (arrived.status_code, arrived.headers["Location"]) == (303, "/my-bells")
    page = desk.get("/my-bells", session).text
    assert 'href="/bells"' not in page and 'href="/map"' not in page


def test_staff_do_not_own(desk: Desk):
    for role in ("dispatcher", "administrator", "installer"):
        assert desk.get("/api/v1/my/bells", desk.token(role)).status_code == 403
        assert desk.get("/my-bells", desk.session(desk.operator(f"김{role}", role))).status_code == 403


@pytest.fixture
def owner(desk: Desk, url: str, browser: Any) -> Any:
    """윤가람 on a phone."""
    beat(desk, desk.enrol())
    person = Dispatcher(browser, url, viewport={"width": 360, "height": 780})
    person.enter(desk, own(desk, "윤가람", "b-7f3a"), "/my-bells")
    yield person
    person.context.close()
    assert not person.complaints


def test_the_page_says_in_words_how_the_bell_is(desk: Desk, owner: Dispatcher):
    page = owner.page
    assert "벨이 정상입니다" in text(page.locator(".verdict"))
    assert "4.02 V" in text(page.locator("dl")) and "연결된 모든 관제 화면" in text(page.locator("dl"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("summary").focus()
    owner.key("Enter")
    assert "3초 넘게 누르면" in text(page.locator("details"))
    desk.press(desk_bell(desk), "battery")
    page.reload()
    page.wait_for_selector("body[data-drawn]")
    assert "벨 배터리 부족" in text(page.locator(".verdict"))
    desk.store.write_now(lambda tx: tx.run("UPDATE presence SET online = 0"))
    page.reload()
    page.wait_for_selector("body[data-drawn]")
    assert "벨이 응답하지 않습니다" in text(page.locator(".verdict")) and "112" in text(page.locator(".verdict"))
    page.click("#language")
    until(lambda: "The bell does not answer" in text(page.locator(".verdict")), "in English")


def desk_bell(desk: Desk) -> Any:
    from desk import Bell

    return Bell("b-7f3a", "", "")
