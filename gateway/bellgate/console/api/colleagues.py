"""Who else there is: colleagues for a hand-off, and whom the escalation tells next."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from bellgate.console.access import MAY, Access, Principal
from bellgate.console.api.answers import MISSING, IncidentId
from bellgate.console.api.models import Colleagues, Plans
from bellgate.console.deps import Deps
from bellgate.core.escalation import DEFAULT
from bellgate.errors import UnknownIncident
from bellgate.store import Tx, areas, desks, incidents, staffing
from bellgate.store.areas import Areas

# A list that a person chooses from at night; whoever is not on it is named by typing.
SHOWN_MAX = 60
_ROLES = tuple(role for role, rights in MAY.items() if "command" in rights)


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET incidents/{id}/colleagues and plans."""

    @api.get("/incidents/{incident_id}/colleagues", response_model=Colleagues, responses=MISSING)
    async def colleagues(
        incident_id: IncidentId, principal: Annotated[Principal, Depends(access.to("command"))]
    ) -> dict[str, Any]:
        """Who may take this incident over: the role allows it, and it lies in their areas. You are not among them."""
        site = await deps.store.read(lambda tx: incidents.site(tx, incident_id))
        if site is None or not principal.sees(site):
            raise UnknownIncident(f"there is no incident {incident_id}")
        found = await deps.store.read(lambda tx: staffing.who_may_take(tx, site, _ROLES, deps.clock.now_ms()))
        return {"items": [one for one in found if one["name"] != principal.name][:SHOWN_MAX]}

    @api.get("/plans", response_model=Plans)
    async def all_plans(principal: Annotated[Principal, Depends(access.to("read"))]) -> dict[str, Any]:
        """Who is told when nobody acknowledges, by policy, as duty stands now; it changes with the shifts."""
        return await deps.store.read(lambda tx: plans(deps, tx, principal.areas))


def plans(deps: Deps, tx: Tx, seen: Areas) -> dict[str, Any]:
    """{watched, plans: {policy: {repeat_ms, steps}}}. An incident's `escalation` says which step comes next."""
    settings = deps.pipeline.settings
    now_ms = deps.clock.now_ms()

    def step(after_ms: int, when: str, names: Iterable[str], targets: tuple[str, ...]) -> dict[str, Any]:
        reached = settings.route(targets, test=False)
        return {
            "after_ms": after_ms,
            "when": when,
            "names": list(names),
            "attended": bool(targets),
            "screens_only": bool(reached) and all(one.on_screen for one in reached),
        }

    told = {
        rule.name: {
            "repeat_ms": rule.repeat_ms,
            "steps": [
                step(each.after_ms, each.when, each.names, now.targets)
                for each, now in zip(rule.steps, settings.roster.plan(rule.name, now_ms).steps, strict=True)
            ],
        }
        for rule in settings.roster.rules
    }
    by_default = [step(each.after_ms, each.when, each.targets, each.targets) for each in DEFAULT.steps]
    return {
        "watched": any(areas.overlap(some, seen) for some in desks.attended(tx)),
        "plans": {DEFAULT.name: {"repeat_ms": DEFAULT.repeat_ms, "steps": by_default}} | told,
    }
