"""Whoever asks: the own password, second factor, passkeys and sessions.

What a thief of an open session would like to do takes the password once more. After each change of how one signs in
the session goes on under a new secret.
"""

import io
import json
from dataclasses import asdict
from typing import Annotated, Any

import pyotp
import segno
from fastapi import APIRouter, Depends, Request, Response

from bellgate.console.access import COOKIE, OWN_SESSION, Access, Principal, address_of
from bellgate.console.api.models import ErrorAnswer
from bellgate.console.api.people_models import (
    Challenge,
    Code,
    Confirmed,
    EndedSession,
    NewPasskey,
    PasswordChange,
    Profile,
    RemovedPasskey,
    Renewed,
    Secret,
)
from bellgate.console.deps import Deps
from bellgate.console.entry import Entry
from bellgate.console.entry_pages import set_session
from bellgate.console.passkey_check import challenge_for_new, checked_new, site_of
from bellgate.console.pending import Pending
from bellgate.console.refusal import Refused
from bellgate.store import Tx, passkeys, people, second_factor, sessions, staff

_WRONG: dict[int | str, dict[str, Any]] = {
    429: {"model": ErrorAnswer, "description": "Too many wrong passwords; `Retry-After` says how long to wait."}
}
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "There is no such thing."}}
QR_MODULE_PX = 6


def add(api: APIRouter, deps: Deps, access: Access, entry: Entry) -> None:
    """Every path under profile."""
    _Own(deps, access, entry).add(api)


class _Own:
    def __init__(self, deps: Deps, access: Access, entry: Entry) -> None:
        self._deps = deps
        self._store = deps.store
        self._allowed = access.to(OWN_SESSION)
        self._entry = entry
        self._challenges: Pending[tuple[str, bytes]] = Pending()

    def add(self, api: APIRouter) -> None:
        Own = Annotated[Principal, Depends(self._allowed)]

        @api.get("/profile", response_model=Profile)
        async def profile(request: Request, principal: Own) -> dict[str, Any]:
            """Whoever asks, with passkeys and sessions."""
            return await self._profile(principal, _secret(request))

        @api.post("/profile/password", response_model=Renewed, responses=_WRONG)
        async def change_password(
            request: Request, response: Response, given: PasswordChange, principal: Own
        ) -> dict[str, Any]:
            """Another password. Every other session ends."""
            await self._confirm(request, principal, given.old)
            hashed = await self._entry.new_hash(principal.name, given.new)
            secret = _secret(request)
            await self._store.write(
                lambda tx: staff.choose_password(tx, self._now_ms(), principal.name, hashed, secret)
            )
            return await self._renewed(request, response, principal)

        @api.post("/profile/sessions/end", response_model=Profile)
        async def end_session(request: Request, given: EndedSession, principal: Own) -> dict[str, Any]:
            """Sign another browser out, or all of them."""
            secret = _secret(request)
            if given.id == sessions.id_of(secret):
                raise Refused(422, "invalid", "id: this is the session that asks; sign out instead")
            await self._store.write(lambda tx: staff.end_own(tx, self._now_ms(), principal.name, given.id, secret))
            return await self._profile(principal, secret)

        self._codes(api)
        self._passkeys(api)

    def _codes(self, api: APIRouter) -> None:
        Own = Annotated[Principal, Depends(self._allowed)]

        @api.post("/profile/authenticator/begin", response_model=Secret, responses=_WRONG)
        async def begin_authenticator(request: Request, given: Confirmed, principal: Own) -> dict[str, Any]:
            """A secret for an authenticator. It counts only after `confirm`; the one in force stays until then."""
            await self._confirm(request, principal, given.password)
            secret = await self._store.write(lambda tx: second_factor.begin(tx, principal.name))
            return {"secret": secret, "uri": self._uri(principal.name, secret)}

        @api.get(
            "/profile/authenticator.svg",
            response_class=Response,
            responses=_MISSING | {200: {"description": "The QR code.", "content": {"image/svg+xml": {}}}},
        )
        async def qr_code(principal: Own) -> Response:
            """The secret that waits for its first code, as a QR code."""
            secret = await self._store.read(lambda tx: second_factor.pending(tx, principal.name))
            if secret is None:
                raise Refused(404, "not_found", "no authenticator is being set up: begin it first")
            drawn = io.BytesIO()
            qr = segno.make(self._uri(principal.name, secret), error="m", micro=False)
            qr.save(drawn, kind="svg", scale=QR_MODULE_PX, border=4, dark="#000", light="#fff", xmldecl=False)
            return Response(drawn.getvalue(), media_type="image/svg+xml")

        @api.post("/profile/authenticator/confirm", response_model=Renewed)
        async def confirm_authenticator(
            request: Request, response: Response, given: Code, principal: Own
        ) -> dict[str, Any]:
            """The first code: from now on each sign-in asks for one."""
            now_ms = self._now_ms()
            if not await self._store.write(lambda tx: staff.confirm_code(tx, now_ms, principal.name, given.code)):
                raise Refused(422, "wrong_code", "code: not the code of now; is the telephone's clock right?")
            return await self._renewed(request, response, principal)

        @api.post("/profile/authenticator/remove", response_model=Renewed, responses=_WRONG)
        async def remove_authenticator(
            request: Request, response: Response, given: Confirmed, principal: Own
        ) -> dict[str, Any]:
            """No code is asked for any more."""
            await self._confirm(request, principal, given.password)
            await self._store.write(lambda tx: staff.remove_code(tx, self._now_ms(), principal.name))
            return await self._renewed(request, response, principal)

    def _passkeys(self, api: APIRouter) -> None:
        Own = Annotated[Principal, Depends(self._allowed)]

        @api.post("/profile/passkeys/begin", response_model=Challenge, responses=_WRONG)
        async def begin_passkey(request: Request, given: Confirmed, principal: Own) -> dict[str, Any]:
            """What to ask the browser for."""
            await self._confirm(request, principal, given.password)
            site = site_of(request, self._deps.config)
            known = await self._store.read(lambda tx: passkeys.listing(tx, principal.name))
            options, challenge = challenge_for_new(site, principal.name, known, self._deps.config.gateway.id)
            name = self._challenges.put(principal.name, (principal.name, challenge), self._now_ms())
            return {"id": name, "options": json.loads(options)}

        @api.post("/profile/passkeys", response_model=Renewed)
        async def add_passkey(
            request: Request, response: Response, given: NewPasskey, principal: Own
        ) -> dict[str, Any]:
            """The browser's answer. From now on this passkey opens the console, without a password."""
            now_ms = self._now_ms()
            name, challenge = self._challenges.take(given.id, now_ms) or ("", b"")
            site = site_of(request, self._deps.config)
            key = None
            if name == principal.name:
                key = checked_new(given.credential, challenge, site, name, given.label, now_ms)
            if key is None:
                raise Refused(422, "wrong_passkey", "this passkey was not proved, or it took too long: begin again")
            kept = key
            await self._store.write(lambda tx: staff.add_passkey(tx, now_ms, kept))
            return await self._renewed(request, response, principal)

        @api.post("/profile/passkeys/remove", response_model=Renewed, responses=_WRONG | _MISSING)
        async def remove_passkey(
            request: Request, response: Response, given: RemovedPasskey, principal: Own
        ) -> dict[str, Any]:
            """This passkey opens nothing any more."""
            await self._confirm(request, principal, given.password)
            if not await self._store.write(
                lambda tx: staff.remove_passkey(tx, self._now_ms(), principal.name, given.id)
            ):
                raise Refused(404, "not_found", "you have no such passkey")
            return await self._renewed(request, response, principal)

    async def _confirm(self, request: Request, principal: Principal, password: str) -> None:
        if not await self._entry.fits(principal.name, password, address_of(request)):
            raise Refused(422, "wrong_password", "this is not your password")

    async def _renewed(self, request: Request, response: Response, principal: Principal) -> dict[str, Any]:
        old = _secret(request)
        fresh = await self._store.write(lambda tx: sessions.renew(tx, old))
        if fresh is None:
            raise Refused(401, "not_signed_in", "the session has ended meanwhile: sign in again")
        set_session(response, request, fresh)
        return await self._profile(principal, fresh)

    async def _profile(self, principal: Principal, secret: str) -> dict[str, Any]:
        now_ms = self._now_ms()

        def job(tx: Tx) -> dict[str, Any] | None:
            one = people.operator(tx, principal.name)
            if one is None:
                return None
            keys = passkeys.listing(tx, one.name)
            current = sessions.id_of(secret)
            opened = sessions.listing(tx, one.name, now_ms)
            return {
                "name": one.name,
                "role": one.role,
                "areas": one.areas,
                "created_ms": one.created_ms,
                "totp": one.totp,
                "passkeys": [
                    {"id": key.credential_id, "label": key.label, "created_ms": key.created_ms, "used_ms": key.used_ms}
                    for key in keys
                ],
                "sessions": [asdict(each) | {"current": each.id == current} for each in opened],
            }

        found = await self._store.read(job)
        if found is None:
            raise Refused(404, "not_found", "there is no such operator any more")
        return found

    def _uri(self, name: str, secret: str) -> str:
        return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Ansimbell {self._deps.config.gateway.id}")

    def _now_ms(self) -> int:
        return self._deps.clock.now_ms()


def _secret(request: Request) -> str:
    return request.cookies.get(COOKIE, "")
