"""The second factor: codes of an authenticator, each good once; passkeys in a real Chromium with a virtual key."""

from typing import Any

import pyotp
import pytest
from browser import Dispatcher, text
from desk import PASSWORD, Desk, until

from bellgate.console.entry import WRONG_CODES_MAX
from bellgate.console.pending import LASTS_MS, Pending
from bellgate.console.signin import ADDRESS_FREE_TRIES, ADDRESS_LONGEST_WAIT_MS, FREE_TRIES, Guesses
from bellgate.store import audit, passkeys, second_factor, staff

NAME = "김하늘"
FORM = {"name": NAME, "password": PASSWORD}


class Telephone:
    """An authenticator on a telephone whose clock may be wrong."""

    def __init__(self, desk: Desk, secret: str) -> None:
        self._desk, self._totp = desk, pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        return self._totp.generate_otp(self._desk.clock.now_ms() // second_factor.STEP_MS + steps)


@pytest.fixture
def telephone(desk: Desk) -> Telephone:
    """김하늘 has an authenticator, as the profile sets it up."""
    session = desk.session(desk.operator())
    secret = desk.post("/api/v1/profile/authenticator/begin", {"password": PASSWORD}, session).json()["secret"]
    made = Telephone(desk, secret)
    assert desk.get("/api/v1/profile", session).json()["totp"] is False, "it counts only with its first code"
    answer = desk.post("/api/v1/profile/authenticator/confirm", {"code": made.code()}, session)
    assert answer.status_code == 200 and answer.json()["totp"] is True
    assert answer.headers["Set-Cookie"].partition(";")[0] != session["Cookie"]
    desk.clock.ahead_ms += second_factor.STEP_MS
    return made


def acts(desk: Desk, act: str) -> list[dict[str, Any]]:
    return desk.store.read_now(lambda tx: audit.acts(tx, act))


async def first_step(client: Any) -> None:
    answer = await client.post("/sign-in", data=FORM)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/code")
    cookie = answer.headers["Set-Cookie"].lower()
    assert "ansimbell=" not in cookie.replace("ansimbell-step=", "")
    assert (
        "httponly" in cookie and "samesite=strict" in cookie and "path=/sign-in" in cookie and "max-age=300" in cookie
    )


def test_the_password_alone_opens_nothing(desk: Desk, telephone: Telephone):
    async def story(client):
        await first_step(client)
        for path in ("/api/v1/me", "/api/v1/incidents", "/api/v1/profile"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/")).headers["Location"] == "/sign-in"
        step = client.cookies["ansimbell-step"]
        assert (await client.get("/api/v1/me", headers={"Cookie": f"ansimbell={step}"})).status_code == 401
        skipped = await client.post("/sign-in/password", data={"password": "x" * 12, "again": "x" * 12})
        assert skipped.headers["Location"] == "/sign-in?again"
        await first_step(client)
        assert (await client.get("/sign-in/code")).status_code == 200
        done = await client.post("/sign-in/code", data={"code": telephone.code()})
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        assert (await client.get("/api/v1/me")).json()["name"] == NAME
        assert step not in done.headers["Set-Cookie"]

    desk.talk(story)
    until(lambda: acts(desk, "signed_in"), "the sign-in stands in the record")


@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(desk: Desk, telephone: Telephone, steps: int, opens: bool):
    desk.clock.ahead_ms += 10 * second_factor.STEP_MS

    async def story(client):
        await first_step(client)
        return (await client.post("/sign-in/code", data={"code": telephone.code(steps)})).status_code

    assert desk.talk(story) == (303 if opens else 401)


def test_a_code_is_good_once_and_so_is_everything_before_it(desk: Desk, telephone: Telephone):
    async def enter(client, code):
        client.cookies.clear()
        await first_step(client)
        return (await client.post("/sign-in/code", data={"code": code})).status_code

    async def story(client):
        now, before = telephone.code(), telephone.code(-1)
        assert await enter(client, f" {now[:3]} {now[3:]} ") == 303, "with spaces, as a telephone shows it"
        assert await enter(client, now) == 401
        assert await enter(client, before) == 401, "older than the newest that was used"
        desk.clock.ahead_ms += second_factor.STEP_MS
        wide = "".join(chr(ord(digit) + 0xFEE0) for digit in telephone.code())
        assert await enter(client, wide) == 303, "full-width digits of a Hangul keyboard"

    desk.talk(story)


@pytest.mark.parametrize("code", ["", "000000", "12345", "1234567", "abcdef", "٣٣٣٣٣٣"])
def test_a_wrong_code_opens_nothing(desk: Desk, telephone: Telephone, code: str):
    if code == telephone.code():
        return

    async def story(client):
        await first_step(client)
        answer = await client.post("/sign-in/code", data={"code": code})
        assert answer.status_code == 401 and "맞지 않거나" in answer.text
        assert (await client.get("/api/v1/me")).status_code == 401

    desk.talk(story)
    until(lambda: acts(desk, "code_wrong"), "somebody knows the password: that stands in the record")


def test_after_some_wrong_codes_the_password_is_asked_again(desk: Desk, telephone: Telephone):
    async def story(client):
        await first_step(client)
        for number in range(WRONG_CODES_MAX):
            desk.clock.ahead_ms += 61_000
            answer = await client.post("/sign-in/code", data={"code": "000000"})
            assert (answer.status_code == 401) is (number < WRONG_CODES_MAX - 1)
        assert answer.headers["Location"] == "/sign-in?again"
        desk.clock.ahead_ms += 61_000
        again = await client.post("/sign-in/code", data={"code": telephone.code()})
        assert again.headers["Location"] == "/sign-in?again"

    desk.talk(story)


def test_guessing_codes_is_slowed_although_the_password_is_right(desk: Desk, telephone: Telephone):
    async def story(client):
        codes = []
        for _ in range(FREE_TRIES + 2):
            client.cookies.clear()
            await first_step(client)
            codes.append((await client.post("/sign-in/code", data={"code": "000000"})).status_code)
        assert codes == [401] * (FREE_TRIES + 1) + [429]
        desk.clock.ahead_ms += 61_000
        # The refused one was not taken away: it may be sent again when the wait is over.
        assert (await client.post("/sign-in/code", data={"code": telephone.code()})).status_code == 303

    desk.talk(story)


def test_half_a_sign_in_is_over_after_five_minutes(desk: Desk, telephone: Telephone):
    async def story(client):
        await first_step(client)
        desk.clock.ahead_ms += LASTS_MS + 1_000
        assert (await client.get("/sign-in/code")).status_code == 303
        answer = await client.post("/sign-in/code", data={"code": telephone.code()})
        assert answer.headers["Location"] == "/sign-in?again"

    desk.talk(story)


def test_whoever_is_disabled_between_the_steps_stays_out(desk: Desk, telephone: Telephone):
    desk.operator("other", "administrator")

    async def story(client):
        await first_step(client)
        await desk.store.write(lambda tx: staff.disable(tx, 1, "other", NAME))
        answer = await client.post("/sign-in/code", data={"code": telephone.code()})
        assert "ansimbell=" not in answer.headers.get("Set-Cookie", "").replace("ansimbell-step=", "")
        assert (await client.get("/api/v1/me")).status_code == 401

    desk.talk(story)


def test_the_qr_code_is_a_picture_for_its_person_alone(desk: Desk):
    session = desk.session(desk.operator())
    path = "/api/v1/profile/authenticator.svg"
    assert desk.get(path, session).status_code == 404
    wrong = desk.post("/api/v1/profile/authenticator/begin", {"password": "wrong"}, session)
    assert wrong.json()["error"]["code"] == "wrong_password"
    told = desk.post("/api/v1/profile/authenticator/begin", {"password": PASSWORD}, session).json()
    assert told["uri"].startswith("otpauth://totp/Ansimbell%20seongsu-1:")
    drawn = desk.get(path, session)
    assert drawn.headers["Content-Type"] == "image/svg+xml" and drawn.headers["Cache-Control"] == "no-store"
    assert "<script" not in drawn.text and "style" not in drawn.text
    assert desk.get(path, desk.session(desk.operator("이서준"))).status_code == 404
    assert desk.get(path).status_code == 401


def test_without_the_password_nobody_takes_the_second_factor_away(desk: Desk, telephone: Telephone):
    session = desk.session(NAME)
    path = "/api/v1/profile/authenticator/remove"
    assert desk.post(path, {"password": "wrong"}, session).status_code == 422
    assert desk.get("/api/v1/profile", session).json()["totp"] is True
    assert desk.post(path, {"password": PASSWORD}, session).json()["totp"] is False
    assert [row["by"] for row in acts(desk, "second_factor_removed")] == [NAME]
    assert desk.ask("POST", "/sign-in", data=FORM).headers["Location"] == "/"


def test_an_administrator_resets_it_for_a_lost_telephone(desk: Desk, telephone: Telephone):
    by = desk.session(desk.operator("other", "administrator"))
    assert desk.post("/api/v1/people/second-factor", {"name": NAME}, by).json()["totp"] is False
    assert desk.ask("POST", "/sign-in", data=FORM).headers["Location"] == "/"


# Guessing


def test_one_password_on_many_names_is_slowed_and_nobody_elsewhere_is():
    guesses, now = Guesses(), 1_000_000
    for number in range(ADDRESS_FREE_TRIES):
        assert guesses.wait_ms(f"n{number}", "thief", now) == 0
        guesses.wrong(f"n{number}", "thief", now)
    waits = []
    for number in range(20):
        guesses.wrong(f"m{number}", "thief", now)
        waits.append(guesses.wait_ms("김하늘", "thief", now))
        now += waits[-1]
    assert waits[0] > 0 and waits[-1] == ADDRESS_LONGEST_WAIT_MS and waits == sorted(waits)
    assert guesses.wait_ms("김하늘", "station", now) == 0
    guesses.right("m0", "thief")  # an account of one's own buys no new guesses
    assert guesses.wait_ms("김하늘", "thief", now - waits[-1]) > 0


def test_spraying_over_http(desk: Desk):
    desk.operator()
    codes = [
        desk.ask("POST", "/sign-in", data={"name": f"n{number}", "password": "summer-2026"}).status_code
        for number in range(ADDRESS_FREE_TRIES + 2)
    ]
    assert codes == [401] * (ADDRESS_FREE_TRIES + 1) + [429]
    desk.clock.ahead_ms += ADDRESS_LONGEST_WAIT_MS
    assert desk.ask("POST", "/sign-in", data=FORM).status_code == 303, "it is a delay, and no lock"


def test_what_waits_is_bounded_and_single_use():
    pending: Pending[int] = Pending(lasts_ms=100, per_owner_max=3, all_max=5)
    first = pending.put("a", 0, 1_000)
    mine = [pending.put("b", number, 1_000) for number in range(5)]
    assert [pending.look(secret, 1_000) for secret in mine] == [None, None, 2, 3, 4]
    assert pending.look(first, 1_000) == 0, "a flood pushes out its own"
    assert pending.take(first, 1_000) == 0 and pending.take(first, 1_000) is None
    assert pending.look(mine[4], 1_101) is None and pending.look(mine[4], 500) is None
    many = [pending.put(f"o{number}", number, 1_000) for number in range(9)]
    assert sum(pending.look(secret, 1_000) is not None for secret in many) == 5


# Passkeys


class Key:
    """A passkey in Chromium: a virtual authenticator that says yes for its person, as a finger would."""

    def __init__(self, person: Dispatcher, verified: bool = True) -> None:
        self.cdp = person.context.new_cdp_session(person.page)
        self.cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
        options |= {"isUserVerified": verified, "automaticPresenceSimulation": True}
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def set_count(self, count: int) -> None:
        """As a copy of the key would have it."""
        (one,) = self.credentials()
        self.cdp.send("WebAuthn.removeCredential", {"authenticatorId": self.id, "credentialId": one["credentialId"]})
        self.cdp.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": one | {"signCount": count}})


@pytest.fixture
def local(url: str) -> str:
    """A secure context, as https is."""
    return url.replace("127.0.0.1", "localhost")


def add_passkey(desk: Desk, person: Dispatcher, label: str = "사무실 노트북", name: str = NAME) -> None:
    page = person.page
    person.enter(desk, name, "/profile")
    page.click("#passkey-add")
    page.fill("#label", label)
    page.fill("#confirm", PASSWORD)
    page.click("#confirm-form .primary")
    page.locator("#passkeys li", has_text=label).wait_for()


def test_a_passkey_is_registered_and_opens_the_console(desk: Desk, local: str, browser: Any):
    desk.operator()
    person = Dispatcher(browser, local)
    key = Key(person)
    add_passkey(desk, person)
    assert text(person.page.locator("#done")) == "패스키를 추가했습니다."
    assert len(key.credentials()) == 1
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    person.page.click("#passkey")
    person.page.wait_for_selector("body.desk[data-drawn]")
    (kept,) = desk.store.read_now(lambda tx: passkeys.listing(tx, NAME))
    assert kept.label == "사무실 노트북" and kept.used_ms is not None and kept.sign_count > 0
    assert [row["detail"]["label"] for row in acts(desk, "passkey_added")] == ["사무실 노트북"]
    # Removed, it opens nothing any more, though the device still has it.
    person.page.goto("/profile")
    person.page.locator("#passkeys button").click()
    person.page.fill("#confirm", PASSWORD)
    person.page.click("#confirm-form .primary")
    person.page.locator("#passkeys li").wait_for(state="detached")
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    person.page.click("#passkey")
    person.page.wait_for_selector("#passkey-refused:not([hidden])")
    person.context.close()
    assert not person.complaints


def test_a_copied_passkey_is_seen_by_its_counter(desk: Desk, local: str, browser: Any):
    desk.operator()
    person = Dispatcher(browser, local)
    key = Key(person)
    add_passkey(desk, person)
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    person.page.click("#passkey")
    person.page.wait_for_selector("body.desk[data-drawn]")
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    key.set_count(0)
    person.page.click("#passkey")
    person.page.wait_for_selector("#passkey-refused:not([hidden])")
    until(lambda: acts(desk, "passkey_refused"), "it stands in the record")
    person.context.close()


def test_a_passkey_without_its_person_opens_nothing(desk: Desk, local: str, browser: Any):
    """Whoever finds the key but has neither the finger nor the PIN."""
    desk.operator()
    person = Dispatcher(browser, local)
    key = Key(person)
    add_passkey(desk, person)
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    key.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": key.id, "isUserVerified": False})
    person.page.click("#passkey")
    person.page.wait_for_selector("#passkey-none:not([hidden])")
    assert person.page.url.endswith("/sign-in")
    person.context.close()


def test_an_answer_is_good_once_and_for_its_own_browser(desk: Desk, local: str, browser: Any):
    desk.operator()
    person = Dispatcher(browser, local)
    Key(person)
    add_passkey(desk, person)
    person.page.click("#sign-out")
    person.page.wait_for_selector("#passkey")
    sent: list[tuple[dict[str, str], str]] = []
    person.page.on(
        "request",
        lambda request: (
            request.url.endswith("/sign-in/passkey") and sent.append((request.all_headers(), request.post_data))
        ),
    )
    step = []
    person.page.on("response", lambda answer: answer.url.endswith("challenge") and step.append(answer.all_headers()))
    person.page.click("#passkey")
    person.page.wait_for_selector("body.desk[data-drawn]")
    (_, body), (headers,) = sent[0], step
    cookie = headers["set-cookie"].partition(";")[0]
    origin = {"Host": local.partition("//")[2], "Content-Type": "application/json"}
    for cookies in ({"Cookie": cookie}, {}):  # the challenge is used up; and another browser has none
        answer = desk.ask("POST", f"{local}/sign-in/passkey", origin | cookies, content=body)
        assert answer.status_code == 401 and "Set-Cookie" not in answer.headers
    # A challenge of one's own does not fit a stolen answer.
    fresh = desk.ask("POST", f"{local}/sign-in/passkey/challenge", origin)
    own = fresh.headers["Set-Cookie"].partition(";")[0]
    answer = desk.ask("POST", f"{local}/sign-in/passkey", origin | {"Cookie": own}, content=body)
    assert answer.status_code == 401 and "Set-Cookie" not in answer.headers
    person.context.close()


def test_a_disabled_person_has_no_passkey(desk: Desk, local: str, browser: Any):
    desk.operator()
    desk.operator("other", "administrator")
    person = Dispatcher(browser, local)
    Key(person)
    add_passkey(desk, person)
    desk.store.write_now(lambda tx: staff.disable(tx, 1, "other", NAME))
    person.page.goto("/sign-in")
    person.page.click("#passkey")
    person.page.wait_for_selector("#passkey-refused:not([hidden])")
    person.context.close()


def test_no_passkey_where_a_browser_allows_none(desk: Desk, url: str, browser: Any):
    desk.operator()
    person = Dispatcher(browser, url)
    person.page.add_init_script("Object.defineProperty(window, 'isSecureContext', {value: false})")
    person.page.goto("/sign-in")
    assert person.page.locator("#by-passkey").is_hidden()
    person.enter(desk, NAME, "/profile")
    assert person.page.locator("#passkey-add").is_disabled()
    assert "https" in text(person.page.locator("#passkeys-impossible"))
    person.context.close()


def test_nonsense_for_a_passkey_is_refused_and_breaks_nothing(desk: Desk):
    session = desk.session(desk.operator())
    begun = desk.post("/api/v1/profile/passkeys/begin", {"password": PASSWORD}, session).json()
    for credential in ({}, {"id": "x"}, {"id": 3, "response": []}, {"id": "YQ", "rawId": "YQ", "response": {}}):
        body = {"id": begun["id"], "label": "x", "credential": credential}
        answer = desk.post("/api/v1/profile/passkeys", body, session)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "wrong_passkey")
        assert desk.ask("POST", "/sign-in/passkey", json=credential).status_code == 401
    for body in ("", "[]", "1", "{"):
        answer = desk.ask("POST", "/sign-in/passkey", {"Content-Type": "application/json"}, content=body)
        assert answer.status_code == 422


def test_a_passkey_belongs_to_the_address_that_the_settings_name(desk: Desk):
    """Whoever stands between browser and gateway can choose the Host that a request names."""
    from bellgate.config import load

    path = desk.config.path
    path.write_text(
        path.read_text(encoding="utf-8") + '[console]\norigin = "https://bells.example"\n', encoding="utf-8"
    )
    object.__setattr__(desk.config, "console", load(path).console)
    for host in ("bells.example", "evil.example"):
        told = desk.ask("POST", f"http://{host}/sign-in/passkey/challenge", {"Origin": f"http://{host}"}).json()
        assert told["rpId"] == "bells.example"
