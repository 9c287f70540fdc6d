"""Keeping: backup, export."""

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.errors import StoreError
from bellgate.store import Store, audit, incidents, open_store

_PAGE = 200  # incidents read at once: a year of them needs no more memory than a day


@app.command()
def backup(
    out: Annotated[Path, typer.Option(help="New file for the copy of the database.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Copy the database while the gateway runs. The copy is whole and can be put in the database's place.

    It holds the bells' keys: keep it as safe as the gateway. Certificates and gateway.toml are plain files beside it.
    """
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        size = _copy(store.path, out)
    if as_json:
        say_json({"out": str(out), "bytes": size})
    else:
        say(f"Copied {size} bytes to {out}")


@app.command()
def export(
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[str, typer.Option(help="File to write, or - for standard output.")] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document (there is no other form yet).")] = True,
) -> None:
    """Write every incident with its signals, deliveries and timeline as JSON."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store, _opened(out) as file:
        broken_at = store.read_now(audit.verify)
        head = {"v": 1, "gateway": loaded.gateway.id, "exported_ms": now_ms(), "record_broken_at": broken_at}
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "incidents": [')
        between = "\n"
        for view in _incidents(store):
            file.write(between + json.dumps(view, ensure_ascii=False))
            between = ",\n"
        file.write("\n]}\n")


def _incidents(store: Store) -> Iterator[dict[str, Any]]:
    """Every incident, the newest first."""
    before: int | None = None
    while True:
        page = store.read_now(lambda tx, before=before: incidents.views(tx, "all", _PAGE, before))  # type: ignore[misc]
        for row in page:
            view = store.read_now(lambda tx, number=row["id"]: incidents.view(tx, number))  # type: ignore[misc]
            if view is not None:
                yield view
        if len(page) < _PAGE:
            return
        before = page[-1]["id"]


@contextlib.contextmanager
def _opened(out: str) -> Iterator[IO[str]]:
    if out == "-":
        yield sys.stdout
        return
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}). Give another --out") from None


def _copy(database: Path, out: Path) -> int:
    """SQLite's own online backup; an existing file is never overwritten."""
    try:
        os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StoreError(f"{out}: exists already. Give another --out") from None
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}). Give another --out") from None
    try:
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(out)) as target,
        ):
            source.backup(target, pages=256)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        out.unlink(missing_ok=True)
        raise StoreError(f"{out}: the copy failed ({error}). Free some space, or give another --out") from None
    if found != "ok":
        out.unlink(missing_ok=True)
        raise StoreError(f"{database}: is damaged ({found}), so no copy was kept. Restore an older backup")
    return out.stat().st_size
