"""What the map of bells may lay under the boundaries that it always has."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bellgate.console.access import Access, Principal
from bellgate.console.deps import Deps
from bellgate.tiles import opened


class Streets(BaseModel):
    """Pictures of streets, at /tiles/{zoom}/{x}/{y}."""

    min_zoom: int
    max_zoom: int
    bounds: tuple[float, float, float, float] = Field(description="West, south, east, north, in degrees.")
    attribution: str


class MapAnswer(BaseModel):
    """streets null: the operator has added none, or they can't be used; then `problem` says why."""

    streets: Streets | None
    problem: str
    attribution: str | None = Field(description="Of outlines that the operator has brought; null: this version's own.")


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET map."""

    tiles, problem = opened(deps.config.tiles_path)
    attribution = None if deps.config.console.boundaries is None else deps.config.boundaries.attribution

    @api.get("/map", response_model=MapAnswer)
    async def about(principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """Whether there are streets under the map."""
        if tiles is None:
            return {"streets": None, "problem": problem, "attribution": attribution}
        told = tiles.about
        return {
            "streets": {
                "min_zoom": told.min_zoom,
                "max_zoom": told.max_zoom,
                "bounds": told.bounds,
                "attribution": told.attribution,
            },
            "problem": "",
            "attribution": attribution,
        }
