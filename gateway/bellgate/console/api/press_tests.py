"""Press tests from a console: begun for one bell or many, followed live, ended, and kept."""

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import ERRORS, REFUSED
from bellgate.console.api.bells import MISSING, BellId, find
from bellgate.console.api.models import INT_MAX, ErrorAnswer
from bellgate.console.api.press_models import PressShown, PressTestItem, PressTests, PressTestsGiven
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.core.incident import Presented
from bellgate.core.press_test import ALARM, BUSY
from bellgate.pipeline import press_tests as pipeline
from bellgate.store import Tx, press_tests, signals

TestId = Annotated[int, Path(ge=1, le=INT_MAX, description="The test's number.")]
# Below what proxies cut off (30 s and more).
WAIT_MAX_S = 25
LOOK_EVERY_S = 0.1
# What somebody who comes back from the ladder still wants to see; older ones stand on the bell's page.
RECENT_MS = 3_600_000
ITEMS_MAX = 200
OF_BELL_MAX = 20
# For whoever may not read incidents: that an alarm is open there is no more their business than which.
STOPPED = "stopped"
_UNREAD = (ALARM, BUSY)
NO_TEST: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "No such press test."}}


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """Every path under press-tests, and bells/{id}/press-tests."""
    _reading(api, deps, access)
    _doing(api, deps, access)


def _reading(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get("/press-tests", response_model=PressTests)
    async def running(
        principal: Annotated[Principal, Depends(access.to("bells"))],
        seen: Annotated[int | None, Query(ge=0, le=INT_MAX, description="As the last answer said.")] = None,
        wait_s: Annotated[int, Query(ge=0, le=WAIT_MAX_S, description="With `seen`: wait for something new.")] = 0,
    ) -> dict[str, Any]:
        """The newest test of each bell, if it runs or began within an hour."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        while True:
            since_ms = deps.clock.now_ms() - RECENT_MS
            rows = await deps.store.read(
                partial(press_tests.recent, since_ms=since_ms, limit=ITEMS_MAX, areas=principal.areas)
            )
            answer = _list(deps, principal, rows)
            if seen is None or answer["seen"] != seen or loop.time() >= end_s:
                return answer
            await asyncio.sleep(LOOK_EVERY_S)

    @api.get("/bells/{bell_id}/press-tests", response_model=PressTests, responses=MISSING)
    async def of_bell(bell_id: BellId, principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """The tests of one bell, at most 20."""

        def job(tx: Tx) -> list[dict[str, Any]]:
            find(principal, bell_id, tx)
            return press_tests.of_bell(tx, bell_id, OF_BELL_MAX)

        return _list(deps, principal, await deps.store.read(job))


def _doing(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.post("/press-tests", response_model=PressTests, status_code=201, responses=ERRORS | MISSING | REFUSED)
    async def begin(
        given: PressTestsGiven, principal: Annotated[Principal, Depends(access.to("press_test"))]
    ) -> dict[str, Any]:
        """Put bells into test mode, all or (if one may not be) none. One that is being tested already goes on."""
        names = list(dict.fromkeys(given.bells))

        def job(tests: pipeline.PressTests) -> list[int]:
            for bell_id in names:
                find(principal, bell_id, tests.carrier.tx)
            return [tests.begin(bell_id, principal.name, given.minutes).id for bell_id in names]

        numbers = await deps.pipeline.press_tests(job)
        return _list(deps, principal, await deps.store.read(partial(press_tests.numbered, numbers=numbers)))

    @api.post("/press-tests/{test_id}/end", response_model=PressTestItem, responses=ERRORS | NO_TEST | REFUSED)
    async def end(test_id: TestId, principal: Annotated[Principal, Depends(access.to("press_test"))]) -> dict[str, Any]:
        """End it, and the bell's test mode: the next press there is an alarm again."""

        def job(tests: pipeline.PressTests) -> None:
            _one(principal, test_id, tests.carrier.tx)
            tests.end(test_id, principal.name)

        await deps.pipeline.press_tests(job)
        return _shown(deps, principal, await deps.store.read(partial(_one, principal, test_id)))

    @api.post("/press-tests/{test_id}/presented", response_model=PressTestItem, responses=ERRORS | NO_TEST | REFUSED)
    async def presented(
        test_id: TestId, given: PressShown, principal: Annotated[Principal, Depends(access.to("press_test"))]
    ) -> dict[str, Any]:
        """A console in test has shown the press; the bell's lamp says so. Never for a real alarm."""

        def press(tx: Tx) -> tuple[int, int] | None:
            row = _one(principal, test_id, tx)
            if row["signal"] is None or row["ended_ms"] is not None:
                return None
            case = signals.incident_of(tx, row["signal"])
            return None if case is None else (case, row["signal"])

        found = await deps.store.read(press)
        if found is None:
            raise Refused(409, "not_allowed", "no press of this test waits to be shown")
        await deps.pipeline.present(found[0], Presented(f"{principal.name} on {given.console}", found[1]))
        return _shown(deps, principal, await deps.store.read(partial(_one, principal, test_id)))


def _one(principal: Principal, test_id: int, tx: Tx) -> dict[str, Any]:
    rows = press_tests.numbered(tx, [test_id])
    if not rows or not principal.sees(rows[0]["site"]):
        raise Refused(404, "not_found", f"there is no press test {test_id}")
    return rows[0]


def _list(deps: Deps, principal: Principal, rows: list[dict[str, Any]]) -> dict[str, Any]:
    # Versions only rise, to some two hundred: another sum for another picture.
    seen = sum(row["version"] + 1_000 * row["id"] for row in rows)
    items = [_shown(deps, principal, row) for row in rows]
    return {"items": items, "seen": seen, "now_ms": deps.clock.now_ms()}


def _shown(deps: Deps, principal: Principal, row: dict[str, Any]) -> dict[str, Any]:
    moments = deps.pipeline.walk.of((row["bell_id"], row["boot"], row["seq"]))
    hidden = not principal.may("read") and row["state"] in _UNREAD
    return row | {"stored_ms": moments.stored_ms} | ({"state": STOPPED, "verdict": STOPPED} if hidden else {})
