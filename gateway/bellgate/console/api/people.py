"""Operators: who they are, what they may do and where, and how they get in again.

Whoever is bound to areas sees and makes people of these areas alone; others do not exist for them. Nobody changes the
own role or areas or disables themself: somebody else has to, so that the last one can't go by a slip of the hand.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from bellgate.console.access import Access, Principal
from bellgate.console.api.models import ErrorAnswer
from bellgate.console.api.people_models import Named, NewPerson, OneTime, People, Person
from bellgate.console.deps import Deps
from bellgate.console.entry import Entry
from bellgate.console.refusal import Refused
from bellgate.errors import UnknownOperator
from bellgate.store import Tx, areas, people, staff
from bellgate.store.people import Operator

_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "No such operator."}}
_CHANGES = {
    "disable": (staff.disable, "May not sign in any more; every session ends at once."),
    "enable": (staff.enable, "May sign in again."),
    "second-factor": (
        staff.reset_second_factor,
        "For a lost telephone: no code is asked for and no passkey opens, until the person adds new ones.",
    ),
    "sessions": (staff.end_sessions, "Sign the person out everywhere."),
}
_NOT_ONESELF = ("disable", "second-factor")


def add(api: APIRouter, deps: Deps, access: Access, entry: Entry) -> None:
    """Every path under people."""
    allowed = access.to("people")
    _simple(api, deps, access)

    @api.get("/people", response_model=People)
    async def list_people(principal: Annotated[Principal, Depends(allowed)]) -> dict[str, Any]:
        """Every operator, by name."""
        found = await deps.store.read(people.operators)
        return {"items": [_shown(one) for one in found if areas.covers(principal.areas, one.areas)]}

    @api.post("/people", response_model=OneTime)
    async def add_person(given: NewPerson, principal: Annotated[Principal, Depends(allowed)]) -> dict[str, Any]:
        """Somebody new. The password is told once; the first sign-in asks for another one."""
        wanted = _grantable(principal, given)
        password = people.new_password()
        hashed = await entry.hashing.hashed(password, given.name)

        def job(tx: Tx) -> Operator:
            staff.add(tx, deps.clock.now_ms(), principal.name, given.name, given.role, wanted, hashed)
            return _one(tx, principal, given.name)

        return {"person": _shown(await deps.store.write(job)), "password": password}

    @api.post("/people/change", response_model=Person, responses=_MISSING)
    async def change_person(given: NewPerson, principal: Annotated[Principal, Depends(allowed)]) -> dict[str, Any]:
        """Another role, other areas. The sessions of the person end: they sign in again with what they may do now."""
        wanted = _grantable(principal, given)
        _not_oneself(principal, given.name)

        def job(tx: Tx) -> Operator:
            _one(tx, principal, given.name)
            staff.change(tx, deps.clock.now_ms(), principal.name, given.name, given.role, wanted)
            return _one(tx, principal, given.name)

        return _shown(await deps.store.write(job))

    @api.post("/people/password", response_model=OneTime, responses=_MISSING)
    async def give_password(given: Named, principal: Annotated[Principal, Depends(allowed)]) -> dict[str, Any]:
        """A new password, told once; the next sign-in asks for another one. Every session of the person ends."""
        _not_oneself(principal, given.name)
        await deps.store.read(lambda tx: _one(tx, principal, given.name))
        password = people.new_password()
        hashed = await entry.hashing.hashed(password, given.name)

        def job(tx: Tx) -> Operator:
            _one(tx, principal, given.name)
            staff.give_password(tx, deps.clock.now_ms(), principal.name, given.name, hashed)
            return _one(tx, principal, given.name)

        return {"person": _shown(await deps.store.write(job)), "password": password}


def _simple(api: APIRouter, deps: Deps, access: Access) -> None:
    def path(what: str, change: Callable[..., object], about: str) -> None:
        async def carry_out(given: Named, principal: Annotated[Principal, Depends(access.to("people"))]) -> Any:
            if what in _NOT_ONESELF:
                _not_oneself(principal, given.name)

            def job(tx: Tx) -> Operator:
                _one(tx, principal, given.name)
                change(tx, deps.clock.now_ms(), principal.name, given.name)
                return _one(tx, principal, given.name)

            return _shown(await deps.store.write(job))

        carry_out.__name__ = f"{what.replace('-', '_')}_person"
        carry_out.__doc__ = about
        api.post(f"/people/{what}", response_model=Person, responses=_MISSING)(carry_out)

    for what, (change, about) in _CHANGES.items():
        path(what, change, about)


def _one(tx: Tx, principal: Principal, name: str) -> Operator:
    found = people.operator(tx, name)
    if found is None or not areas.covers(principal.areas, found.areas):
        raise UnknownOperator(f"there is no operator named {name}")
    return found


def _grantable(principal: Principal, given: NewPerson) -> areas.Areas:
    wanted = tuple(given.areas)
    if not areas.covers(principal.areas, wanted):
        raise Refused(422, "invalid", f"areas: you may give your own only: {', '.join(principal.areas)}")
    return wanted


def _not_oneself(principal: Principal, name: str) -> None:
    if name == principal.name:
        raise Refused(422, "invalid", "name: this is you; another administrator has to do it (or your profile)")


def _shown(one: Operator) -> dict[str, Any]:
    return asdict(one)
