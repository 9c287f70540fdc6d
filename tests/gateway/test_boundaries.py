"""In which district a position lies: known places, and properties of the outlines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate import boundaries
from bellgate.boundaries import DONG, GU, inside

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
    found = [one for one in boundaries.areas() if one.holds(lat, lon)]
    assert [one.name for one in found if one.level == GU] == [gu]
    if dong is not None:
        assert [one.full_name for one in found if one.level == DONG] == [dong]
        assert boundaries.place(lat, lon) == f"서울 {dong}"


def test_busan_lies_nowhere() -> None:
    assert boundaries.place(35.1796, 129.0756) is None


@given(seoul)
def test_two_districts_hold_a_place_only_along_their_simplified_edge(at: tuple[float, float]) -> None:
    """The outlines were simplified each by itself, so neighbours overlap by metres: never by more than an edge."""
    lat, lon = at
    holding = [one for one in boundaries.areas() if one.level == GU and one.holds(lat, lon)]
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
    assert boundaries.named("11200").name == "성동구" == boundaries.named("성동구").full_name
    assert boundaries.named("성동구 성수동1가").level == DONG
    assert boundaries.named("성수동1가").gu == "성동구"
    with pytest.raises(ValueError, match="Did you mean '성동구'"):
        boundaries.named("성둥구")
    assert "National Geographic Information Institute" in boundaries.attribution()


def test_a_name_of_two_is_not_guessed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = (*boundaries.areas(), boundaries.Area(DONG, "1", "성수동1가", "광진구", ()))
    monkeypatch.setattr(boundaries, "areas", lambda: twice)
    with pytest.raises(ValueError, match="several 성수동1가: write '성동구 성수동1가' or '광진구 성수동1가'"):
        boundaries.named("성수동1가")
