"""Live changes, as server-sent events. A person sees what happens in the own areas."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse

from bellgate.console import sight
from bellgate.console.access import Access, Principal
from bellgate.console.api.colleagues import plans
from bellgate.console.deps import Deps
from bellgate.console.live import SEND_TIMEOUT_S, STREAMS_MAX
from bellgate.console.refusal import Refused
from bellgate.core.incident import LEASE_MS
from bellgate.store import incidents, troubles

# A bell has at most one open case and one open test: ten thousand are more bells than one gateway serves.
OPEN_MAX = 10_000


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET events."""

    async def snapshot(principal: Principal) -> dict[str, Any]:
        def both(tx: Any) -> dict[str, Any]:
            return {
                "gateway": deps.config.gateway.id,
                "incidents": incidents.views(tx, "open", OPEN_MAX, None, principal.areas),
                "troubles": troubles.open_troubles(tx, principal.areas),
                **plans(deps, tx, principal.areas),
                "lease_ms": LEASE_MS,
            }

        return await deps.store.read(both)

    @api.get(
        "/events",
        response_class=EventSourceResponse,
        responses={200: {"description": "text/event-stream", "content": {"text/event-stream": {}}}},
    )
    async def events(
        request: Request,
        principal: Annotated[Principal, Depends(access.to("read"))],
        after: Annotated[str | None, Query(max_length=64, description="Instead of Last-Event-ID.")] = None,
    ) -> EventSourceResponse:
        """Live changes as server-sent events.

        `snapshot` {seq, now_ms, gateway, incidents, troubles, plans, watched, lease_ms} comes first, unless
        Last-Event-ID (or `after`) names an event that is still at hand: then only what was missed. After that
        `incident` {seq, change, incident, sound}, `trouble` {seq, change, trouble}, and `heartbeat` {seq, now_ms} every
        3 s. `signed_out` ends the stream. A client that is far behind gets of each incident only the newest.
        """
        if deps.hub.streams >= STREAMS_MAX:
            raise Refused(503, "busy", f"{STREAMS_MAX} consoles are listening already: close one", {"Retry-After": "5"})

        await access.looked(principal, "incidents")

        async def admitted() -> bool:
            try:
                now = await access.principal(request)
                return now.may("read") and now.areas == principal.areas
            except Refused:
                return False

        def stream() -> AsyncIterator[dict[str, str]]:
            last_id = request.headers.get("Last-Event-ID") or after
            return deps.hub.stream(
                last_id,
                partial(snapshot, principal),
                admitted,
                deps.clock.now_ms,
                partial(sight.event, deps.store, principal.areas),
            )

        return EventSourceResponse(stream(), ping=3_600, send_timeout=SEND_TIMEOUT_S)
