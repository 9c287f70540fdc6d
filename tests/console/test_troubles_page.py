"""The trouble list: the most urgent first, live, and only what lies in somebody's areas."""

from typing import Any

import pytest
from browser import Dispatcher, text
from desk import Bell, Desk, run, until
from test_bells import bound
from test_console_live import Stream

from bellgate.console import live, sight
from bellgate.core.trouble import AT_ONCE, KINDS, LATER, TODAY
from bellgate.store import areas, people, troubles
from bellgate.texts import texts

NOBODYS = {"kind": "disk_low", "subject": "/data"}


def street(desk: Desk, count: int, site: str = "mapo-{}", first: int = 0) -> list[Bell]:
    """So many bells without power: one common line from five on."""
    made = [desk.enrol(f"m-{first + n}", site=site.format(first + n)) for n in range(count)]
    for bell in made:
        desk.press(bell, "battery")
    return made


def disk_low(desk: Desk) -> None:
    said = {"folder": "/data", "free_mb": 1, "all_mb": 9}
    row = desk.store.write_now(lambda tx: troubles.raise_(tx, "disk_low", "/data", said, desk.clock.now_ms()))
    desk.hub.publish(troubles.event("raised", row))


def subjects(answer: Any) -> list[str]:
    return [line["subject"] for line in answer.json()["items"]]


def test_a_list_holds_what_is_everybodys_and_the_own_bells(desk: Desk):
    disk_low(desk)
    desk.press(desk.enrol(), "battery")
    street(desk, 2)
    assert subjects(desk.get("/api/v1/troubles", desk.token())) == ["m-1", "m-0", "b-7f3a", "/data"]
    assert subjects(desk.get("/api/v1/troubles", bound(desk, "installer", "mapo-*"))) == ["m-1", "m-0", "/data"]
    assert subjects(desk.get("/api/v1/troubles", bound(desk, "auditor", "mapo-1"))) == ["m-1", "/data"]


def test_of_a_common_line_only_the_own_bells_are_told(desk: Desk):
    street(desk, 6)
    (line,) = desk.get("/api/v1/troubles", bound(desk, "dispatcher", "mapo-3", "mapo-4")).json()["items"]
    assert (line["bells"], sorted(one["subject"] for one in line["members"])) == (2, ["m-3", "m-4"])
    assert "m-1" not in str(line) and line["values"]["bells"] == 2
    assert subjects(desk.get("/api/v1/troubles", bound(desk, "dispatcher", "jongno-*"))) == []


def test_what_was_cleared_is_listed_for_a_day_by_area(desk: Desk):
    here, there = desk.enrol(), desk.enrol("m-1", site="mapo-1")
    for bell in (here, there):
        desk.press(bell, "battery")
        desk.press(bell, "battery", state="restore")
    desk.let_pass(11 * 60_000)
    assert sorted(subjects(desk.get("/api/v1/troubles/cleared", desk.token()))) == ["b-7f3a", "m-1"]
    mapo = bound(desk, "installer", "mapo-*")
    assert subjects(desk.get("/api/v1/troubles/cleared", mapo)) == ["m-1"]
    desk.clock.ahead_ms += 86_400_000
    assert subjects(desk.get("/api/v1/troubles/cleared", mapo)) == []


def test_the_stream_tells_somebody_with_areas_nothing_of_other_districts(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.2)
    desk.press(desk.enrol(), "battery")
    with desk.served() as url:
        stream = Stream(url, bound(desk, "dispatcher", "mapo-0", "mapo-1"))
        assert stream.wait("snapshot")[2]["troubles"] == []
        desk.press(desk.enrol("b-2"), "mains")
        desk.press(desk.enrol("b-3"), "battery")
        mine = street(desk, 6)  # six sites of one area, two of them this person's
        disk_low(desk)

        def told() -> list[dict[str, Any]]:
            return [data for name, _, data in list(stream.events) if name == "trouble"]

        until(lambda: any(one["trouble"]["kind"] == "disk_low" for one in told()), "what is everybody's")
        assert not [one for one in told() if one["trouble"]["subject"].startswith("b-")]
        assert "m-5" not in str(told()) and "m-3" not in str(told())
        common = [one for one in told() if "members" in one["trouble"]]
        assert common[-1]["trouble"]["bells"] == 2
        for bell in mine[:2]:
            desk.press(bell, "battery", state="restore")
        desk.let_pass(11 * 60_000)
        until(
            lambda: [one for one in told() if one["change"] == "cleared" and "members" in one["trouble"]],
            "the own part",
        )
        stream.close()


def test_a_common_line_of_more_bells_than_are_named_is_read(desk: Desk):
    street(desk, 6)
    row = desk.store.read_now(troubles.open_troubles)[0]
    cut = {"type": "trouble", "change": "changed", "trouble": row | {"members": row["members"][:1]}}
    outside = run(sight.event(desk.store, ("mapo-0", "mapo-5"), cut))
    assert sorted(one["subject"] for one in outside["trouble"]["members"]) == ["m-0", "m-5"]
    assert run(sight.event(desk.store, ("mapo-*",), cut)) is cut
    assert run(sight.event(desk.store, ("jongno-*",), cut)) is None
    assert run(sight.event(desk.store, ("mapo-9",), cut))["change"] == "cleared"


@pytest.mark.parametrize(
    ("own", "area", "whole"),
    [
        ((), "mapo-*", True),
        (("mapo-*",), "mapo-*", True),
        (("ma*",), "mapo-*", True),
        (("mapo-1*",), "mapo-*", False),
        (("mapo-1",), "mapo-*", False),
        (("market",), "market/*", True),
        (("mark",), "market/*", False),
    ],
)
def test_whose_area_a_storm_is(own: tuple[str, ...], area: str, whole: bool):
    assert areas.whole(own, area) is whole


def test_every_kind_has_an_urgency_with_words():
    assert {kind.urgency for kind in KINDS.values()} == {AT_ONCE, TODAY, LATER}
    assert {f"trouble_list.{one}" for one in (AT_ONCE, TODAY, LATER)} <= texts("ko").keys()


def test_the_page_is_live_and_the_most_urgent_stands_first(desk: Desk, url: str, browser: Any):
    desk.press(desk.enrol(), "battery")
    desk.operator()
    person = Dispatcher(browser, url)
    person.enter(desk, "김하늘", "/troubles")
    page = person.page
    assert "배터리를 교체하거나" in text(page.locator("[data-id]"))
    street(desk, 6)
    common = page.locator("[data-id]", has_text="벨 6대 보기")
    common.wait_for()
    common.locator("summary").focus()
    person.key("Enter")
    assert common.locator("a", has_text="m-3").get_attribute("href") == "/bells#m-3"
    said = {"reason": "연결 거부"}
    row = desk.store.write_now(lambda tx: troubles.raise_(tx, "broker_down", "mqtt", said, desk.clock.now_ms()))
    desk.hub.publish(troubles.event("raised", row))
    page.locator("section.at_once", has_text="브로커 중단").wait_for()
    assert page.eval_on_selector_all("#open section", "all => all.map(one => one.className)") == ["at_once", "today"]
    assert common.locator("details[open]").count() == 1, "it stays unfolded"
    cleared = desk.store.write_now(lambda tx: troubles.clear(tx, "broker_down", "mqtt", desk.clock.now_ms()))
    desk.hub.publish(troubles.event("cleared", cleared))
    page.locator("#cleared li", has_text="브로커 중단").wait_for()
    page.click("#language")
    page.locator("#open", has_text=texts("en")["trouble_remedy.bell_battery"]).wait_for()
    person.context.close()
    assert not person.complaints


def test_whoever_may_not_read_the_stream_polls(desk: Desk, url: str, browser: Any):
    desk.enrol()
    desk.store.write_now(
        lambda tx: people.add_operator(tx, "박도윤", "installer", "tiger-lily-7788", desk.clock.now_ms(), ("mapo-*",))
    )
    person = Dispatcher(browser, url)
    asked: list[str] = []
    person.page.on("request", lambda request: asked.append(request.url))
    person.enter(desk, "박도윤", "/troubles")
    page = person.page
    assert page.locator("#calm").is_visible()
    desk.press(desk.enrol("m-1", site="mapo-1"), "battery")
    desk.press(Bell("b-7f3a", "", ""), "battery")
    page.locator("[data-id]", has_text="m-1").wait_for()
    assert page.locator("[data-id]").count() == 1, "nothing of another district"
    assert not [one for one in asked if "/events" in one]
    person.context.close()
    assert not person.complaints
