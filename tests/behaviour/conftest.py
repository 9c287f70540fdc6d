"""A gateway on a folder of its own for each story."""

from collections.abc import Iterator
from pathlib import Path

import gpiozero
import pytest
from gatehouse import Bell, Gatehouse
from gpiozero.pins.mock import MockFactory


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gatehouse]:
    """A gateway with a webhook target and a console."""
    house = Gatehouse(tmp_path / "gate")
    yield house
    house.close()


@pytest.fixture
def bell(gate: Gatehouse) -> Bell:
    """An enrolled bell."""
    return gate.enrol(Bell())


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """The pins of a board that is not there."""
    before = gpiozero.Device.pin_factory
    made = gpiozero.Device.pin_factory = MockFactory()
    yield made
    made.reset()
    gpiozero.Device.pin_factory = before
