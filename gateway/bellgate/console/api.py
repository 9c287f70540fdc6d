"""The JSON API under /api/v1. A command is answered with the incident as it stands after the commit, never before."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from bellgate.console.access import MAY, Access, Principal
from bellgate.console.deps import Deps
from bellgate.console.live import SEND_TIMEOUT_S, STREAMS_MAX
from bellgate.console.models import (
    INT_MAX,
    ClockAnswer,
    Close,
    ErrorAnswer,
    Handoff,
    IncidentDetail,
    Incidents,
    Listed,
    Me,
    Merge,
    Note,
    PresentedOn,
    Versioned,
)
from bellgate.console.refusal import Refused
from bellgate.core.incident import Command, Presented
from bellgate.errors import UnknownIncident
from bellgate.store import bells, incidents, troubles

# A bell has at most one open case and one open test: ten thousand are more bells than one gateway serves.
OPEN_MAX = 10_000

IncidentId = Annotated[int, Path(ge=1, le=INT_MAX, description="The incident's number.")]

SIMPLE_COMMANDS = {
    "acknowledge": "Take it on: others see who, and it stops sounding. Without dispatch it sounds again after 180 s."
    " The holder may repeat it.",
    "dispatch": "Help is sent; the bell's lamp says so.",
    "en_route": "Help is under way.",
    "on_scene": "Help is there.",
    "clear": "Help is done there.",
    "reopen": "Closed too early: back to whoever reopens it.",
}

ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "Not signed in."},
    403: {"model": ErrorAnswer, "description": "The role may not, or the CSRF header is missing."},
    422: {"model": ErrorAnswer, "description": "The request is wrong; the text says where."},
    503: {
        "model": ErrorAnswer,
        "description": "The store did not answer in time: look whether it was done.",
    },
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "No such incident."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": ErrorAnswer,
        "description": "`stale`: it has changed since that version. `not_allowed`: not from this state, or somebody "
        "else holds it. Either way `incident` is how it stands now.",
    }
}


def router(deps: Deps, access: Access) -> APIRouter:
    """Every path of the API."""
    api = APIRouter(prefix="/api/v1", responses=ERRORS)
    _reading(api, deps, access)
    _commands(api, deps, access)
    _stream(api, deps, access)
    return api


def _reading(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get("/incidents", response_model=Incidents, dependencies=[Depends(access.to("read"))])
    async def list_incidents(
        state: Annotated[Literal["open", "closed", "all"], Query(description="Which ones.")] = "open",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
        before: Annotated[int | None, Query(ge=1, le=INT_MAX, description="Only lower numbers: the next page.")] = None,
    ) -> dict[str, Any]:
        """Incidents, newest first."""
        return {"items": await deps.store.read(lambda tx: incidents.views(tx, state, limit, before))}

    @api.get(
        "/incidents/{incident_id}",
        response_model=IncidentDetail,
        responses=MISSING,
        dependencies=[Depends(access.to("read"))],
    )
    async def one_incident(incident_id: IncidentId) -> dict[str, Any]:
        """One incident with its signals, deliveries and timeline."""
        view = await deps.store.read(lambda tx: incidents.view(tx, incident_id))
        if view is None:
            raise UnknownIncident(f"there is no incident {incident_id}")
        return view

    @api.get("/bells", response_model=Listed, dependencies=[Depends(access.to("bells"))])
    async def list_bells() -> dict[str, Any]:
        """Every bell with its last sign of life."""
        return {"items": await deps.store.read(bells.listing)}

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


def _commands(api: APIRouter, deps: Deps, access: Access) -> None:
    answers = MISSING | CONFLICT

    def simple(action: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def carry_out(
            incident_id: IncidentId, given: Versioned, principal: Annotated[Principal, Depends(access.to("command"))]
        ) -> dict[str, Any]:
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
        command = Command(
            "close", by=principal.name, version=given.version, disposition=given.disposition, text=given.text
        )
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/handoff", response_model=IncidentDetail, responses=answers)
    async def handoff(
        incident_id: IncidentId, given: Handoff, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Offer the incident to a colleague by name, or accept what was offered to you."""
        if (given.to is None) != given.accept:
            raise Refused(422, "invalid", 'say {"to": name} to offer the incident or {"accept": true} to take it')
        command = Command(
            "handoff", by=principal.name, version=given.version, to=given.to, accept=given.accept, text=given.text
        )
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/merge", response_model=IncidentDetail, responses=answers)
    async def merge(
        incident_id: IncidentId, given: Merge, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """The same emergency as another open incident: close this one as a duplicate, its signals go on there."""
        command = Command("merge", by=principal.name, version=given.version, into=given.into, text=given.text)
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/note", response_model=IncidentDetail, responses=answers)
    async def note(
        incident_id: IncidentId, given: Note, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Add a remark to the record."""
        command = Command("note", by=principal.name, version=given.version, text=given.text)
        return await deps.pipeline.command(incident_id, command)

    @api.post("/incidents/{incident_id}/presented", response_model=IncidentDetail, responses=answers)
    async def presented(
        incident_id: IncidentId, given: PresentedOn, principal: Annotated[Principal, Depends(access.to("present"))]
    ) -> dict[str, Any]:
        """A console showed it to a person, with its sound running; the bell's lamp says so. Needs no version."""
        return await deps.pipeline.present(
            incident_id, Presented(f"{principal.name} on {given.console}", given.up_to_signal)
        )


def _stream(api: APIRouter, deps: Deps, access: Access) -> None:
    async def snapshot() -> dict[str, Any]:
        def both(tx: Any) -> dict[str, Any]:
            return {
                "gateway": deps.config.gateway.id,
                "incidents": incidents.views(tx, "open", OPEN_MAX, None),
                "troubles": troubles.open_troubles(tx),
            }

        return await deps.store.read(both)

    @api.get(
        "/events",
        response_class=EventSourceResponse,
        responses={200: {"description": "text/event-stream", "content": {"text/event-stream": {}}}},
    )
    async def events(
        request: Request,
        _: Annotated[Principal, Depends(access.to("read"))],
        after: Annotated[str | None, Query(max_length=64, description="Instead of Last-Event-ID.")] = None,
    ) -> EventSourceResponse:
        """Live changes as server-sent events.

        `snapshot` {seq, now_ms, gateway, incidents, troubles} comes first, unless Last-Event-ID (or `after`) names an
        event that is still at hand: then only what was missed. After that `incident` {seq, change, incident, sound},
        `trouble` {seq, change, trouble}, and `heartbeat` {seq, now_ms} every 3 s. `signed_out` ends the stream.
        """
        if deps.hub.streams >= STREAMS_MAX:
            raise Refused(503, "busy", f"{STREAMS_MAX} consoles are listening already: close one", {"Retry-After": "5"})

        async def admitted() -> bool:
            try:
                return (await access.principal(request)).may("read")
            except Refused:
                return False

        def stream() -> AsyncIterator[ServerSentEvent]:
            last_id = request.headers.get("Last-Event-ID") or after
            return deps.hub.stream(last_id, snapshot, admitted, deps.clock.now_ms)

        return EventSourceResponse(stream(), ping=3_600, send_timeout=SEND_TIMEOUT_S)
