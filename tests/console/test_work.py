"""Work on incidents: every step by keyboard, two people at once, and nothing claimed that is not stored."""

from typing import Any

import pytest
from browser import Dispatcher, text
from desk import Desk, until


@pytest.fixture
def colleague(desk: Desk, url: str, browser: Any) -> Any:
    """이서준, a supervisor, at a screen of their own."""
    desk.operator("이서준", "supervisor")
    person = Dispatcher(browser, url)
    person.enter(desk, "이서준")
    yield person
    person.context.close()
    assert not person.complaints


def act(desk: Desk, incident: int, action: str, name: str, **more: Any) -> dict[str, Any]:
    body = {"version": desk.view(incident)["version"]} | more
    answer = desk.post(f"/api/v1/incidents/{incident}/{action}", body, desk.session(name))
    assert answer.status_code == 200, answer.text
    return answer.json()


def idle(person: Dispatcher, incident: int) -> None:
    person.page.wait_for_selector(f"article[data-id='{incident}'][data-saving=false]")


def test_two_race_to_acknowledge_one_wins_and_the_other_sees_who(
    desk: Desk, dispatcher: Dispatcher, colleague: Dispatcher
):
    incident = desk.press(desk.enrol())
    for person in (dispatcher, colleague):
        person.card(incident).wait_for()
    routes: list[Any] = []

    def hold(route: Any) -> None:
        routes.append(route)

    for person in (dispatcher, colleague):
        person.intercept("**/acknowledge", hold)
    dispatcher.key("KeyA")
    colleague.key("KeyA")
    until(
        lambda: dispatcher.page.wait_for_timeout(20) or colleague.page.wait_for_timeout(20) or len(routes) == 2, "both"
    )
    for route in routes:
        route.continue_()
    until(lambda: desk.view(incident)["owner"] is not None, "one has it")
    winner, loser = (dispatcher, colleague) if desk.view(incident)["owner"] == "김하늘" else (colleague, dispatcher)
    owner = desk.view(incident)["owner"]
    winner.card(incident).locator(".state", has_text="내가 담당").wait_for()
    message = loser.card(incident).locator(".message.problem")
    message.wait_for()
    said = text(message)
    assert "‘접수’ 처리가 되지 않았습니다" in said
    assert f"담당 없음 → {owner}" in said
    assert f"접수 ({owner})" in said, "by whom"
    assert f"담당 {owner}" in text(loser.card(incident).locator(".state"))
    assert loser.card(incident).locator(".again").count() == 0, "it is held: there is nothing to press again"
    assert [line["by"] for line in desk.view(incident)["timeline"] if line["act"] == "acknowledge"] == [owner]


def test_stale_says_what_changed_keeps_the_intention_and_overwrites_nothing(desk: Desk, dispatcher: Dispatcher):
    desk.operator("이서준", "supervisor")
    page = dispatcher.page
    incident = desk.press(desk.enrol())
    card = dispatcher.card(incident)
    card.wait_for()
    dispatcher.key("KeyX")
    page.wait_for_selector("#choose-dialog[open]")
    dispatcher.key("KeyN")
    page.keyboard.type("1층 직원과 통화함")
    act(desk, incident, "acknowledge", "이서준")
    card.locator(".state", has_text="담당 이서준").wait_for()
    dispatcher.key("Enter", "Digit2")
    message = card.locator(".message.problem")
    message.wait_for()
    said = text(message)
    for part in (
        "그 사이 사건이 바뀌었습니다",
        "처리 상태",
        "→ 접수됨",
        "담당 없음 → 이서준",
        "접수 (이서준)",
        "종결 · 실수로 누름",
    ):
        assert part in said, part
    assert desk.view(incident)["handling"] == "acknowledged", "nothing was overwritten"
    dispatcher.key("KeyX")  # once more, without being asked again
    until(lambda: desk.view(incident)["handling"] == "closed", "closed on the present state")
    view = desk.view(incident)
    assert view["disposition"] == "accidental"
    assert view["timeline"][-1]["detail"]["text"] == "1층 직원과 통화함"


def test_closed_by_another_while_the_hand_was_on_the_key(desk: Desk, dispatcher: Dispatcher):
    desk.operator("이서준", "supervisor")
    page = dispatcher.page
    incident = desk.press(desk.enrol(name="연무장길 카페"))
    card = dispatcher.card(incident)
    card.wait_for()
    dispatcher.key("KeyN")
    page.fill("#text-input", "지금 통화 중")
    act(desk, incident, "close", "이서준", disposition="prank")
    card.wait_for(state="detached")
    dispatcher.key("Enter")
    page.wait_for_selector("#notice:not([hidden])")
    said = text(page.locator("#notice"))
    assert "연무장길 카페" in said and "종결 (이서준)" in said
    dispatcher.key("Escape")
    page.wait_for_selector("#notice", state="hidden")


def test_hand_off_to_a_colleague_from_the_list_declined_withdrawn_and_taken(
    desk: Desk, dispatcher: Dispatcher, colleague: Dispatcher
):
    page = dispatcher.page
    desk.operator("박산")
    desk.operator("정강", "auditor")
    colleague.start_watch()
    incident = desk.press(desk.enrol())
    mine, theirs = dispatcher.card(incident), colleague.card(incident)
    mine.wait_for()
    dispatcher.key("KeyA")
    mine.locator(".do-handoff:enabled").wait_for()
    dispatcher.key("KeyH", "Digit1")  # two keys, before the list is there
    until(lambda: desk.view(incident)["offered_to"] == "이서준", "offered to who is on watch")
    mine.locator(".state", has_text="이서준에게 인계 요청 중").wait_for()
    theirs.locator(".state", has_text="나에게 인계 요청").wait_for()
    colleague.key("KeyW")
    until(lambda: desk.view(incident)["offered_to"] is None, "declined")
    mine.locator(".state:not(:has-text('인계 요청'))").wait_for()
    idle(dispatcher, incident)

    dispatcher.key("KeyH")
    page.locator("#choose-list button").first.wait_for()
    listed = [text(one) for one in page.locator("#choose-list button").all()]
    assert listed == ["1 이서준 상황 팀장 · 근무 중", "2 박산 접수 요원 · 로그인 안 됨"]
    page.fill("#choose-input", "박산")
    dispatcher.key("Enter")
    until(lambda: desk.view(incident)["offered_to"] == "박산", "typed")
    idle(dispatcher, incident)
    mine.locator(".do-decline", has_text="인계 취소").wait_for()
    dispatcher.key("KeyW")
    until(lambda: desk.view(incident)["offered_to"] is None, "taken back")
    idle(dispatcher, incident)

    dispatcher.key("KeyH")
    page.locator("#choose-list button").first.click()
    theirs.locator(".state", has_text="나에게 인계 요청").wait_for()
    colleague.key("KeyH")
    until(lambda: desk.view(incident)["owner"] == "이서준", "taken over")
    mine.locator(".state", has_text="담당 이서준").wait_for()


def test_lease_that_runs_out_sounds_again_and_is_red_again(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    page.add_init_script("")
    page.evaluate(
        "() => { window.tones = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (at) { window.tones += 1; return start.call(this, at); } }"
    )
    dispatcher.start_watch()
    incident = desk.press(desk.enrol())
    card = dispatcher.card(incident)
    card.wait_for()
    dispatcher.key("KeyA")
    card.locator(".state", has_text="내가 담당").wait_for()
    page.wait_for_timeout(2_500)  # what still sounded is over
    page.evaluate("window.tones = 0")
    page.wait_for_timeout(500)
    assert page.evaluate("window.tones") == 0
    desk.let_pass(181_000)
    card.locator(".state", has_text="미접수").wait_for()
    until(lambda: page.evaluate("window.tones") >= 6, "the alarm sounds again")
    assert card.get_attribute("data-weight") == "alarm"


def test_a_whole_incident_by_keyboard_alone(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    page.focus("#watch-start")
    dispatcher.key("Enter")
    page.wait_for_selector("#watch-heard:not([hidden])")
    dispatcher.key("Enter")  # the focus is on "yes"
    page.wait_for_selector("body[data-watch=on]")
    incident = desk.press(desk.enrol())
    dispatcher.card(incident).wait_for()

    def then(handling: str, *keys: str) -> None:
        dispatcher.key(*keys)
        until(lambda: desk.view(incident)["handling"] == handling, handling)
        if handling != "closed":
            idle(dispatcher, incident)
            page.wait_for_selector(f"article[data-id='{incident}'][data-handling='{handling}']")

    then("acknowledged", "Digit1", "KeyA")
    dispatcher.key("KeyN")
    page.keyboard.type("문이 잠겨 있음")
    dispatcher.key("Enter")
    until(lambda: any(one["act"] == "note" for one in desk.view(incident)["timeline"]), "noted")
    idle(dispatcher, incident)
    then("dispatched", "KeyD")
    then("en_route", "KeyE")
    then("on_scene", "KeyS")
    then("cleared", "KeyC")
    then("closed", "KeyX", "Digit1")
    page.locator("#closed li").wait_for()
    then("acknowledged", "KeyO", "Digit1")
    then("closed", "KeyX", "Digit4")
    assert desk.view(incident)["disposition"] == "device_fault"
    dispatcher.key("Shift+Slash")
    page.wait_for_selector("#help-dialog[open]")
    assert "병합" in text(page.locator("#help-dialog"))
    dispatcher.key("Escape")
    page.wait_for_selector("#help-dialog", state="hidden")


def test_merge_by_the_number_on_the_other_card(desk: Desk, dispatcher: Dispatcher):
    first = desk.press(desk.enrol("b-1", "카페 앞문"))
    dispatcher.card(first).wait_for()
    second = desk.press(desk.enrol("b-2", "카페 뒷문"))
    test = desk.press(desk.enrol("b-3"), "test")
    dispatcher.card(second).wait_for()
    dispatcher.card(test).wait_for()
    dispatcher.key("Digit2", "KeyM")
    dispatcher.page.locator("#choose-list button", has_text="카페 앞문").wait_for()
    assert dispatcher.page.locator("#choose-list button").count() == 1, "never into a test, never into itself"
    dispatcher.key("Digit1")
    until(lambda: desk.view(second)["merged_into"] == first, "merged")
    dispatcher.card(second).wait_for(state="detached")
    dispatcher.card(first).locator(".facts", has_text="신호 2회").wait_for()
    assert dispatcher.page.locator("#closed button").count() == 0, "a merged one can't be opened again"


def test_a_digit_that_answers_a_question_chooses_no_card(desk: Desk, dispatcher: Dispatcher):
    numbers = [desk.press(desk.enrol(f"b-{n}")) for n in range(3)]
    for number in numbers:
        dispatcher.card(number).wait_for()
    dispatcher.key("Digit3", "KeyX", "Digit1")
    until(lambda: desk.view(numbers[2])["disposition"] == "genuine", "closed")
    dispatcher.card(numbers[2]).wait_for(state="detached")
    assert dispatcher.page.locator("article.selected").count() == 0, "with two left, a person says which is meant"
    dispatcher.key("KeyA")
    dispatcher.page.wait_for_timeout(300)
    assert [desk.view(number)["owner"] for number in numbers[:2]] == [None, None]


def test_an_answer_that_was_lost_is_looked_for(desk: Desk, dispatcher: Dispatcher):
    page = dispatcher.page
    incident = desk.press(desk.enrol())
    card = dispatcher.card(incident)
    card.wait_for()

    def stored_but_lost(route: Any) -> None:
        route.fetch()  # the gateway carries it out, and its answer never comes
        route.abort()

    dispatcher.intercept("**/acknowledge", stored_but_lost)
    dispatcher.key("KeyA")
    message = card.locator(".message", has_text="저장되어 있습니다: 접수")
    message.wait_for()
    assert "problem" not in message.get_attribute("class")
    assert desk.view(incident)["owner"] == "김하늘"
    card.locator(".state", has_text="내가 담당").wait_for()

    dispatcher.intercept("**/dispatch", lambda route: route.abort())
    dispatcher.key("KeyD")
    card.locator(".message", has_text="확인하는 중: 출동 지령").wait_for()
    assert card.get_attribute("data-saving") == "true", "not yet known: it looks different"
    card.locator(".message.problem", has_text="저장되지 않았습니다: 출동 지령").wait_for()
    assert desk.view(incident)["handling"] == "acknowledged"
    page.unroute("**/dispatch")
    dispatcher.key("KeyD")
    until(lambda: desk.view(incident)["handling"] == "dispatched", "pressed again")


def test_who_may_only_read_gets_no_working_button(desk: Desk, url: str, browser: Any):
    desk.operator("정강", "auditor")
    incident = desk.press(desk.enrol())
    person = Dispatcher(browser, url)
    person.enter(desk, "정강")
    card = person.card(incident)
    card.wait_for()
    assert card.locator(".buttons button:enabled").count() == 0
    person.key("KeyA", "KeyO")
    person.page.wait_for_timeout(500)
    assert desk.view(incident)["owner"] is None and person.page.locator("dialog[open]").count() == 0
    person.context.close()
