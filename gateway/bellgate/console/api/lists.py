"""The gateway's clock, and who asks."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from bellgate.console.access import MAY, Access, Principal
from bellgate.console.api.models import ClockAnswer, Me
from bellgate.console.deps import Deps


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET clock and me."""

    @api.get("/clock", response_model=ClockAnswer, dependencies=[Depends(access.to("read"))])
    async def clock() -> dict[str, Any]:
        """The gateway's own clock: receipt numbers give the order, and this says what its times are worth."""
        return {"now_ms": deps.clock.now_ms(), "step_ms": deps.clock.pending_ms(), **asdict(deps.clock.state())}

    @api.get("/me", response_model=Me)
    async def me(principal: Annotated[Principal, Depends(access.to(None))]) -> dict[str, Any]:
        """Who asks, and what they may do."""
        return {"name": principal.name, "role": principal.role, "rights": sorted(MAY.get(principal.role, ()))}
