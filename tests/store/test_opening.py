"""Opening a database: new, old, newer, damaged, and where it cannot be written."""

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from bellgate.core.signal import read_event
from bellgate.errors import DamagedDatabase, NewerDatabase, StoreError
from bellgate.store import bells, facts, migrate, open_store, opening, signals, troubles
from bellgate.store.bells import Bell
from bellgate.store.sqlite import SqliteSchema

URL = "sqlite:///a.db"


def schema(path: Path) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        sql = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        return [
            (kind, name, table, " ".join((text or "").split())) for kind, name, table, text in connection.execute(sql)
        ]


def test_schema_by_two_roads(tmp_path: Path) -> None:
    """Step by step from each earlier version, with a close in between, gives what a fresh database has."""
    with open_store("sqlite:///fresh.db", tmp_path):
        pass
    known = migrate.migrations()
    stepped = tmp_path / "stepped.db"
    for newest in range(1, len(known) + 1):
        with contextlib.closing(opening.connect(stepped)) as connection:
            assert migrate.migrate(SqliteSchema(connection), "stepped", known[:newest]) == 1
            assert SqliteSchema(connection).version() == newest
    assert schema(stepped) == schema(tmp_path / "fresh.db") != []


def test_what_is_known_of_a_start_outlives_the_change_that_no_longer_counts_it(tmp_path: Path) -> None:
    path, boot = tmp_path / "a.db", "0123456789abcdef"
    bell = Bell("b-1", "s-1", "store-bell", "이름", "주소", None, None, b"k" * 32, 0, "ff", "active", 1)
    said = {"boot": boot, "what": "panic", "state": "alarm", "age_ms": 0}
    with open_store(URL, tmp_path) as store:
        store.write_now(lambda tx: bells.add(tx, bell))
        for seq in (2, 3, 7):
            one = read_event(said | {"seq": seq}, "s-1", "b-1", 1, 0, False)
            store.write_now(lambda tx, one=one: signals.insert(tx, one, None))
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:  # as version 2 kept it
        connection.execute("ALTER TABLE bell_boot ADD COLUMN stored INTEGER NOT NULL DEFAULT 0")
        connection.execute("ALTER TABLE bell_boot ADD COLUMN highest_seq INTEGER NOT NULL DEFAULT 0")
        connection.execute("INSERT INTO bell_boot VALUES ('b-1', ?, 1, 0, 9, 6, 3, 7)", (boot,))
        connection.execute("PRAGMA user_version = 2")
    with open_store(URL, tmp_path) as store:
        assert store.read_now(lambda tx: signals.known_boot(tx, "b-1", boot)) == signals.Boot(False, 3, 7, 9, 6)


def test_failing_change_leaves_the_old_version(tmp_path: Path) -> None:
    good = migrate.migrations()
    bad = "CREATE TABLE extra (a);\nINSERT INTO nowhere VALUES (1);\n"
    known = [*good, (len(good) + 1, "bad.sql", bad)]
    path = tmp_path / "a.db"
    with contextlib.closing(opening.connect(path)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate.migrate(SqliteSchema(connection), "a.db", known)
        assert SqliteSchema(connection).version() == len(good)
    assert "extra" not in {name for _, name, _, _ in schema(path)}


def test_schema_file_that_ends_in_the_middle_is_refused() -> None:
    assert list(migrate.statements("-- a word\nSELECT 1;\n-- an end\n")) == ["-- a word\nSELECT 1;\n"]
    with pytest.raises(StoreError, match="middle of a statement"):
        list(migrate.statements("SELECT 1;\nCREATE TABLE"))


def test_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with open_store(URL, tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(NewerDatabase, match=r"has schema version 99.*knows up to \d+.*Install the newer bellgate"):
        open_store(URL, tmp_path).start()
    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("damage", ["header", "middle", "cut"])
def test_damaged_database_is_set_aside_and_never_deleted(tmp_path: Path, damage: str) -> None:
    with open_store(URL, tmp_path) as store:
        store.write_now(lambda tx: [facts.put(tx, f"f{n}", "x" * 500) for n in range(200)])
    path = tmp_path / "a.db"
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:100] = os.urandom(100)
    elif damage == "middle":
        data[8_192:-4_096] = os.urandom(len(data) - 12_288)
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    with pytest.raises(DamagedDatabase, match=r"was set aside as a\.db\.damaged-.*Restore the newest backup"):
        open_store(URL, tmp_path).start()
    (aside,) = [one for one in tmp_path.glob("a.db.damaged-*") if not one.name.endswith(("-wal", "-shm"))]
    assert aside.read_bytes() == bytes(data)
    assert not path.exists()
    with open_store(URL, tmp_path) as store:  # a fresh one says what it is
        (trouble,) = store.read_now(troubles.open_troubles)
        assert (trouble["kind"], trouble["subject"]) == ("database_set_aside", aside.name)
    aside.unlink()
    with open_store(URL, tmp_path) as store:
        assert store.read_now(troubles.open_troubles) == []


def test_damaged_database_that_another_program_has_open_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is no database" * 100)
    with opening.hold(path), pytest.raises(DamagedDatabase, match="another program has it open"):
        open_store(URL, tmp_path).start()
    assert path.exists()


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no such folder.*bellgate init"):
        open_store(URL, tmp_path / "nowhere").start()


def test_folder_that_cannot_be_written() -> None:
    folder = Path("/proc")  # not even for root
    if not folder.is_dir():
        folder = Path("/dev/fd")
    with pytest.raises(StoreError, match=r"cannot be written.*chown"):
        open_store(URL, folder).start()


def test_folder_where_the_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        open_store(URL, tmp_path).start()


@pytest.mark.parametrize("url", ["mysql://host/db", "a.db", "sqlite:///", "sqlite://a.db"])
def test_other_urls(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match=r"write store\.url"):
        open_store(url, tmp_path)


def test_only_the_gateways_own_user_can_read_the_keys(tmp_path: Path) -> None:
    with open_store(URL, tmp_path) as store:
        assert store.path.stat().st_mode & 0o077 == 0


def test_commits_are_durable_by_setting(tmp_path: Path) -> None:
    with open_store(URL, tmp_path) as store:
        assert store.write_now(lambda tx: tx.one("PRAGMA synchronous")) == {"synchronous": 2}
        assert store.write_now(lambda tx: tx.one("PRAGMA journal_mode")) == {"journal_mode": "wal"}
        assert store.write_now(lambda tx: tx.one("PRAGMA foreign_keys")) == {"foreign_keys": 1}


def test_an_older_database_keeps_its_pages_and_has_as_long_a_log(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("CREATE TABLE one (two)")
    for path, page_bytes in ((old, 4_096), (tmp_path / "new.db", opening.PAGE_BYTES)):
        with contextlib.closing(opening.connect(path)) as connection:
            connection.execute("CREATE TABLE three (four)")
            asked = [
                next(iter(connection.execute(f"PRAGMA {one}").fetchone().values()))
                for one in ("page_size", "wal_autocheckpoint")
            ]
        assert asked == [page_bytes, opening.LOG_FULL_BYTES // page_bytes]
