"""A dispatcher in a real Chromium: the watch begins with a sound that a person heard, and the page never pretends."""

import threading
from typing import Any

from browser import Dispatcher, text
from desk import Desk, stages, until

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def test_sign_in_by_form_and_out_again(desk: Desk, url: str, browser: Any):
    desk.operator()
    person = Dispatcher(browser, url)
    person.page.goto("/")
    person.page.fill("#name", "김하늘")
    person.page.fill("#password", "wrong")
    person.page.click("form button")
    assert text(person.page.locator("[role=alert]")) == "이름이나 비밀번호가 맞지 않습니다."
    person.sign_in("김하늘")
    person.page.click("#sign-out")
    person.page.wait_for_selector("#password")
    person.page.goto("/")
    assert person.page.url.endswith("/sign-in")
    person.context.close()
    assert not person.complaints


def test_a_press_is_seen_heard_and_handled_by_key_alone(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    assert text(page.locator("#calm strong")) == "열린 사건이 없습니다"
    dispatcher.start_watch()
    bell = desk.enrol(name="뚝섬역 편의점", address="서울 성동구 아차산로 17")
    incident = desk.press(bell)
    card = dispatcher.card(incident)
    card.wait_for()
    until(lambda: stages(desk, incident) == ["presented"], "the bell hears: presented")
    said = text(card)
    for part in (
        "비상벨 누름",
        "뚝섬역 편의점",
        "서울 성동구 아차산로 17",
        "매장 비상벨",
        "현장 경보음 울림",
        "신호 1회",
        "±2초",
    ):
        assert part in said
    assert "비상벨 누름. 뚝섬역 편의점" in page.locator("#announce").inner_text()
    by = desk.view(incident)["timeline"][-1]["by"]
    assert by.startswith("김하늘 on page-")

    desk.press(bell)  # again, while the card is open
    until(lambda: stages(desk, incident) == ["presented", "presented"], "the second press is presented too")
    page.wait_for_function("document.querySelector('.card .facts').innerText.includes('신호 2회')")

    def handled(key: str, handling: str, shown: str) -> None:
        dispatcher.key(*key.split())
        until(lambda: desk.view(incident)["handling"] == handling, handling)
        card.locator(".state", has_text=shown).wait_for()
        page.wait_for_selector(f"article[data-id='{incident}'][data-saving=false]")

    handled("1 KeyA", "acknowledged", "접수됨 · 내가 담당")
    assert "출동 지령이 없으면 다시 울립니다" in text(card.locator(".lease"))
    assert stages(desk, incident) == ["acknowledged", "acknowledged"]
    handled("KeyD", "dispatched", "출동 지령됨")
    handled("KeyE", "en_route", "출동 중")
    handled("KeyS", "on_scene", "현장 도착")
    handled("KeyC", "cleared", "현장 조치 완료")
    dispatcher.key("KeyX")
    page.wait_for_selector("#choose-dialog[open]")
    dispatcher.key("Digit1")
    until(lambda: desk.view(incident)["handling"] == "closed", "closed")
    assert desk.view(incident)["disposition"] == "genuine"
    card.wait_for(state="detached")
    assert text(page.locator("#closed li")).startswith("뚝섬역 편의점 실제 상황")
    page.locator("#closed button").click()
    card.wait_for()
    assert desk.view(incident)["handling"] == "acknowledged"


def test_a_colleague_was_faster_and_the_page_says_who(desk: Desk, dispatcher: Dispatcher):
    incident = desk.press(desk.enrol())
    card = dispatcher.card(incident)
    card.wait_for()
    colleague = desk.session(desk.operator("이서준"))
    path = f"/api/v1/incidents/{incident}/acknowledge"

    def overtaken(route: Any) -> None:
        if desk.view(incident)["owner"] is None:
            assert desk.post(path, {"version": desk.view(incident)["version"]}, colleague).status_code == 200
        route.continue_()

    dispatcher.intercept(f"**{path}", overtaken)
    card.locator(".do-acknowledge").click()
    message = card.locator(".message.problem")
    message.wait_for()
    assert "그 사이 사건이 바뀌었습니다" in text(message) and "접수 (이서준)" in text(message)
    assert "담당 이서준" in text(card.locator(".state"))
    assert card.locator(".do-acknowledge").is_disabled()


def test_an_action_that_is_not_stored_yet_looks_different(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    incident = desk.press(desk.enrol())
    card = dispatcher.card(incident)
    card.wait_for()
    asked = threading.Event()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)
        asked.set()

    dispatcher.intercept("**/acknowledge", hold)
    card.locator(".do-acknowledge").click()
    page.wait_for_selector(f"article[data-id='{incident}'][data-saving=true]")
    assert text(card.locator(".message")) == "저장하는 중: 접수"
    assert "미접수" in text(card.locator(".state")), "it does not claim what is not stored"
    until(lambda: page.wait_for_timeout(20) or asked.is_set(), "the request was made")
    held[0].abort()
    card.locator(".message.problem").wait_for()
    assert "확인한 결과 저장되지 않았습니다: 접수" in text(card.locator(".message")), "it looked, and says which it was"
    assert card.get_attribute("data-saving") == "false"
    assert desk.view(incident)["handling"] == "received"


def test_test_presses_have_a_lane_of_their_own_and_make_no_alarm(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    incident = desk.press(desk.enrol(), "test")
    page.locator(f"#tests article[data-id='{incident}']").wait_for()
    assert page.locator("#cards article").count() == 0
    assert page.locator("#announce").inner_text() == ""
    assert page.title() == "안심벨"
    page.locator("#tests .do-close").click()
    page.locator("#choose-list [data-value=test]").click()
    until(lambda: desk.view(incident)["disposition"] == "test", "closed as a test")


def test_a_new_alarm_does_not_move_the_keys_to_another_card(desk: Desk, dispatcher: Dispatcher):
    first = desk.press(desk.enrol("b-1"), "intrusion")
    dispatcher.card(first).wait_for()
    dispatcher.key("Digit1")
    second = desk.press(desk.enrol("b-2"), "holdup")
    dispatcher.card(second).wait_for()
    order = dispatcher.page.eval_on_selector_all("#cards article", "all => all.map(one => one.dataset.id)")
    assert order == [str(second), str(first)], "the heavier one stands on top"
    dispatcher.key("KeyA")
    until(lambda: desk.view(first)["owner"] == "김하늘", "the card that was chosen")
    assert desk.view(second)["owner"] is None
    dispatcher.key("Digit2", "KeyA")
    until(lambda: desk.view(second)["owner"] == "김하늘", "two keys")


def test_hand_off_from_screen_to_screen(desk: Desk, dispatcher: Dispatcher, browser: Any, url: str):
    incident = desk.press(desk.enrol())
    desk.operator("이서준")
    colleague = Dispatcher(browser, url, "en")
    colleague.enter(desk, "이서준")
    dispatcher.card(incident).wait_for()
    dispatcher.key("KeyA")
    dispatcher.card(incident).locator(".do-handoff:enabled").wait_for()
    dispatcher.key("KeyH")
    dispatcher.page.locator("#choose-list button", has_text="이서준").wait_for()
    dispatcher.key("Digit1")
    colleague.card(incident).locator(".do-handoff:enabled", has_text="Take over").click()
    until(lambda: desk.view(incident)["owner"] == "이서준", "taken over")
    dispatcher.card(incident).locator(".state", has_text="담당 이서준").wait_for()
    colleague.context.close()
    assert not colleague.complaints


def test_both_languages_without_a_reload(desk: Desk, dispatcher: Dispatcher, browser: Any, url: str):
    page = dispatcher.page
    incident = desk.press(desk.enrol(), "holdup")
    desk.press(desk.enrol("b-2"), "battery")
    card = dispatcher.card(incident)
    card.wait_for()
    page.locator("#troubles li").wait_for()
    dispatcher.start_watch()
    page.evaluate("window.sameDocument = true")
    page.click("#language")
    page.locator("h2", has_text="Hold-up, silent").wait_for()
    assert page.evaluate("[window.sameDocument, document.documentElement.lang]") == [True, "en"]
    assert page.locator("body[data-watch=on]").count() == 1, "the sound goes on"
    said = text(page.locator("body"))
    for part in ("Open incidents", "Waiting", "Acknowledge", "Bell battery low", "Sign out", "Silent: nothing sounds"):
        assert part in said
    page.reload()
    page.locator("h2", has_text="Hold-up, silent").wait_for()
    page.click("#language")
    page.locator("h2", has_text="강도 · 무음 신고").wait_for()
    english = Dispatcher(browser, url, "en")
    english.page.goto("/sign-in")
    assert text(english.page.locator("h1")) == "Sign in"
    english.context.close()


def test_street_without_power_is_one_line_with_its_bells(desk: Desk, dispatcher: Dispatcher):
    mine = [desk.enrol(f"b-{number}") for number in range(6)]
    lines = dispatcher.page.locator("#troubles > li")
    for bell in mine[:4]:
        desk.press(bell, "battery")
    until(lambda: lines.count() == 4, "four lines")
    for bell in mine[4:]:
        desk.press(bell, "battery")
    until(lambda: lines.count() == 1, "one line")
    dispatcher.page.locator("#troubles summary", has_text="벨 6대").click()
    said = text(lines)
    for part in ("벨 배터리 부족", "구역의 벨 6대", "조치: 이 구역의", *(bell.bell_id for bell in mine)):
        assert part in said, part
    dispatcher.page.click("#language")
    lines.locator("summary", has_text="The 6 bells").wait_for()
    assert "6 bells in" in text(lines) and lines.locator("details[open]").count() == 1, "it stays unfolded"


def test_text_from_a_bell_or_a_person_is_never_markup(desk: Desk, dispatcher: Dispatcher):
    incident = desk.press(desk.enrol(name=EVIL, address=EVIL))
    card = dispatcher.card(incident)
    card.wait_for()
    note = {"version": desk.view(incident)["version"], "text": EVIL}
    assert desk.post(f"/api/v1/incidents/{incident}/note", note, desk.token()).status_code == 200
    card.locator("summary").click()
    card.locator(".record li", has_text="onerror").wait_for()
    assert card.locator("img, script").count() == 0
    assert text(card.locator(".name")) == EVIL
    assert "owned" not in dispatcher.page.title()


def test_the_page_fits_a_phone_and_200_percent(desk: Desk, url: str, browser: Any):
    desk.operator()
    desk.press(desk.enrol(name="성수동2가 아주 긴 이름의 복합문화공간 지하 1층 안내데스크"))
    person = Dispatcher(browser, url, "en")
    person.enter(desk, "김하늘")
    person.page.locator("#cards article").wait_for()
    for width in (360, 640, 1280):  # 640 is a 1280 screen at 200 %
        person.page.set_viewport_size({"width": width, "height": 800})
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width
        cut = "all => all.filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1).length"
        assert person.page.eval_on_selector_all("button, .card p, .facts li", cut) == 0
    person.context.close()
