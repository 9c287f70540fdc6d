"""Every test that asks for `store` runs on SQLite and on a real PostgreSQL server of its own."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellgate.store import Store, open_store
from bellsim import postgresql

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server without fsync: nobody cuts its power, and the tests are about something else."""
    if (text := postgresql.missing()) is not None:
        pytest.skip(text)
    with postgresql.Server(durable=False) as started:
        yield started


@pytest.fixture
def url(server: postgresql.Server) -> str:
    """An empty database on the server."""
    return server.database(f"test_{next(_numbers)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A new database, opened."""
    name = "sqlite:///a.db" if request.param == "sqlite" else request.getfixturevalue("url")
    with open_store(name, tmp_path) as opened:
        yield opened
