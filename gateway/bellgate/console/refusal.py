"""Every error of the API in one shape: {"error": {"code", "message", "incident"?}}."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bellgate.errors import AnsimbellError, NotAllowed, StalePlace, StaleVersion, StoreBusy, StoreError, UnknownIncident
from bellgate.store import Store, incidents

log = structlog.get_logger(__name__)

CODES_OF_STATUS = {
    401: "not_signed_in",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


class Refused(Exception):
    """The request is not carried out, and here is why; becomes the answer."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


def answer(
    status: int,
    code: str,
    message: str,
    incident: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The one shape of an error."""
    error: dict[str, Any] = {"code": code, "message": message}
    if incident is not None:
        error["incident"] = incident
    return JSONResponse({"error": error}, status, headers=headers)


def install(app: FastAPI, store: Store) -> None:
    """Answer every exception in that shape; never a traceback."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return answer(error.status, error.code, str(error), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, "invalid", "; ".join(_fault(fault) for fault in error.errors()))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = CODES_OF_STATUS.get(error.status_code, "refused")
        return answer(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(AnsimbellError)
    async def ours(request: Request, error: AnsimbellError) -> JSONResponse:
        if isinstance(error, UnknownIncident):
            return answer(404, "not_found", str(error))
        if isinstance(error, StaleVersion | NotAllowed):
            code = "stale" if isinstance(error, StaleVersion) else "not_allowed"
            return answer(409, code, str(error), await _present_state(request))
        if isinstance(error, StalePlace):
            return answer(409, "stale", str(error))
        if isinstance(error, StoreBusy):
            return answer(503, "busy", str(error), headers={"Retry-After": "1"})
        if isinstance(error, StoreError):
            return answer(503, "store", str(error))
        return answer(422, "invalid", str(error))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        return answer(500, "internal", "the gateway failed to answer; its log says why")

    async def _present_state(request: Request) -> dict[str, Any] | None:
        """What the page compares with what it showed, so that a person sees what changed and by whom."""
        incident_id = request.path_params.get("incident_id")
        if incident_id is None:
            return None
        try:
            return await store.read(lambda tx: incidents.view(tx, int(incident_id)))
        except StoreError:
            return None


def _fault(fault: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part != "body")
    text = str(fault["msg"])
    return f"{where}: {text}" if where else text
