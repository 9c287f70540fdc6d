"""Districts and dongs: their outlines, and in which of them a position lies.

The outlines are those of the console's map: 25 districts of Seoul and the legal dongs around Seongdong-gu, simplified
to 5 to 25 m, or those of a file that a town brings. A polygon is a list of rings, the first its outline, the others
holes; a ring is a list of [lon, lat].
"""

import difflib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from bellgate.core.frozen import frozen

Ring = Sequence[Sequence[float]]
Polygon = Sequence[Ring]

GU, DONG = "gu", "dong"
_FILE = "console/static/map/seoul-boundaries.geojson"


@frozen
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
        return self.name if self.level == GU else f"{self.gu} {self.name}".strip()

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


@frozen
class Boundaries:
    """Every outline that is known, districts first. region: what stands before a place ("서울"); attribution: whose the
    outlines are, which must stand wherever they are shown or handed on. path: the file itself."""

    areas: tuple[Area, ...]
    region: str
    attribution: str
    path: Path

    def named(self, text: str) -> Area:
        """The area of a code ("11200", "11200114") or a name ("성동구", "성수동1가", "성동구 성수동1가").

        Raises ValueError saying what to write instead.
        """
        fits = [one for one in self.areas if text in (one.code, one.name, one.full_name)]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise ValueError(f"there are several {text}: write {' or '.join(repr(one.full_name) for one in fits)}")
        known = [name for one in self.areas for name in (one.code, one.name, one.full_name)]
        near = difflib.get_close_matches(text, known, n=1, cutoff=0.5)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        first = self.areas[0]
        raise ValueError(
            f"there is no district or dong {text!r} in the boundaries {self.path.name}.{meant} Write a code or a name "
            f'such as "{first.code}" or "{first.full_name}"; console.boundaries names a file of other outlines'
        )

    def place(self, lat: float, lon: float) -> str | None:
        """ "서울 성동구 성수동1가", as far as the outlines tell; None outside all of them."""
        found = [one for one in self.areas if one.holds(lat, lon)]
        return f"{self.region} {found[-1].full_name}".strip() if found else None


def seoul() -> Boundaries:
    """Those that come with this version."""
    return read(Path(str(files("bellgate") / _FILE)))


@cache
def read(path: Path) -> Boundaries:
    """A file of outlines; read once. Raises ValueError saying where it is wrong and what to write."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as GeoJSON in UTF-8 ({error}): see docs/configuration.md") from None
    try:
        found = tuple(sorted(map(_area, content["features"]), key=lambda area: area.level != GU))
        attribution, region = str(content["attribution"]), str(content.get("region", ""))
    except (KeyError, TypeError, AttributeError) as error:
        said = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else "is no FeatureCollection"
        raise ValueError(f"{path}: {said}: docs/configuration.md says what it has to hold") from None
    if not found:
        raise ValueError(f"{path}: holds no outline: docs/configuration.md says what it has to hold")
    return Boundaries(found, region, attribution, path)


def _area(feature: Any) -> Area:
    about, shape = feature["properties"], feature["geometry"]
    level, name = about["level"], str(about["name"])
    if level not in (GU, DONG) or shape["type"] not in ("Polygon", "MultiPolygon"):
        raise ValueError(f'{name}: write "level": "gu" or "dong", and a Polygon or MultiPolygon')
    polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
    for ring in (ring for polygon in polygons for ring in polygon):
        if len(ring) < 4 or not all(-180 <= point[0] <= 180 and -90 <= point[1] <= 90 for point in ring):
            raise ValueError(f"{name}: a ring has at least four points [longitude, latitude] in degrees (WGS 84)")
    # A dong of a town without districts stands alone.
    gu = name if level == GU else str(about.get("gu", ""))
    return Area(level, str(about["code"]), name, gu, tuple(polygons))
