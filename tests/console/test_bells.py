"""Bells: who sees what of them, what their past says, and their page."""

import random
import threading
from typing import Any

import pytest
from browser import Dispatcher, text
from desk import WAIT_S, Bell, Desk

from bellgate.console import access
from bellgate.pipeline import Inbound
from bellgate.store import audit, bells, people
from bellwire import pack

BACKGROUND = "/api/v1/bells/b-7f3a/background"


def closed(desk: Desk, incident: int, disposition: str) -> None:
    body = {"version": desk.view(incident)["version"], "disposition": disposition}
    assert desk.post(f"/api/v1/incidents/{incident}/close", body, desk.token()).status_code == 200


def test_background_counts_what_alarms_turned_out_to_be(desk: Desk):
    bell = desk.enrol()
    token = desk.token("auditor")
    fresh = desk.get(BACKGROUND, token).json()
    assert (fresh["closed_365d"], fresh["last_test_ms"], fresh["last_seen_ms"]) == (0, None, None)
    for disposition in ("accidental", "prank", "device_fault", "genuine", "nobody_found", "duplicate", "test"):
        closed(desk, desk.press(bell), disposition)
    desk.press(bell, "test", info={"id": "0" * 16})
    desk.press(bell, "test", zone=3)
    assert desk.get(BACKGROUND, token).json()["last_test_ms"] is None, "a command's answer and a door are no press"
    desk.press(bell, "test")
    desk.press(bell, "battery")
    told = desk.get(BACKGROUND, token).json()
    assert (told["closed_365d"], told["false_365d"], told["genuine_365d"]) == (5, 3, 1)
    assert told["troubles"] == ["bell_battery"] and told["last_test_ms"] > 0
    desk.clock.ahead_ms += 366 * 86_400_000
    assert desk.get(BACKGROUND, token).json()["closed_365d"] == 0


@pytest.mark.parametrize("role", ["owner", "installer"])
def test_background_is_for_who_reads_or_knows_bells(desk: Desk, role: str):
    desk.enrol()
    assert desk.get(BACKGROUND, desk.token(role)).status_code == {"owner": 403, "installer": 200}[role]
    assert desk.get("/api/v1/bells/b-none/background", desk.token()).status_code == 404


def bound(desk: Desk, role: str, *areas: str) -> dict[str, str]:
    """The headers of a program that is bound to these areas."""
    name = f"{role}-in-{areas[0].strip('*')}"
    secret = desk.store.write_now(lambda tx: people.add_token(tx, name, role, desk.clock.now_ms(), areas))
    return {"Authorization": f"Bearer {secret}"}


PLACE = {
    "name": "성수 편의점",
    "address": "서울 성동구 아차산로 1",
    "floor": "지하 1층",
    "entrance": "뒷문",
    "approach": "사이렌 끄고, 개 있음",
    "lat": 37.5445,
    "lon": 127.0559,
}


def beat(desk: Desk, bell: Bell, n: int = 1, **more: Any) -> None:
    """A heartbeat of this bell."""
    body = {"v": 1, "type": "heartbeat", "boot": bell.boot, "seq": 0, "n": n, "up_s": 60, "pending": 0}
    body |= {"kind": bell.kind, "fw": "0.1.0", "rssi": -58, "mains": True, "bat_mv": 4020, "heap": 91_000} | more
    taken = threading.Event()
    payload = pack(body, bell.up, bell.key)
    desk.pipeline.take(Inbound(bell.up, payload, False, desk.clock.now_ms(), 0, taken.set))
    assert taken.wait(WAIT_S)


def test_a_list_says_how_each_bell_is(desk: Desk):
    bell = desk.enrol()
    desk.enrol("b-2", site="mapo-1")
    beat(desk, bell)
    desk.press(bell)
    desk.press(bell, "test")
    desk.press(bell, "battery")
    first, second = desk.get("/api/v1/bells", desk.token("auditor")).json()["items"]
    assert (second["bell_id"], first["online"], first["troubles"]) == ("b-7f3a", False, [])
    assert second["online"] and second["health"]["bat_mv"] == 4020 and second["open_incidents"] == 2
    assert second["open_alarms"] == 1
    (_, unread) = desk.get("/api/v1/bells", desk.token("installer")).json()["items"]
    assert (unread["open_incidents"], unread["open_alarms"]) == (None, None)
    assert second["last_test_ms"] and second["troubles"] == ["bell_battery"]


def test_one_bell_with_its_past(desk: Desk):
    bell = desk.enrol()
    beat(desk, bell)
    desk.press(bell, "test")
    closed(desk, desk.press(bell), "prank")
    closed(desk, desk.press(bell), "genuine")
    told = desk.get("/api/v1/bells/b-7f3a", desk.token("auditor")).json()
    assert told["last_test"]["handling"] == "received" and told["last_test"]["stage"] == "stored"
    assert (told["closed_365d"], told["false_365d"]) == ({"prank": 1, "genuine": 1}, 1)
    assert [case["what"] for case in told["incidents"]] == ["panic", "panic", "test"]
    assert "key" not in told and bell.key.hex() not in str(told)
    assert desk.get("/api/v1/bells/b-7f3a", desk.token("installer")).json()["incidents"] == []


def test_what_lies_outside_the_areas_does_not_exist(desk: Desk):
    desk.enrol()
    desk.enrol("b-2", site="mapo-1")
    there = bound(desk, "dispatcher", "mapo-*")
    assert [one["bell_id"] for one in desk.get("/api/v1/bells", there).json()["items"]] == ["b-2"]
    seen = desk.get("/api/v1/bells/b-7f3a", desk.token()).json()["seen"]
    for path in ("/api/v1/bells/b-7f3a", BACKGROUND):
        assert desk.get(path, there).status_code == 404
    assert desk.post("/api/v1/bells/b-7f3a/place", PLACE | {"seen": seen}, there).status_code == 404
    boss = bound(desk, "administrator", "mapo-*")
    assert desk.post("/api/v1/bells/b-7f3a/owners", {"seen": [], "owners": []}, boss).status_code == 404


def test_a_place_is_changed_on_what_was_seen_and_stands_in_the_record(desk: Desk):
    desk.enrol()
    token = desk.token("installer", "박도윤")
    path = "/api/v1/bells/b-7f3a/place"
    incident = desk.press(Bell("b-7f3a", "", ""))
    before = desk.get("/api/v1/bells/b-7f3a", token).json()
    after = desk.post(path, PLACE | {"seen": before["seen"], "confirm": True}, token).json()
    assert (after["floor"], after["confirmed_by"], after["seen"] != before["seen"]) == ("지하 1층", "박도윤", True)
    assert desk.view(incident)["approach"] == "사이렌 끄고, 개 있음"
    assert desk.hub._ring[-1].event["change"] == "place"
    late = desk.post(path, PLACE | {"seen": before["seen"], "floor": "2층"}, token)
    assert (late.status_code, late.json()["error"]["code"]) == (409, "stale")
    notes = desk.post(path, PLACE | {"seen": after["seen"], "approach": ""}, token).json()
    assert notes["confirmed_by"] == "박도윤", "a note says nothing of the address"
    moved = desk.post(path, PLACE | {"seen": notes["seen"], "floor": "2층", "approach": ""}, token).json()
    assert (moved["confirmed_by"], moved["confirmed_ms"]) == (None, None)
    said = desk.store.read_now(lambda tx: audit.acts(tx, "bell_place"))
    assert [row["by"] for row in said] == ["박도윤"] * 3
    assert said[0]["detail"] == {"bell": "b-7f3a", "changed": "floor, entrance, approach", "confirmed": True}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lat": None}, "lat"),
        ({"lat": 91}, "lat"),
        ({"name": " "}, "name"),
        ({"address": "x" * 201}, "address"),
        ({"approach": "two\nlines"}, "approach"),
        ({"key": "x"}, "key"),
        ({"seen": "x"}, "seen"),
    ],
)
def test_a_wrong_place_is_told_where_it_is_wrong(desk: Desk, change: dict[str, Any], says: str):
    desk.enrol()
    answer = desk.post("/api/v1/bells/b-7f3a/place", PLACE | {"seen": "0" * 16} | change, desk.token())
    assert answer.status_code == 422 and says in answer.json()["error"]["message"]


def test_who_may_change_a_place_or_the_owners(desk: Desk):
    desk.enrol()
    for role, may in access.MAY.items():
        token = desk.token(role)
        place = desk.post("/api/v1/bells/b-7f3a/place", PLACE | {"seen": "0" * 16}, token).status_code
        owners = desk.post("/api/v1/bells/b-7f3a/owners", {"seen": ["x"], "owners": []}, token).status_code
        assert (place, owners) == (409 if "change_bells" in may else 403, 409 if "people" in may else 403), role


def test_owners_are_users_with_that_role(desk: Desk):
    desk.enrol()
    token, path = desk.token("administrator"), "/api/v1/bells/b-7f3a/owners"
    desk.operator("윤가람", "owner")
    desk.operator("김하늘", "dispatcher")
    assert desk.post(path, {"seen": [], "owners": ["윤가람"]}, token).json()["owners"] == ["윤가람"]
    assert desk.post(path, {"seen": [], "owners": []}, token).status_code == 409
    refused = desk.post(path, {"seen": ["윤가람"], "owners": ["김하늘"]}, token)
    assert refused.status_code == 422 and "김하늘" in refused.json()["error"]["message"]
    assert len(desk.store.read_now(lambda tx: audit.acts(tx, "bell_owners"))) == 1


def test_a_record_that_takes_nothing_refuses_the_change(desk: Desk):
    desk.enrol()
    seen = desk.get("/api/v1/bells/b-7f3a", desk.token()).json()["seen"]
    desk.store.write_now(lambda tx: tx.run("ALTER TABLE audit RENAME TO audit_gone"))
    answer = desk.post("/api/v1/bells/b-7f3a/place", PLACE | {"seen": seen}, desk.token("supervisor"))
    assert answer.status_code >= 400
    desk.store.write_now(lambda tx: tx.run("ALTER TABLE audit_gone RENAME TO audit"))
    assert desk.get("/api/v1/bells/b-7f3a", desk.token("auditor")).json()["floor"] == ""


def many(desk: Desk, count: int) -> None:
    """So many bells all over the city, of which some are silent."""
    now_ms = desk.clock.now_ms()
    chance = random.Random(7)

    def add(tx: Any) -> None:
        for number in range(count):
            bell_id = f"b-{number:04x}"
            row = bells.Bell(
                bell_id,
                f"seongsu-{number // 20:03d}",
                ("store-bell", "home-set", "pendant")[number % 3],
                f"가게 {number}",
                f"서울 성동구 아차산로 {number}",
                37.45 + chance.random() * 0.2,
                126.85 + chance.random() * 0.3,
                bell_id.encode().ljust(32, b"k"),
                0,
                "00",
                "active",
                now_ms,
            )
            bells.add(tx, row)
            health = '{"bat_mv": 3900, "mains": true, "rssi": -60, "fw": "0.1.0"}'
            tx.run(
                "INSERT INTO presence (bell_id, boot, n, online, greeted, last_seen_ms, health) "
                "VALUES (?, '', 1, ?, 1, ?, ?)",
                (bell_id, int(number % 10 > 0), now_ms - chance.randrange(60_000), health),
            )

    desk.store.write_now(add)


@pytest.fixture
def at_bells(desk: Desk, url: str, browser: Any) -> Any:
    """박도윤, an installer, at the page of bells; three of them, one in trouble."""
    first, second = (
        desk.enrol(),
        desk.enrol("b-2", "연무장길 카페", "서울 성동구 연무장길 47", kind="home-set", site="mapo-1"),
    )
    desk.enrol("b-3", "금호동 약국")
    beat(desk, first)
    beat(desk, second)
    desk.press(second, "battery")
    desk.press(first, "test")
    desk.operator("박도윤", "installer")
    person = Dispatcher(browser, url)
    person.enter(desk, "박도윤")
    yield person
    person.context.close()
    assert not person.complaints


def shown(person: Dispatcher) -> list[str]:
    return person.page.eval_on_selector_all("#rows [data-bell]", "all => all.map(one => one.dataset.bell)")


def test_an_installer_lands_here_and_finds_a_bell(at_bells: Dispatcher):
    page = at_bells.page
    assert page.url.endswith("/bells")
    assert shown(at_bells) == ["b-3", "b-2", "b-7f3a"], "the worst first"
    said = text(page.locator("#rows tr").nth(1))
    for part in ("장애", "연무장길 카페", "가정용 안심벨", "4.02 V", "0.1.0", "벨 배터리 부족"):
        assert part in said, part
    page.fill("#search", "연무장길 47")
    assert shown(at_bells) == ["b-2"] and "3대 가운데 1대" in text(page.locator("#count"))
    page.fill("#search", "")
    for box, value, found in (
        ("#by-state", "trouble", ["b-2"]),
        ("#by-state", "silent", ["b-3"]),
        ("#by-state", "", ["b-3", "b-2", "b-7f3a"]),
        ("#by-area", "mapo-*", ["b-2"]),
        ("#by-area", "", ["b-3", "b-2", "b-7f3a"]),
        ("#by-kind", "store-bell", ["b-3", "b-7f3a"]),
    ):
        page.select_option(box, value)
        assert shown(at_bells) == found, (box, value)
    page.select_option("#by-kind", "")
    page.click("[data-sort=bell]")
    assert shown(at_bells) == ["b-3", "b-7f3a", "b-2"]
    page.click("[data-sort=bell]")
    assert shown(at_bells) == ["b-2", "b-7f3a", "b-3"]
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_a_press_test_is_overdue_after_31_days(desk: Desk, url: str, browser: Any):
    bell = desk.enrol()
    desk.operator("박도윤", "installer")
    desk.press(bell, "test")
    person = Dispatcher(browser, url)
    for days, overdue in ((30, 0), (2, 1)):
        desk.clock.ahead_ms += days * 86_400_000
        person.enter(desk, "박도윤")
        assert person.page.locator("td.overdue").count() == overdue
        said = text(person.page.locator("#rows td.col-last_test"))
        assert ("시험 필요" in said) is bool(overdue) and said.startswith("30일" if not overdue else "32일")
    person.context.close()


def test_a_place_is_put_right_by_keyboard_alone(desk: Desk, at_bells: Dispatcher):
    page = at_bells.page
    page.focus("[data-bell=b-3]")
    at_bells.key("ArrowDown", "ArrowDown", "Enter")
    page.locator("#detail h2", has_text="성수 편의점").wait_for()
    said = text(page.locator("#detail"))
    for part in ("게이트웨이에 도착", "좋음 (-58 dBm)", "현장에서 확인한 적 없음", "종결된 경보가 없습니다"):
        assert part in said, part
    page.focus("#edit")
    at_bells.key("Enter")
    assert page.evaluate("document.activeElement.id") == "place-name"
    page.fill("#place-approach", "사이렌 끄고 뒷문")
    page.fill("#place-position", "여기")
    at_bells.key("Enter")
    page.locator("#detail .problem", has_text="위도와 경도").wait_for()
    assert page.input_value("#place-approach") == "사이렌 끄고 뒷문", "nothing that was typed is lost"
    page.fill("#place-position", "37.5446, 127.056")
    page.focus("#place-confirm")
    at_bells.key("Space", "Enter")
    page.locator("#detail .said").wait_for()
    row = desk.get("/api/v1/bells/b-7f3a", desk.token()).json()
    assert (row["approach"], row["lat"], row["confirmed_by"]) == ("사이렌 끄고 뒷문", 37.5446, "박도윤")
    at_bells.key("Escape")
    assert page.locator("#detail").is_hidden()
    assert page.evaluate("document.activeElement.dataset.bell") == "b-7f3a", "back where one came from"


def test_a_place_that_somebody_else_changed_is_not_overwritten(desk: Desk, at_bells: Dispatcher):
    page = at_bells.page
    page.click("[data-bell=b-7f3a]")
    page.click("#edit")
    seen = desk.get("/api/v1/bells/b-7f3a", desk.token()).json()["seen"]
    desk.post("/api/v1/bells/b-7f3a/place", PLACE | {"seen": seen, "floor": "3층"}, desk.token())
    page.fill("#place-floor", "2층")
    page.click("#place .primary")
    page.locator("#detail .problem", has_text="다른 사람이 고쳤습니다").wait_for()
    assert "3층" in text(page.locator("#detail .address"))
    assert desk.get("/api/v1/bells/b-7f3a", desk.token()).json()["floor"] == "3층"


def test_text_of_a_bell_is_never_markup(desk: Desk, url: str, browser: Any):
    evil = "<img src=x onerror=alert(1)>"
    desk.enrol(name=evil, address=evil)
    desk.operator("박도윤", "installer")
    person = Dispatcher(browser, url)
    person.enter(desk, "박도윤", "/bells#b-7f3a")
    person.page.locator("#detail h2").wait_for()
    assert text(person.page.locator("#detail h2")) == evil
    assert person.page.locator("main img").count() == 0
    person.page.goto("/map")
    person.page.wait_for_selector("body[data-drawn]")
    assert person.page.locator("main img").count() == 0
    person.context.close()
    assert not person.complaints


def test_2000_bells_freeze_nothing(desk: Desk, url: str, browser: Any):
    many(desk, 2_000)
    desk.operator("박도윤", "installer")
    person = Dispatcher(browser, url, viewport={"width": 1440, "height": 900})
    person.enter(desk, "박도윤")
    page = person.page
    assert len(shown(person)) == 100
    page.click("#more")
    assert len(shown(person)) == 200
    assert (
        page.evaluate("[...document.querySelectorAll('#rows tr')].indexOf(document.activeElement.closest('tr'))") == 100
    )
    longest = page.evaluate(
        """async () => {
          const times = []; let last = performance.now(); let going = true;
          const beat = (now) => { times.push(now - last); last = now; if (going) requestAnimationFrame(beat); };
          requestAnimationFrame(beat);
          const search = document.getElementById("search");
          for (const typed of ["가", "가게", "가게 1", "가게 19", ""]) {
            search.value = typed;
            search.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((done) => setTimeout(done, 120));
          }
          for (const name of ["bell", "area", "last_seen"]) {
            document.querySelector(`[data-sort=${name}]`).click();
            await new Promise((done) => setTimeout(done, 120));
          }
          going = false;
          return times.sort((a, b) => a - b).slice(-3);
        }"""
    )
    print(f"2,000 bells, searched and sorted: longest frames {[round(one) for one in longest]} ms")
    assert longest[0] < 500, "on a machine that does other things, too"
    person.context.close()
    assert not person.complaints


def test_pages_of_bells_fit_a_phone(desk: Desk, url: str, browser: Any):
    beat(desk, desk.enrol(name="성수동2가 아주 긴 이름의 복합문화공간 지하 1층 안내데스크"))
    desk.operator("김하늘", "administrator")
    person = Dispatcher(browser, url, viewport={"width": 360, "height": 800})
    for path in ("/bells", "/bells#b-7f3a", "/map", "/troubles"):
        person.enter(desk, "김하늘", path)
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360, path
    person.context.close()
