"""What a gateway does for itself, and that a failure of it is said and never in the way of an alarm."""

import asyncio
import hashlib
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from estate import DAY_MS, Estate

from bellgate import backups, disk, housekeeping, record
from bellgate.errors import DiskFault
from bellgate.housekeeping import Housekeeping
from bellgate.store import audit, figures, troubles

sys.path.append(str(Path(__file__).resolve().parents[1] / "gateway"))
from workbench import bellgate, eventually


def house(estate: Estate) -> Housekeeping:
    return Housekeeping(
        estate.store, estate.pipeline, estate.config, estate.clock, estate.authority, estate.move_broker
    )


def open_kinds(estate: Estate) -> set[str]:
    return {row["kind"] for row in estate.store.read_now(troubles.open_troubles)}


async def _until(keeper: Housekeeping, happened: Callable[[], Any], what: str) -> None:
    running = asyncio.create_task(keeper.run())
    try:
        await asyncio.to_thread(eventually, happened, what)
    finally:
        running.cancel()


def test_it_signs_and_copies_by_itself(estate: Estate) -> None:
    estate.press(estate.enrol())
    keeper = house(estate)
    asyncio.run(_until(keeper, lambda: keeper.backup_ms and keeper.checkpoint_ms, "a backup and a checkpoint"))
    (made,) = backups.listed(estate.config.backup_dir)
    assert backups.read(made.folder)["rows"]["incident"] == 1
    found = record.verify(estate.store, estate.config.checkpoint_dir, "test-1", estate.authority.ca)
    assert found.ok and found.checkpoints == 1
    assert (estate.config.data_dir / disk.RESERVE_FILE).stat().st_size == disk.RESERVE_BYTES


def test_every_backup_is_made_by_the_same_thread(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many the event loop has: each would keep the memory that a backup takes."""
    names: list[str] = []
    make = backups.make

    def noted(*args: Any) -> backups.Backup:
        names.append(threading.current_thread().name)
        return make(*args)

    async def some() -> None:
        keeper = house(estate)
        for _ in range(4):
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(4)), keeper.backup())
            estate.clock.at_ms += 3_600_000

    monkeypatch.setattr(backups, "make", noted)
    asyncio.run(some())
    assert len(names) == 4 and set(names) == {"housekeeping_0"}


def test_an_hourly_copy_and_its_rotation(estate: Estate) -> None:
    estate.config = estate.config.model_copy(
        update={"backup": estate.config.backup.model_copy(update={"keep_hourly": 2, "keep_daily": 1})}
    )
    keeper = house(estate)
    for _ in range(4):
        asyncio.run(keeper.backup())
        asyncio.run(keeper.backup())  # nothing is due yet
        estate.clock.at_ms += 3_600_000
    made = [one.made_ms for one in backups.listed(estate.config.backup_dir)]
    assert len(made) == 2 and made[-1] == estate.clock.at_ms - 3_600_000


def test_a_place_that_is_gone_is_trouble_and_its_return_ends_it(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "AGAIN_S", 0.0)
    monkeypatch.setattr(housekeeping, "LOOK_S", 0.01)
    for folder in (estate.config.backup_dir, estate.config.checkpoint_dir):
        folder.write_text("not a folder")
    wrong = {"backup_failing", "checkpoint_failing"}
    keeper = house(estate)
    asyncio.run(_until(keeper, lambda: wrong <= open_kinds(estate), "both troubles"))
    estate.press(estate.enrol())  # an alarm is none of its business
    for folder in (estate.config.backup_dir, estate.config.checkpoint_dir):
        folder.unlink()
    again = house(estate)  # after a restart it still knows which lines it opened
    asyncio.run(_until(again, lambda: not wrong & open_kinds(estate), "both cleared"))


def test_a_fault_of_one_job_stops_no_other(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "listed", lambda _: 1 // 0)
    keeper = house(estate)
    asyncio.run(_until(keeper, lambda: keeper.checkpoint_ms and "backup_failing" in open_kinds(estate), "the rest"))


def test_a_full_disk_takes_the_reserve(estate: Estate) -> None:
    keeper = house(estate)
    asyncio.run(keeper._look_at_disk())
    reserve = estate.config.data_dir / disk.RESERVE_FILE
    assert reserve.exists()
    estate.pipeline._failing = (1, DiskFault("the disk is full"))
    asyncio.run(keeper._look_at_disk())
    assert not reserve.exists()
    estate.pipeline._failing = None
    asyncio.run(keeper._look_at_disk())
    assert reserve.exists()


def test_the_operator_hears_of_little_room(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = house(estate)
    for free, readonly, kinds in (
        (disk.LOW_BYTES - 1, False, {"disk_low"}),
        (10**12, True, {"disk_readonly"}),
        (10**12, False, set()),
    ):
        monkeypatch.setattr(disk, "room", lambda _, free=free, readonly=readonly: disk.Room(10**12, free, readonly))
        asyncio.run(keeper._look_at_disk())
        # What is over stays on the list for a minute, as "falling".
        rows = estate.store.read_now(lambda tx: tx.all("SELECT kind FROM trouble WHERE state = 'open'"))
        assert {row["kind"] for row in rows} == kinds


def test_the_reserve_is_never_what_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = disk.Room(10**12, disk.RESERVE_BYTES + disk.PLENTY_BYTES - 1, False)
    monkeypatch.setattr(disk, "room", lambda _: room)
    assert not disk.keep_reserve(tmp_path) and not (tmp_path / disk.RESERVE_FILE).exists()
    (tmp_path / disk.RESERVE_FILE).write_bytes(b"x")
    assert not disk.before_start(tmp_path)
    room = disk.Room(10**12, disk.LOW_BYTES - 1, False)
    assert disk.before_start(tmp_path) and not disk.before_start(tmp_path)


def test_growth_is_told_per_day(estate: Estate) -> None:
    assert estate.store.read_now(figures.growth_bytes) is None
    for day, size in ((0, 1_000_000), (1, 1_500_000), (4, 3_000_000)):
        at_ms = estate.clock.at_ms + day * DAY_MS
        estate.store.write_now(lambda tx, size=size, at_ms=at_ms: figures.note_size(tx, size, at_ms))
    assert estate.store.read_now(figures.growth_bytes) == 500_000
    for day in range(5, 60):
        at_ms = estate.clock.at_ms + day * DAY_MS
        estate.store.write_now(lambda tx, at_ms=at_ms: figures.note_size(tx, 3_000_000, at_ms))
    assert estate.store.read_now(figures.growth_bytes) == 0
    assert figures.size_bytes(estate.store) > 0


@pytest.fixture
def deaf_record(estate: Estate) -> Estate:
    """A record that takes nothing: somebody has put a trap into the database."""
    estate.enrol()
    trap = "CREATE TRIGGER deaf BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the record is shut'); END"
    estate.store.write_now(lambda tx: tx.run(trap))
    return estate


def test_a_record_that_takes_nothing_holds_up_no_alarm(deaf_record: Estate) -> None:
    estate = deaf_record
    number = estate.press("b-1")
    estate.close_incident(number)
    assert estate.view(number)["handling"] == "closed" and estate.count("audit") == 0
    assert "record_failing" in open_kinds(estate) and estate.pipeline.counters()["record_failures"] >= 2
    assert [one.target for one in estate.woken][:1] == ["station"]

    with pytest.raises(Exception, match="the record is shut"):
        asyncio.run(house(estate).checkpoint())
    estate.store.write_now(lambda tx: tx.run("DROP TRIGGER deaf"))
    asyncio.run(house(estate).checkpoint())
    assert "record_failing" not in open_kinds(estate) and estate.store.read_now(audit.verify) is None
    assert [row["act"] for row in estate.store.read_now(lambda tx: tx.all("SELECT act FROM audit"))] == [
        "record_works_again",
        "settings",
    ]


def test_a_record_that_takes_nothing_refuses_a_change_of_settings(deaf_record: Estate, tmp_path: Path) -> None:
    estate = deaf_record
    bell = ("--site", "s-1", "--kind", "pendant", "--name", "n", "--address", "a", "--bell-id", "b-2")
    for arguments in (
        ("enrol", "-c", estate.config.path, *bell, "--out", tmp_path),
        ("revoke", "-c", estate.config.path, "b-1"),
        ("token", "-c", estate.config.path, "--role", "auditor"),
        ("hold", "-c", estate.config.path, "1", "--reason", "x"),
    ):
        code, _, error = bellgate(*arguments)
        assert code == 1 and "Traceback" not in error, error
    assert estate.count("bell", "state = 'active'") == 1 and estate.count("token") == 0
    assert not list(tmp_path.glob("b-2*"))


def test_what_the_command_line_changes_stands_in_the_record(estate: Estate, tmp_path: Path) -> None:
    bell = ("--site", "s-1", "--kind", "pendant", "--name", "n", "--address", "a", "--bell-id", "b-2")
    assert bellgate("enrol", "-c", estate.config.path, *bell, "--out", tmp_path)[0] == 0
    assert bellgate("revoke", "-c", estate.config.path, "b-2")[0] == 0
    assert bellgate("token", "-c", estate.config.path, "--role", "auditor")[0] == 0
    rows = estate.store.read_now(lambda tx: tx.all("SELECT act, detail FROM audit ORDER BY id"))
    assert [row["act"] for row in rows] == ["enrolled", "revoked", "token_made"]


def test_verify_as_a_command(estate: Estate) -> None:
    estate.press(estate.enrol())
    asyncio.run(house(estate).checkpoint())
    code, said, _ = bellgate("audit", "verify", "-c", estate.config.path)
    assert code == 0 and "as it was written: 3 rows, 1 checkpoints" in said
    estate.store.write_now(lambda tx: tx.run("UPDATE audit SET at_ms = at_ms + 1 WHERE id = 1"))
    code, said, _ = bellgate("audit", "verify", "-c", estate.config.path)
    assert code == 1 and "WRONG row 1 (2026-11-23 10:40:00 UTC), column at_ms" in said
    estate.store.write_now(lambda tx: tx.run("DELETE FROM audit"))
    code, said, _ = bellgate("audit", "verify", "-c", estate.config.path, "--json")
    assert code == 1 and "row 1 to 3 were cut off" in said


def test_which_settings_are_in_force_stands_in_the_record(estate: Estate) -> None:
    for _ in range(2):  # two starts with the same settings are one entry
        asyncio.run(house(estate).checkpoint())
    path = estate.config.path
    path.write_text(path.read_text(encoding="utf-8") + "\n# a change\n", encoding="utf-8")
    asyncio.run(house(estate).checkpoint())
    rows = estate.store.read_now(lambda tx: audit.acts(tx, "settings"))
    assert [row["detail"]["sha256"] for row in rows][1:] == [hashlib.sha256(path.read_bytes()).hexdigest()]


def test_hold_as_a_command(estate: Estate) -> None:
    estate.close_incident(estate.press(estate.enrol()))
    settings = ("-c", estate.config.path)
    assert "No incident is held" in bellgate("hold", *settings)[1]
    assert bellgate("hold", 1, *settings)[0] == 2  # why?
    code, said, _ = bellgate("hold", 1, "--reason", "2026고단123", "--by", "이수진", *settings)
    assert code == 0 and "by 이수진: 2026고단123" in said
    assert "No incident is held" in bellgate("hold", 1, "--release", "--reason", "끝남", *settings)[1]
    assert "is not held" in bellgate("hold", 1, "--release", "--reason", "끝남", *settings)[2]
    assert "there is no incident 7" in bellgate("hold", 7, "--reason", "x", *settings)[2]


def test_a_file_system_that_the_kernel_gave_up_is_read_only() -> None:
    """statvfs of newer kernels does not say it; the list of mounts does."""
    line = "36 25 7:{} / /srv rw,relatime - ext4 /dev/loop0 rw,errors=remount-ro"
    mounts = "\n".join((line.format(0), line.format(1) + ",emergency_ro", "odd"))
    assert disk.given_up(mounts, "7:1") and not disk.given_up(mounts, "7:0") and not disk.given_up("", "7:1")
