"""Bells as a table: bells export, bells import."""

from pathlib import Path
from typing import Annotated

import typer

from bellgate import admission, bells_csv
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, QrOption, say, say_json
from bellgate.cli.looking import bells_app
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.errors import EnrolmentError
from bellgate.store import open_store

# More of them in one go helps nobody; the count stands beside.
FAULTS_SHOWN = 50


@bells_app.command("export")
def export_bells(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The new file; it holds addresses.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write every bell into a CSV file for a spreadsheet: where it hangs and how it is, no keys."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        count = bells_csv.write(store, file, loaded.bells.press_test_days, now_ms())
    say(f"Bells in {file}: {count}")


@bells_app.command("import")
def import_bells(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8, with the columns of `bells export`.")],
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and every fault.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the enrolment files of new bells: BELL_ID.json.")] = Path(),
    qr: QrOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol the new bells of a table, and put the places of the known ones right. All of it, or nothing."""
    for folder, option in ((out, "--out"), (qr, "--qr")):
        if folder is not None and not folder.is_dir():
            raise EnrolmentError(f"{option} {folder}: name a folder that exists, for a file of each new bell")
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        plan = bells_csv.read(store, file)
        if not plan.faults and not dry_run:
            plan = bells_csv.bring_in(store, loaded, admission.open_authority(loaded), file, out, qr, now_ms())
    done = not plan.faults and not dry_run
    if as_json:
        added = [one.new.bell_id for one in plan.added]
        told = {"done": done, "new": len(added), "changed": plan.changed, "faults": plan.faults}
        say_json(told | ({"bell_ids": added} if done else {}))
    else:
        for fault in plan.faults[:FAULTS_SHOWN]:
            say(fault)
        if plan.faults:
            say(f"Lines with a fault: {len(plan.faults)}. Nothing was done.")
        else:
            verb = "Done" if done else "Would be done"
            say(f"{verb}: bells enrolled {len(plan.added)}, places put right {plan.changed}")
    if plan.faults:
        raise typer.Exit(1)
