"""The map: offline, with the same as a list; streets from a PMTiles file, or a word why not."""

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from accessible import violations
from browser import Dispatcher, text
from desk import TOML, Desk, until
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from test_bells import beat, closed, many

from bellgate import doctor
from bellgate.config import load
from bellgate.console import pages
from bellgate.errors import ConfigError
from bellgate.tiles import Tiles


def png() -> bytes:
    """One grey pixel."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x00\x99")) + chunk(b"IEND", b"")
    )


def write(path: Path, kind: TileType = TileType.PNG, packed: Compression = Compression.NONE) -> Path:
    """A PMTiles file of Seoul with a few pictures."""
    with path.open("wb") as file:
        writer = Writer(file)
        for zoom, x, y in sorted([(0, 0, 0), (10, 873, 396), (10, 873, 397)], key=lambda at: zxy_to_tileid(*at)):
            writer.write_tile(zxy_to_tileid(zoom, x, y), png())
        header = {
            "tile_type": kind,
            "tile_compression": packed,
            "min_lon_e7": 1_267_000_000,
            "min_lat_e7": 374_000_000,
            "max_lon_e7": 1_272_000_000,
            "max_lat_e7": 377_000_000,
            "center_zoom": 10,
            "center_lon_e7": 1_270_000_000,
            "center_lat_e7": 375_600_000,
        }
        writer.finalize(header, {"attribution": 'Streets: <a href="https://example.org">ODbL</a>'})
    return path


def with_streets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    import desk as desk_module

    monkeypatch.setattr(desk_module, "TOML", TOML.replace("[mqtt]", '[console]\ntiles = "streets.pmtiles"\n[mqtt]'))
    return Desk(tmp_path)


def test_streets_come_from_the_file_and_are_for_signed_in_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "streets.pmtiles")
    desk = with_streets(tmp_path, monkeypatch)
    told = desk.get("/api/v1/map", desk.token("installer")).json()
    assert told["problem"] == "" and told["streets"]["max_zoom"] == 10
    assert told["streets"]["attribution"] == "Streets: ODbL", "no markup gets into a page"
    assert told["streets"]["bounds"] == [126.7, 37.4, 127.2, 37.7]
    tile = desk.get("/tiles/10/873/396", desk.token("auditor"))
    assert (tile.status_code, tile.headers["Content-Type"], tile.content) == (200, "image/png", png())
    assert tile.headers["Cache-Control"].startswith("private")
    assert desk.get("/tiles/10/0/0", desk.token("auditor")).status_code == 204
    assert desk.get("/tiles/10/873/396").status_code == 401
    for wrong in ("/tiles/1/2/0", "/tiles/23/0/0", "/tiles/x/0/0", "/tiles/1/-1/0"):
        assert desk.get(wrong, desk.token("auditor")).status_code == 422, wrong
    desk.close()


def test_without_a_file_there_are_no_streets(desk: Desk):
    assert desk.get("/api/v1/map", desk.token()).json() == {"streets": None, "problem": "", "attribution": None}
    assert desk.get("/tiles/0/0/0", desk.token()).status_code == 404


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "no such file"),
        ("empty", "cannot be read"),
        ("nonsense", "no PMTiles file"),
        ("cut", "no PMTiles file"),
        ("vector", "holds mvt tiles and no pictures"),
        ("packed", "compressed once more"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_the_map_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, says: str
):
    path = tmp_path / "streets.pmtiles"
    if kind == "vector":
        write(path, TileType.MVT)
    elif kind == "packed":
        write(path, packed=Compression.GZIP)
    elif kind == "cut":
        path.write_bytes(write(path).read_bytes()[:90])
    elif kind != "missing":
        path.write_bytes(b"" if kind == "empty" else b"no tiles" * 100)
    with pytest.raises(ConfigError, match=says):
        Tiles(path)
    desk = with_streets(tmp_path, monkeypatch)
    told = desk.get("/api/v1/map", desk.token()).json()
    assert told["streets"] is None and says in told["problem"]
    assert desk.get("/tiles/0/0/0", desk.token()).status_code == 404
    assert desk.get("/map", desk.session(desk.operator())).status_code == 200
    (finding,) = doctor._safely("map", doctor._map, load(tmp_path / "gateway.toml"))
    assert finding.level == doctor.FAULT and says in f"{finding.text}" and finding.remedy
    desk.close()


def test_only_two_files_of_leaflet_are_served(desk: Desk):
    script = desk.get("/static/leaflet/leaflet.js")
    assert script.status_code == 200 and b"Leaflet" in script.content[:400]
    assert desk.get("/static/leaflet/leaflet.css").headers["Content-Type"].startswith("text/css")
    for other in ("leaflet-src.js", "images/layers.png", "..%2f__init__.py", "../__init__.py", ""):
        assert desk.get(f"/static/leaflet/{other}").status_code == 404, other


def test_the_boundaries_keep_their_attribution(desk: Desk):
    data = json.loads((pages.HERE / "static/map/seoul-boundaries.geojson").read_text(encoding="utf-8"))
    assert "National Geographic Information Institute" in data["attribution"]
    page = desk.get("/map", desk.session(desk.operator())).text
    assert "국토지리정보원" in page
    assert not re.search(r"https?://(?!www\.w3\.org)", page)


@pytest.fixture
def at_map(desk: Desk, url: str, browser: Any) -> Any:
    """김하늘 at the map, with one bell of each state."""
    for number, where in enumerate(
        [(37.5472, 127.0473), (37.5432, 127.0565), (37.5405, 127.0577), (37.5531, 127.0217)]
    ):
        bell = desk.enrol(f"b-{number}", f"벨 {number}")
        desk.store.write_now(
            lambda tx, at=where, of=bell: tx.run(
                "UPDATE bell SET lat = ?, lon = ? WHERE bell_id = ?", (*at, of.bell_id)
            )
        )
        if number < 3:
            beat(desk, bell)
        if number == 1:
            desk.press(bell, "battery")
        if number == 2:
            desk.press(bell)
    desk.operator()
    person = Dispatcher(browser, url)
    person.enter(desk, "김하늘", "/map")
    yield person
    person.context.close()
    assert not person.complaints


def test_the_list_and_the_map_say_the_same_the_worst_first(at_map: Dispatcher):
    page = at_map.page
    page.wait_for_selector("body[data-map=drawn]")
    said = [text(one) for one in page.locator("#list .one").all()]
    assert [line.split(" 벨 ")[0] for line in said] == ["경보 진행 중", "한 번도 응답 없음", "장애", "정상"]
    assert page.locator(".mark.incident .label").inner_text() == "벨 2"
    page.click("#zoom-in")
    until(lambda: page.locator(".mark").count() >= 3, "marks")
    assert page.locator(".name-of-gu span", has_text="성동구").count() == 1
    assert "국토지리정보원" in text(page.locator(".attribution"))
    assert violations(page) == []


def test_a_mark_chooses_in_the_list_and_the_keyboard_does_it_all(at_map: Dispatcher):
    page = at_map.page
    page.wait_for_selector("body[data-map=drawn]")
    page.locator(".mark.incident").click()
    assert page.locator("#list [aria-pressed=true]").get_attribute("data-bell") == "b-2"
    page.focus("#search")
    page.keyboard.type("벨 3")
    until(lambda: page.locator("#list .one").count() == 1, "found")
    at_map.key("Tab", "Enter")
    assert page.locator("#list [aria-pressed=true]").get_attribute("data-bell") == "b-3"
    until(lambda: page.locator(".mark.silent.chosen").count() == 1, "it goes there")
    assert page.evaluate("document.activeElement.dataset.bell") == "b-3", "the focus stays"


def test_a_new_incident_appears_by_itself(desk: Desk, at_map: Dispatcher):
    page = at_map.page
    page.wait_for_selector("body[data-map=drawn]")
    closed(desk, 1, "prank")
    until(lambda: page.locator(".mark.incident").count() == 0, "it is over")
    desk.press(desk_bell("b-0"))
    until(lambda: "벨 0" in text(page.locator("#list .one").first), "on top")
    page.locator(".mark.incident").wait_for()


def desk_bell(bell_id: str) -> Any:
    from desk import Bell

    return Bell(bell_id, "", "")


def test_where_the_map_cannot_be_drawn_the_list_is_enough(desk: Desk, url: str, browser: Any):
    beat(desk, desk.enrol())
    desk.operator()
    person = Dispatcher(browser, url)
    person.page.route("**/leaflet.js", lambda route: route.abort())
    person.enter(desk, "김하늘", "/map")
    assert person.page.locator("#failed").is_visible()
    assert person.page.locator("#list .one").count() == 1
    person.context.close()


def test_2000_bells_are_few_marks_however_near_one_looks(desk: Desk, url: str, browser: Any):
    many(desk, 2_000)
    desk.operator()
    person = Dispatcher(browser, url, viewport={"width": 1440, "height": 900})
    person.enter(desk, "김하늘", "/map")
    page = person.page
    page.wait_for_selector("body[data-map=drawn]")
    assert 0 < page.locator(".mark").count() < 250
    for step in ("#zoom-in", "#zoom-in", "#zoom-out"):
        page.click(step)
        page.wait_for_timeout(500)  # until the map has moved
        assert page.locator(".mark").count() < 500
    person.context.close()
    assert not person.complaints


def test_the_map_follows_the_night_without_a_reload(at_map: Dispatcher):
    page = at_map.page
    page.wait_for_selector("body[data-map=drawn]")
    page.evaluate("window.sameDocument = true")
    middle = """() => {
      const canvas = document.querySelector("#map canvas");
      const of = canvas.getContext("2d").getImageData(canvas.width / 2 + 7, canvas.height / 2 + 7, 1, 1).data;
      return of[3] === 0 ? null : of[0];
    }"""
    assert page.evaluate(middle) > 200
    page.emulate_media(color_scheme="dark")
    until(lambda: page.evaluate(middle) < 60, "dark districts")
    assert page.evaluate("window.sameDocument") is True


def test_streets_are_drawn_under_the_districts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Any):
    write(tmp_path / "streets.pmtiles")
    desk = with_streets(tmp_path, monkeypatch)
    desk.enrol()
    desk.operator()
    with desk.served() as url:
        person = Dispatcher(browser, url)
        person.enter(desk, "김하늘", "/map")
        person.page.wait_for_selector("#map img.leaflet-tile-loaded")
        assert "Streets: ODbL" in text(person.page.locator(".attribution"))
        assert person.page.locator("#streets-problem").is_hidden()
        person.context.close()
        desk.hub.close()
    desk.close()
    assert not person.complaints


def test_a_towns_own_boundaries_are_drawn_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Any):
    ring = [[129.0, 35.0], [129.1, 35.0], [129.1, 35.1], [129.0, 35.1], [129.0, 35.0]]
    gu = {"type": "Feature", "properties": {"level": "gu", "code": "26110", "name": "부산중구"}}
    gu["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    whole = {"type": "FeatureCollection", "attribution": "부산광역시 제공", "features": [gu]}
    (tmp_path / "busan.geojson").write_text(json.dumps(whole), encoding="utf-8")
    monkeypatch.setattr("desk.TOML", TOML + '[console]\nboundaries = "busan.geojson"\n')
    desk = Desk(tmp_path)
    with desk.served() as url:
        desk.operator()
        assert desk.get("/map/boundaries.geojson").status_code == 401
        person = Dispatcher(browser, url)
        person.enter(desk, "김하늘", "/map")
        person.page.wait_for_selector("body[data-map=drawn]")
        assert text(person.page.locator("#boundaries-attribution")) == "부산광역시 제공"
        person.page.click("#language")
        person.page.locator("html[lang=en]").wait_for()
        assert text(person.page.locator("#boundaries-attribution")) == "부산광역시 제공"
        assert "부산중구" in person.page.inner_text("#map")
        person.context.close()
        assert not person.complaints
        desk.hub.close()
    desk.close()
