"""The pages behind the sign-in: a server-made shell; what is live in it comes through the API."""

import json
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, RedirectResponse, Response

from bellgate.console.access import COOKIE, MAY, Access
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.console.shell import HERE, Shell
from bellgate.console.texts import LANGUAGES, texts
from bellgate.core.frozen import frozen
from bellgate.core.incident import DISPOSITIONS, HANDLING, TRANSITIONS
from bellgate.store import sessions


@frozen
class Way:
    """A page behind the sign-in: templates/<name>.html, static/<name>/<name>.js and .css. right: who may see it.
    listed: it stands at the top of every page; the others are reached by a link."""

    name: str
    path: str
    right: str | None
    listed: bool = True

    def modules(self) -> list[str]:
        """Named in the page, so that the browser asks for all of them at once and not one after another."""
        parts = (path for folder in ("common", self.name) for path in (HERE / "static" / folder).glob("*.js"))
        return sorted(f"{path.parent.name}/{path.name}" for path in parts)


# In the order in which they stand at the top of each page. Whoever may not see the first comes in at the next.
WAYS = (
    Way("desk", "/", "read"),
    Way("history", "/history", "read"),
    Way("incident", "/incidents/{incident_id:int}", "read", listed=False),
    Way("bells", "/bells", "bells"),
    Way("map", "/map", "bells"),
    Way("troubles", "/troubles", "troubles"),
    Way("mine", "/my-bells", "own"),
    Way("reports", "/reports", "reports"),
    Way("policy", "/policy", "policy"),
    Way("people", "/people", "people"),
    Way("profile", "/profile", None),
)
# {handling: [action, …]} as JSON: the page offers what the incident's own table allows.
ACTIONS_BY_HANDLING = json.dumps(
    {handling: [action for at, action in TRANSITIONS if at == handling] for handling in HANDLING}
)


def router(deps: Deps, access: Access) -> APIRouter:
    """Paths for people; they are not part of the API's description."""
    pages = APIRouter(include_in_schema=False)
    page = Shell(deps.config.gateway.id)

    def shown(way: Way) -> None:
        modules = way.modules()  # once, not with each page

        async def show(request: Request) -> Response:
            session = await access.session(request, used=True)
            if session is None:
                return RedirectResponse("/sign-in", 303)
            rights = MAY.get(session.role, frozenset())
            ways = [one for one in WAYS if one.right is None or one.right in rights]
            if way not in ways:
                if way.path == "/" and ways:
                    return RedirectResponse(ways[0].path, 303)
                raise Refused(403, "forbidden", f"the role {session.role} may not see this page")
            return page(
                request,
                f"{way.name}.html",
                page=way.name,
                ways=[one for one in ways if one.listed],
                me=session.operator,
                role=session.role,
                rights=" ".join(sorted(rights)),
                csrf=session.csrf,
                dispositions=DISPOSITIONS,
                actions=ACTIONS_BY_HANDLING,
                modules=modules,
            )

        pages.get(way.path, name=way.name)(show)

    for way in WAYS:
        shown(way)

    @pages.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await access.principal(request)  # with its CSRF value: nobody else's page signs a dispatcher out
        secret = request.cookies.get(COOKIE, "")
        await deps.store.write(lambda tx: sessions.close(tx, secret))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    @pages.get("/texts/{language}.json")
    async def texts_of(language: Annotated[str, InPath(max_length=8)]) -> Response:
        if language not in LANGUAGES:
            raise Refused(404, "not_found", f"there are texts in {', '.join(LANGUAGES)} only")
        return JSONResponse(texts(language))

    return pages
