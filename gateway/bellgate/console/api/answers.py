"""What every path of the API may answer besides its own answer, for OpenAPI; and the numbers it takes."""

from typing import Annotated, Any

from fastapi import FastAPI, Path
from pydantic.json_schema import models_json_schema

from bellgate.console.api.models import INT_MAX, ErrorAnswer

IncidentId = Annotated[int, Path(ge=1, le=INT_MAX, description="The incident's number.")]
_SCHEMAS = "#/components/schemas/"

Answers = dict[int | str, dict[str, Any]]


def error(text: str) -> dict[str, Any]:
    """One answer that is an ErrorAnswer. By its name: a model at each of 350 places is built anew at each start."""
    return {"description": text, "content": {"application/json": {"schema": {"$ref": _SCHEMAS + ErrorAnswer.__name__}}}}


ERRORS: Answers = {
    401: error("Not signed in."),
    403: error("The role may not, or the CSRF header is missing."),
    422: error("The request is wrong; the text says where."),
    503: error("The store did not answer in time: look whether it was done."),
}
MISSING: Answers = {404: error("No such incident.")}
CONFLICT: Answers = {
    409: error(
        "`stale`: it has changed since that version. `not_allowed`: not from this state, or somebody else holds it. "
        "Either way `incident` is how it stands now."
    )
}
REFUSED: Answers = {409: error("`not_allowed`: not now; the message says why, and what to do.")}


def describe(app: FastAPI) -> None:
    """Let the description of the API hold the shape that `error` names."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        told = plain()
        _, shapes = models_json_schema([(ErrorAnswer, "serialization")], ref_template=_SCHEMAS + "{model}")
        told["components"]["schemas"] |= shapes["$defs"]
        return told

    app.openapi = whole  # type: ignore[method-assign]
