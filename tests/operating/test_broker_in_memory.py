"""On a disk that takes nothing the embedded broker lives in memory, and comes back when there is room."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from estate import Estate
from test_housekeeping import house

from bellgate import disk
from bellgate.broker import watch as watch_module
from bellgate.broker.embedded import EmbeddedBroker
from bellgate.broker.watch import BrokerWatch
from bellgate.clock import Clock
from bellgate.errors import BrokerError, DiskFault
from bellgate.pki import Authority

sys.path.append(str(Path(__file__).resolve().parents[1] / "gateway"))
from workbench import made


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "ram"))
    config = made(tmp_path / "other-gate")
    made_one = EmbeddedBroker(config, Authority(config.data_dir / "pki"))
    made_one.start([])
    yield made_one
    made_one.stop()


def watch(broker: EmbeddedBroker) -> BrokerWatch:
    nothing: Any = SimpleNamespace()
    return BrokerWatch(nothing, nothing, broker, nothing, Clock(), 0)


def test_it_moves_into_memory_and_back(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async def story() -> None:
        keeper = watch(broker)
        first = broker.pid
        assert not broker.sheltered and await keeper.shelter(True, [])
        assert broker.sheltered and broker.alive() and broker.pid != first
        assert list((tmp_path / "ram").glob("broker-*/nats.conf"))
        assert not await keeper.shelter(True, [])  # it is there already
        assert await keeper.shelter(False, []) and broker.alive() and not broker.sheltered
        assert not list((tmp_path / "ram").glob("broker-*"))  # nothing of it is left in memory

    asyncio.run(story())


def test_a_next_life_ends_the_one_that_was_left_in_memory(broker: EmbeddedBroker, tmp_path: Path) -> None:
    asyncio.run(watch(broker).shelter(True, []))
    left = broker._process
    assert left is not None
    child, broker._child, broker._process = broker._child, None, None  # the gateway was killed
    broker.shelter(False)
    broker.start([])
    assert child is not None and child.wait(10) is not None
    assert broker.alive() and broker.pid != left.pid and not broker.sheltered


def test_without_memory_to_live_in_it_stays_on_the_disk(broker: EmbeddedBroker, tmp_path: Path) -> None:
    (tmp_path / "ram").write_text("not a folder")
    with pytest.raises(BrokerError):
        asyncio.run(watch(broker).shelter(True, []))
    assert not broker.sheltered
    broker.start([])  # as the next look of the watch does
    assert broker.alive()


def test_when_it_moves(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = house(estate)
    free = disk.FULL_BYTES - 1
    monkeypatch.setattr(disk, "room", lambda _: disk.Room(10**12, free, readonly))
    for free, readonly, fault, sheltered in (
        (10**12, False, None, False),
        (disk.FULL_BYTES - 1, False, None, True),
        (disk.LOW_BYTES - 1, False, None, True),  # not back and forth
        (disk.LOW_BYTES, False, None, False),
        (10**12, True, None, True),
        (10**12, False, None, False),
        (10**12, False, DiskFault("the disk reports an error"), True),
    ):
        estate.pipeline._failing = None if fault is None else (1, fault)
        asyncio.run(keeper._look_at_disk())
        assert estate.sheltered == sheltered, (free, readonly, fault)


def test_a_broker_that_runs_and_lets_nobody_in_is_started_anew(
    broker: EmbeddedBroker, estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose disk was full while the gateway was away never writes again, and refuses every session."""
    monkeypatch.setattr(watch_module, "DEAF_S", 0.3)
    session: Any = SimpleNamespace(listening=False, fault="the connection broke")
    keeper = BrokerWatch(estate.store, estate.pipeline, broker, session, Clock(), 0)
    keeper._cleared_old = True

    async def story() -> None:
        first = broker.pid
        await keeper.look()
        assert broker.pid == first, "it has some time to let us in"
        await asyncio.sleep(0.4)
        await keeper.look()
        second = broker.pid
        assert second != first and broker.alive()
        await keeper.look()
        assert broker.pid == second, "a new one has that time again"
        session.listening = True
        await asyncio.sleep(0.4)
        await keeper.look()
        assert broker.pid == second

    asyncio.run(story())
    (row,) = estate.store.read_now(lambda tx: tx.all("SELECT * FROM trouble WHERE kind = 'broker_down'"))
    assert "answers nobody" in row["detail"]
