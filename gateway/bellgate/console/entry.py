"""How a person comes in: password → code, if they have an authenticator → a password of their own, if it was given
by somebody else → a session. Or a passkey, which is both factors in one.

Between the steps stands a secret in the browser that opens nothing, is another one at each step, and is worth nothing
after five minutes. The answers to an unknown name, a wrong password and a disabled person are alike, and take as long.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bellgate.clock import Clock
from bellgate.console.hashing import Hashing
from bellgate.console.looks import Looks
from bellgate.console.passkey_check import Site, challenge_for_entry, checked_entry
from bellgate.console.pending import Pending
from bellgate.console.refusal import Refused
from bellgate.console.signin import Guesses
from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.store import Store, Tx, passkeys, people, second_factor, sessions, staff

CODE, PASSWORD = "code", "password"  # what is still wanted
# A person misreads a code or two; whoever needs more begins again with the password.
WRONG_CODES_MAX = 5


@frozen
class Comer:
    """Whose browser it is. agent: what it calls itself."""

    address: str
    agent: str


@frozen
class Half:
    """Somebody whose password was right. stage: what is still wanted."""

    operator: str
    stage: str
    wrong_codes: int = 0


@frozen
class Step:
    """What comes next. stage: "" when the person is in, and `secret` is the session's; else CODE or PASSWORD."""

    stage: str
    secret: str


class Entry:
    """Everything before a session. Used from one event loop. on_wrong: counts what was wrong."""

    def __init__(self, store: Store, clock: Clock, looks: Looks, on_wrong: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._looks = looks
        self._on_wrong = on_wrong
        self._guesses = Guesses()
        self.hashing = Hashing()
        self._half: Pending[Half] = Pending()
        self._challenges: Pending[bytes] = Pending()

    async def password(self, name: str, password: str, comer: Comer) -> Step | None:
        """The first step, or None for a wrong name or password, as slow for either.

        Raises Refused 429 with Retry-After while this name must wait, StoreBusy when too many sign in at once.
        """
        name = name.strip()[: people.NAME_MAX_CHARS + 1]
        if not await self.fits(name, password, comer.address):
            return None
        needs_code, due = await self._store.read(lambda tx: (second_factor.wanted(tx, name), _password_due(tx, name)))
        stage = CODE if needs_code else PASSWORD if due else ""
        return await self._on(name, stage, comer)

    async def fits(self, name: str, password: str, address: str) -> bool:
        """Is it the password of somebody who may sign in? Counted and slowed; raises as `password` does."""
        self._wait(name, address)
        async with self.hashing.turn():
            self._wait(name, address)  # those who queued while the delay began must not slip through
            hashed = await self._store.read(lambda tx: people.password_hash(tx, name))
            fits = await asyncio.to_thread(people.password_fits, hashed, password)
            if not fits:
                self._on_wrong()
                self._guesses.wrong(name, address, self._clock.now_ms())
                return False
        self._guesses.right(name, address)
        return True

    def half(self, secret: str, stage: str) -> str | None:
        """Whose sign-in waits for this step under this secret."""
        half = self._half.look(secret, self._clock.now_ms())
        return half.operator if half is not None and half.stage == stage else None

    async def code(self, secret: str, code: str, comer: Comer) -> Step | None:
        """The second step; None for a wrong code. Raises Refused 401 when the first one must be done again."""
        half = self._take(secret, CODE)
        name, now_ms = half.operator, self._clock.now_ms()
        wait_ms = self._guesses.wait_ms(name, comer.address, now_ms, code=True)
        fits = not wait_ms and await self._store.write(lambda tx: second_factor.use(tx, name, code, now_ms))
        if not fits:
            if not wait_ms:
                self._on_wrong()
                self._guesses.wrong(name, comer.address, now_ms, code=True)
                # Whoever gets here knows the password: the person should hear of it.
                self._looks.note(name, "code_wrong", {"address": comer.address})
            wrong = half.wrong_codes + (not wait_ms)
            if wrong >= WRONG_CODES_MAX:
                raise _again()
            again = self._half.put(name, replace(half, wrong_codes=wrong), now_ms)
            if wait_ms:
                raise Waits(wait_ms, again)
            return Step(CODE, again)
        self._guesses.right(name, comer.address, code=True)
        due = await self._store.read(lambda tx: _password_due(tx, name))
        return await self._on(name, PASSWORD if due else "", comer)

    async def own_password(self, secret: str, password: str, comer: Comer) -> Step | None:
        """The last step of whoever came with a password from somebody else. Raises AnsimbellError for one that can't
        be used, Refused 401 when the sign-in must begin again."""
        now_ms = self._clock.now_ms()
        name = self.half(secret, PASSWORD)
        if name is None:
            raise _again()
        hashed = await self.new_hash(name, password)
        self._take(secret, PASSWORD)
        await self._store.write(lambda tx: staff.choose_password(tx, now_ms, name, hashed))
        return await self._on(name, "", comer)

    async def new_hash(self, name: str, password: str) -> str:
        """What is kept of a new password. Raises AnsimbellError for one that can't be used, or is the old one."""
        before = await self._store.read(lambda tx: people.password_hash(tx, name))
        async with self.hashing.turn():
            if before is not None and await asyncio.to_thread(people.password_fits, before, password):
                raise AnsimbellError("that is the old password: choose another one")
        return await self.hashing.hashed(password, name)

    def passkey_challenge(self, site: Site, comer: Comer) -> tuple[str, str]:
        """(secret for the browser, options as JSON): asks for any passkey of this site, so it names nobody."""
        options, challenge = challenge_for_entry(site)
        return self._challenges.put(comer.address, challenge, self._clock.now_ms()), options

    async def passkey(self, secret: str, credential: dict[str, Any], site: Site, comer: Comer) -> Step | None:
        """Straight in, or None when it opens nothing. Raises Refused 429 while this address must wait."""
        now_ms = self._clock.now_ms()
        self._wait("", comer.address)
        challenge = self._challenges.take(secret, now_ms)
        given = credential.get("id")
        key = None
        if challenge is not None and isinstance(given, str):
            key = await self._store.read(lambda tx: passkeys.find(tx, given))
        count = None if key is None or challenge is None else checked_entry(credential, challenge, site, key)
        if key is not None and count is not None:
            taken, counted = key, count
            if await self._store.write(lambda tx: passkeys.used(tx, taken, counted, now_ms)):
                return await self._on(key.operator, "", comer)
        self._on_wrong()
        self._guesses.wrong("", comer.address, now_ms)
        if key is not None:
            # Not signed by it, or its counter went back: then there is a copy of it somewhere.
            self._looks.note(key.operator, "passkey_refused", {"label": key.label, "address": comer.address})
        return None

    async def _on(self, name: str, stage: str, comer: Comer) -> Step | None:
        """The next step of somebody who has done all before it; None if they were disabled meanwhile."""
        now_ms = self._clock.now_ms()
        if stage:
            return Step(stage, self._half.put(name, Half(name, stage), now_ms))

        def open_session(tx: Tx) -> str | None:
            if people.password_hash(tx, name) is None:
                return None
            return sessions.open_session(tx, name, now_ms, comer.address, comer.agent)[0]

        secret = await self._store.write(open_session)
        if secret is None:
            return None
        self._looks.note(name, "signed_in", {"address": comer.address})
        return Step("", secret)

    def _take(self, secret: str, stage: str) -> Half:
        half = self._half.take(secret, self._clock.now_ms())
        if half is None or half.stage != stage:
            raise _again()
        return half

    def _wait(self, name: str, address: str) -> None:
        wait_ms = self._guesses.wait_ms(name, address, self._clock.now_ms())
        if wait_ms:
            raise Waits(wait_ms)


class Waits(Refused):
    """Too many wrong ones: not before `Retry-After`. secret: for a step that may be tried again then."""

    def __init__(self, wait_ms: int, secret: str = "") -> None:
        self.wait_s = -(-wait_ms // 1000)
        self.secret = secret
        super().__init__(
            429,
            "wait",
            f"too many wrong passwords or codes: wait {self.wait_s} s",
            headers={"Retry-After": str(self.wait_s)},
        )


def _again() -> Refused:
    return Refused(401, "not_signed_in", "this sign-in is over: begin again with the password")


def _password_due(tx: Tx, name: str) -> bool:
    found = people.operator(tx, name)
    return found is not None and found.password_due
