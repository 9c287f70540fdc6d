"""A desk on a folder of its own, and a browser where there is one."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import past
import pytest
from argon2 import PasswordHasher
from browser import Dispatcher, chromium, launched
from desk import Desk

from bellgate.store import people

MEMORY = Path("/dev/shm")
_REAL = people._HASHER


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A test that fails shows what was on each screen."""
    report = yield
    if report.when == "call" and report.failed:
        for person in Dispatcher.at_work:
            with contextlib.suppress(Exception):  # a page that is gone has nothing to show
                report.sections.append(("what was on the screen", person.seen()))
    return report


@pytest.fixture
def hasher() -> PasswordHasher:
    """The one that the gateway uses."""
    return _REAL


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password check takes a tenth of a second on purpose; the tests make hundreds of them."""
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    people._nobody.cache_clear()


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: these tests ask nothing of a disk, and each opens a database."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    """A gateway with a console and nothing in it."""
    made = Desk(folder)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched(chromium()) as running:
        yield running


@pytest.fixture
def url(desk: Desk) -> Iterator[str]:
    with desk.served() as served:
        yield served
        desk.hub.close()


@pytest.fixture
def dispatcher(desk: Desk, url: str, browser: Any) -> Iterator[Dispatcher]:
    """김하늘, signed in, in Korean; the watch has not begun."""
    desk.operator()
    person = Dispatcher(browser, url)
    person.enter(desk, "김하늘")
    yield person
    person.context.close()
    assert not person.complaints


@pytest.fixture
def month(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Any]:
    """A served desk with a month behind it (see `past`); `famous` is the incident with the whole story."""
    monkeypatch.setattr("desk.TOML", past.TOML)
    made = Desk(folder)
    made.famous = past.month(made)  # type: ignore[attr-defined]
    with made.served() as url:
        made.url = url  # type: ignore[attr-defined]
        yield made
        made.hub.close()
    made.close()
