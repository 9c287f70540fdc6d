"""Debian's Chromium, driven by Playwright, and a person at the console in it."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from desk import PASSWORD, WAIT_S, Desk

INSTALL = "no Chromium: sudo apt-get install chromium fonts-nanum, and pip install playwright"
# The autoplay policy stays as it is: the page must sound because a person pressed a button, not because a test said so.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Its path; without it the test is skipped (which CI=true makes a failure)."""
    pytest.importorskip("playwright", reason=INSTALL)
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip(INSTALL)
    return found


@contextlib.contextmanager
def launched(path: str) -> Iterator[Any]:
    """A running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Dispatcher:
    """A person at one screen."""

    at_work: ClassVar[list["Dispatcher"]] = []

    def __init__(self, browser: Any, url: str, language: str = "ko", **more: Any) -> None:
        locale = {"ko": "ko-KR", "en": "en-GB"}[language]
        # Nothing pulses unless a test asks for it: without a graphics card that is most of a browser's work.
        more.setdefault("reduced_motion", "reduce")
        self.url = url
        self.context = browser.new_context(base_url=url, locale=locale, timezone_id="Asia/Seoul", **more)
        self.context.set_default_timeout(WAIT_S * 1_000)
        self.page = self.context.new_page()
        self.at_work.append(self)
        self.context.on("close", lambda _: self.at_work.remove(self))
        # What a browser complains about (a blocked script, an exception) is a fault of the page.
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)

    def _said(self, message: Any) -> None:
        # A refused request is logged by the browser itself; the tests that provoke one look at the page.
        if message.type == "error" and "Failed to load resource" not in message.text and "net::ERR" not in message.text:
            self.complaints.append(message.text)

    def sign_in(self, name: str, password: str = PASSWORD) -> None:
        self.page.goto("/")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("form button")
        self.page.wait_for_selector("body[data-link=fresh]")

    def enter(self, desk: Desk, name: str, path: str = "/") -> None:
        """As after a sign-in, which takes a second."""
        cookie = desk.session(name)["Cookie"].partition("=")[2]
        self.context.add_cookies([{"name": "ansimbell", "value": cookie, "url": self.url}])
        self.page.goto(path)
        self.page.wait_for_selector("body[data-drawn]")

    def start_watch(self) -> None:
        self.page.click("#watch-start")
        self.page.click("#heard-yes")
        self.page.wait_for_selector("body[data-watch=on]")

    def seen(self) -> str:
        """What the page says of itself, for a test that failed."""
        script = """() => { const { link, watch, red, drawn } = document.body.dataset;
            const text = document.body.innerText.slice(0, 2_000);
            return [location.pathname, JSON.stringify({ link, watch, red, drawn }), text]; }"""
        parts = [*self.page.evaluate(script), *self.complaints]
        return "\n".join(" ".join(part.split()) for part in parts)

    def card(self, incident_id: int) -> Any:
        return self.page.locator(f"article[data-id='{incident_id}']")

    def intercept(self, pattern: str, handle: Callable[[Any], None]) -> None:
        """As page.route, once it holds: for a moment after the first route Chromium lets requests slip through."""
        self.page.route("**/is-intercepted", lambda route: route.fulfill(status=204))
        self.page.evaluate("async () => { while ((await fetch('/is-intercepted')).status !== 204); }")
        self.page.route(pattern, handle)

    def key(self, *codes: str) -> None:
        for code in codes:
            self.page.keyboard.press(code)


def text(found: Any) -> str:
    """What a person reads there, on one line."""
    return " ".join(found.inner_text().split())
