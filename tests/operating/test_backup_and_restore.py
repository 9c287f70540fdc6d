"""Backup → restore → the same incidents, the same record."""

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest
from estate import START_MS, Estate
from hypothesis import given
from hypothesis import strategies as st

from bellgate import backups, process, record
from bellgate.errors import RecordError, StoreError
from bellgate.store import audit

sys.path.append(str(Path(__file__).resolve().parents[1] / "gateway"))
from workbench import bellgate

HOUR_MS = 3_600_000


@pytest.fixture
def lived(estate: Estate) -> Estate:
    """Two incidents, one of them closed."""
    for number, bell_id in enumerate(("b-1", "b-2")):
        incident = estate.press(estate.enrol(bell_id))
        if number == 0:
            estate.close_incident(incident)
    return estate


def everything(estate: Estate) -> tuple[list[object], audit.Head]:
    return [estate.view(number) for number in (1, 2)], estate.store.read_now(audit.head)


def test_the_same_incidents_and_the_same_record_after_a_restore(lived: Estate) -> None:
    made = backups.make(lived.config, lived.authority, START_MS)
    before, head = everything(lived)
    lived.close_incident(2)
    lived.enrol("b-3")
    after = lived.store.read_now(audit.head)
    lived.close()
    code, said, error = bellgate("restore", made.folder, "-c", lived.config.path, "--json")
    assert code == 0, error
    assert json.loads(said)["record"] == {"row": head.row, "hash": head.hash}
    lived.open()
    again, now = everything(lived)
    assert again == before
    assert lived.count("bell") == 2
    assert lived.store.read_now(lambda tx: audit.hashes(tx, [head.row])) == {head.row: head.hash}
    assert lived.store.read_now(audit.verify) is None
    (row,) = lived.store.read_now(lambda tx: audit.acts(tx, record.RESTORED))
    assert (row["id"], row["detail"]["backup"]) == (head.row + 1, made.folder.name) and now.row == head.row + 1
    aside = list(lived.config.data_dir.glob("ansimbell.db.replaced-*"))
    assert len(aside) >= 1 and after.row > head.row  # what stood there is still there
    lived.press("b-1")  # and life goes on: a closed incident of b-1, so a new one
    assert lived.count("incident") == 3


def test_a_whole_gateway_on_a_new_machine(lived: Estate, tmp_path: Path) -> None:
    made = backups.make(lived.config, lived.authority, START_MS, tmp_path / "usb")
    before, _ = everything(lived)
    lived.close()
    shutil.rmtree(lived.config.data_dir)
    code, said, error = bellgate("restore", made.folder, "--into", tmp_path / "new")
    assert code == 0 and "2 incidents" in said, error
    lived.config = type(lived.config).model_validate(
        lived.config.model_dump(by_alias=True) | {"path": tmp_path / "new" / "gateway.toml"}
    )
    lived.open()
    assert everything(lived)[0] == before and lived.store.read_now(audit.verify) is None
    for name in ("ca.key", "server.key", "record.key", "gateway.key"):
        assert stat.S_IMODE((tmp_path / "new/pki" / name).stat().st_mode) == 0o600
    assert bellgate("restore", made.folder, "--into", tmp_path / "new")[0] == 1  # not over another one


def test_a_restore_is_told_from_a_cut_record(lived: Estate, tmp_path: Path) -> None:
    from bellgate.checkpoints import Writer

    made = backups.make(lived.config, lived.authority, START_MS)
    lived.close_incident(2)
    writer = Writer(tmp_path / "second", "test-1", lived.authority)
    writer.write(lived.store.read_now(audit.head), 1_700_000_000_000, "unknown")  # before the restore, which is now
    lived.close()
    assert bellgate("restore", made.folder, "-c", lived.config.path)[0] == 0
    lived.open()
    found = record.verify(lived.store, tmp_path / "second", "test-1", lived.authority.ca)
    assert found.ok and "restored ansimbell-" in found.notes[0], found
    lived.store.write_now(lambda tx: tx.run("DELETE FROM audit WHERE act = ?", (record.RESTORED,)))
    assert not record.verify(lived.store, tmp_path / "second", "test-1", lived.authority.ca).ok


@pytest.mark.parametrize("name", ["ansimbell.db", "gateway.toml", "pki/ca.key", "manifest.json"])
def test_a_changed_backup_is_refused_and_nothing_is_touched(lived: Estate, name: str) -> None:
    made = backups.make(lived.config, lived.authority, START_MS)
    lived.close()
    path = made.folder / name
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    before = (lived.config.data_dir / "ansimbell.db").read_bytes()
    code, _, said = bellgate("restore", made.folder, "-c", lived.config.path)
    assert code == 1 and "Traceback" not in said and "another backup" in said
    assert (lived.config.data_dir / "ansimbell.db").read_bytes() == before
    lived.open()


def test_refusals_say_what_to_do(lived: Estate, tmp_path: Path) -> None:
    made = backups.make(lived.config, lived.authority, START_MS)
    with pytest.raises(StoreError, match="exists already"):
        backups.make(lived.config, lived.authority, START_MS)
    with pytest.raises(RecordError, match="is not a backup"):
        backups.read(tmp_path)
    held = process.hold_folder(lived.config.data_dir)
    code, _, said = bellgate("restore", made.folder, "-c", lived.config.path)
    assert code == 1 and "a gateway runs with this folder already" in said
    held.close()
    code, _, said = bellgate("restore", made.folder, "-c", lived.config.path)
    assert code == 1 and "another program has it open" in said  # this test itself
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        backups.make(lived.config, lived.authority, START_MS, tmp_path / "plain" / "x")


def test_a_backup_while_presses_come_in_is_one_consistent_picture(lived: Estate) -> None:
    import threading

    stop = threading.Event()

    def press() -> None:
        while not stop.is_set():
            lived.hear(*lived.packet("b-2", "panic"))

    pressing = threading.Thread(target=press)
    pressing.start()
    try:
        for number in range(5):
            made = backups.make(lived.config, lived.authority, START_MS + number * 1000)
            rows = backups.read(made.folder)["rows"]
            assert rows["signal"] >= 2
    finally:
        stop.set()
        pressing.join()


@given(st.sets(st.integers(0, 60 * 24 * HOUR_MS)), st.integers(1, 30), st.integers(0, 20))
def test_rotation_keeps_the_newest_hours_and_days(made: set[int], hourly: int, daily: int) -> None:
    gone = backups.superfluous(made, hourly, daily)
    kept = made - gone
    assert sorted(made)[-hourly:] == sorted(kept)[-min(hourly, len(made)) :] if made else not kept
    assert len(kept) <= hourly + daily
    days = sorted({one // 86_400_000 for one in made}, reverse=True)[:daily]
    for day in days:  # the newest of each of these days
        assert max(one for one in made if one // 86_400_000 == day) in kept
