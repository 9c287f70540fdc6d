"""Who asks, and what that role may do. How somebody comes in stands in `entry`.

A browser comes with a session cookie and, for everything that changes something, with the session's CSRF value in a
header; a program comes with a bearer token. A request that carries an Authorization header is judged by it alone.
"""

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer

from bellgate.clock import Clock
from bellgate.console.looks import Looks
from bellgate.console.refusal import Refused
from bellgate.core.frozen import frozen
from bellgate.store import Store, areas, people, sessions
from bellgate.store.areas import EVERYWHERE, Areas
from bellgate.store.sessions import Session

# What each role may do. read: incidents and the live stream. command: decide on incidents. present: keep a watch, and
# say that a console showed an incident. own: the bells that somebody owns, and no others. change_bells: their address
# and notes. press_test: take presses there for tests, for some minutes. install: prove a bell, and open its port.
# people: users and roles.
_STATION = frozenset({"read", "command", "present", "bells", "change_bells", "press_test", "troubles", "policy"})
MAY: dict[str, frozenset[str]] = {
    "dispatcher": _STATION,
    "supervisor": _STATION | {"reports"},
    "control-centre": _STATION | {"reports"},
    "installer": frozenset({"bells", "change_bells", "press_test", "install", "troubles"}),
    "owner": frozenset({"own"}),
    "auditor": frozenset({"read", "bells", "troubles", "policy", "reports"}),
    # The first operator is one, and in a small station there is nobody else.
    "administrator": _STATION | {"reports", "people", "install"},
}

# Instead of a right: whoever signed in with a browser, about themself.
OWN_SESSION = "own session"
# Whoever asks for these does something: that keeps a session alive.
USES = frozenset({"command", "people", OWN_SESSION})

COOKIE = "ansimbell"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

# Read by `Access.principal`; here they only tell OpenAPI.
_bearer = HTTPBearer(auto_error=False, description="A token from `bellgate token`.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="A browser's session, from POST /sign-in.")
_csrf = APIKeyHeader(
    name=CSRF_HEADER, auto_error=False, description="With a session, on every POST: the page has it in a meta element."
)


@frozen
class Principal:
    """Who asks. csrf: set for a browser's session, None for a program with a token."""

    name: str
    role: str
    areas: Areas = EVERYWHERE
    csrf: str | None = None

    def may(self, right: str) -> bool:
        """Does the role have this right?"""
        return right in MAY.get(self.role, frozenset())

    def sees(self, site: str) -> bool:
        """Is the site in the areas of this person?"""
        return areas.sees(self.areas, site)


class Access:
    """Everything between a request and the name behind it."""

    def __init__(self, store: Store, clock: Clock, looks: Looks) -> None:
        self._store = store
        self._clock = clock
        self.looked = looks.looked  # await access.looked(principal, "incident 12")

    async def session(self, request: Request, *, used: bool = False) -> Session | None:
        """The session of the request's cookie, if it has one.

        used: a person did something; only that keeps a session alive, not a page that is left open.
        """
        secret = request.cookies.get(COOKIE)
        if not secret:
            return None
        now_ms = self._clock.now_ms()
        session = await self._store.read(lambda tx: sessions.find(tx, secret, now_ms))
        if used and session is not None and now_ms - session.last_used_ms >= sessions.SESSION_TOUCH_MS:
            await self._store.write(lambda tx: sessions.touch(tx, secret, now_ms))
        return session

    async def principal(self, request: Request, *, used: bool = False) -> Principal:
        """Who asks. Raises Refused 401 without a valid token or session, 403 without the session's CSRF value."""
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            scheme, _, given = authorization.partition(" ")
            found = None
            if scheme.lower() == "bearer":
                found = await self._store.read(lambda tx: people.token(tx, given.strip()))
            if found is None:
                raise _not_signed_in("this bearer token is not valid: make one with `bellgate token`")
            return Principal(*found)
        session = await self.session(request, used=used)
        if session is None:
            raise _not_signed_in("sign in first, or send a bearer token")
        given_csrf = request.headers.get(CSRF_HEADER, "")
        if request.method not in SAFE_METHODS and not secrets.compare_digest(
            given_csrf.encode(), session.csrf.encode()
        ):
            raise Refused(403, "csrf", f"the request lacks the session's {CSRF_HEADER} header: reload the page")
        return Principal(session.operator, session.role, session.areas, session.csrf)

    def to(self, right: str | None) -> Callable[..., Awaitable[Principal]]:
        """A dependency that gives the principal, and refuses (403) a role that lacks the right."""
        return self.to_any(*(() if right is None else (right,)))

    def to_any(self, *rights: str) -> Callable[..., Awaitable[Principal]]:
        """As `to`, for whoever has one of the rights."""

        async def allowed(
            request: Request,
            _bearer: Annotated[object, Depends(_bearer)],
            _cookie: Annotated[object, Depends(_cookie)],
            _csrf: Annotated[object, Depends(_csrf)],
        ) -> Principal:
            principal = await self.principal(request, used=not USES.isdisjoint(rights))
            if OWN_SESSION in rights:
                if principal.csrf is None:
                    raise Refused(403, "forbidden", "this is about a person who signed in; a program has no profile")
            elif rights and not any(principal.may(right) for right in rights):
                lacks = " or ".join(rights)
                raise Refused(403, "forbidden", f"the role {principal.role} may not do this (it lacks: {lacks})")
            return principal

        allowed.rights = rights  # type: ignore[attr-defined]  # for the test that asks every path as every role
        return allowed


def same_origin(request: Request) -> bool:
    """Does a form come from our own page? Signing somebody in as somebody else is an attack too."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("Host")


def address_of(request: Request) -> str:
    """Where a request comes from; behind a TLS proxy on this machine, what that one says."""
    return request.client.host if request.client else ""


def _not_signed_in(message: str) -> Refused:
    return Refused(401, "not_signed_in", message, headers={"WWW-Authenticate": "Bearer"})
