"""History and the page of one incident: what is found, by whom, how fast; what is taken away, and that it is safe."""

import csv
import io
import json
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import many
import pytest
from browser import Dispatcher, text
from desk import Desk, until
from hypothesis import given
from hypothesis import strategies as st

from bellgate import dossier
from bellgate.console import spreadsheet
from bellgate.console.api import models
from bellgate.core.incident import DISPOSITIONS, HANDLING
from bellgate.core.signal import MEANINGS
from bellgate.errors import RecordError
from bellgate.pki import Authority
from bellgate.store import Tx, audit, history
from bellgate.store.history import Wanted

STATIC = Path(dossier.__file__).parents[1] / "console/static"


def closed(
    desk: Desk, bell: Any, what: str = "panic", disposition: str = "genuine", by: str = "김하늘", **more: str
) -> int:
    number = desk.press(bell, what)
    body = {"version": desk.view(number)["version"], "disposition": disposition, **more}
    answer = desk.post(f"/api/v1/incidents/{number}/close", body, desk.token("dispatcher", by))
    assert answer.status_code == 200
    return number


@pytest.fixture
def told(desk: Desk) -> dict[str, int]:
    """Four incidents, each different in one way."""
    shop = desk.enrol("b-1", "뚝섬역 편의점", "서울 성동구 아차산로 17", site="seongsu-001")
    cafe = desk.enrol("b-2", "Café Ondo 100%", "서울 성동구 연무장길 47", site="wangsimni-002")
    found = {
        "shop": closed(desk, shop, by="kim", text='손님이 "실수"라고 함'),
        "prank": closed(desk, cafe, disposition="prank", by="lee"),
        "test": closed(desk, shop, "test", "test", by="park"),
    }
    found["open"] = desk.press(cafe, "medical")
    return found


def numbers(desk: Desk, **asked: Any) -> list[int]:
    answer = desk.talk(lambda client: client.get("/api/v1/history", params=asked, headers=desk_token(desk)))
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


def desk_token(desk: Desk) -> dict[str, str]:
    if not hasattr(desk, "auditor"):
        desk.auditor = desk.token("auditor")  # type: ignore[attr-defined]
    return desk.auditor  # type: ignore[attr-defined, no-any-return]


def test_everything_is_found_newest_first(desk: Desk, told: dict[str, int]):
    assert numbers(desk) == [told["open"], told["test"], told["prank"], told["shop"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "편의점"}, {"shop", "test"}),
        ({"q": "연무장길"}, {"prank", "open"}),
        ({"q": "WANGSIMNI-002"}, {"prank", "open"}),
        ({"q": "café ondo"}, {"prank", "open"}),
        ({"q": "100%"}, {"prank", "open"}),
        ({"q": "100_"}, set()),
        ({"q": "%"}, {"prank", "open"}),
        ({"q": "\\"}, set()),
        ({"q": '"실수"라고'}, {"shop"}),
        ({"q": "disposition"}, set()),  # a word of ours in the record is not a word of a note
        ({"q": "b-1"}, {"shop", "test"}),
        ({"q": "편의점 실수"}, {"shop"}),
        ({"q": "편의점 연무장길"}, set()),
        ({"q": "\0"}, {"shop", "prank", "test", "open"}),
        ({"what": "medical"}, {"open"}),
        ({"disposition": "prank"}, {"prank"}),
        ({"handling": "closed"}, {"shop", "prank", "test"}),
        ({"test": "true"}, {"test"}),
        ({"test": "false", "handling": "closed"}, {"shop", "prank"}),
        ({"by": "lee"}, {"prank"}),
        ({"by": "le"}, set()),
    ],
)
def test_search(desk: Desk, told: dict[str, int], asked: dict[str, str], found: set[str]):
    assert numbers(desk, **asked) == sorted((told[name] for name in found), reverse=True)


def test_a_number_finds_its_incident(desk: Desk, told: dict[str, int]):
    assert told["prank"] in numbers(desk, q=f"#{told['prank']}")
    assert numbers(desk, q="9" * 40) == []


def test_days_are_those_of_the_calendar(desk: Desk):
    """An incident five minutes after midnight in Seoul belongs to that day, not to the day that UTC still has."""
    bell = desk.enrol()
    calendar = desk.config.calendar.calendar()
    day = calendar.local(desk.clock.now_ms()).date() + timedelta(days=1)
    desk.clock.ahead_ms += calendar.at_ms(day, 5) - desk.clock.now_ms()
    number = desk.press(bell)
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    assert numbers(desk, **{"from": day, "to": day}) == [number]
    assert numbers(desk, to=before) == [] and numbers(desk, **{"from": after}) == []


def test_pages_follow_one_another_and_end(desk: Desk):
    many.fill(desk.store, 130, 5)
    seen: list[int] = []
    more = ""
    while True:
        answer = desk.get(f"/api/v1/history?limit=50{more}", desk_token(desk)).json()
        seen += [one["id"] for one in answer["items"]]
        if answer["next"] is None:
            break
        more = f"&before={answer['next']}"
    assert seen == list(range(130, 0, -1))


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-02-30",
        "from=0001-01-01",
        "to=9999-12-31",
        "from=2026-02-02&to=2026-02-01",
        "what=battery",
        "disposition=x",
        "q=a+b+c+d+e+f",
        "q=" + "a" * 201,
        "bye=1",
    ],
)
@pytest.mark.parametrize("path", ["history", "history.csv"])
def test_what_makes_no_sense_is_refused(desk: Desk, path: str, query: str):
    answer = desk.get(f"/api/v1/{path}?{query}", desk_token(desk))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("query", ["history?limit=0", "history?limit=201", "history.csv?limit=5"])
def test_a_page_is_bounded_and_a_file_has_none(desk: Desk, query: str):
    assert desk.get(f"/api/v1/{query}", desk_token(desk)).status_code == 422


def test_the_choices_are_those_of_the_tables():
    opens = {what for what, meaning in MEANINGS.items() if meaning.opens}
    assert set(get_args(models.What)) == opens
    assert get_args(models.Handling) == HANDLING
    script = (STATIC / "history/history.js").read_text(encoding="utf-8")
    for name, wanted in (("WHATS", opens), ("HANDLINGS", set(HANDLING)), ("DISPOSITIONS", set(DISPOSITIONS))):
        line = next(line for line in script.splitlines() if line.startswith(f"const {name} = "))
        assert set(json.loads(line.partition(" = ")[2].rstrip(";"))) == wanted


# Who may


def bound(desk: Desk, *areas: str, role: str = "dispatcher") -> dict[str, str]:
    name = desk.operator(f"bound-{role}", role)
    desk.store.write_now(lambda tx: tx.run("UPDATE operator SET areas = ? WHERE name = ?", (json.dumps(areas), name)))
    return desk.session(name)


def test_nobody_finds_what_lies_outside_the_own_areas(desk: Desk, told: dict[str, int]):
    Authority.create(desk.config.data_dir / "pki", "seongsu-1")
    headers = bound(desk, "seongsu-*")
    items = desk.get("/api/v1/history", headers).json()["items"]
    assert {one["id"] for one in items} == {told["shop"], told["test"]}
    assert desk.get(f"/api/v1/history?q=%23{told['prank']}", headers).json()["items"] == []
    table = desk.get("/api/v1/history.csv", headers).text
    assert "뚝섬역" in table and "Ondo" not in table
    assert desk.get(f"/api/v1/incidents/{told['prank']}/export.zip", headers).status_code == 404
    assert desk.get(f"/api/v1/incidents/{told['shop']}/export.zip", headers).status_code == 200


@pytest.mark.parametrize("role", ["installer", "owner"])
@pytest.mark.parametrize("path", ["history", "history.csv", "incidents/1/export.zip"])
def test_a_role_that_may_not_read_gets_nothing(desk: Desk, told: dict[str, int], role: str, path: str):
    assert desk.get(f"/api/v1/{path}", desk.token(role)).status_code == 403
    assert desk.get(f"/api/v1/{path}").status_code == 401


# Files


def rows_of(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf"), "Excel takes it for the old code page"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_the_file_holds_what_the_search_found(desk: Desk, told: dict[str, int]):
    head, *rows = rows_of(desk.get("/api/v1/history.csv?handling=closed&language=en", desk_token(desk)))
    assert head[0] == "Number" and [row[0] for row in rows] == [str(told[name]) for name in ("test", "prank", "shop")]
    assert rows[1][head.index("Closed as")] == "prank" or "Prank" in rows[1]
    assert rows_of(desk.get("/api/v1/history.csv", desk_token(desk)))[0][0] == "번호"


def test_a_file_over_several_reads_has_every_row_once(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    from bellgate.console.api import history as api

    monkeypatch.setattr(api, "ROWS_AT_ONCE", 7)
    many.fill(desk.store, 30, 3)
    _, *rows = rows_of(desk.get("/api/v1/history.csv", desk_token(desk)))
    assert [int(row[0]) for row in rows] == list(range(30, 0, -1))
    monkeypatch.setattr(api, "ROWS_MAX", 20)
    _, *rows = rows_of(desk.get("/api/v1/history.csv", desk_token(desk)))
    assert [int(row[0]) for row in rows[:-1]] == list(range(30, 10, -1)) and "20" in rows[-1][0]


def test_no_name_of_a_bell_becomes_a_formula(desk: Desk):
    bell = desk.enrol("b-1", '=HYPERLINK("http://x","y")', "+82 2 1234, @SUM(A1)", site="seongsu-001")
    desk.press(bell)
    _, row = rows_of(desk.get("/api/v1/history.csv", desk_token(desk)))
    assert '\'=HYPERLINK("http://x","y")' in row and "'+82 2 1234, @SUM(A1)" in row


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_no_cell_is_a_formula_and_none_is_lost(cells: list[str]):
    (line,) = spreadsheet.lines([cells])
    read = next(iter(csv.reader(io.StringIO(line, newline=""))))
    assert len(read) == len(cells)
    for was, now in zip(cells, read, strict=True):
        assert now in (was, f"'{was}") and now.lstrip(" ")[:1] not in tuple("=+-@\t\r\n")


def test_numbers_stay_numbers():
    assert next(iter(spreadsheet.lines([[-3, 1.5, None, True]]))) == '"-3","1.5","","True"\r\n'


def test_who_took_a_table_stands_in_the_record(desk: Desk, told: dict[str, int]):
    desk.get("/api/v1/history.csv?q=%EC%86%90%EB%8B%98", desk_token(desk))
    (row,) = desk.store.read_now(lambda tx: audit.acts(tx, "history_downloaded"))
    assert row["by"] == "script-auditor" and row["detail"]["q"] == "손님"
    assert desk.store.read_now(audit.verify) is None


def test_an_export_is_what_the_command_line_writes_and_can_be_checked(desk: Desk, told: dict[str, int], tmp_path: Path):
    authority = Authority.create(desk.config.data_dir / "pki", "seongsu-1")
    answer = desk.get(f"/api/v1/incidents/{told['shop']}/export.zip", desk_token(desk))
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path / "out")
    name = tmp_path / "out" / f"incident-{told['shop']}"
    document = dossier.check(name.with_suffix(".json"), authority.ca)  # the page beside it is checked too
    assert document["incident"]["id"] == told["shop"]
    page = name.with_suffix(".html")
    page.write_text(page.read_text(encoding="utf-8").replace("실수", "고의"), encoding="utf-8")
    with pytest.raises(RecordError):
        dossier.check(name.with_suffix(".json"), authority.ca)
    assert [line["by"] for line in desk.view(told["shop"])["timeline"] if line["act"] == "exported"] == [
        "script-auditor"
    ]


def test_without_keys_nothing_is_exported_and_it_says_why(desk: Desk, told: dict[str, int]):
    answer = desk.get(f"/api/v1/incidents/{told['shop']}/export.zip", desk_token(desk))
    assert answer.status_code == 503 and "signed" in answer.json()["error"]["message"]
    assert str(desk.config.data_dir) not in answer.text
    assert desk.get("/api/v1/incidents/999/export.zip", desk_token(desk)).status_code == 404


# Quick


def test_a_search_reads_the_record_once_a_word_and_not_once_a_row(desk: Desk):
    """What would make 100,000 incidents slow: a subquery that is asked anew for each row."""
    many.fill(desk.store, 200, 20)
    said: list[str] = []

    def plan(tx: Tx) -> None:
        rows = history._conditions(Wanted(text="편의점 7", by="이서준"))
        sql = f"SELECT i.id FROM incident i WHERE {' AND '.join(rows[0])} ORDER BY i.id DESC LIMIT 50"
        said.extend(str(row["detail"]) for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", rows[1]))

    desk.store.read_now(plan)
    assert any("SCAN audit" in line for line in said) and not any("CORRELATED" in line for line in said), said


def test_the_search_stays_quick(desk: Desk):
    many.fill(desk.store, 10_000, 500)
    for wanted in (Wanted(), Wanted(text="없는말"), Wanted(by="nobody"), Wanted(text="편의점 77", disposition="prank")):
        began = time.perf_counter()
        desk.store.read_now(lambda tx, wanted=wanted: history.search(tx, wanted, 51))
        assert time.perf_counter() - began < 1.0, wanted  # some hundredths of a second on an idle machine


# The pages


def test_a_person_searches_and_opens_an_incident(month: Any, browser: Any):
    person = Dispatcher(browser, month.url)
    person.enter(month, "이서준", "/history")
    page = person.page
    assert page.locator("#rows tr").count() == 50
    page.click("#more")
    page.wait_for_selector("#rows tr:nth-child(100)")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 51
    page.fill("#q", "취객을")
    page.keyboard.press("Enter")
    until(lambda: page.locator("#rows tr").count() == 1, "one is found")
    assert "연무장길 카페 온도" in text(page.locator("#rows")) and "q=" in page.url
    assert "q=" in page.locator("#csv").get_attribute("href")
    page.click("#rows a")
    page.wait_for_selector("#timeline svg")
    whole = text(page.locator("#whole"))
    for told in (
        "정문, 잠겨 있으면 뒷문",
        "뒷문으로, 개 있음",
        "1층",
        "박도윤",
        "취객을 돌려보냄",
        "받았다는 응답이 옴",
        "±2초",
    ):
        assert told in whole, told
    drawn = page.locator("#timeline svg").text_content()
    for told in ("벨", "게이트웨이", "사람", "station-desk", "비상벨 누름", "출동 지령 · 김하늘"):
        assert told in drawn, told
    assert page.locator("#timeline rect.unsure").count() == 2
    page.click("#language")
    until(lambda: text(page.locator("#page-title")) == f"Incident {month.famous}", "the page is in English")
    assert "dispatched · 김하늘" in page.locator("#timeline svg").text_content()
    with page.expect_download() as saved:
        page.click("#export")
    assert saved.value.suggested_filename == f"incident-{month.famous}.zip"
    page.go_back()
    page.wait_for_selector("#rows tr")
    assert page.input_value("#q") == "취객을" and page.locator("#rows tr").count() == 1
    person.context.close()
    assert not person.complaints


def test_a_note_with_markup_stays_a_text(desk: Desk, browser: Any, url: str):
    bell = desk.enrol("b-1", "<img src=x onerror=alert(1)>", "<script>alert(2)</script>")
    number = closed(desk, bell, text="<b onclick=alert(3)>x</b>", by="<i>kim")
    name = desk.operator()
    person = Dispatcher(browser, url)
    for path in (f"/incidents/{number}", "/history"):
        person.enter(desk, name, path)
        assert "<img src=x onerror=alert(1)>" in text(person.page.locator("#content"))
        assert person.page.locator("#content img, #content b, #content script, #content i").count() == 0
    person.context.close()
    assert not person.complaints


def test_what_is_not_there_is_said(desk: Desk, browser: Any, url: str):
    person = Dispatcher(browser, url)
    person.enter(desk, desk.operator(), "/incidents/77")
    assert "사건이 없거나" in text(person.page.locator("#said"))
    person.page.goto("/history?q=zzz")
    person.page.wait_for_selector("body[data-drawn]")
    assert "조건에 맞는 사건이 없습니다" in text(person.page.locator("#said"))
    person.context.close()


@pytest.mark.parametrize("path", ["/history", "/incidents/1"])
def test_the_pages_are_for_those_who_may_read(desk: Desk, path: str):
    assert desk.get(path).status_code == 303
    assert desk.get(path, desk.session(desk.operator("기사", "installer"))).status_code == 403


@pytest.mark.parametrize("path", ["/history", "/incidents/{famous}", "/reports", "/policy"])
def test_a_phone_shows_the_pages_without_scrolling_sideways(month: Any, browser: Any, path: str):
    for language in ("ko", "en"):
        person = Dispatcher(browser, month.url, language, viewport={"width": 360, "height": 740})
        person.enter(month, "이서준", path.format(famous=month.famous))
        person.page.wait_for_timeout(200)
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360
        person.context.close()
        assert not person.complaints


@pytest.mark.parametrize("path", ["/history", "/incidents/{famous}", "/reports", "/policy"])
def test_axe_finds_nothing_on_a_full_page(month: Any, browser: Any, path: str):
    from accessible import violations

    person = Dispatcher(browser, month.url, color_scheme="light")
    person.enter(month, "이서준", path.format(famous=month.famous))
    person.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert violations(person.page) == []
    person.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = false")
    person.page.emulate_media(color_scheme="dark")
    assert violations(person.page, only=["color-contrast"]) == []  # nothing else depends on the theme
    person.context.close()
    assert not person.complaints
