"""The history: searching incidents, the result as a table for a spreadsheet, and one incident signed for a court."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from bellgate import dossier
from bellgate.console import days, spreadsheet
from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import MISSING, IncidentId
from bellgate.console.api.models import INT_MAX, Disposition, Found, Handling, Language, What
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.console.texts import text, texts
from bellgate.errors import EnrolmentError, UnknownIncident
from bellgate.pki import Authority
from bellgate.store import Tx, audit, history
from bellgate.store.history import Wanted

_log = structlog.get_logger(__name__)

PAGE_MAX = 200
# Of a file for a spreadsheet. Beyond it a person asks for fewer days; the last line says so.
ROWS_MAX = 20_000
ROWS_AT_ONCE = 500  # so that no read keeps the pages waiting for longer than some hundredths of a second
# A search reads the record once a word; two at once would keep every reader of the database from the pages.
SEARCHES_AT_ONCE = 1

_COLUMNS = (
    *("number", "opened", "pressed", "error_s", "what", "test", "silent", "name", "address", "site", "bell"),
    *("signals", "handling", "disposition", "owner", "closed"),
)


class Asked(BaseModel):
    """Which incidents; without anything all of them."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", max_length=200, description="Words in name, address, site, bell or a note; or a number.")
    what: What | None = None
    disposition: Disposition | None = None
    handling: Handling | None = None
    test: bool | None = Field(None, description="true: tests alone; false: real ones alone.")
    by: str = Field("", max_length=64, description="Who has done something with it.")
    first: date | None = Field(None, alias="from", description="The first day, in the time zone of [calendar].")
    last: date | None = Field(None, alias="to", description="The last day; it counts whole.")
    before: int | None = Field(None, ge=1, le=INT_MAX, description="Only lower numbers: the next page.")


class AskedPage(Asked):
    """One page of them."""

    limit: int = Field(50, ge=1, le=PAGE_MAX)


class AskedTable(Asked):
    """All of them as a file."""

    language: Language = Field("ko", description="Of the words in the file.")


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET history, history.csv, incidents/{id}/export.zip."""
    turn = asyncio.Semaphore(SEARCHES_AT_ONCE)
    calendar = deps.config.calendar.calendar()

    def wanted(asked: Asked) -> Wanted:
        from_ms, until_ms = days.span_ms(calendar, asked.first, asked.last)
        # PostgreSQL keeps no NUL in a text, so none can be found.
        words, name = (given.replace("\0", " ").strip() for given in (asked.q, asked.by))
        if len(words.split()) > history.WORDS_MAX:
            raise Refused(422, "invalid", f"q: at most {history.WORDS_MAX} words")
        return Wanted(
            words, asked.what, asked.disposition, asked.handling, asked.test, name, from_ms, until_ms, asked.before
        )

    async def page(one: Wanted, limit: int, principal: Principal) -> list[dict[str, Any]]:
        async with turn:
            return await deps.store.read(lambda tx: history.search(tx, one, limit, principal.areas))

    @api.get("/history", response_model=Found)
    async def search(
        asked: Annotated[AskedPage, Query()], principal: Annotated[Principal, Depends(access.to("read"))]
    ) -> dict[str, Any]:
        """Incidents, open and closed, newest first. `next`: ask again with it as `before`; null: there are no more."""
        await access.looked(principal, "history")
        rows = await page(wanted(asked), asked.limit + 1, principal)
        return {
            "items": rows[: asked.limit],
            "next": rows[asked.limit - 1]["id"] if len(rows) > asked.limit else None,
        }

    @api.get("/history.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    async def table(
        asked: Annotated[AskedTable, Query()], principal: Annotated[Principal, Depends(access.to("read"))]
    ) -> StreamingResponse:
        """The same as a file for a spreadsheet: at most 20,000 rows."""
        one, language, at_ms = wanted(asked), asked.language, deps.clock.now_ms()
        filters = {"q": one.text, "what": one.what, "by": one.by, "from_ms": one.from_ms, "until_ms": one.until_ms}
        detail = {name: value for name, value in filters.items() if value not in (None, "")}
        await deps.store.write(lambda tx: audit.demand(tx, at_ms, None, principal.name, "history_downloaded", detail))

        async def rows() -> AsyncIterator[str]:
            yield spreadsheet.BOM
            head = [text(language, f"column.{name}") for name in _COLUMNS]
            for line in spreadsheet.lines([head]):
                yield line
            left, part = ROWS_MAX, one
            while found := await page(part, min(ROWS_AT_ONCE, left + 1), principal):
                for line in spreadsheet.lines(_row(row, language) for row in found[:left]):
                    yield line
                left -= len(found)
                if left < 0:
                    for line in spreadsheet.lines([[text(language, "history.cut", n=ROWS_MAX)]]):
                        yield line
                    return
                part = replace(part, before=found[-1]["id"])

        return StreamingResponse(
            rows(), media_type=spreadsheet.MEDIA_TYPE, headers=spreadsheet.headers("ansimbell-history.csv")
        )

    def _row(row: dict[str, Any], language: str) -> list[spreadsheet.Cell]:
        known = texts(language)

        def word(group: str, key: str | None) -> str:
            return "" if key is None else known.get(f"{group}.{key}", key)

        def at(moment_ms: int | None) -> str:
            return "" if moment_ms is None else calendar.local(moment_ms).strftime("%Y-%m-%d %H:%M:%S")

        moment = row["occurred"]
        error = None if moment["err_ms"] is None else round(moment["err_ms"] / 1000, 1)
        return [
            *(row["id"], at(row["opened_ms"]), at(moment["at_ms"]), error, word("what", row["what"])),
            *(word("column", "yes") if row[flag] else "" for flag in ("test", "silent")),
            *(row["name"], row["address"], row["site"], row["bell_id"], row["signal_count"]),
            *(word("handling", row["handling"]), word("disposition", row["disposition"]), row["owner"]),
            at(row["closed_ms"]),
        ]

    _export(api, deps, access)


def _export(api: APIRouter, deps: Deps, access: Access) -> None:
    known = {True: "synchronised", False: "unsynchronised", None: "unknown"}

    @api.get(
        "/incidents/{incident_id}/export.zip",
        response_class=Response,
        responses=MISSING | {200: {"content": {"application/zip": {}}}},
    )
    async def export(incident_id: IncidentId, principal: Annotated[Principal, Depends(access.to("read"))]) -> Response:
        """One incident for a court: the signed JSON and the page for people that belongs to it, as `bellgate export`
        writes them. Both in one file: the JSON holds the page's SHA-256. That it was taken out stands in the record."""
        at_ms, clock = deps.clock.now_ms(), known[deps.clock.synchronised()]

        def collect(tx: Tx) -> dict[str, Any]:
            return dossier.collect(tx, incident_id, deps.config.gateway.id, at_ms, clock)

        content = await deps.store.read(collect)
        if not principal.sees(content["incident"]["site"]):
            raise UnknownIncident(f"there is no incident {incident_id}")
        files = await asyncio.to_thread(_sealed, content, deps)
        digest = hashlib.sha256(files[0][1]).hexdigest()
        await deps.store.write(
            lambda tx: audit.demand(tx, at_ms, incident_id, principal.name, "exported", {"sha256": digest})
        )
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files:
                archive.writestr(name, data)
        return Response(
            body.getvalue(),
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="incident-{incident_id}.zip"',
                "Cache-Control": "no-store",
            },
        )


def _sealed(content: dict[str, Any], deps: Deps) -> list[tuple[str, bytes]]:
    """(file name, bytes) of the JSON and of the page."""
    try:
        return dossier.seal(content, Authority(deps.config.data_dir / "pki"))
    except EnrolmentError as error:
        _log.error("export_not_signed", error=str(error))  # which names files: not for whoever is at a page
        raise Refused(
            503, "store", "the gateway's keys can't be read, so nothing can be signed: its log says more"
        ) from None
