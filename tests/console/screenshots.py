"""The pictures in docs/console.md, of three bells in Seongsu-dong: `python tests/console/screenshots.py`."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import desk as desk_module
import past
from browser import INSTALL, Dispatcher, launched
from desk import Bell, Desk, until
from gauge import many, press
from test_bells import PLACE, beat
from test_owner import own
from test_press_tests import answer

IMAGES = Path(__file__).parents[2] / "docs" / "img"
WIDE = {"viewport": {"width": 1440, "height": 1560}}
PHONE = {"viewport": {"width": 400, "height": 860}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def seeded(desk: Desk) -> None:
    """A night in Seongsu-dong: one alarm waits, one is held by a colleague, help is on its way to a third."""
    desk.operator("김하늘", "dispatcher")
    desk.operator("이서준", "supervisor")
    cafe = desk.enrol("b-2c81", "연무장길 카페 온도", "서울 성동구 연무장길 47, 1층 (뒷문은 주차장 쪽)")
    shop = desk.enrol("b-7f3a", "뚝섬역 24시 편의점", "서울 성동구 아차산로 17, 1층")
    home = desk.enrol("b-a950", "성수이로 1인 가구", "서울 성동구 성수이로 88, 302호", kind="home-set")
    described = (
        ("b-2c81", "1층", "뒷문 (주차장 쪽), 비밀번호 4821#", "경보음 끄고 접근 · 뒷문 · 개 있음", None, None),
        ("b-7f3a", "1층", "아차산로 쪽 자동문", "", desk.clock.now_ms() - 40 * 86_400_000, "박산"),
        (
            "b-a950",
            "3층 302호",
            "공동현관 호출 302",
            "벨 누르지 말고 전화 먼저",
            desk.clock.now_ms() - 9 * 86_400_000,
            "이서준",
        ),
    )
    for bell_id, *columns in described:
        desk.store.write_now(partial(_describe, bell_id, columns))

    def command(incident_id: int, name: str, action: str) -> None:
        body = {"version": desk.view(incident_id)["version"]}
        assert desk.post(f"/api/v1/incidents/{incident_id}/{action}", body, desk.session(name)).status_code == 200

    first = desk.press(home, "medical")
    command(first, "김하늘", "acknowledge")
    desk.clock.ahead_ms += 95_000
    command(first, "김하늘", "dispatch")
    desk.clock.ahead_ms += 260_000
    second = desk.press(shop, "holdup")
    desk.clock.ahead_ms += 31_000
    command(second, "이서준", "acknowledge")
    desk.press(home, "test")
    desk.clock.ahead_ms += 12_000
    desk.press(cafe, "panic")
    desk.clock.ahead_ms += 9_000
    desk.press(cafe, "panic")
    desk.press(shop, "battery")
    desk.clock.ahead_ms += 8_000


HANG = {
    "b-2c81": (37.5432, 127.0565),
    "b-7f3a": (37.5472, 127.0473),
    "b-a950": (37.5405, 127.0577),
    "b-11d0": (37.5531, 127.0217),
    "b-90ee": (37.5613, 127.0355),
}


def beside(desk: Desk) -> None:
    """What the pages beside the desk show: two more bells, one of them silent; tests, a false alarm, a street
    without power."""
    desk.operator("박도윤", "administrator")
    pharmacy = desk.enrol("b-11d0", "금호동 약국", "서울 성동구 금호로 101", site="seongsu-004")
    salon = desk.enrol("b-90ee", "왕십리 미용실", "서울 성동구 왕십리로 300", site="seongsu-005")
    for bell_id, at in HANG.items():
        desk.store.write_now(
            lambda tx, at=at, bell_id=bell_id: tx.run(
                "UPDATE bell SET lat = ?, lon = ?, enrolled_ms = ? WHERE bell_id = ?",
                (*at, desk.clock.now_ms() - 60 * 86_400_000, bell_id),
            )
        )
    desk.press(pharmacy, "test")
    accident = desk.press(pharmacy)
    given = {"version": desk.view(accident)["version"], "disposition": "accidental"}
    assert desk.post(f"/api/v1/incidents/{accident}/close", given, desk.session("이서준")).status_code == 200
    boss = desk.token("supervisor", "한지우")
    seen = desk.get("/api/v1/bells/b-11d0", boss).json()["seen"]
    place = PLACE | {
        "name": "금호동 약국",
        "address": "서울 성동구 금호로 101",
        "floor": "1층",
        "lat": 37.5531,
        "lon": 127.0217,
    }
    assert desk.post("/api/v1/bells/b-11d0/place", place | {"seen": seen, "confirm": True}, boss).status_code == 200
    for n in range(6):
        desk.press(
            desk.enrol(f"b-51{n:02x}", f"성수 {n + 1}호점", "서울 성동구 성수일로", site=f"mapo-{n:03d}"), "battery"
        )
    for n, bell in enumerate((pharmacy, salon)):
        beat(desk, bell, bat_mv=4_060 - 110 * n)
    own(desk, "윤가람", "b-11d0")


def read(browser: Any, shoot: Any) -> None:
    """The pages that are read: a month that has passed, in which the day after tomorrow is a holiday."""
    holiday = datetime.now(ZoneInfo("Asia/Seoul")).date() + timedelta(days=2)
    desk_module.TOML = past.TOML.replace("2099-01-01", str(holiday))
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        with desk.served() as url:
            paths = {"history": "/history", "incident": f"/incidents/{past.month(desk)}"}
            paths |= {"reports": "/reports", "policy": "/policy"}
            for scheme, names in (("light", list(paths)), ("dark", ["reports"])):
                for name in names:
                    at = Dispatcher(browser, url, color_scheme=scheme, **WIDE)
                    at.enter(desk, "이서준", paths[name])
                    if name == "policy":
                        at.page.fill("#site", "seongsu-012")
                        at.page.click("#explain button")
                        at.page.wait_for_selector("#rounds ol")
                    shoot(at.page, f"{name}-ko{'-night' if scheme == 'dark' else ''}")
                    at.context.close()
            desk.hub.close()
        desk.close()


def _describe(bell_id: str, columns: list[Any], tx: Any) -> None:
    tx.run(
        "UPDATE bell SET floor = ?, entrance = ?, approach = ?, confirmed_ms = ?, confirmed_by = ? WHERE bell_id = ?",
        (*columns, bell_id),
    )


def _nobody_left(tx: Any) -> None:
    """Closing a picture's page is no trouble of that night."""
    tx.run("UPDATE trouble SET state = 'cleared', cleared_ms = last_ms WHERE kind = 'console_silent'")


def work(browser: Any, shoot: Callable[[Any, str], None]) -> None:
    """Somebody was faster; and thirty sites at once."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        with desk.served() as url:
            desk.operator()
            desk.operator("이서준", "supervisor")
            shop = desk.press(desk.enrol("b-7f3a", "뚝섬역 24시 편의점", "서울 성동구 아차산로 17, 1층"), "holdup")
            at = Dispatcher(browser, url, color_scheme="light", viewport={"width": 1180, "height": 760})
            at.enter(desk, "김하늘")
            at.start_watch()
            until(lambda: desk.view(shop)["handling"] == "presented", "presented")
            at.key("KeyX")
            at.page.wait_for_selector("#choose-dialog[open]")
            body = {"version": desk.view(shop)["version"]}
            desk.post(f"/api/v1/incidents/{shop}/dispatch", body, desk.session("이서준"))
            at.card(shop).locator(".state", has_text="이서준").wait_for()
            at.key("Digit2")
            at.card(shop).locator(".message.problem").wait_for()
            shoot(at.page, "changed-ko")
            at.key("Escape")
            press(desk, many(desk, 30, "s"))
            at.page.locator("#open-count", has_text="31").wait_for()
            shoot(at.page, "storm-ko")
            at.context.close()
            desk.hub.close()
        desk.close()


def tested(desk: Desk, at: Dispatcher) -> None:
    """Three bells are being tested: one has passed, one waits for the finger, one is not heard."""
    page = at.page
    for bell_id in ("b-11d0", "b-90ee", "b-5100"):
        page.check(f"[data-pick={bell_id}]")
    page.click("#press-picked")
    page.click("#press-start")
    page.wait_for_selector(".press-test[data-state=offline]")
    for bell_id in ("b-11d0", "b-90ee"):
        bell = Bell(bell_id, "", "", site=next(one["site"] for one in rows(desk) if one["bell_id"] == bell_id))
        bell.seq = count(1_000)
        answer(desk, bell)
        if bell_id == "b-11d0":
            desk.press(bell, "test", age_ms=4, info={"input": "button"})
    page.wait_for_selector(".press-test[data-state=shown]")
    page.wait_for_selector(".press-test[data-state=confirmed]")
    page.evaluate("scrollTo(0, 0)")


def rows(desk: Desk) -> list[dict[str, Any]]:
    return desk.get("/api/v1/bells", desk.session("박도윤")).json()["items"]


def main() -> int:
    """Writes docs/img/console-*.png."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        print(INSTALL, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)

    def shoot(page: Any, name: str) -> None:
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / f"console-{name}.png")
        print(f"docs/img/console-{name}.png")

    with tempfile.TemporaryDirectory() as folder, launched(path) as browser:
        work(browser, shoot)
        desk = Desk(Path(folder))
        with desk.served() as url:
            seeded(desk)
            entrance = Dispatcher(browser, url, viewport={"width": 900, "height": 640})
            entrance.page.goto("/sign-in")
            shoot(entrance.page, "sign-in-ko")
            for language in ("ko", "en"):
                for name, scheme in (("day", "light"), ("night", "dark")):
                    at = Dispatcher(browser, url, language, color_scheme=scheme, **WIDE)
                    at.enter(desk, "김하늘")
                    if (language, name) == ("ko", "day"):
                        shoot(at.page, "start-ko")
                    at.start_watch()
                    until(lambda: desk.view(4)["handling"] == "presented", "the card is presented")
                    at.page.locator("#cards .bell:not(:empty)").nth(2).wait_for()
                    shoot(at.page, f"{language}-{name}")
                    at.context.close()
                    desk.store.write_now(_nobody_left)
            phone = Dispatcher(browser, url, color_scheme="light", **PHONE)
            phone.enter(desk, "김하늘")
            phone.start_watch()
            phone.page.evaluate("document.querySelector('#cards .card').scrollIntoView({block: 'start'})")
            shoot(phone.page, "phone-ko")
            phone.context.close()
            beside(desk)
            for way, chosen in (("bells", "b-11d0"), ("map", "b-2c81"), ("troubles", "")):
                for name, scheme in (("ko", "light"), ("ko-night", "dark")):
                    at = Dispatcher(browser, url, color_scheme=scheme, viewport={"width": 1440, "height": 900})
                    at.enter(desk, "박도윤", f"/{way}")
                    if chosen:
                        at.page.click(f"[data-bell={chosen}]")
                        at.page.evaluate("scrollTo(0, 0)")
                    shoot(at.page, f"{way}-{name}")
                    if (way, name) == ("bells", "ko"):
                        tested(desk, at)
                        shoot(at.page, "press-ko")
                    at.context.close()
            owner = Dispatcher(browser, url, color_scheme="light", **PHONE)
            owner.enter(desk, "윤가람", "/my-bells")
            shoot(owner.page, "mine-ko")
            owner.context.close()
            watching = Dispatcher(browser, url, color_scheme="light", **WIDE)
            watching.enter(desk, "김하늘")
            watching.start_watch()
            desk.hub.close()
        watching.page.wait_for_selector("body[data-link=lost]")
        shoot(watching.page, "lost-ko")
        desk.close()
        read(browser, shoot)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
