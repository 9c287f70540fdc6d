"""For the installer's kit: where a bell rings, the walk of a press as a test, the certificate, the port's code."""

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Path, Query, Response

from bellgate import certificate, portcode, proving, routing
from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import ERRORS
from bellgate.console.api.bells import CONFLICT, MISSING, BellId, find
from bellgate.console.api.kit_models import (
    Boot,
    CommissioningAnswer,
    CommissioningGiven,
    CommissioningList,
    PortCode,
    PortCodeGiven,
    RoutingAnswer,
    Seq,
    WalkAnswer,
    WalkPresented,
)
from bellgate.console.api.models import INT_MAX
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.core.incident import Presented
from bellgate.errors import EnrolmentError
from bellgate.pki import Authority
from bellgate.store import Tx, commissioned, signals

CertificateId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The certificate's id.")]
# How long a request may wait for a press; below what proxies cut off (30 s and more).
WAIT_MAX_S = 25
# While it waits. A hop takes milliseconds, but a person with one hand on a ladder does not.
LOOK_EVERY_S = 0.05
CERTIFICATES_MAX = 50

_log = structlog.get_logger(__name__)


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """Every path of the kit, under bells/{id}."""
    _routing(api, deps, access)
    _walk(api, deps, access)
    _certificates(api, deps, access)
    _papers(api, deps, access)


def _routing(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get("/bells/{bell_id}/routing", response_model=RoutingAnswer, responses=MISSING)
    async def where_it_rings(
        bell_id: BellId, principal: Annotated[Principal, Depends(access.to("bells"))]
    ) -> dict[str, Any]:
        """The station whose area holds the bell's position, against those that its policy tells at once."""
        row = await deps.store.read(partial(find, principal, bell_id))
        await access.looked(principal, f"bell {bell_id}")
        found = await asyncio.to_thread(routing.of, deps.config, row, deps.clock.now_ms())
        about = {name: row[name] for name in ("bell_id", "site", "address")}
        return about | {"confirmed": row["confirmed_ms"] is not None} | found.as_dict()

    @api.post("/bells/{bell_id}/portcode", response_model=PortCode, responses=ERRORS | MISSING)
    async def port_code(
        bell_id: BellId, given: PortCodeGiven, principal: Annotated[Principal, Depends(access.to("install"))]
    ) -> dict[str, Any]:
        """The operator's code for an enrolled bell's serial port. That it was asked for stands in the record."""

        def job(tx: Tx) -> str:
            find(principal, bell_id, tx)
            return portcode.give(tx, bell_id, given.op, given.nonce, principal.name, deps.clock.now_ms())

        return {"code": await deps.store.write(job)}


def _walk(api: APIRouter, deps: Deps, access: Access) -> None:
    def press(principal: Principal, bell_id: str, boot: str | None, seq: int | None, after: int, tx: Tx) -> Any:
        find(principal, bell_id, tx)
        if boot is None or seq is None:
            return signals.newest_test(tx, bell_id, after)
        row = signals.one(tx, bell_id, boot, seq)
        return row if row is not None and row["what"] == "test" else None

    def shown(bell_id: str, row: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = {"bell_id": bell_id, "now_ms": deps.clock.now_ms(), "press": None}
        if row is not None:
            moments = deps.pipeline.walk.of((bell_id, row["boot"], row["seq"]))
            names = ("boot", "seq", "what", "zone", "stage", "incident_id", "number")
            answer["press"] = {name: row[name] for name in names} | asdict(moments)
        return answer

    @api.get("/bells/{bell_id}/walk", response_model=WalkAnswer, responses=MISSING)
    async def walk(
        bell_id: BellId,
        principal: Annotated[Principal, Depends(access.to("bells"))],
        boot: Annotated[Boot | None, Query(description="With `seq`: which press.")] = None,
        seq: Annotated[Seq | None, Query()] = None,
        after: Annotated[int, Query(ge=0, le=INT_MAX, description="Without `boot`: a newer one than this number.")] = 0,
        wait_s: Annotated[int, Query(ge=0, le=WAIT_MAX_S, description="Wait until it was presented.")] = 0,
    ) -> dict[str, Any]:
        """The moments of one press as a test; without `boot` and `seq`, of the newest."""
        if (boot is None) != (seq is None):
            raise Refused(422, "invalid", "boot, seq: name both or neither")
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        while True:
            answer = shown(bell_id, await deps.store.read(partial(press, principal, bell_id, boot, seq, after)))
            found = answer["press"]
            if (found is not None and found["presented_ms"] is not None) or loop.time() >= end_s:
                return answer
            await asyncio.sleep(LOOK_EVERY_S)

    @api.post("/bells/{bell_id}/walk/presented", response_model=WalkAnswer, responses=ERRORS | MISSING)
    async def presented(
        bell_id: BellId, given: WalkPresented, principal: Annotated[Principal, Depends(access.to("install"))]
    ) -> dict[str, Any]:
        """The kit's screen has shown this press as a test; the bell's lamp says so. Never for a real alarm."""
        look = partial(press, principal, bell_id, given.boot, given.seq, 0)
        row = await deps.store.read(look)
        if row is None or row["incident_id"] is None:
            raise Refused(404, "not_found", f"{bell_id} has no such press as a test that is open")
        console = f"{principal.name} on {given.console}"
        await deps.pipeline.present(row["incident_id"], Presented(console, row["number"]))
        return shown(bell_id, await deps.store.read(look))


def _certificates(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.post(
        "/bells/{bell_id}/commissioning",
        response_model=CommissioningAnswer,
        status_code=201,
        responses=ERRORS | MISSING | CONFLICT | {200: {"model": CommissioningAnswer, "description": "Kept already."}},
    )
    async def keep(
        bell_id: BellId,
        given: CommissioningGiven,
        response: Response,
        principal: Annotated[Principal, Depends(access.to("install"))],
    ) -> dict[str, Any]:
        """The kit's certificate: checked, signed by the gateway and kept. The same again: what is kept already."""
        await deps.store.read(partial(find, principal, bell_id))  # first: who may not see it learns nothing of our keys
        signer = await asyncio.to_thread(_signer, deps)

        def job(tx: Tx) -> tuple[dict[str, Any], bool]:
            find(principal, bell_id, tx)
            return proving.store(tx, deps.config, signer, bell_id, given.root, principal.name, deps.clock.now_ms())

        kept, new = await deps.store.write(job)
        if not new:
            response.status_code = 200
        return kept

    @api.get("/bells/{bell_id}/commissioning", response_model=CommissioningList, responses=MISSING)
    async def listed(bell_id: BellId, principal: Annotated[Principal, Depends(access.to("bells"))]) -> dict[str, Any]:
        """The certificates of one bell."""

        def job(tx: Tx) -> list[dict[str, Any]]:
            find(principal, bell_id, tx)
            return commissioned.of_bell(tx, bell_id, CERTIFICATES_MAX)

        return {"items": await deps.store.read(job)}

    @api.get("/bells/{bell_id}/commissioning/{certificate_id}", response_model=CommissioningAnswer, responses=MISSING)
    async def one(
        bell_id: BellId, certificate_id: CertificateId, principal: Annotated[Principal, Depends(access.to("bells"))]
    ) -> dict[str, Any]:
        """One certificate with its signed document."""
        kept = await deps.store.read(partial(_one, principal, bell_id, certificate_id))
        await access.looked(principal, f"bell {bell_id}")
        return kept


def _papers(api: APIRouter, deps: Deps, access: Access) -> None:
    @api.get(
        "/bells/{bell_id}/commissioning/{certificate_id}/page",
        response_class=Response,
        responses=MISSING | {200: {"content": {"text/html": {}}}},
    )
    async def page(
        bell_id: BellId, certificate_id: CertificateId, principal: Annotated[Principal, Depends(access.to("bells"))]
    ) -> Response:
        """The certificate for people, in one HTML file."""
        kept = await deps.store.read(partial(_one, principal, bell_id, certificate_id))
        await access.looked(principal, f"bell {bell_id}")
        text = await asyncio.to_thread(certificate.html, kept["document"], page_url(deps, bell_id))
        return _file(text.encode("utf-8"), "text/html; charset=utf-8", f"{bell_id}-{certificate_id[:8]}.html")

    @api.get(
        "/bells/{bell_id}/commissioning/{certificate_id}/pdf",
        response_class=Response,
        responses=ERRORS | MISSING | {200: {"content": {"application/pdf": {}}}},
    )
    async def paper(
        bell_id: BellId, certificate_id: CertificateId, principal: Annotated[Principal, Depends(access.to("bells"))]
    ) -> Response:
        """The same as PDF. 422 if the gateway's machine has no font with Hangul."""
        kept = await deps.store.read(partial(_one, principal, bell_id, certificate_id))
        await access.looked(principal, f"bell {bell_id}")
        data = await asyncio.to_thread(certificate.pdf, kept["document"], page_url(deps, bell_id))
        return _file(data, "application/pdf", f"{bell_id}-{certificate_id[:8]}.pdf")


def page_url(deps: Deps, bell_id: str) -> str:
    """Where a browser finds the bell's page, as far as the gateway knows."""
    return f"{deps.config.page_origin}/bells#{bell_id}"


def _one(principal: Principal, bell_id: str, certificate_id: str, tx: Tx) -> dict[str, Any]:
    find(principal, bell_id, tx)
    kept = commissioned.one(tx, certificate_id)
    if kept is None or kept["bell_id"] != bell_id:
        raise Refused(404, "not_found", f"{bell_id} has no certificate {certificate_id}")
    return kept


def _file(data: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type=media_type, headers=headers)


def _signer(deps: Deps) -> Any:
    try:
        return Authority(deps.config.data_dir / "pki").signer()
    except EnrolmentError as error:
        _log.error("certificate_not_signed", error=str(error))  # which names files: not for whoever is at a page
        raise Refused(
            503, "store", "the gateway's keys can't be read, so nothing can be signed: its log says more"
        ) from None
