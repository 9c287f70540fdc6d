"""Bells, troubles, the gateway's clock, and who asks."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from bellgate.console.access import MAY, Access, Principal
from bellgate.console.api.models import ClockAnswer, Listed, Me
from bellgate.console.deps import Deps
from bellgate.store import bells, troubles


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET bells, troubles, clock, me."""

    @api.get("/bells", response_model=Listed)
    async def list_bells(principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """Every bell with its last sign of life."""
        await access.looked(principal, "bells")
        rows = await deps.store.read(bells.listing)
        return {"items": [row for row in rows if principal.sees(row["site"])]}

    @api.get("/troubles", response_model=Listed, dependencies=[Depends(access.to("troubles"))])
    async def list_troubles() -> dict[str, Any]:
        """What the operator must know; never mixed with alarms."""
        return {"items": await deps.store.read(troubles.open_troubles)}

    @api.get("/clock", response_model=ClockAnswer, dependencies=[Depends(access.to("read"))])
    async def clock() -> dict[str, Any]:
        """The gateway's own clock: receipt numbers give the order, and this says what its times are worth."""
        return {"now_ms": deps.clock.now_ms(), "step_ms": deps.clock.pending_ms(), **asdict(deps.clock.state())}

    @api.get("/me", response_model=Me)
    async def me(principal: Annotated[Principal, Depends(access.to(None))]) -> dict[str, Any]:
        """Who asks, and what they may do."""
        return {"name": principal.name, "role": principal.role, "rights": sorted(MAY.get(principal.role, ()))}
