"""Press tests through the API and on the page of bells: begun, followed, shown, ended, and who may see what of it."""

import threading
import time
from typing import Any

import pytest
from browser import Dispatcher, text
from desk import WAIT_S, Bell, Desk, run, until
from test_bells import beat, bound

from bellgate.housekeeping import Housekeeping
from bellgate.pipeline import Inbound
from bellgate.pki import Authority
from bellgate.store import audit, press_tests, troubles
from bellwire import unpack

TESTS = "/api/v1/press-tests"
DAY_MS = 86_400_000


def ready(desk: Desk, *names: str) -> list[Bell]:
    """Bells that are heard."""
    made = [desk.enrol(name, f"벨 {name}") for name in names]
    for bell in made:
        beat(desk, bell)
    return made


def begin(desk: Desk, *names: str, role: str = "dispatcher", **more: Any) -> list[dict[str, Any]]:
    answer = desk.post(TESTS, {"bells": list(names)} | more, desk.token(role, f"script-{role}-{time.monotonic_ns()}"))
    assert answer.status_code == 201, answer.text
    return answer.json()["items"]


def command(desk: Desk, bell: Bell) -> dict[str, Any]:
    """The newest command that this bell was sent."""
    told = [unpack(payload, topic, {0: bell.key}) for topic, payload in desk.receipts if bell.bell_id in topic]
    return [one for one in told if one["type"] == "command"][-1]


def say(desk: Desk, bell: Bell, what: str, **info: Any) -> None:
    taken = threading.Event()
    desk.pipeline.take(Inbound(bell.up, bell.event(what, info=info), False, desk.clock.now_ms(), 0, taken.set))
    assert taken.wait(WAIT_S)


def answer(desk: Desk, bell: Bell) -> None:
    """The bell is in test mode."""
    say(desk, bell, "test", id=command(desk, bell)["id"], name="selftest", test_mode_min=10)


def newest(desk: Desk, bell_id: str = "b-1", role: str = "auditor") -> dict[str, Any]:
    token = desk.token(role, f"looks-{time.monotonic_ns()}")
    return next(one for one in desk.get(TESTS, token).json()["items"] if one["bell_id"] == bell_id)


def test_from_the_command_to_the_verdict(desk: Desk) -> None:
    (bell,) = ready(desk, "b-1")
    (begun,) = begin(desk, "b-1", minutes=7)
    assert (begun["state"], begun["verdict"], begun["minutes"], begun["tries"]) == ("sent", None, 7, 1)
    sent = command(desk, bell)
    assert (sent["name"], sent["args"], sent["ttl_s"]) == ("selftest", {"test_mode_min": 7}, 30)
    answer(desk, bell)
    told = newest(desk)
    assert told["state"] == "confirmed" and told["until_ms"] == told["confirmed_ms"] + 7 * 60_000
    incident = desk.press(bell, "test", age_ms=3, info={"input": "button"})
    told = newest(desk)
    assert (told["state"], told["age_ms"]) == ("pressed", 3)
    assert told["begun_ms"] <= told["confirmed_ms"] <= told["pressed_ms"] <= told["stored_ms"]
    shown = desk.post(
        f"{TESTS}/{told['id']}/presented", {"console": "bells-1"}, desk.token("installer", "박도윤")
    ).json()
    assert (shown["verdict"], shown["shown_by"], shown["ended_ms"]) == ("passed", "박도윤 on bells-1", None)
    assert desk.view(incident)["signals"][0]["stage"] == "presented", "the bell's lamp says so, too"
    desk.let_pass(7_000)
    done = newest(desk)
    assert (done["verdict"], done["ended_ms"] is not None) == ("passed", True)
    assert desk.view(incident)["disposition"] == "test"
    assert command(desk, bell)["args"] == {"test_mode_min": 0}
    again = desk.post(f"{TESTS}/{told['id']}/presented", {"console": "bells-1"}, desk.token("installer", "또"))
    assert again.status_code == 409
    (kept,) = desk.get("/api/v1/bells/b-1/press-tests", desk.token("auditor", "later")).json()["items"]
    assert kept["verdict"] == "passed" and kept["stored_ms"] == told["stored_ms"]
    desk.clock.ahead_ms += 2 * 3_600_000
    assert desk.get(TESTS, desk.token("auditor", "much later")).json()["items"] == []


def test_many_at_once_and_each_has_its_own_verdict(desk: Desk) -> None:
    one, two, _ = ready(desk, "b-1", "b-2", "b-3")
    desk.enrol("b-4", "벨 b-4")
    desk.press(two)
    items = {item["bell_id"]: item for item in begin(desk, "b-1", "b-2", "b-3", "b-4", "b-1")}
    assert {name: item["verdict"] for name, item in items.items()} == {
        "b-1": None, "b-2": "busy", "b-3": None, "b-4": "offline",
    }  # fmt: skip
    (again,) = begin(desk, "b-1", minutes=2)
    assert again["id"] == items["b-1"]["id"] and again["minutes"] == 10, "the one that runs goes on"
    answer(desk, one)
    ended = desk.post(f"{TESTS}/{again['id']}/end", None, desk.token("supervisor"))
    assert ended.json()["verdict"] == "ended" and command(desk, one)["args"] == {"test_mode_min": 0}
    assert desk.post(f"{TESTS}/{again['id']}/end", None, desk.token("supervisor", "x")).status_code == 409


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"bells": []}, 422),
        ({"bells": [f"b-{number}" for number in range(51)]}, 422),
        ({"bells": ["b-1"], "minutes": 16}, 422),
        ({"bells": ["b-1"], "minutes": 0}, 422),
        ({"bells": ["b-1", "b-none"]}, 404),
        ({"bells": ["b-1", "b-gone"]}, 409),
    ],
)
def test_all_begin_or_none(desk: Desk, given: dict[str, Any], status: int) -> None:
    ready(desk, "b-1", "b-gone")
    desk.store.write_now(lambda tx: tx.run("UPDATE bell SET state = 'revoked' WHERE bell_id = 'b-gone'"))
    desk.store.write_now(lambda tx: tx.memo.clear())
    assert desk.post(TESTS, given, desk.token()).status_code == status
    assert desk.get(TESTS, desk.token("auditor")).json()["items"] == []
    assert not [payload for _, payload in desk.receipts if b'"command"' in payload]


def test_what_lies_outside_the_areas_does_not_exist(desk: Desk) -> None:
    ready(desk, "b-1")
    (test,) = begin(desk, "b-1")
    there = bound(desk, "dispatcher", "mapo-*")
    assert desk.get(TESTS, there).json()["items"] == []
    assert desk.post(TESTS, {"bells": ["b-1"]}, there).status_code == 404
    assert desk.post(f"{TESTS}/{test['id']}/end", None, there).status_code == 404
    assert desk.post(f"{TESTS}/{test['id']}/presented", {"console": "x"}, there).status_code == 404
    assert desk.get("/api/v1/bells/b-1/press-tests", there).status_code == 404


def test_whoever_may_not_read_incidents_does_not_learn_of_one_here(desk: Desk) -> None:
    one, two = ready(desk, "b-1", "b-2")
    desk.press(two, "duress")
    begin(desk, "b-1", "b-2")
    answer(desk, one)
    desk.press(one)
    assert {newest(desk, name)["verdict"] for name in ("b-1", "b-2")} == {"alarm", "busy"}
    told = [newest(desk, name, "installer") for name in ("b-1", "b-2")]
    assert [(item["verdict"], item["state"]) for item in told] == [("stopped", "stopped")] * 2
    assert "alarm" not in str(told) and "busy" not in str(told)


def test_waiting_ends_as_soon_as_something_is_new(desk: Desk) -> None:
    (bell,) = ready(desk, "b-1")
    begin(desk, "b-1")
    token = desk.token("auditor")
    seen = desk.get(TESTS, token).json()["seen"]
    assert desk.get(f"{TESTS}?seen={seen}&wait_s=0", token).json()["seen"] == seen
    timer = threading.Timer(0.3, answer, (desk, bell))
    timer.start()
    told = desk.get(f"{TESTS}?seen={seen}&wait_s=20", token).json()
    timer.join()
    assert told["items"][0]["state"] == "confirmed" and told["seen"] != seen


def test_a_record_that_takes_nothing_refuses_the_test(desk: Desk) -> None:
    ready(desk, "b-1")
    full = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END"
    desk.store.write_now(lambda tx: tx.run(full))
    refused = desk.post(TESTS, {"bells": ["b-1"]}, desk.token())
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "record")
    desk.store.write_now(lambda tx: tx.run("DROP TRIGGER full"))
    begin(desk, "b-1")
    (said,) = desk.store.read_now(lambda tx: audit.acts(tx, "press_test"))
    assert said["detail"] == {"bell_id": "b-1", "minutes": 10}


def test_one_line_for_all_that_are_overdue_and_it_goes_when_they_were_pressed(desk: Desk) -> None:
    one, two, three = ready(desk, "b-1", "b-2", "b-3")
    desk.store.write_now(lambda tx: tx.run("UPDATE bell SET enrolled_ms = ?", (desk.clock.now_ms(),)))
    authority = Authority.create(desk.config.data_dir / "pki", "seongsu-1")

    async def stays(_memory: bool, _bells: list[Any]) -> bool:
        return False

    keeping = Housekeeping(desk.store, desk.pipeline, desk.config, desk.clock, authority, stays)

    def lines() -> list[dict[str, Any]]:
        run(keeping.count_overdue())
        rows = desk.store.read_now(troubles.open_troubles)
        return [row for row in rows if row["kind"] == "press_test_due"]

    assert lines() == []
    desk.clock.ahead_ms += 31 * DAY_MS + 60_000
    (line,) = lines()
    assert (line["values"], line["urgency"], line["bell_id"]) == ({"n": 3, "days": 31}, "later", None)
    assert "3" in line["detail"]
    desk.press(one, "test", info={"input": "button"})
    (line,) = lines()
    assert line["values"]["n"] == 2
    desk.store.write_now(lambda tx: tx.run("UPDATE bell SET state = 'suspended' WHERE bell_id = 'b-2'"))
    desk.press(three, "test", info={"input": "button"})
    assert lines() == []
    items = {row["bell_id"]: row for row in desk.get("/api/v1/bells", desk.token("auditor")).json()["items"]}
    assert items["b-2"]["test_due_ms"] is None and items["b-1"]["test_due_ms"] > desk.clock.now_ms()
    assert two.bell_id == "b-2"


def test_the_results_go_when_their_time_is_over_and_a_running_one_stays(desk: Desk) -> None:
    ready(desk, "b-1", "b-2")
    desk.enrol("b-3", "벨 b-3")
    begin(desk, "b-1", "b-3")
    later = desk.clock.now_ms() + 1
    assert desk.store.write_now(lambda tx: press_tests.remove(tx, later, 10)) == 1
    assert desk.store.read_now(lambda tx: press_tests.running(tx, "b-1")) is not None


# On the page


@pytest.fixture
def at_bells(desk: Desk, dispatcher: Dispatcher) -> Dispatcher:
    ready(desk, "b-1", "b-2")
    dispatcher.page.goto(f"{dispatcher.url}/bells#b-1")
    dispatcher.page.wait_for_selector("#press-one")
    return dispatcher


def state_of(person: Dispatcher, state: str) -> Any:
    return person.page.wait_for_selector(f"#press .press-test[data-state={state}]")


def test_a_person_follows_a_test_on_the_page(desk: Desk, at_bells: Dispatcher) -> None:
    page = at_bells.page
    page.click("#press-one")
    assert "3초 이상" in text(page.locator("#press-dialog")) and "벨 b-1" in text(page.locator("#press-whom"))
    page.fill("#press-minutes", "5")
    page.click("#press-start")
    state_of(at_bells, "sent")
    (bell,) = [Bell("b-1", "", "")]
    bell.seq = iter(range(100, 200))  # type: ignore[assignment]
    answer(desk, bell)
    state_of(at_bells, "confirmed")
    page.wait_for_selector("#press-here .press-test[data-state=confirmed]")
    said = text(page.locator("#press"))
    assert "지금 벨을 누르세요" in said and "4분" in said and "뒤" in said
    incident = desk.press(bell, "test", age_ms=4, info={"input": "button"})
    page.wait_for_selector("#press .verdict.said")
    said = text(page.locator("#press"))
    assert "합격" in said and "벨 안에서 4 ms" in said and "저장까지" in said
    until(lambda: newest(desk)["shown_by"], "this page says that it has shown the press")
    assert newest(desk)["shown_by"].startswith("김하늘 on bells-")
    assert desk.view(incident)["signals"][0]["stage"] == "presented"
    desk.let_pass(7_000)
    page.wait_for_selector("#press-hide:not([hidden])")
    page.locator("#detail", has_text="합격 (김하늘)").wait_for()
    assert "1대 가운데 1대 합격" in text(page.locator("#press-count"))
    page.click("#press-hide")
    assert not page.is_visible("#press")
    page.click("#language")
    page.click("#rows [data-bell=b-2]")
    page.click("#rows [data-bell=b-1]")
    page.locator("#detail", has_text="Passed (김하늘)").wait_for()


def test_chosen_bells_are_tested_together_and_what_fails_says_what_to_do(desk: Desk, at_bells: Dispatcher) -> None:
    page = at_bells.page
    desk.enrol("b-3", "벨 b-3")
    page.reload()
    page.wait_for_selector("[data-pick=b-3]")
    page.check("[data-pick=b-3]")
    page.check("[data-pick=b-1]")
    page.fill("#search", "b-1")
    page.click("#pick-all")
    page.fill("#search", "")
    assert "1대" in text(page.locator("#press-picked")), "those that were shown were chosen already: taken back"
    page.click("#pick-all")
    page.click("#press-picked")
    assert "벨 3대" in text(page.locator("#press-dialog"))
    page.click("#press-start")
    page.wait_for_selector("#press .press-test[data-state=offline]")
    assert "전원과 와이파이" in text(page.locator("#press"))
    assert page.locator("#press-list > li").count() == 3 and not page.is_visible("#press-picked")
    page.locator("#press-list li", has_text="벨 b-2").get_by_role("button").click()
    page.wait_for_selector("#press .press-test[data-state=ended]")


def test_an_auditor_sees_how_it_goes_and_begins_nothing(desk: Desk, browser: Any, url: str) -> None:
    ready(desk, "b-1")
    desk.operator("최감사", "auditor")
    begin(desk, "b-1")
    person = Dispatcher(browser, url, "en")
    person.enter(desk, "최감사", "/bells#b-1")
    state_of(person, "sent")
    page = person.page
    assert page.locator("[data-pick], #press-one, .press-test button").count() == 0
    assert not page.is_visible("#pick-all")
    person.context.close()
    assert not person.complaints
