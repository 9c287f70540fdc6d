"""Files that are not ours: Leaflet's, out of its own package, and the outlines and pictures of streets of the map."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from bellgate.console.access import Access, Principal
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.tiles import ZOOM_MAX, opened

log = structlog.get_logger(__name__)

# By exact names: nothing else of what a package brings is served.
LEAFLET = {"leaflet.js": "text/javascript", "leaflet.css": "text/css"}
# Streets change seldom, and a page that is dragged about asks for the same ones again.
TILE_AGE_S = 86_400

Number = Annotated[int, InPath(ge=0, lt=1 << ZOOM_MAX)]


def router(deps: Deps, access: Access) -> APIRouter:
    """Paths for pages; they are not part of the API's description."""
    served = APIRouter(include_in_schema=False)
    leaflet = Path(str(files("xstatic.pkg.leaflet"))) / "data"
    tiles, problem = opened(deps.config.tiles_path)
    if problem:
        log.warning("streets_unusable", problem=problem)

    @served.get("/static/leaflet/{name}")
    async def of_leaflet(name: str) -> Response:
        if name not in LEAFLET:
            raise Refused(404, "not_found", "there is no such file")
        return FileResponse(leaflet / name, media_type=LEAFLET[name])

    @served.get("/map/boundaries.geojson")
    async def outlines(_: Annotated[Principal, Depends(access.to("bells"))]) -> Response:
        return FileResponse(deps.config.boundaries.path, media_type="application/geo+json")

    @served.get("/tiles/{zoom}/{x}/{y}")
    async def tile(
        zoom: Annotated[int, InPath(ge=0, le=ZOOM_MAX)],
        x: Number,
        y: Number,
        principal: Annotated[Principal, Depends(access.to("bells"))],
    ) -> Response:
        if tiles is None:
            raise Refused(404, "not_found", problem or "no streets were added: console.tiles names a file of them")
        if max(x, y) >= 1 << zoom:
            raise Refused(422, "invalid", f"x, y: at zoom {zoom} each is below {1 << zoom}")
        found = await asyncio.to_thread(tiles.get, zoom, x, y)
        if found is None:
            return Response(status_code=204)  # no picture, and no error in a browser's console
        headers = {"Cache-Control": f"private, max-age={TILE_AGE_S}"}
        return Response(found, media_type=tiles.about.media_type, headers=headers)

    return served
