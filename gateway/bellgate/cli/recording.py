"""The record: export, audit verify, audit check-export."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from cryptography import x509

from bellgate import dossier, record
from bellgate.admission import open_authority
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.clock import Clock, now_ms
from bellgate.config import Config, load
from bellgate.errors import RecordError, StoreError
from bellgate.store import Store, audit, incidents, open_store

_PAGE = 200  # incidents read at once: a year of them needs no more memory than a day

audit_app = typer.Typer(help="The record of who did what: is it as it was written?", no_args_is_help=True)
app.add_typer(audit_app, name="audit")


@app.command()
def export(
    incident: Annotated[
        int | None, typer.Argument(metavar="INCIDENT", help="One incident, signed, as JSON and as a page for people.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        str, typer.Option(help="For one incident a folder (without: here); for all a file, or - for standard output.")
    ] = "-",
    as_json: Annotated[bool, typer.Option("--json", help="Without INCIDENT there is no other form.")] = False,
) -> None:
    """Write one incident for a court, signed; or every incident with its signals, deliveries and timeline as JSON."""
    loaded = load(config)
    if incident is None:
        _export_all(loaded, out)
        return
    authority = open_authority(loaded)
    known = {True: "synchronised", False: "unsynchronised", None: "unknown"}[Clock().synchronised()]
    with open_store(loaded.store.url, loaded.data_dir) as store:
        content = store.read_now(lambda tx: dossier.collect(tx, incident, loaded.gateway.id, now_ms(), known))
    signed, page = dossier.write(content, authority, Path("." if out == "-" else out))
    if as_json:
        say_json({"json": str(signed), "html": str(page), "authority_sha256": authority.fingerprint("ca")})
        return
    say(f"{signed} (signed)\n{page} (for people)")
    say(f"Whoever checks them needs {authority.path('ca.pem')}, whose fingerprint is {authority.fingerprint('ca')}")


@audit_app.command("verify")
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoints (without: audit.checkpoints).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read the whole record and its checkpoints. Ends with 1, and says where, if one byte is not as it was written."""
    loaded = load(config)
    ca = open_authority(loaded).ca
    with open_store(loaded.store.url, loaded.data_dir) as store:
        found = record.verify(store, checkpoints or loaded.checkpoint_dir, loaded.gateway.id, ca)
    if as_json:
        say_json(found.as_dict())
    else:
        for one in found.breaks:
            column = f", column {one.column}" if one.column else ""
            at = f" ({record.when(one.at_ms)})" if isinstance(one.at_ms, int) else ""
            say(f"WRONG row {one.row}{at}{column}: {one.text}")
        for text in found.faults:
            say(f"WRONG {text}")
        for text in found.notes:
            say(f"note  {text}")
        last = f", the last of {record.when(found.checkpoint_ms)}" if found.checkpoint_ms else ""
        verdict = "The record is as it was written" if found.ok else "The record was changed"
        say(f"{verdict}: {found.rows} rows, {found.checkpoints} checkpoints{last}")
    if not found.ok:
        raise typer.Exit(1)


@audit_app.command("check-export")
def check_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="incident-N.json; the page beside it is checked too.")],
    ca: Annotated[Path, typer.Option(help="ca.pem of the installation that made it.")],
    as_json: JsonOption = False,
) -> None:
    """Check a signed export, on any machine: is it as it was made, and by whom? Ends with 1 if not."""
    try:
        authority = x509.load_pem_x509_certificate(ca.read_bytes())
    except (OSError, ValueError):
        raise RecordError(f"{ca}: is not a certificate. Ask for ca.pem of the gateway that made the export") from None
    document = dossier.check(file, authority)
    if as_json:
        names = ("gateway", "made_ms", "authority_sha256")
        say_json({"ok": True, "incident": document["incident"]["id"]} | {name: document[name] for name in names})
        return
    say(f"As it was made: incident {document['incident']['id']}, by {document['gateway']}")
    say(f"{record.when(document['made_ms'])}, authority {document['authority_sha256']}")


def _export_all(loaded: Config, out: str) -> None:
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
