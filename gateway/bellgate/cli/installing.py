"""For the installer: route, portcode, bundle, bundle-sync."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bellgate import bundle as bundles
from bellgate import packing, proving, routing
from bellgate import portcode as port_codes
from bellgate.admission import BY, open_authority
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.clock import now_ms
from bellgate.config import Config, load
from bellgate.errors import AnsimbellError, EnrolmentError
from bellgate.pki import Issued
from bellgate.store import Store, Tx, bells, open_store


@app.command()
def route(
    bell_id: Annotated[str, typer.Argument(metavar="BELL_ID", help="As `bellgate bells` lists it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say in which station a bell should ring by its position, and in which it does. Ends with 1 if they differ."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        rows = store.read_now(lambda tx: bells.listing(tx, bell_id=bell_id))
    if not rows:
        raise EnrolmentError(f"there is no bell {bell_id}: `bellgate bells` lists them")
    found = routing.of(loaded, rows[0], now_ms())
    if as_json:
        about = {name: rows[0][name] for name in ("bell_id", "site", "address")}
        say_json(about | {"confirmed": rows[0]["confirmed_ms"] is not None} | found.as_dict())
    else:
        say(f"{bell_id}, {rows[0]['address']}")
        say(f"  should ring in: {', '.join(found.expected) or '?'}")
        say(f"  rings in:       {', '.join(found.routed) or '?'}   (policy {found.policy})")
        say(f"  told at once:   {', '.join(found.targets) or 'nobody'}")
        say(f"{ {True: 'RIGHT', False: 'WRONG', None: 'UNKNOWN'}[found.agree] }: {found.reason}")
    if found.agree is False:
        raise typer.Exit(1)


@app.command()
def portcode(
    bell_id: Annotated[str, typer.Argument(metavar="BELL_ID", help="The bell at the cable.")],
    op: Annotated[str, typer.Argument(metavar="OP", help="enrol or wipe.")],
    nonce: Annotated[str, typer.Argument(metavar="NONCE", help="In hex, as `bellkit` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the code that opens an enrolled bell's serial port, for this nonce alone. It stands in the record."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        code = store.write_now(lambda tx: port_codes.give(tx, bell_id, op, nonce, BY, now_ms()))
    typer.echo(code)


@app.command()
def bundle(
    bell_ids: Annotated[list[str], typer.Argument(metavar="BELL_ID…", help="Bells that were not heard yet.")],
    out: Annotated[Path, typer.Option(help="The new file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    folder: Annotated[
        Path, typer.Option("--from", help="Folder of the enrolment files BELL_ID.json, as `enrol` wrote them.")
    ] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Pack enrolment files and places for a laptop without network. Each part is opened by its own QR code."""
    loaded = load(config)
    signer = open_authority(loaded).signer()
    with open_store(loaded.store.url, loaded.data_dir) as store:

        def job(tx: Tx) -> dict[str, Any]:
            made = packing.pack(tx, loaded, signer, bell_ids, folder, BY, now_ms())
            packing.write(made, out)
            return made

        made = store.write_now(job)
    if as_json:
        say_json({"out": str(out), "bells": bundles.bell_ids(made)})
    else:
        say(f"Bells in {out}: {len(made['bells'])}. Each is opened by its own QR code and by nothing else.")


@app.command("bundle-sync")
def bundle_sync(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Certificates as `bellkit report` wrote them.")],
    by: Annotated[str, typer.Option(help="Who brings them, for the record.")] = BY,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take certificates back that were made without a network. Ends with 1 if one was refused; the others are kept."""
    loaded = load(config)
    signer = open_authority(loaded).signer()
    told: list[dict[str, Any]] = []
    with open_store(loaded.store.url, loaded.data_dir) as store:
        for file in files:
            try:
                told += [_synced(store, loaded, signer, file, one, by) for one in _certificates(file)]
            except AnsimbellError as error:
                told.append({"file": str(file), "error": str(error)})
    if as_json:
        say_json({"items": told})
    else:
        for one in told:
            if "error" in one:
                say(f"REFUSED {one['file']}: {one['error']}")
            else:
                lacks = f", lacks {', '.join(one['lacks'])}" if one["lacks"] else ""
                say(f"{'kept' if one['new'] else 'known'} {one['bell_id']} {one['id']}{lacks}")
    if any("error" in one for one in told):
        raise typer.Exit(1)


def _certificates(file: Path) -> list[dict[str, Any]]:
    """One certificate, or a list of them."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise EnrolmentError(f"cannot be read ({error})") from None
    found = content if isinstance(content, list) else [content]
    if not found or not all(isinstance(one, dict) for one in found):
        raise EnrolmentError("holds no certificate")
    return found


def _synced(
    store: Store, config: Config, signer: Issued, file: Path, document: dict[str, Any], by: str
) -> dict[str, Any]:
    bell_id = str(document.get("bell_id"))
    kept, new = store.write_now(lambda tx: proving.store(tx, config, signer, bell_id, document, by, now_ms()))
    return {"file": str(file), "new": new} | {name: kept[name] for name in ("bell_id", "id", "complete", "lacks")}
