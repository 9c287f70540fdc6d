"""Backups: everything a gateway needs to go on elsewhere, in one folder with a signed list of what is in it.

    ansimbell-20261122T231500Z/
      manifest.json    what, from when, SHA-256 of each file, the record's last row; signed by the record key
      ansimbell.db     one whole SQLite file, copied while the gateway writes
      gateway.toml pki/…

A backup appears under its name only when it is complete and on the disk. It holds every key of the installation.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit
from cryptography import x509

from bellgate import __version__, signing
from bellgate.config import FILE_NAME, Config
from bellgate.core.frozen import frozen
from bellgate.errors import RecordError, StoreError
from bellgate.pki import Authority
from bellgate.store import audit, opening

PREFIX = "ansimbell-"
DATABASE, MANIFEST = "ansimbell.db", "manifest.json"
_STAMP = "%Y%m%dT%H%M%SZ"
_COUNTED = ("bell", "incident", "signal", "delivery", "trouble", "audit")
# Copied in one go without letting go of the database: with a page now and then a busy gateway would never let it end.
# A reader in WAL mode holds up no writer.
_PAGES = -1


@frozen
class Backup:
    """One finished backup. made_ms: Unix milliseconds, from its name."""

    folder: Path
    made_ms: int


def make(config: Config, authority: Authority, at_ms: int, out: Path | None = None) -> Backup:
    """A new backup in `out`, or under its own name in the backups' folder. Raises StoreError, RecordError."""
    if out is None:
        out = config.backup_dir / (PREFIX + datetime.fromtimestamp(at_ms / 1000, UTC).strftime(_STAMP))
    if out.exists():
        raise StoreError(f"{out}: exists already. Give another --out")
    aside = out.with_name(out.name + ".new")
    signer = authority.signer()  # made now if it never was, so that it is in the copy
    try:
        out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        counts, head = copy(database_of(config), aside / DATABASE)
        _copy_file(config.path, aside / FILE_NAME)
        (aside / "pki").mkdir(mode=0o700)
        for path in sorted(authority.folder.iterdir()):
            if path.suffix in (".pem", ".der", ".key"):
                _copy_file(path, aside / "pki" / path.name)
        document = {
            "v": 1,
            "gateway": config.gateway.id,
            "made_ms": at_ms,
            "version": __version__,
            "rows": counts,
            "record": {"row": head.row, "hash": head.hash},
            "sha256": {name: _sha256(aside / name) for name in _files(aside)},
        }
        with (aside / MANIFEST).open("w", encoding="utf-8") as file:
            json.dump(signing.sign(document, signer), file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(out)
        _sync_folder(out.parent)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise StoreError(
            f"{out}: cannot be written ({error.strerror}). Free the disk, or name another folder in backup.folder "
            "or with --out"
        ) from None
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return Backup(out, at_ms)


def database_of(config: Config) -> Path:
    """The SQLite file. Raises StoreError for a database that is no file."""
    name = config.store.url.removeprefix("sqlite:///")
    if name == config.store.url:
        raise StoreError("store.url is a PostgreSQL database: pg_dump makes its backups, pg_restore puts them back")
    return config.data_dir / name


def copy(database: Path, out: Path) -> tuple[dict[str, int], audit.Head]:
    """SQLite's own online backup into the new file `out`; (rows of each table, the record's last row) of the copy."""
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(out)) as target,
        ):
            source.backup(target, pages=_PAGES)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        return examine(out)
    except sqlite3.Error as error:
        out.unlink(missing_ok=True)
        raise StoreError(f"{out}: the copy failed ({error}). Free some space, or name another folder") from None


def examine(file: Path) -> tuple[dict[str, int], audit.Head]:
    """Read a database copy whole: (rows of each table, the record's last row). Raises StoreError."""
    try:
        with contextlib.closing(opening.connect(file, readonly=True)) as connection:
            said = next(iter(connection.execute("PRAGMA integrity_check(1)").fetchone().values()))
            if said != "ok":
                raise StoreError(f"{file}: is damaged ({said}). Restore an older backup")
            counts = {}
            for name in _COUNTED:
                counts[name] = int(connection.execute(f"SELECT COUNT(*) AS n FROM {name}").fetchone()["n"])
            last = connection.execute("SELECT id, at_ms, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
            return counts, audit.Head(last["id"], last["at_ms"], last["hash"]) if last else audit.Head(0, 0, "")
    except sqlite3.Error as error:
        raise StoreError(f"{file}: is damaged ({error}). Restore an older backup") from None


def listed(folder: Path) -> list[Backup]:
    """The finished backups in a folder, the oldest first."""
    found = []
    for path in folder.glob(PREFIX + "*"):
        with contextlib.suppress(ValueError):
            made = datetime.strptime(path.name.removeprefix(PREFIX), _STAMP).replace(tzinfo=UTC)
            if (path / MANIFEST).is_file():
                found.append(Backup(path, int(made.timestamp() * 1000)))
    return sorted(found, key=lambda one: one.made_ms)


def superfluous(made_ms: Iterable[int], hourly: int, daily: int) -> set[int]:
    """Which of these may go: neither one of the newest `hourly`, nor the newest of one of the last `daily` days (UTC)
    that have any."""
    newest_first = sorted(set(made_ms), reverse=True)
    keep = set(newest_first[:hourly])
    days: dict[int, int] = {}
    for one in newest_first:
        days.setdefault(one // 86_400_000, one)
    keep |= set(sorted(days.values(), reverse=True)[:daily])
    return set(newest_first) - keep


def rotate(config: Config) -> int:
    """Remove the superfluous ones from the backups' folder; how many."""
    there = listed(config.backup_dir)
    gone = superfluous((one.made_ms for one in there), config.backup.keep_hourly, config.backup.keep_daily)
    for one in there:
        if one.made_ms in gone:
            shutil.rmtree(one.folder, ignore_errors=True)
    return len(gone)


def read(backup: Path) -> dict[str, Any]:
    """The manifest of a backup whose every file is as it was made. Raises RecordError saying what is not.

    The signature is checked with the authority inside the backup: that proves that its parts belong together. Whether
    it is *your* authority says its fingerprint.
    """
    try:
        document = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
        names = dict(document["sha256"])
        signing.check(document, x509.load_pem_x509_certificate((backup / "pki" / "ca.pem").read_bytes()))
    except FileNotFoundError:
        raise RecordError(f"{backup}: is not a backup: it has no {MANIFEST}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{backup / MANIFEST}: cannot be read ({error}). Take another backup") from None
    except RecordError as error:
        raise RecordError(f"{backup / MANIFEST}: {error}. Take another backup") from None
    for name, digest in names.items():
        path = backup / name
        if not path.resolve().is_relative_to(backup.resolve()):
            raise RecordError(f"{backup / MANIFEST}: names {name}, which is not in it")
        if not path.is_file() or _sha256(path) != digest:
            raise RecordError(f"{path}: is missing or was changed. Take another backup")
    if DATABASE not in names:
        raise RecordError(f"{backup / MANIFEST}: names no {DATABASE}. Take another backup")
    return dict(document)


def put_back(backup: Path, database: Path) -> Path | None:
    """Put the backup's database in the place of `database`; what was there is set aside: its new name, or None.

    The caller holds the gateway's folder. Raises StoreError.
    """
    new = database.with_name(database.name + ".restoring")
    stamp = datetime.now(UTC).strftime(_STAMP)
    aside: Path | None = None
    held = opening.hold(database)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"{database}: another program has it open. End it first") from None
        new.unlink(missing_ok=True)
        _copy_file(backup / DATABASE, new)
        for side in ("", "-wal", "-shm"):
            old = database.with_name(database.name + side)
            if old.exists():
                moved = database.with_name(f"{database.name}.replaced-{stamp}{side}")
                old.rename(moved)
                aside = aside or moved
        new.rename(database)
        _sync_folder(database.parent)
    except OSError as error:
        raise StoreError(f"{database}: cannot be put back ({error.strerror}). Free the disk, then try again") from None
    finally:
        held.close()
    return aside


def fresh(backup: Path, folder: Path) -> Path:
    """A whole installation out of a backup, in a new folder; its gateway.toml. Raises StoreError."""
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(f"{folder}: is not empty. Give another --into, or restore into the installation with -c")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "pki").mkdir(mode=0o700)
        for path in sorted((backup / "pki").iterdir()):
            _copy_file(path, folder / "pki" / path.name)
        # Wherever the old machine had its data: here all of it lies in this folder.
        settings = tomlkit.parse((backup / FILE_NAME).read_text(encoding="utf-8"))
        settings.setdefault("gateway", {})["data_dir"] = "."
        if "store" in settings:
            settings["store"]["url"] = f"sqlite:///{DATABASE}"
        file = folder / FILE_NAME
        file.touch(mode=0o600)
        file.write_text(tomlkit.dumps(settings), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}). Give another --into") from None
    return file


def _files(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy_file(source: Path, out: Path) -> None:
    """With the same rights, and on the disk."""
    mode = source.stat().st_mode & 0o777
    with source.open("rb") as file, os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as copied:
        shutil.copyfileobj(file, copied)
        copied.flush()
        os.fsync(copied.fileno())


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
