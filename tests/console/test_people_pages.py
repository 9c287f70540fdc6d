"""People and the own profile in a real Chromium: added, changed and disabled by hand, by keyboard, on a telephone."""

import re
from typing import Any

import pyotp
import pytest
from accessible import violations
from browser import Dispatcher, text
from desk import PASSWORD, Desk, until

from bellgate.store import people, second_factor, staff

NAME = "김하늘"


@pytest.fixture
def chief(desk: Desk, url: str, browser: Any):
    """An administrator on the page of people, with two others in the list."""
    desk.operator(NAME, "administrator")
    desk.operator("이서준")
    desk.store.write_now(
        lambda tx: people.add_operator(tx, "박하나", "installer", PASSWORD, desk.clock.now_ms(), ("seongsu-*",))
    )
    desk.store.write_now(lambda tx: staff.disable(tx, desk.clock.now_ms(), NAME, "박하나"))
    person = Dispatcher(browser, url)
    person.enter(desk, NAME, "/people")
    yield person
    person.context.close()
    assert not person.complaints


def row(person: Dispatcher, name: str) -> Any:
    return person.page.locator(f"tr[data-name='{name}']")


def one(desk: Desk, name: str) -> people.Operator:
    found = desk.store.read_now(lambda tx: people.operator(tx, name))
    assert found is not None
    return found


def test_the_list_says_who_may_what_and_where(chief: Dispatcher):
    assert "접수 요원 모든 지역 없음 없음 사용 중" in text(row(chief, "이서준"))
    assert "설치 기사 seongsu-* 없음 없음 사용 중지" in text(row(chief, "박하나"))
    assert "본인" in text(row(chief, NAME))
    chief.page.click("#language")
    row(chief, "이서준").filter(has_text="Everywhere").wait_for()
    assert "dispatcher Everywhere None Never Active" in text(row(chief, "이서준"))


def test_somebody_is_added_by_keyboard_alone_and_the_password_is_shown_once(desk: Desk, chief: Dispatcher):
    page = chief.page
    page.focus("#add")
    chief.key("Enter")
    page.wait_for_selector("#person-dialog[open]")
    page.keyboard.type("오지훈")
    chief.key("Tab")
    for _ in range(5):
        chief.key("ArrowDown")
    assert page.input_value("#person-role") == "auditor"
    assert "아무것도 바꾸지 못합니다" in text(page.locator("#role-about"))
    chief.key("Tab")
    page.keyboard.type("seongsu-*, wangsimni-012")
    chief.key("Enter")
    page.wait_for_selector("#once-dialog[open]")
    password = text(page.locator("#once"))
    assert re.fullmatch(r"(\w{4}-){3}\w{4}", password)
    assert violations(page) == []
    chief.key("Escape")
    page.wait_for_function("document.querySelector('#once').textContent === ''")  # a turn after it is hidden
    assert password not in page.content()
    made = one(desk, "오지훈")
    assert (made.role, made.areas, made.password_due) == ("auditor", ("seongsu-*", "wangsimni-012"), True)
    assert "비밀번호 변경 필요" in text(row(chief, "오지훈"))


def test_somebody_is_changed_disabled_and_brought_back(desk: Desk, chief: Dispatcher):
    page = chief.page
    session = desk.session("이서준")
    row(chief, "이서준").locator("button").click()
    page.select_option("#person-role", "supervisor")
    page.click("#person-save")
    row(chief, "이서준").locator("td", has_text="상황 팀장").wait_for()
    assert desk.get("/api/v1/me", session).status_code == 401
    row(chief, "이서준").locator("button").click()
    page.click("[data-change=disable]")
    assert "즉시 모든 화면에서 로그아웃" in text(page.locator("#sure-text"))
    assert violations(page) == []
    page.click("#sure-no")
    page.wait_for_selector("#sure-dialog", state="hidden")
    assert one(desk, "이서준").disabled_ms is None, "whoever says no changes nothing"
    page.click("[data-change=disable]")
    page.click("#sure-yes")
    row(chief, "이서준").locator(".state.disabled").wait_for()
    row(chief, "이서준").locator("button").click()
    assert page.locator("#changes button").count() == 1
    page.click("[data-change=enable]")
    page.click("#sure-yes")
    until(lambda: one(desk, "이서준").disabled_ms is None, "enabled again")


def test_what_is_refused_is_said_in_the_dialog(desk: Desk, chief: Dispatcher):
    page = chief.page
    page.click("#add")
    page.fill("#person-name", "이서준")
    page.click("#person-save")
    page.wait_for_selector("#person-problem:not([hidden])")
    assert "저장되지 않았습니다" in text(page.locator("#person-problem"))
    assert violations(page) == []
    chief.key("Escape")
    row(chief, NAME).locator("button").click()
    assert "다른 관리자만" in text(page.locator("#person-problem"))
    assert page.locator("#person-save").is_disabled() and page.locator("#more").is_hidden()


def test_nobody_else_gets_the_page(desk: Desk):
    for role in people.ROLES:
        session = desk.session(desk.operator(f"n-{role}", role))
        wanted = 200 if role == "administrator" else 403
        assert desk.get("/people", session).status_code == wanted
        assert desk.get("/profile", session).status_code == 200


@pytest.mark.parametrize("path", ["/people", "/profile"])
def test_on_a_telephone_nothing_is_cut_off(desk: Desk, chief: Dispatcher, path: str):
    chief.page.set_viewport_size({"width": 360, "height": 740})
    chief.page.goto(path)
    chief.page.wait_for_selector("body[data-drawn]")
    assert chief.page.evaluate("document.documentElement.scrollWidth") == 360


def test_an_authenticator_is_set_up_and_asked_for(desk: Desk, chief: Dispatcher):
    page = chief.page
    page.goto("/profile")
    page.wait_for_selector("body[data-drawn]")
    page.click("#code-add")
    page.fill("#confirm", "wrong")
    chief.key("Enter")
    page.wait_for_selector("#confirm-problem:not([hidden])")
    page.fill("#confirm", PASSWORD)
    chief.key("Enter")
    page.wait_for_selector("#code-dialog[open] img")
    until(lambda: page.locator("#qr img").evaluate("image => image.naturalWidth") > 100, "the QR code is drawn")
    secret = text(page.locator("#secret")).replace(" ", "")
    assert violations(page) == []
    page.fill("#code", "000000")
    chief.key("Enter")
    page.wait_for_selector("#code-problem:not([hidden])")
    page.fill("#code", pyotp.TOTP(secret).generate_otp(desk.clock.now_ms() // second_factor.STEP_MS))
    chief.key("Enter")
    page.wait_for_selector("#code-state.on")
    assert secret not in page.content()
    page.click("#sign-out")
    page.wait_for_selector("#name")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    chief.key("Enter")
    page.wait_for_selector("#code")
    assert violations(page) == []
    desk.clock.ahead_ms += second_factor.STEP_MS
    page.keyboard.type(pyotp.TOTP(secret).generate_otp(desk.clock.now_ms() // second_factor.STEP_MS))
    chief.key("Enter")
    page.wait_for_selector("body.desk")


def test_the_own_password_is_changed_and_the_page_goes_on(desk: Desk, chief: Dispatcher):
    page = chief.page
    page.goto("/profile")
    page.wait_for_selector("body[data-drawn]")
    page.fill("#old", PASSWORD)
    page.fill("#new", "lily-tiger-11")
    page.fill("#again", "lily-tiger-12")
    page.click("#password-form .primary")
    assert "서로 다릅니다" in text(page.locator("#problem"))
    page.fill("#again", "lily-tiger-11")
    page.click("#password-form .primary")
    page.wait_for_selector("#done:not(:empty)")
    assert page.locator("#sessions li").count() == 1
    # The session goes on under another secret, and its buttons still work.
    other = desk.session(NAME)
    page.reload()
    page.wait_for_selector("body[data-drawn]")
    page.click("#sessions-end")
    until(lambda: desk.get("/api/v1/me", other).status_code == 401, "the other session is over")


def test_a_given_password_is_replaced_on_the_way_in(desk: Desk, chief: Dispatcher, url: str, browser: Any):
    row(chief, "이서준").locator("button").click()
    chief.page.click("[data-change=password]")
    chief.page.click("#sure-yes")
    chief.page.wait_for_selector("#once-dialog[open]")
    password = text(chief.page.locator("#once"))
    person = Dispatcher(browser, url, "en")
    page = person.page
    page.goto("/sign-in")
    page.fill("#name", "이서준")
    page.fill("#password", password)
    person.key("Enter")
    page.wait_for_selector("#again")
    assert violations(page) == []
    page.fill("#password", "lily-tiger-11")
    page.fill("#again", "lily-tiger-11")
    person.key("Enter")
    page.wait_for_selector("body.desk")
    person.context.close()
    assert not person.complaints
