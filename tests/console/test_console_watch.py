"""The watch: a page counts as attended only while it proves it, and says in red when it doesn't."""

import threading
from typing import Any

import pytest
from browser import Dispatcher, text
from cut import Cut
from desk import Desk, stages, until

from bellgate.store import troubles


def assert_whole_screen_red(page: Any) -> None:
    box = page.locator("#red").bounding_box()
    size = page.viewport_size
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, size["width"], size["height"])
    assert page.evaluate("getComputedStyle(document.getElementById('red')).backgroundColor") == "rgb(179, 18, 27)"


def test_without_the_watch_nothing_counts_as_presented(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    assert text(page.locator("#watch-title")) == "소리가 꺼져 있습니다"
    bar = page.locator("#watch").bounding_box()
    assert bar["width"] == page.viewport_size["width"]
    incident = desk.press(desk.enrol())
    dispatcher.card(incident).wait_for()
    page.click("#watch-start")
    page.wait_for_selector("#watch-heard:not([hidden])")
    page.click("#heard-no")
    page.wait_for_selector("body[data-watch=unheard]")
    assert text(page.locator("#watch-title")) == "소리가 나지 않는 화면입니다"
    page.wait_for_timeout(1_000)  # several ticks of the page, in which it could have claimed it
    assert stages(desk, incident) == ["stored"]
    dispatcher.start_watch()
    until(lambda: stages(desk, incident) == ["presented"], "presented once the watch began")


def test_a_page_whose_sound_stops_says_so_and_presents_no_more(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    page.evaluate(
        "() => { const resume = AudioContext.prototype.resume;"
        "AudioContext.prototype.resume = function () { window.context = this; return resume.call(this); } }"
    )
    dispatcher.start_watch()
    page.evaluate("window.context.suspend()")
    page.wait_for_selector("body[data-watch=stopped]")
    assert text(page.locator("#red-title")) == "소리가 멈췄습니다"
    assert_whole_screen_red(page)
    incident = desk.press(desk.enrol())
    dispatcher.card(incident).wait_for()
    page.wait_for_timeout(1_000)
    assert stages(desk, incident) == ["stored"]
    page.click("#red-sound")
    page.click("#heard-yes")
    page.wait_for_selector("body[data-watch=on]")
    until(lambda: stages(desk, incident) == ["presented"], "presented once the sound runs again")


def test_a_hidden_page_presents_nothing(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    dispatcher.start_watch()
    page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => window.seen ?? 'hidden'})")
    incident = desk.press(desk.enrol())
    dispatcher.card(incident).wait_for()
    page.wait_for_timeout(1_000)
    assert stages(desk, incident) == ["stored"]
    page.evaluate("window.seen = 'visible'")
    until(lambda: stages(desk, incident) == ["presented"], "presented once somebody can see it")


def test_a_stream_that_falls_silent_turns_the_page_red_and_it_recovers(desk: Desk, url: str, browser: Any):
    desk.operator()
    cut = Cut(url)
    person = Dispatcher(browser, cut.url)
    person.enter(desk, "김하늘")
    person.start_watch()
    page = person.page
    assert page.locator("#red").is_hidden()
    before = desk.press(desk.enrol("b-0001"))
    person.card(before).wait_for()
    cut.flows.clear()
    incident = desk.press(desk.enrol())
    page.wait_for_selector("body[data-link=lost]", timeout=12_000)
    person.key("KeyA")
    person.card(before).locator(".message.problem", has_text="‘접수’ 처리를 보내지 못했습니다").wait_for()
    assert text(page.locator("#red-title")) == "게이트웨이와 연결이 끊겼습니다"
    assert_whole_screen_red(page)
    assert stages(desk, incident) == ["stored"]
    cut.flows.set()
    page.wait_for_selector("body[data-link=fresh]")
    person.card(incident).wait_for()
    until(lambda: stages(desk, incident) == ["presented"], "what was missed is there, and presented")
    assert desk.view(before)["owner"] is None, "nothing is sent later that a person pressed long ago"
    person.context.close()
    cut.close()
    assert not person.complaints


def test_an_expired_session_is_said_in_red(desk: Desk, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch):
    page = dispatcher.page
    monkeypatch.setattr("bellgate.console.live.HEARTBEAT_S", 0.3)  # asked at each heartbeat
    desk.store.write_now(lambda tx: tx.run("DELETE FROM session"))
    page.wait_for_selector("body[data-link=over]", timeout=12_000)
    assert text(page.locator("#red-title")) == "로그인 만료"
    assert_whole_screen_red(page)
    page.click("#red-sign-in")
    page.wait_for_selector("#password")


def test_a_person_who_touches_nothing_is_asked_and_then_counts_as_away(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    away = threading.Event()

    def answer(route: Any) -> None:
        body = route.fetch().json() | {"sign_within_ms": 62_000}
        route.fulfill(json=body | ({"condition": "absent"} if away.is_set() else {}))

    dispatcher.intercept("**/desks/*", answer)
    dispatcher.start_watch()
    page.locator("#asking:not([hidden])", has_text="자리에 계십니까?").wait_for()
    page.keyboard.press("Shift")
    page.locator("#asking").wait_for(state="hidden")
    away.set()
    page.wait_for_selector("body[data-red=absent]")
    assert_whole_screen_red(page)
    away.clear()
    page.keyboard.press("Shift")
    page.locator("#red").wait_for(state="hidden")


def test_the_watch_is_not_ended_with_something_open(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    dispatcher.start_watch()
    incident = desk.press(desk.enrol())
    dispatcher.card(incident).wait_for()
    page.click("#watch-end")
    page.locator("#watch-problem:not([hidden])", has_text="아직 근무를 마칠 수 없습니다").wait_for()
    page.click("#sign-out")
    page.wait_for_timeout(500)
    assert page.url.endswith("/"), "signing out is the same as going home"
    dispatcher.key("KeyA")
    until(lambda: desk.view(incident)["owner"] == "김하늘", "acknowledged")
    page.wait_for_selector(f"article[data-id='{incident}'][data-saving=false]")
    dispatcher.key("KeyX")
    page.wait_for_selector("#choose-dialog[open]")
    dispatcher.key("Digit2")
    dispatcher.card(incident).wait_for(state="detached")
    page.click("#sign-out")
    page.wait_for_selector("#password")


def test_closing_the_page_is_known_at_once(desk: Desk, dispatcher: Dispatcher):
    dispatcher.start_watch()
    dispatcher.page.goto("about:blank")
    rows = until(lambda: desk.store.read_now(troubles.open_troubles), "the trouble list says so", 5)
    assert [(row["kind"], row["values"]["why"]) for row in rows if row["kind"] == "console_silent"] == [
        ("console_silent", "hidden")
    ]
