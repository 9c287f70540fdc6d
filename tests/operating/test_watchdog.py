"""What feeds systemd's watchdog: round trips, and nothing that would feed it while nobody could be helped."""

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from bellgate import process, service
from bellgate.service import Gateway


def fed(monkeypatch: pytest.MonkeyPatch, **state: Any) -> list[str]:
    """What systemd was told in some turns of the loop, in which the canary goes round once a turn if it can."""
    told: list[str] = []
    monkeypatch.setattr(process, "tell_systemd", told.append)
    numbers = itertools.count(1)
    gateway: Any = Gateway.__new__(Gateway)
    gateway._ready = state.get("ready", True)
    gateway._heard = 0
    gateway._canary = SimpleNamespace(back=0, sent=1, round_trip_ms=1.0)
    gateway._engine = SimpleNamespace(alive=lambda: state.get("engine", True))
    gateway._pipeline = SimpleNamespace(disk_fault=state.get("disk_fault", False))
    gateway._session = SimpleNamespace(listening=True, send_canary=lambda: None)
    turns = 5

    async def turn(_: float) -> None:
        nonlocal turns
        turns -= 1
        number = next(numbers)
        if state.get("heard", True):
            gateway._heard = number
        if state.get("stored", True):
            gateway._canary.back = number
        if turns == 0:
            raise asyncio.CancelledError

    monkeypatch.setattr(service.asyncio, "sleep", turn)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(gateway._send_canaries())
    return told


@pytest.mark.parametrize(
    ("state", "lives"),
    [
        ({}, True),
        ({"heard": False, "stored": False}, False),  # deaf
        ({"stored": False}, False),  # a database that hangs: a new start may help
        ({"engine": False}, False),  # due rows are late, or nobody looks
        ({"stored": False, "disk_fault": True}, True),  # a full disk: a new start would not help
        ({"stored": False, "disk_fault": True, "engine": False}, True),
        ({"stored": False, "heard": False, "disk_fault": True}, False),  # deaf as well
    ],
)
def test_only_what_proves_life_feeds_it(monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], lives: bool) -> None:
    assert ("WATCHDOG=1" in fed(monkeypatch, **state)) == lives


def test_it_is_ready_after_the_first_round_trip_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fed(monkeypatch, ready=False)[0] == "READY=1"
    assert "READY=1" not in fed(monkeypatch, ready=False, stored=False, disk_fault=True)
