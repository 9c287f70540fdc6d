"""Bells: where they hang, how they are, whose they are.

A bell outside the areas of whoever asks does not exist for them; for an owner, only the own ones do.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import ERRORS, Answers, error
from bellgate.console.api.bell_models import (
    Background,
    BellDetail,
    Bells,
    OwnBells,
    OwnersGiven,
    PlaceGiven,
)
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.pipeline import news
from bellgate.roster import Roster
from bellgate.store import Tx, bell_history, bells, commissioned, incidents, places, troubles

BellId = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$", description="The bell's name on the wire.")]
# What a person reads of a bell's past; the page of past incidents searches the rest.
CASES_MAX = 20

MISSING: Answers = {404: error("No such bell.")}
CONFLICT: Answers = {409: error("`stale`: it has changed since you looked at it.")}


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """Every path under bells, and my/bells."""
    _reading(api, deps, access)
    _changing(api, deps, access)
    _own(api, deps, access)


def _reading(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get("/bells", response_model=Bells)
    async def list_bells(principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """Every bell with its last sign of life, its last press test and its troubles."""
        await access.looked(principal, "bells")
        every_days = deps.config.bells.press_test_days
        items = await deps.store.read(partial(bell_history.listing, every_days=every_days, areas=principal.areas))
        items = [row | _unread(principal) for row in items]
        return {"items": items, "now_ms": deps.clock.now_ms()}

    @api.get("/bells/{bell_id}", response_model=BellDetail, responses=MISSING)
    async def one_bell(bell_id: BellId, principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """Everything of one bell."""
        detail = await deps.store.read(partial(_detail, deps, principal, bell_id))
        await access.looked(principal, f"bell {bell_id}")
        return detail

    @api.get("/bells/{bell_id}/background", response_model=Background, responses=MISSING)
    async def background(
        bell_id: BellId, principal: Annotated[Principal, Depends(access.to_any("read", "bells"))]
    ) -> dict[str, Any]:
        """What is good to know beside an incident of this bell; a score is shown and never used to suppress."""
        known = await deps.store.read(partial(_background, principal, bell_id, deps.clock.now_ms()))
        await access.looked(principal, f"bell {bell_id}")
        return known


def _changing(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.post("/bells/{bell_id}/place", response_model=BellDetail, responses=ERRORS | MISSING | CONFLICT)
    async def place(
        bell_id: BellId, given: PlaceGiven, principal: Annotated[Principal, Depends(access.to("change_bells"))]
    ) -> dict[str, Any]:
        """Where it hangs, and what whoever goes there must know; open incidents show it at once.

        A confirmation ends when address, floor or position change without a new one.
        """
        if (given.lat is None) != (given.lon is None):
            raise Refused(422, "invalid", "lat, lon: a position has both, or neither")
        detail, events = await deps.store.write(partial(_place, deps, principal, bell_id, given))
        for event in events:
            deps.hub.publish(event)
        return detail

    @api.post("/bells/{bell_id}/owners", response_model=BellDetail, responses=MISSING | CONFLICT)
    async def owners(
        bell_id: BellId, given: OwnersGiven, principal: Annotated[Principal, Depends(access.to("people"))]
    ) -> dict[str, Any]:
        """Whose it is: these users see it, and no others with the role owner."""
        return await deps.store.write(partial(_owners, deps, principal, bell_id, given))


def _own(api: APIRouter, deps: Deps, access: Access) -> None:
    people = frozenset(person.name for person in deps.config.people)
    roster, every_days = deps.config.roster(), deps.config.bells.press_test_days

    @api.get("/my/bells", response_model=OwnBells)
    async def my_bells(principal: Annotated[Principal, Depends(access.to("own"))]) -> dict[str, Any]:
        """The bells of whoever asks: are they alive, when were they tested, what happened."""
        items = await deps.store.read(partial(_owned, principal, roster, people, every_days))
        return {"items": items, "now_ms": deps.clock.now_ms()}


def _background(principal: Principal, bell_id: str, now_ms: int, tx: Tx) -> dict[str, Any]:
    find(principal, bell_id, tx)
    return bell_history.background(tx, bell_id, now_ms)


def find(principal: Principal, bell_id: str, tx: Tx) -> dict[str, Any]:
    """The bell as the store lists it. Raises Refused 404 for one that this person may not see."""
    rows = bells.listing(tx, principal.areas, bell_id)
    if not rows:
        raise Refused(404, "not_found", f"there is no bell {bell_id}")
    return rows[0]


def _unread(principal: Principal) -> dict[str, None]:
    """What a role that may not read incidents is not told of a bell."""
    return {} if principal.may("read") else {"open_incidents": None, "open_alarms": None}


def _detail(deps: Deps, principal: Principal, bell_id: str, tx: Tx) -> dict[str, Any]:
    row = find(principal, bell_id, tx)
    counts = bell_history.dispositions(tx, bell_id, deps.clock.now_ms())
    test = bell_history.last_test(tx, bell_id)
    return (
        row
        | _unread(principal)
        | {
            "seen": places.seen(row),
            "last_test": test,
            "test_due_ms": _due_ms(row, test, deps.config.bells.press_test_days),
            "troubles": troubles.of_bell(tx, bell_id),
            "closed_365d": counts,
            "false_365d": sum(counts.get(one, 0) for one in bell_history.FALSE),
            "incidents": bell_history.cases(tx, bell_id, CASES_MAX) if principal.may("read") else [],
            "owners": places.owners(tx, bell_id),
            "replaced_by": bells.replaced_by(tx, bell_id),
            "certificate": next((one["id"] for one in commissioned.of_bell(tx, bell_id, 1)), None),
        }
    )


def _due_ms(row: dict[str, Any], test: dict[str, Any] | None, every_days: int) -> int | None:
    return bell_history.test_due_ms(row, None if test is None else test["at_ms"], every_days)


def _place(
    deps: Deps, principal: Principal, bell_id: str, given: PlaceGiven, tx: Tx
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    find(principal, bell_id, tx)
    wanted = places.Place(**given.model_dump(exclude={"seen", "confirm"}))
    places.change(tx, bell_id, given.seen, wanted, given.confirm, principal.name, deps.clock.now_ms())
    events = [
        {"type": "incident", "change": "place", "incident": case, "sound": False}
        for number in incidents.open_of(tx, bell_id)
        if (case := incidents.summary(tx, number)) is not None
    ]
    news.tell(tx, events)
    return _detail(deps, principal, bell_id, tx), events


def _owners(deps: Deps, principal: Principal, bell_id: str, given: OwnersGiven, tx: Tx) -> dict[str, Any]:
    find(principal, bell_id, tx)
    places.set_owners(tx, bell_id, given.seen, given.owners, principal.name, deps.clock.now_ms())
    return _detail(deps, principal, bell_id, tx)


def _owned(
    principal: Principal, roster: Roster, people: frozenset[str], every_days: int, tx: Tx
) -> list[dict[str, Any]]:
    """No names of staff. Whoever is forced to show this page must not be betrayed by it: a duress never stands on
    it, and a silent alarm only when it is over."""
    items = []
    for bell_id in places.owned(tx, principal.name):
        for row in bells.listing(tx, bell_id=bell_id):
            health = row["health"] or {}
            test = bell_history.last_test(tx, bell_id)
            shown = [
                case
                for case in bell_history.cases(tx, bell_id, CASES_MAX)
                if case["what"] != "duress" and (not case["silent"] or case["handling"] == "closed")
            ]
            items.append(
                row
                | {
                    "battery_mv": health.get("bat_mv"),
                    "mains": health.get("mains"),
                    "firmware": health.get("fw"),
                    "last_test": test,
                    "test_due_ms": _due_ms(row, test, every_days),
                    "troubles": [line["kind"] for line in troubles.of_bell(tx, bell_id)],
                    "rings_at": _rings_at(roster, people, row),
                    "incidents": shown,
                }
            )
    return items


def _rings_at(roster: Roster, people: frozenset[str], row: dict[str, Any]) -> list[str]:
    name = roster.choose(row["site"], row["kind"], "panic")
    rule = next((rule for rule in roster.rules if rule.name == name), None)
    names = dict.fromkeys(name for step in (rule.steps if rule else ()) for name in step.names)
    return [name for name in names if name != "*" and name not in people]
