"""An installation with some incidents, closed, open and tests, as a gateway without a broker makes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from estate import Estate


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path / "gate")
    yield made
    made.close()
