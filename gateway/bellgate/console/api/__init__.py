"""The JSON API under /api/v1, one module a subject.

incidents   reading them, and what people decide about them
bells       where they hang, how they are
press_tests begun at a console, followed live
installing  for the installer's kit: routing, walk test, certificate, the port's code
map         what may lie under the map of bells
colleagues  who may take an incident over, and whom an escalation tells next
stream      live changes
troubles    the trouble list
lists       the clock, who asks
history     searching, and an incident or a table to take away
reports     figures of a span of days
policy      who is told when
models      the shapes of requests and answers
people      operators: their roles, areas, passwords
profile     whoever asks: the own password, second factor, passkeys, sessions
answers     what every path may answer besides
"""

from fastapi import APIRouter

from bellgate.console.access import Access
from bellgate.console.api import (
    bells,
    colleagues,
    desks,
    history,
    incidents,
    installing,
    lists,
    map,
    people,
    policy,
    press_tests,
    profile,
    reports,
    stream,
    troubles,
)
from bellgate.console.api.answers import ERRORS
from bellgate.console.deps import Deps
from bellgate.console.entry import Entry

PARTS = (
    *(incidents, colleagues, history, desks, bells, press_tests, installing, map, lists, reports, policy, stream),
    troubles,
)


def router(deps: Deps, access: Access, entry: Entry) -> APIRouter:
    """Every path of the API."""
    api = APIRouter(prefix="/api/v1", responses=ERRORS)
    for part in PARTS:
        part.add(api, deps, access)
    people.add(api, deps, access, entry)
    profile.add(api, deps, access, entry)
    return api
