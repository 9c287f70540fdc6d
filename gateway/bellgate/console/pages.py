"""Sign-in and the dispatcher's page: a server-made shell; what is live in it comes through the API."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi import Path as InPath
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from bellgate.console.access import COOKIE, MAY, Access, same_origin
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.console.texts import LANGUAGES, choose, text, texts
from bellgate.core.incident import DISPOSITIONS, HANDLING, TRANSITIONS
from bellgate.errors import StoreBusy
from bellgate.store.people import PASSWORD_MAX_CHARS, SESSION_IDLE_MS

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "language"
YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
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
)
# {handling: [action, …]} as JSON: the page offers what the incident's own table allows.
ACTIONS_BY_HANDLING = json.dumps(
    {handling: [action for at, action in TRANSITIONS if at == handling] for handling in HANDLING}
)


def router(deps: Deps, access: Access) -> APIRouter:
    """Paths for people; they are not part of the API's description."""
    pages = APIRouter(include_in_schema=False)
    templates = Jinja2Templates(HERE / "templates")

    def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
        asked = request.query_params.get("language")
        wanted = asked or request.cookies.get(LANGUAGE_COOKIE)
        language = choose(wanted, request.headers.get("Accept-Language"))
        answer = templates.TemplateResponse(
            request,
            template,
            {
                "language": language,
                "languages": LANGUAGES,
                "gateway": deps.config.gateway.id,
                "t": lambda key, **places: text(language, key, **places),
                **values,
            },
            status_code=status,
            headers={"Content-Language": language},
        )
        if asked == language:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, samesite="strict")
        return answer

    def shown(way: Way) -> None:
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
                modules=way.modules(),
            )

        pages.get(way.path, name=way.name)(show)

    for way in WAYS:
        shown(way)

    @pages.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        if await access.session(request) is not None:
            return RedirectResponse("/", 303)
        return page(request, "sign-in.html")

    @pages.post("/sign-in")
    async def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=4 * PASSWORD_MAX_CHARS)] = "",
    ) -> Response:
        if not same_origin(request):
            raise Refused(403, "csrf", "this form came from another site")
        address = request.client.host if request.client else ""
        try:
            opened = await access.sign_in(name, password, address)
        except Refused as refused:
            wait_s = int((refused.headers or {}).get("Retry-After", "1"))
            shown = page(request, "sign-in.html", refused.status, problem="sign_in.wait", wait_s=wait_s, name=name)
            shown.headers["Retry-After"] = str(wait_s)
            return shown
        except StoreBusy:
            return page(request, "sign-in.html", 503, problem="sign_in.busy", name=name)
        if opened is None:
            return page(request, "sign-in.html", 401, problem="sign_in.wrong", name=name)
        # Whatever cookie the browser brought is worth nothing from now on: a session begins with a secret of its own.
        old = request.cookies.get(COOKIE)
        if old:
            await access.sign_out(old)
        secret, _ = opened
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE,
            secret,
            max_age=SESSION_IDLE_MS // 1_000,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @pages.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        await access.principal(request)  # with its CSRF value: nobody else's page signs a dispatcher out
        await access.sign_out(request.cookies.get(COOKIE, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    @pages.get("/texts/{language}.json")
    async def texts_of(language: Annotated[str, InPath(max_length=8)]) -> Response:
        if language not in LANGUAGES:
            raise Refused(404, "not_found", f"there are texts in {', '.join(LANGUAGES)} only")
        return JSONResponse(texts(language))

    return pages
