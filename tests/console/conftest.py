"""A desk on a folder of its own, and a browser where there is one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A gateway with a console and nothing in it."""
    made = Desk(tmp_path)
    yield made
    made.close()
