"""Incidents: reading them, and what people decide. A command is answered with the case as it is after the commit.

A case outside the areas of whoever asks does not exist for them.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import CONFLICT, MISSING, IncidentId
from bellgate.console.api.models import (
    INT_MAX,
    Close,
    Handoff,
    IncidentDetail,
    Incidents,
    Merge,
    Note,
    PresentedOn,
    Versioned,
)
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.core.incident import Command, Presented
from bellgate.errors import UnknownIncident
from bellgate.store import Tx, incidents

SIMPLE_COMMANDS = {
    "acknowledge": "Take it on: others see who, and it stops sounding. Without dispatch it sounds again after 180 s."
    " The holder may repeat it.",
    "dispatch": "Help is sent; the bell's lamp says so.",
    "en_route": "Help is under way.",
    "on_scene": "Help is there.",
    "clear": "Help is done there.",
    "reopen": "Closed too early: back to whoever reopens it.",
}


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """Every path under incidents."""
    _reading(api, deps, access)
    _commands(api, deps, access)


async def _seen(deps: Deps, principal: Principal, *numbers: int) -> None:
    """Raises UnknownIncident for a case that this person may not see."""
    if not principal.areas:
        return
    for number in numbers:
        site = await deps.store.read(partial(_site, number))
        if site is None or not principal.sees(site):
            raise UnknownIncident(f"there is no incident {number}")


def _site(number: int, tx: Tx) -> str | None:
    return incidents.site(tx, number)


def _reading(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get("/incidents", response_model=Incidents)
    async def list_incidents(
        principal: Annotated[Principal, Depends(access.to("read"))],
        state: Annotated[Literal["open", "closed", "all"], Query(description="Which ones.")] = "open",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
        before: Annotated[int | None, Query(ge=1, le=INT_MAX, description="Only lower numbers: the next page.")] = None,
    ) -> dict[str, Any]:
        """Incidents, newest first."""
        await access.looked(principal, "incidents")
        return {"items": await deps.store.read(lambda tx: incidents.views(tx, state, limit, before, principal.areas))}

    @api.get(
        "/incidents/{incident_id}",
        response_model=IncidentDetail,
        responses=MISSING,
    )
    async def one_incident(
        incident_id: IncidentId, principal: Annotated[Principal, Depends(access.to("read"))]
    ) -> dict[str, Any]:
        """One incident with its signals, deliveries and timeline."""
        view = await deps.store.read(lambda tx: incidents.view(tx, incident_id))
        if view is None or not principal.sees(view["site"]):
            raise UnknownIncident(f"there is no incident {incident_id}")
        await access.looked(principal, f"incident {incident_id}")
        return view


def _commands(api: APIRouter, deps: Deps, access: Access) -> None:
    answers = MISSING | CONFLICT

    def simple(action: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def carry_out(
            incident_id: IncidentId, given: Versioned, principal: Annotated[Principal, Depends(access.to("command"))]
        ) -> dict[str, Any]:
            await _seen(deps, principal, incident_id)
            command = Command(action, by=principal.name, version=given.version, text=given.text)
            return await deps.pipeline.command(incident_id, command)

        carry_out.__name__ = action
        carry_out.__doc__ = SIMPLE_COMMANDS[action]
        return carry_out

    for action in SIMPLE_COMMANDS:
        api.post(f"/incidents/{{incident_id}}/{action}", response_model=IncidentDetail, responses=answers)(
            simple(action)
        )

    @api.post("/incidents/{incident_id}/close", response_model=IncidentDetail, responses=answers)
    async def close(
        incident_id: IncidentId, given: Close, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Done; says what it was."""
        await _seen(deps, principal, incident_id)
        command = Command(
            "close", by=principal.name, version=given.version, disposition=given.disposition, text=given.text
        )
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/handoff", response_model=IncidentDetail, responses=answers)
    async def handoff(
        incident_id: IncidentId, given: Handoff, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Offer the incident to a colleague by name; accept or decline what was offered to you; take an offer back."""
        if (given.to is not None) + given.accept + given.decline != 1:
            raise Refused(
                422, "invalid", 'say {"to": name} to offer it, {"accept": true} to take it or {"decline": true} not to'
            )
        await _seen(deps, principal, incident_id)
        command = Command(
            "handoff",
            by=principal.name,
            version=given.version,
            to=given.to,
            accept=given.accept,
            decline=given.decline,
            text=given.text,
        )
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/merge", response_model=IncidentDetail, responses=answers)
    async def merge(
        incident_id: IncidentId, given: Merge, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """The same emergency as another open incident: close this one as a duplicate, its signals go on there."""
        await _seen(deps, principal, incident_id, given.into)
        command = Command("merge", by=principal.name, version=given.version, into=given.into, text=given.text)
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/note", response_model=IncidentDetail, responses=answers)
    async def note(
        incident_id: IncidentId, given: Note, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Add a remark to the record."""
        await _seen(deps, principal, incident_id)
        command = Command("note", by=principal.name, version=given.version, text=given.text)
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/presented", response_model=IncidentDetail, responses=answers)
    async def presented(
        incident_id: IncidentId, given: PresentedOn, principal: Annotated[Principal, Depends(access.to("present"))]
    ) -> dict[str, Any]:
        """A console showed it to a person, with its sound running; the bell's lamp says so. Needs no version."""
        await _seen(deps, principal, incident_id)
        if principal.csrf is not None and given.desk is None:
            raise Refused(422, "invalid", "desk: a browser says in whose watch it showed the incident")
        console = f"{principal.name} on {given.console}"
        return await deps.pipeline.present(incident_id, Presented(console, given.up_to_signal, given.desk))
