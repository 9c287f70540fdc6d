"""Keeping: backup, restore, hold."""

import contextlib
import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from bellgate import backups, process, record
from bellgate.admission import open_authority
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.clock import now_ms
from bellgate.config import Config, load
from bellgate.errors import RecordError, StoreError
from bellgate.store import audit, holds, open_store


@app.command()
def backup(
    out: Annotated[
        Path | None, typer.Option(help="New folder for it (without: one with the time in its name, in backup.folder).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make a backup while the gateway runs: database, settings, certificates, and a signed list of them.

    It holds every key of the installation: keep it as safe as the gateway. A running gateway makes one every hour.
    """
    loaded = load(config)
    made = backups.make(loaded, open_authority(loaded), now_ms(), out)
    size = sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file())
    if as_json:
        say_json({"out": str(made.folder), "bytes": size})
    else:
        say(f"Backup made: {made.folder}, {size} bytes")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="Folder of the backup.")],
    into: Annotated[
        Path | None, typer.Option(help="Make a whole new installation in this folder (a new machine).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put a backup back: the same incidents, the same record. The gateway must not run.

    Without --into the database of the installation is replaced; the present one is set aside, never deleted.
    """
    manifest = backups.read(folder)
    loaded = load(backups.fresh(folder, into) if into is not None else config)
    if manifest["gateway"] != loaded.gateway.id:
        raise RecordError(
            f"{folder}: is a backup of gateway {manifest['gateway']}, not of {loaded.gateway.id}. Take another one, "
            "or restore it with --into"
        )
    with contextlib.closing(process.hold_folder(loaded.data_dir)):
        aside = backups.put_back(folder, backups.database_of(loaded))
        _note(loaded, folder, manifest["record"])
    if as_json:
        said = {"config": str(loaded.path), "set_aside": aside and str(aside), "rows": manifest["rows"]}
        say_json(said | {"record": manifest["record"]})
        return
    say(
        f"Restored what stood at {record.when(manifest['made_ms'])}: {manifest['rows']['incident']} incidents, "
        f"{manifest['rows']['signal']} signals, record up to row {manifest['record']['row']}"
    )
    if aside is not None:
        say(f"The database that stood there: {aside}")
    say(f"Next: bellgate check -c {loaded.path}, then start the gateway")


def _note(loaded: Config, backup: Path, stood: dict[str, Any]) -> None:
    """The restored record holds up to its last row, and the first new one says what happened."""
    at_ms, detail = now_ms(), {"backup": backup.name, "row": stood["row"]}
    with open_store(loaded.store.url, loaded.data_dir) as store:
        broken = store.read_now(audit.verify)
        head = store.read_now(audit.head)
        if broken is not None or (head.row, head.hash) != (stood["row"], stood["hash"]):
            raise RecordError(
                f"{backup}: the record in it does not fit (row {broken or head.row}). It was put back all the same; "
                "`bellgate audit verify` says where"
            )
        store.write_now(lambda tx: audit.demand(tx, at_ms, None, _me(), record.RESTORED, detail))


@app.command()
def hold(
    incident: Annotated[int | None, typer.Argument(metavar="INCIDENT", help="Without: list what is held.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why: a file number, who asked for it.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let go of it.")] = False,
    by: Annotated[str | None, typer.Option(help="Who says so, for the record (without: this user).")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Keep an incident beyond its time, for a court or an investigation; or list what is kept so."""
    loaded = load(config)
    if incident is not None and not (reason or "").strip():
        raise typer.BadParameter("say why: it stands in the record", param_hint="--reason")
    who, why, at_ms = by or _me(), (reason or "").strip(), now_ms()
    with open_store(loaded.store.url, loaded.data_dir) as store:
        if incident is not None:
            change = holds.release if release else holds.put
            store.write_now(lambda tx: change(tx, incident, who, why, at_ms))
        rows = store.read_now(holds.held)
    if as_json:
        say_json({"items": rows})
        return
    for row in rows:
        say(f"incident {row['incident_id']}: held since {record.when(row['since_ms'])} by {row['by']}: {row['reason']}")
    if not rows:
        say("No incident is held.")


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise StoreError(f"this user has no name ({error}). Give --by") from None
