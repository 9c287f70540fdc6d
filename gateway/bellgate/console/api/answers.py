"""What every path of the API may answer besides its own answer, for OpenAPI; and the numbers it takes."""

from typing import Annotated, Any

from fastapi import Path

from bellgate.console.api.models import INT_MAX, ErrorAnswer

IncidentId = Annotated[int, Path(ge=1, le=INT_MAX, description="The incident's number.")]

ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "Not signed in."},
    403: {"model": ErrorAnswer, "description": "The role may not, or the CSRF header is missing."},
    422: {"model": ErrorAnswer, "description": "The request is wrong; the text says where."},
    503: {
        "model": ErrorAnswer,
        "description": "The store did not answer in time: look whether it was done.",
    },
}
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "No such incident."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": ErrorAnswer,
        "description": "`stale`: it has changed since that version. `not_allowed`: not from this state, or somebody "
        "else holds it. Either way `incident` is how it stands now.",
    }
}
REFUSED: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "`not_allowed`: not now; the message says why, and what to do."}
}
