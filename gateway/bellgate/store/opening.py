"""Opening the file: its folder, its integrity, and what happens to a damaged one (set aside, never deleted)."""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bellgate.errors import DamagedDatabase, DiskFault, StoreBusy, StoreError

# How long SQLite itself waits for another process (the CLI) that writes.
BUSY_TIMEOUT_MS = 5_000
# The log is this long from the start and is written over again and again: a commit into a file that does not grow is
# three times as fast, because only the data has to reach the disk (0.3 ms against 1.0 ms where it was measured).
LOG_BYTES = 8_388_608
# When it is so full, a commit has to copy it back itself; the writer does it earlier, in quiet moments (see sqlite.py).
LOG_FULL_BYTES = 8_192_000
# Of a new database; an older one keeps its own. A press changes a little in some fourteen pages, and whole pages go
# into the log: 29 kB a commit where SQLite's own choice of 4,096 makes 51 kB, and takes a quarter longer. With 1,024 a
# message to a target would fill more than a page, and a storm was slower.
PAGE_BYTES = 2_048
_SIDE_FILES = ("", "-wal", "-shm")
_DAMAGED = ".damaged-"


def connect(path: Path, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.row_factory = _as_dict
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            # FULL: a commit is on the disk before it is answered. NORMAL would lose the last ones in a power cut.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            page_bytes = connection.execute("PRAGMA page_size").fetchone()["page_size"]
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_FULL_BYTES // page_bytes}")
    except BaseException:
        connection.close()
        raise
    return connection


def grow_log(connection: sqlite3.Connection, path: Path) -> None:
    """Give the log its full length. Raises sqlite3.Error.

    A change that is larger than the cache spills into the log before it is rolled back: the log has grown, the
    database has not.
    """
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size >= LOG_BYTES:
        return
    pages = next(iter(connection.execute("PRAGMA cache_size").fetchone().values()))
    connection.execute("PRAGMA cache_size = 10")
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE grow (body BLOB)")
        connection.execute("INSERT INTO grow VALUES (zeroblob(?))", (LOG_BYTES,))
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute(f"PRAGMA cache_size = {int(pages)}")


def _as_dict(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def prepare(path: Path) -> None:
    """Make sure that the database file can be made and written. Raises StoreError saying what to do."""
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(
            f"{folder}: there is no such folder. `bellgate init` makes an installation, or correct data_dir"
        )
    if path.is_dir():
        raise StoreError(f"{path} is a folder, but the database has to be a file: correct store.url")
    try:
        # The keys of the bells are in it: readable by the gateway's own user only.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with lock_file(path).open("a"):
            pass
    except OSError as error:
        raise unwritable(path, error) from None
    if not os.access(folder, os.W_OK):
        raise unwritable(path, PermissionError(13, "Permission denied"))


def unwritable(path: Path, error: OSError) -> DiskFault:
    """The text for a folder or file that cannot be written."""
    return DiskFault(
        f"{path}: cannot be written ({error.strerror}). Give the gateway's user the right to write in {path.parent} "
        "(chown, chmod), or free the disk if it is full or mounted read-only"
    )


def lock_file(path: Path) -> Path:
    """Held (shared) by every program that has the database open. Its own file: closing a second handle on the
    database itself would drop SQLite's locks."""
    return path.with_name(path.name + ".lock")


def hold(path: Path) -> IO[str]:
    """Mark the database as open; close the handle to let go."""
    handle = lock_file(path).open("a")
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def check_integrity(path: Path, held: IO[str]) -> None:
    """Raises DamagedDatabase after setting the file aside; a healthy file passes."""
    fault = _fault(path)
    if fault is None:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise DamagedDatabase(
            f"{path} is damaged ({fault}), and another program has it open. Stop the gateway, then start it again: "
            "it sets the file aside"
        ) from None
    aside = _set_aside(path)
    raise DamagedDatabase(
        f"{path} is damaged ({fault}). It was set aside as {aside.name}, nothing was deleted. Restore the newest "
        f"backup as {path.name} and start again; started without one, the gateway knows no bell until they are enrolled"
    )


def _fault(path: Path) -> str | None:
    if path.stat().st_size == 0:
        return None  # new
    try:
        with contextlib.closing(connect(path)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
            text = str(next(iter(found.values())))
            return None if text == "ok" else text
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            return None  # somebody writes in it: so it could be opened
        raise
    except sqlite3.DatabaseError as error:
        return str(error)


def _set_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = path.name + _DAMAGED + stamp
    count = 1
    while path.with_name(name).exists():
        count += 1
        name = f"{path.name}{_DAMAGED}{stamp}-{count}"
    for side in _SIDE_FILES:
        old = path.with_name(path.name + side)
        if old.exists():
            old.rename(path.with_name(name + side))
    return path.with_name(name)


def set_aside_before(path: Path) -> Iterator[str]:
    """Names of the damaged files that lie beside the database."""
    for entry in sorted(path.parent.glob(path.name + _DAMAGED + "*")):
        if not entry.name.endswith(("-wal", "-shm")):
            yield entry.name


def explained(error: Exception, path: Path) -> StoreError:
    """The same in words, with what to do."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreBusy(f"{path}: another program keeps the database locked. End it, or try again")
    if "full" in text:
        return DiskFault(f"{path}: the disk is full. Free some space; waiting messages are tried again by themselves")
    if "readonly" in text or "unable to open" in text:
        return unwritable(path, PermissionError(13, text))
    if "I/O" in text:
        return DiskFault(f"{path}: the disk reports an error ({text}). Check its cable or card, and restore a backup")
    return StoreError(f"{path}: {text}")
