"""No page breaks a rule that axe-core knows, in either language and either theme."""

from typing import Any

import pytest
from accessible import violations
from browser import Dispatcher
from desk import Desk

from bellgate.console.pages import WAYS

# Who sees the page with everything on it.
WHO = {"own": "owner"}
THEMES = ("light", "dark")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", ["ko", "en"])
def test_sign_in(browser: Any, url: str, language: str, theme: str):
    person = Dispatcher(browser, url, language, color_scheme=theme)
    person.page.goto("/sign-in")
    assert violations(person.page) == []
    person.context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_page(desk: Desk, browser: Any, url: str, way: Any, language: str, theme: str):
    shop, home = desk.enrol(), desk.enrol("b-2", "성수이로 1인 가구", "서울 성동구 성수이로 88", kind="home-set")
    for bell, what in ((shop, "panic"), (shop, "battery"), (shop, "test"), (home, "duress")):
        desk.press(bell, what)
    name = desk.operator("김하늘", WHO.get(way.right or "", "administrator"))
    person = Dispatcher(browser, url, language, color_scheme=theme)
    person.enter(desk, name, way.path.replace("{incident_id:int}", "1"))
    person.page.wait_for_selector("body[data-drawn]")
    assert violations(person.page) == []
    assert not person.complaints
    person.context.close()
