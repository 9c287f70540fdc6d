"""The JSON API under /api/v1, one module a subject.

incidents   reading them, and what people decide about them
bells       where they hang, how they are
map         what may lie under the map of bells
colleagues  who may take an incident over, and whom an escalation tells next
stream      live changes
troubles    the trouble list
lists       the clock, who asks
models      the shapes of requests and answers
answers     what every path may answer besides
"""

from fastapi import APIRouter

from bellgate.console.access import Access
from bellgate.console.api import bells, colleagues, desks, incidents, lists, map, stream, troubles
from bellgate.console.api.answers import ERRORS
from bellgate.console.deps import Deps

PARTS = (incidents, colleagues, desks, bells, map, lists, stream, troubles)


def router(deps: Deps, access: Access) -> APIRouter:
    """Every path of the API."""
    api = APIRouter(prefix="/api/v1", responses=ERRORS)
    for part in PARTS:
        part.add(api, deps, access)
    return api
