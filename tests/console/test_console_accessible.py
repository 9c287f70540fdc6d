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


def broken(person: Dispatcher, language: str) -> list[str]:
    """What axe finds in each theme."""
    found = []
    for theme in THEMES:
        person.page.emulate_media(color_scheme=theme)
        found += [f"{language}, {theme}: {fault}" for fault in violations(person.page)]
    return found


def test_sign_in(browser: Any, url: str):
    for language in ("ko", "en"):
        person = Dispatcher(browser, url, language)
        person.page.goto("/sign-in")
        assert broken(person, language) == []
        person.context.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_page(desk: Desk, browser: Any, url: str, way: Any):
    shop, home = desk.enrol(), desk.enrol("b-2", "성수이로 1인 가구", "서울 성동구 성수이로 88", kind="home-set")
    for bell, what in ((shop, "panic"), (shop, "battery"), (shop, "test"), (home, "duress")):
        desk.press(bell, what)
    name = desk.operator("김하늘", WHO.get(way.right or "", "administrator"))
    person = Dispatcher(browser, url, "ko")
    person.enter(desk, name, way.path.replace("{incident_id:int}", "1"))
    assert broken(person, "ko") == []
    person.page.click("#language")  # as a person changes it; the page says everything anew
    person.page.wait_for_selector("html[lang=en]")
    assert broken(person, "en") == []
    assert not person.complaints
    person.context.close()
