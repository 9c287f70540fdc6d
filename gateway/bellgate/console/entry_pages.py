"""The way in, for people: /sign-in and its steps. They are not part of the API's description."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from bellgate.console.access import COOKIE, Access, address_of, same_origin
from bellgate.console.deps import Deps
from bellgate.console.entry import CODE, PASSWORD, Comer, Entry, Step, Waits
from bellgate.console.passkey_check import site_of
from bellgate.console.refusal import Refused
from bellgate.console.shell import Shell
from bellgate.errors import AnsimbellError, StoreBusy
from bellgate.store import sessions
from bellgate.store.people import PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS
from bellgate.store.second_factor import CODE_MAX_CHARS
from bellgate.store.sessions import SESSION_IDLE_MS

STEP_COOKIE = "ansimbell-step"
STEP_PATH = "/sign-in"
STEP_S = 300  # as `pending` keeps it
PATHS = {CODE: "/sign-in/code", PASSWORD: "/sign-in/password"}


def own_page(request: Request) -> None:
    """A dependency: refuses (403) what another site sends. Signing somebody in as somebody else is an attack too."""
    if not same_origin(request):
        raise Refused(403, "csrf", "this form came from another site")


def set_session(answer: Response, request: Request, secret: str) -> None:
    """The cookie of a session."""
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=SESSION_IDLE_MS // 1_000,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def router(deps: Deps, access: Access, entry: Entry) -> APIRouter:
    """Every path under /sign-in."""
    pages = APIRouter(include_in_schema=False)
    page = Shell(deps.config.gateway.id)
    own = [Depends(own_page)]

    async def on(request: Request, step: Step, answer: Response) -> Response:
        """Where the next step is, with its secret; a person who is in gets the session's cookie."""
        if step.stage:
            answer.set_cookie(
                STEP_COOKIE,
                step.secret,
                max_age=STEP_S,
                path=STEP_PATH,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
            return answer
        # Whatever cookie the browser brought is worth nothing from now on: a session begins with a secret of its own.
        old = request.cookies.get(COOKIE)
        if old:
            await deps.store.write(lambda tx: sessions.close(tx, old))
        answer.delete_cookie(STEP_COOKIE, path=STEP_PATH, httponly=True, samesite="strict")
        set_session(answer, request, step.secret)
        return answer

    def forward(step: Step) -> Response:
        return RedirectResponse(PATHS.get(step.stage, "/"), 303)

    def waits(request: Request, template: str, refused: Waits, **values: Any) -> Response:
        shown = page(request, template, 429, problem="sign_in.wait", wait_s=refused.wait_s, **values)
        shown.headers["Retry-After"] = str(refused.wait_s)
        return shown

    @pages.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        if await access.session(request) is not None:
            return RedirectResponse("/", 303)
        return page(request, "sign-in.html", problem="sign_in.again" if "again" in request.query_params else None)

    @pages.post("/sign-in", dependencies=own)
    async def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=4 * PASSWORD_MAX_CHARS)] = "",
    ) -> Response:
        try:
            step = await entry.password(name, password, _comer(request))
        except Waits as refused:
            return waits(request, "sign-in.html", refused, name=name)
        except StoreBusy:
            return page(request, "sign-in.html", 503, problem="sign_in.busy", name=name)
        if step is None:
            return page(request, "sign-in.html", 401, problem="sign_in.wrong", name=name)
        return await on(request, step, forward(step))

    @pages.get("/sign-in/code")
    async def code_page(request: Request) -> Response:
        if entry.half(_step(request), CODE) is None:
            return RedirectResponse("/sign-in", 303)
        return page(request, "sign-in-code.html")

    @pages.post("/sign-in/code", dependencies=own)
    async def code_step(request: Request, code: Annotated[str, Form(max_length=CODE_MAX_CHARS)] = "") -> Response:
        try:
            step = await entry.code(_step(request), code, _comer(request))
        except Waits as refused:
            shown = waits(request, "sign-in-code.html", refused)
            return await on(request, Step(CODE, refused.secret), shown)
        except Refused:
            return _begin_again()
        if step is None:
            return _begin_again()
        if step.stage == CODE:
            return await on(request, step, page(request, "sign-in-code.html", 401, problem="sign_in.code_wrong"))
        return await on(request, step, forward(step))

    @pages.get("/sign-in/password")
    async def password_page(request: Request) -> Response:
        name = entry.half(_step(request), PASSWORD)
        if name is None:
            return RedirectResponse("/sign-in", 303)
        return page(request, "sign-in-password.html", name=name, least=PASSWORD_MIN_CHARS)

    @pages.post("/sign-in/password", dependencies=own)
    async def password_step(
        request: Request,
        password: Annotated[str, Form(max_length=4 * PASSWORD_MAX_CHARS)] = "",
        again: Annotated[str, Form(max_length=4 * PASSWORD_MAX_CHARS)] = "",
    ) -> Response:
        name = entry.half(_step(request), PASSWORD)
        if name is None:
            return _begin_again()

        def refuse(problem: str, status: int = 422) -> Response:
            return page(request, "sign-in-password.html", status, problem=problem, name=name, least=PASSWORD_MIN_CHARS)

        if password != again:
            return refuse("sign_in.password_differs")
        try:
            step = await entry.own_password(_step(request), password, _comer(request))
        except Refused:
            return _begin_again()
        except StoreBusy:
            return refuse("sign_in.busy", 503)
        except AnsimbellError:
            return refuse("sign_in.password_refused")
        return _begin_again() if step is None else await on(request, step, forward(step))

    @pages.post("/sign-in/passkey/challenge", dependencies=own)
    async def passkey_challenge(request: Request) -> Response:
        secret, options = entry.passkey_challenge(site_of(request, deps.config), _comer(request))
        return await on(request, Step("passkey", secret), JSONResponse(json.loads(options)))

    @pages.post("/sign-in/passkey", dependencies=own)
    async def passkey(request: Request, credential: Annotated[dict[str, Any], Body()]) -> Response:
        step = await entry.passkey(_step(request), credential, site_of(request, deps.config), _comer(request))
        if step is None:
            raise Refused(401, "not_signed_in", "this passkey opens nothing here")
        return await on(request, step, JSONResponse({"to": "/"}))

    return pages


def _begin_again() -> Response:
    answer = RedirectResponse("/sign-in?again", 303)
    answer.delete_cookie(STEP_COOKIE, path=STEP_PATH, httponly=True, samesite="strict")
    return answer


def _step(request: Request) -> str:
    return request.cookies.get(STEP_COOKIE, "")


def _comer(request: Request) -> Comer:
    return Comer(address_of(request), request.headers.get("User-Agent", ""))
