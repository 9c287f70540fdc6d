"""Districts and dongs: their outlines, and in which of them a position lies.

The outlines are those of the console's map: 25 districts of Seoul and the legal dongs around Seongdong-gu, simplified
to 5 to 25 m. A polygon is a list of rings, the first its outline, the others holes; a ring is a list of [lon, lat].
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Ring = Sequence[Sequence[float]]
Polygon = Sequence[Ring]

GU, DONG = "gu", "dong"
_FILE = "console/static/map/seoul-boundaries.geojson"
_CITY = "서울"


@dataclass(frozen=True, slots=True)
class Area:
    """A district ("gu") or a dong. gu: the district's name, of a district its own."""

    level: str
    code: str
    name: str
    gu: str
    polygons: tuple[Polygon, ...]

    @property
    def full_name(self) -> str:
        """ "성동구" or "성동구 성수동1가"."""
        return self.name if self.level == GU else f"{self.gu} {self.name}"

    def holds(self, lat: float, lon: float) -> bool:
        """Does the position lie in it?"""
        return inside(self.polygons, lat, lon)


def inside(polygons: Iterable[Polygon], lat: float, lon: float) -> bool:
    """Does the position (degrees) lie in one of the polygons and in none of its holes?

    The number of edges that a ray to the east crosses is odd inside. A point on an edge counts to one side or the
    other, always the same: of two neighbours with a common edge exactly one holds it.
    """
    for outline, *holes in polygons:
        if _crossings_odd(outline, lat, lon) and not any(_crossings_odd(hole, lat, lon) for hole in holes):
            return True
    return False


def _crossings_odd(ring: Ring, lat: float, lon: float) -> bool:
    odd = False
    before = ring[-1]
    for point in ring:
        # Which end comes first must not matter, or an edge would lie elsewhere for the neighbour on its other side.
        (x1, y1), (x2, y2) = (before, point) if before[1] < point[1] else (point, before)
        if y1 <= lat < y2 and lon < x1 + (lat - y1) * (x2 - x1) / (y2 - y1):
            odd = not odd
        before = point
    return odd


@cache
def areas() -> tuple[Area, ...]:
    """All that are known, districts first."""
    found = []
    for feature in _content()["features"]:
        about, shape = feature["properties"], feature["geometry"]
        polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
        gu = about.get("gu", about["name"])
        found.append(Area(about["level"], about["code"], about["name"], gu, tuple(polygons)))
    return tuple(sorted(found, key=lambda area: area.level != GU))


def attribution() -> str:
    """Whose the outlines are: it must stand wherever they are shown or handed on."""
    return str(_content()["attribution"])


def named(text: str) -> Area:
    """The area of a code ("11200", "11200114") or a name ("성동구", "성수동1가", "성동구 성수동1가").

    Raises ValueError saying what to write instead.
    """
    fits = [one for one in areas() if text in (one.code, one.name, one.full_name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise ValueError(f"there are several {text}: write {' or '.join(repr(one.full_name) for one in fits)}")
    known = [name for one in areas() for name in (one.code, one.name, one.full_name)]
    near = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"there is no district or dong {text!r} in the boundaries that this version has.{meant} Write a code or a name "
        'such as "11200", "성동구" or "성동구 성수동1가"'
    )


def place(lat: float, lon: float) -> str | None:
    """ "서울 성동구 성수동1가", as far as the outlines tell; None outside all of them."""
    found = [one for one in areas() if one.holds(lat, lon)]
    return f"{_CITY} {found[-1].full_name}" if found else None


@cache
def _content() -> dict[str, Any]:
    return dict(json.loads((files("bellgate") / _FILE).read_text(encoding="utf-8")))
