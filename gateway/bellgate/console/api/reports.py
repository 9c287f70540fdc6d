"""Reports: figures of a span of days, and each of their tables as a file for a spreadsheet."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from bellgate.console import days, figures, spreadsheet, tables
from bellgate.console.access import Access, Principal
from bellgate.console.api.models import Language
from bellgate.console.api.report_models import Report
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.store import audit
from bellgate.store.reports import Span

# A year of 100,000 incidents takes a second or two on a desk computer, several times that on a Pi.
DEADLINE_S = 20.0
# One at a time: the database has two readers, and the other one belongs to the pages.
REPORTS_AT_ONCE = 1
# Who waits behind so many gets told to come back instead.
WAITING_MAX = 4
# On the page; the file has every bell.
SHOWN_MAX = 100
DEFAULT_DAYS = 30

Area = Annotated[
    str | None, Query(pattern=r"^[a-z0-9-]{1,32}\*?$", description='A site, or a beginning with a star: "seongsu-*".')
]


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET reports, reports.csv."""
    turn = asyncio.Semaphore(REPORTS_AT_ONCE)
    calendar = deps.config.calendar.calendar()
    waiting = 0

    async def made(principal: Principal, first: date | None, last: date | None, area: str | None) -> dict[str, Any]:
        nonlocal waiting
        now_ms = deps.clock.now_ms()
        days.span_ms(calendar, first, last)  # refuses what is no day before anything is reckoned from it
        last = last or max(first or date.min, calendar.local(now_ms).date())
        first = first or max(last - timedelta(days=DEFAULT_DAYS - 1), days.FIRST)
        from_ms, until_ms = days.span_ms(calendar, first, last)
        if (last - first).days >= figures.DAYS_MAX:
            raise Refused(422, "invalid", f"a report covers at most {figures.DAYS_MAX} days: ask for fewer")
        assert from_ms is not None and until_ms is not None
        # What is still to come is no availability, good or bad.
        span = Span(from_ms, max(from_ms, min(until_ms, now_ms)), principal.areas, (area,) if area else ())
        asked = figures.Question(first, last, span, now_ms)
        starts = figures.midnights(calendar, first, last)
        keep_days, press_days = deps.config.retention.troubles_days, deps.config.bells.press_test_days
        if waiting >= WAITING_MAX:
            raise Refused(503, "busy", "several reports are being made: ask again in a minute", {"Retry-After": "30"})
        waiting += 1
        try:
            async with turn:
                return await deps.store.read(
                    lambda tx: figures.report(tx, asked, starts, keep_days, press_days, DEADLINE_S), DEADLINE_S + 5
                )
        finally:
            waiting -= 1

    @api.get("/reports", response_model=Report)
    async def report(
        principal: Annotated[Principal, Depends(access.to("reports"))],
        first: days.FromDay = None,
        last: days.ToDay = None,
        area: Area = None,
    ) -> dict[str, Any]:
        """Counts, response times, false alarms, availability and test presses; without days the last 30."""
        await access.looked(principal, "reports")
        found = await made(principal, first, last, area)
        bells = found["bells"]
        heard = [one for one in bells if one["heard"] is not None]
        watched_ms = sum(one["watched_ms"] for one in heard)
        return found | {
            "false_alarms": found["false_alarms"][:SHOWN_MAX],
            "false_alarm_bells": len(found["false_alarms"]),
            "bells": len(bells),
            "never_heard": len(bells) - len(heard),
            "heard": 1 - sum(one["silent_ms"] for one in heard) / watched_ms if watched_ms else None,
            "overdue": sum(one["overdue"] for one in bells),
            "availability": tables.least_heard(bells)[:SHOWN_MAX],
            "tests": tables.longest_untested(bells)[:SHOWN_MAX],
        }

    @api.get("/reports.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    async def table(
        principal: Annotated[Principal, Depends(access.to("reports"))],
        table: Annotated[tables.Table, Query(description="Which of the report's tables.")],
        first: days.FromDay = None,
        last: days.ToDay = None,
        area: Area = None,
        language: Language = "ko",
    ) -> Response:
        """One of the report's tables, whole, as a file for a spreadsheet."""
        found = await made(principal, first, last, area)
        detail = {"table": table, "from": str(found["first"]), "to": str(found["last"])} | (
            {"area": area} if area else {}
        )
        await deps.store.write(
            lambda tx: audit.demand(tx, found["made_ms"], None, principal.name, "report_downloaded", detail)
        )

        rows = tables.table(table, found, language, calendar)
        name = f"ansimbell-{table}-{found['first']}-{found['last']}.csv"
        body = spreadsheet.BOM + "".join(spreadsheet.lines(rows))
        return Response(body, media_type=spreadsheet.MEDIA_TYPE, headers=spreadsheet.headers(name))
