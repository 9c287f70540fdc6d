"""The trouble list. What is no bell's trouble is everybody's; a bell's is told to whoever sees the bell."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from bellgate.console.access import Access, Principal
from bellgate.console.deps import Deps
from bellgate.store import troubles

# The last day, and no more of them than a person reads: a storm leaves one line a bell behind.
CLEARED_WITHIN_MS = 86_400_000
CLEARED_MAX = 100


class Trouble(BaseModel):
    """One line. `values` fill the places of its text."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: str
    subject: str = Field(description="A bell, a target, an area.")
    detail: str
    values: dict[str, Any]
    raised_ms: int
    last_ms: int
    count: int
    cleared_ms: int | None
    bell_id: str | None
    site: str | None
    urgency: str = Field(description="at_once, today or later.")


class TroubleLine(Trouble):
    """A line of the list; a common one holds those of many bells in one area."""

    bells: int | None = Field(None, description="Of a common line: how many bells are in it.")
    members: list[Trouble] | None = Field(None, description="Of a common line: theirs.")


class Troubles(BaseModel):
    """Newest first."""

    items: list[TroubleLine]


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET troubles and troubles/cleared."""
    to = Annotated[Principal, Depends(access.to("troubles"))]

    @api.get("/troubles", response_model=Troubles, response_model_exclude_unset=True)
    async def list_troubles(principal: to) -> dict[str, Any]:
        """What the operator must know; never mixed with alarms."""
        return {"items": await deps.store.read(partial(troubles.open_troubles, areas=principal.areas))}

    @api.get("/troubles/cleared", response_model=Troubles, response_model_exclude_unset=True)
    async def cleared(principal: to) -> dict[str, Any]:
        """What ended within a day, at most 100 lines."""
        since_ms = deps.clock.now_ms() - CLEARED_WITHIN_MS
        read = partial(troubles.recently_cleared, since_ms=since_ms, limit=CLEARED_MAX, areas=principal.areas)
        return {"items": await deps.store.read(read)}
