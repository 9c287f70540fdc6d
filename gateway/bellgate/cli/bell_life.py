"""What becomes of a bell: bell replace, move, suspend, resume, wipe, rotate."""

from pathlib import Path
from typing import Annotated

import typer

from bellgate import admission, lifetime
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, QrOption, app, say, say_enrolled
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.store import bells, open_store

bell = typer.Typer(help="What becomes of one bell.", no_args_is_help=True)
app.add_typer(bell, name="bell")

BellArgument = Annotated[str, typer.Argument(metavar="BELL_ID", help="As `bellgate bells` lists it.")]
OutOption = Annotated[Path, typer.Option(help="The new enrolment file, or a folder: BELL_ID.json in it.")]


@bell.command()
def replace(
    bell_id: BellArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = Path(),
    qr: QrOption = None,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The old one may not speak from now on (stolen, or rings by itself).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new identity for the place of a broken bell. The history stays; the old identity ends.

    It ends when the new bell is heard for the first time, so that the place is never without one.
    """
    loaded = load(config)
    authority = admission.open_authority(loaded)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        made = lifetime.replace(store, loaded, authority, bell_id, out, qr, at_once, now_ms())
    say_enrolled(made, out, qr, as_json, f"takes the place of {bell_id}")


@bell.command()
def move(
    bell_id: BellArgument,
    site: Annotated[str, typer.Option(help="The other site.")],
    name: Annotated[str, typer.Option(help="Name that dispatchers see.")],
    address: Annotated[str, typer.Option(help="Address that dispatchers send help to.")],
    config: ConfigOption = DEFAULT_CONFIG,
    lat: Annotated[float | None, typer.Option(help="Latitude in degrees (WGS 84).")] = None,
    lon: Annotated[float | None, typer.Option(help="Longitude in degrees (WGS 84).")] = None,
    out: OutOption = Path(),
    qr: QrOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new identity for a bell that hangs at another site from now on. Nothing of the old place goes along."""
    loaded = load(config)
    authority = admission.open_authority(loaded)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        kind = store.read_now(lambda tx: bells.known(tx, bell_id)).kind
        to = admission.NewBell(site, kind, name, address, lat, lon)
        made = lifetime.move(store, loaded, authority, bell_id, to, out, qr, now_ms())
    say_enrolled(made, out, qr, as_json, f"is what {bell_id} becomes")


@bell.command()
def suspend(
    bell_id: BellArgument,
    reason: Annotated[str, typer.Option(help="Why: closed for a month, rebuilding. It stands in the record.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep quiet about a bell that is silent or ill. A press is still taken, stored, shown and told like any other."""
    if not reason.strip():
        raise typer.BadParameter("say why: it stands in the record", param_hint="--reason")
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        lifetime.suspend(store, bell_id, reason.strip(), now_ms())
    say(f"{bell_id} is suspended: no trouble is told of it. A press still rings.")


@bell.command()
def resume(bell_id: BellArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a suspension: the bell is watched again."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        lifetime.resume(store, bell_id, now_ms())
    say(f"{bell_id} is watched again.")


@bell.command()
def wipe(
    bell_id: BellArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Somebody moved out: end the identity and erase what is known of the place, as far as no incident needs it."""
    if not yes:
        typer.confirm(f"End {bell_id} for good, and erase what is known of its place?", abort=True)
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        whole = lifetime.wipe(store, bell_id, now_ms())
    say(f"{bell_id} is wiped." if whole else f"{bell_id} is wiped; its address goes with the last of its incidents.")


@bell.command()
def rotate(
    bell_id: BellArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    out: OutOption = Path(),
    qr: QrOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make new keys for a bell that stays, in a new enrolment file. Both keys count until the bell uses the new one."""
    loaded = load(config)
    authority = admission.open_authority(loaded)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        made = lifetime.rotate(store, loaded, authority, bell_id, out, qr, now_ms())
    say_enrolled(made, out, qr, as_json, "has new keys, which count when it speaks with them")
