"""In which district a position lies: known places, and properties of the outlines."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate import boundaries, routing
from bellgate.boundaries import DONG, GU, inside
from bellgate.config import load
from bellgate.errors import ConfigError

SEOUL = boundaries.seoul()

# Well known places: (lat, lon, district, dong).
KNOWN = [
    (37.5446, 127.0559, "성동구", "성동구 성수동2가"),  # Seongsu station
    (37.5636, 127.0365, "성동구", "성동구 행당동"),  # Seongdong-gu office
    (37.5663, 126.9779, "중구", None),  # Seoul city hall
    (37.5115, 127.0592, "강남구", None),  # COEX
    (37.5557, 126.9104, "마포구", None),  # Mangwon
]
SQUARE = [
    [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]],
    [[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]],
]
seoul = st.tuples(st.floats(37.42, 37.71), st.floats(126.76, 127.19))


@pytest.mark.parametrize(("lat", "lon", "gu", "dong"), KNOWN)
def test_known_places_lie_where_they_are(lat: float, lon: float, gu: str, dong: str | None) -> None:
    found = [one for one in SEOUL.areas if one.holds(lat, lon)]
    assert [one.name for one in found if one.level == GU] == [gu]
    if dong is not None:
        assert [one.full_name for one in found if one.level == DONG] == [dong]
        assert SEOUL.place(lat, lon) == f"서울 {dong}"


def test_busan_lies_nowhere() -> None:
    assert SEOUL.place(35.1796, 129.0756) is None


@given(seoul)
def test_two_districts_hold_a_place_only_along_their_simplified_edge(at: tuple[float, float]) -> None:
    """The outlines were simplified each by itself, so neighbours overlap by metres: never by more than an edge."""
    lat, lon = at
    holding = [one for one in SEOUL.areas if one.level == GU and one.holds(lat, lon)]
    if len(holding) > 1:
        near = 0.0005
        corners = [(lat + dy, lon + dx) for dy in (-near, near) for dx in (-near, near)]
        assert not all(all(one.holds(*corner) for corner in corners) for one in holding)


@given(st.floats(-1, 5), st.floats(-1, 5))
def test_a_square_with_a_hole(lat: float, lon: float) -> None:
    held = inside([SQUARE], lat, lon)
    if 0 < lat < 4 and 0 < lon < 4:
        in_hole, on_edge = 1 < lat < 2 and 1 < lon < 2, lat in (1, 2) or lon in (1, 2)
        assert on_edge or held is not in_hole
    elif not (lat in (0, 4) or lon in (0, 4)):
        assert not held


@given(st.floats(-5, 5), st.lists(st.floats(-4.9, 4.9), min_size=1, max_size=6))
def test_neighbours_share_an_edge_and_no_point(lat: float, xs: list[float]) -> None:
    """A jagged edge between a left and a right half: each point belongs to exactly one."""
    edge = [[x, -5 + 10 * (n + 1) / (len(xs) + 1)] for n, x in enumerate(xs)]
    left = [[-5.0, -5.0], [0.0, -5.0], *edge, [0.0, 5.0], [-5.0, 5.0]]
    right = [[5.0, 5.0], [0.0, 5.0], *reversed(edge), [0.0, -5.0], [5.0, -5.0]]
    for lon in (*xs, -4.95, 0.0, 4.95):
        held = inside([[left]], lat, lon), inside([[right]], lat, lon)
        assert sum(held) == (1 if -5 <= lat < 5 else 0)


def test_names_are_found_or_explained() -> None:
    assert SEOUL.named("11200").name == "성동구" == SEOUL.named("성동구").full_name
    assert SEOUL.named("성동구 성수동1가").level == DONG
    assert SEOUL.named("성수동1가").gu == "성동구"
    with pytest.raises(ValueError, match="Did you mean '성동구'"):
        SEOUL.named("성둥구")
    assert "National Geographic Information Institute" in SEOUL.attribution


def test_a_name_of_two_is_not_guessed_at() -> None:
    twice = replace(SEOUL, areas=(*SEOUL.areas, boundaries.Area(DONG, "1", "성수동1가", "광진구", ())))
    with pytest.raises(ValueError, match="several 성수동1가: write '성동구 성수동1가' or '광진구 성수동1가'"):
        twice.named("성수동1가")


def town(folder: Path, **changes: Any) -> Path:
    """A town's own file: one district with a hole in it, and a dong that is in no district."""
    content: dict[str, Any] = {
        "type": "FeatureCollection",
        "attribution": "부산광역시",
        "region": "부산",
        "features": [
            {
                "type": "Feature",
                "properties": {"level": "dong", "code": "2644010100", "name": "강서동"},
                "geometry": {"type": "Polygon", "coordinates": [[[10, 10], [11, 10], [11, 11], [10, 11], [10, 10]]]},
            },
            {
                "type": "Feature",
                "properties": {"level": "gu", "code": "26110", "name": "중구"},
                "geometry": {"type": "MultiPolygon", "coordinates": [SQUARE]},
            },
        ],
    }
    path = folder / f"town-{len(list(folder.iterdir()))}.geojson"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_a_town_brings_its_own_outlines(tmp_path: Path) -> None:
    known = boundaries.read(town(tmp_path))
    assert (known.place(3, 3), known.place(1.5, 1.5), known.place(10.5, 10.5)) == ("부산 중구", None, "부산 강서동")
    assert (known.named("26110").level, known.named("강서동").full_name) == (GU, "강서동")
    with pytest.raises(ValueError, match=r"no district or dong '성동구' in the boundaries town-0.*such as \"26110\""):
        known.named("성동구")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"features": []}, "holds no outline"),
        ({"features": 7}, "is no FeatureCollection"),
        (
            {"features": [{"properties": {"level": "gu", "name": "x"}, "geometry": {"type": "Point"}}]},
            "or MultiPolygon",
        ),
        ({"features": [{"properties": {"name": "x"}, "geometry": {}}]}, "'level' is missing"),
        (
            {
                "features": [
                    {
                        "properties": {"level": "gu", "code": "1", "name": "x"},
                        "geometry": {"type": "Polygon", "coordinates": [[[129e5, 35e4]] * 4]},
                    }
                ]
            },
            "in degrees",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        boundaries.read(town(tmp_path, **changes))
    (tmp_path / "broken.geojson").write_text("{")
    with pytest.raises(ValueError, match="cannot be read as GeoJSON"):
        boundaries.read(tmp_path / "broken.geojson")


def test_stations_name_areas_of_the_file_that_gateway_toml_names(tmp_path: Path) -> None:
    name = town(tmp_path).name
    toml = f"""
[gateway]
id = "busan-1"
[console]
boundaries = "{name}"
[mqtt]
advertise = ["gateway.local:8883"]
[[target]]
name = "desk"
kind = "console"
[[station]]
name = "중앙지구대"
targets = ["desk"]
area = ["중구"]
"""
    (tmp_path / "gateway.toml").write_text(toml, encoding="utf-8")
    config = load(tmp_path)
    row = {"site": "busan-1", "kind": "store-bell", "lat": 3.0, "lon": 3.0}
    found = routing.of(config, row, 1_795_430_400_000)
    assert (found.place, found.expected, found.agree) == ("부산 중구", ("중앙지구대",), True)
    (tmp_path / "gateway.toml").write_text(toml.replace('"중구"', '"성동구"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"station\[1\].area\[1\] = '성동구': there is no district"):
        load(tmp_path)
    (tmp_path / "gateway.toml").write_text(toml.replace(name, "none.geojson"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"console.boundaries = 'none.geojson': .*cannot be read"):
        load(tmp_path)
