"""Setting up: init, enrol, revoke, token, mosquitto."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from bellgate import admission, enrolment, installation, lifetime
from bellgate.broker import mosquitto as mosquitto_files
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, QrOption, app, say, say_enrolled, say_json
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.store import Tx, audit, open_store, people


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new installation; made if missing.")],
    gateway_id: Annotated[str | None, typer.Option("--id", help="Name of this gateway (without: host name).")] = None,
    console: Annotated[str, typer.Option(help="HOST:PORT of the pages and the API.")] = "127.0.0.1:8080",
    mqtt: Annotated[str, typer.Option(help="HOST:PORT where the embedded broker listens for bells.")] = "0.0.0.0:8883",
    advertise: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT as the bells reach the broker; several in order of preference."),
    ] = None,
    operator: Annotated[str, typer.Option(help="Name of the first operator, an administrator.")] = "admin",
    store: Annotated[
        str, typer.Option(help="Database: a file, or an empty PostgreSQL database as postgresql://USER@HOST/NAME.")
    ] = installation.DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Make a new installation: settings, certificate authority, database, first operator.

    The operator's password is printed once and kept nowhere.
    """
    made = installation.create(folder, gateway_id, console, mqtt, advertise or [], operator, store)
    if as_json:
        say_json({"config": str(made.config.path), "operator": made.operator, "password": made.password})
        return
    say(f"Installation made in {made.config.path.parent}")
    say(f"First operator: {made.operator}   password: {made.password}   (printed once; note it now)")
    say("Bells will look for the broker at " + ", ".join(made.config.mqtt.advertise))
    say("If this machine has another name there, change mqtt.advertise before you enrol the first bell")
    say(f"Next: bellgate run -c {made.config.path}")


@app.command()
def enrol(
    site: Annotated[str, typer.Option(help="Site, for example seongsu-012: a-z 0-9 and -.")],
    kind: Annotated[str, typer.Option(help="store-bell, home-set or pendant.")],
    name: Annotated[str, typer.Option(help="Name that dispatchers see.")],
    address: Annotated[str, typer.Option(help="Address that dispatchers send help to.")],
    config: ConfigOption = DEFAULT_CONFIG,
    lat: Annotated[float | None, typer.Option(help="Latitude in degrees (WGS 84).")] = None,
    lon: Annotated[float | None, typer.Option(help="Longitude in degrees (WGS 84).")] = None,
    bell_id: Annotated[str | None, typer.Option(help="Name of the bell (without: one is chosen).")] = None,
    out: Annotated[
        str | None,
        typer.Option(help="File for the bell (without: BELL_ID.json here); a folder; or - for standard output."),
    ] = None,
    qr: QrOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a bell and write its enrolment file, which is a secret: hand it to the bell and to nobody else."""
    if out == "-" and as_json:
        raise typer.BadParameter("- prints the enrolment file itself: leave --json out", param_hint="--out")
    loaded = load(config)
    authority = admission.open_authority(loaded)
    new = admission.NewBell(site, kind, name, address, lat, lon, bell_id)
    target = None if out == "-" else Path(out or ".")
    with open_store(loaded.store.url, loaded.data_dir) as store:
        made = admission.enrol(store, loaded, authority, new, target, now_ms(), qr)
    if target is None:
        typer.echo(enrolment.dumps(made), nl=False)
        return
    say_enrolled(made, target, qr, as_json)


@app.command()
def revoke(
    bell_id: Annotated[str, typer.Argument(metavar="BELL_ID", help="The bell that may no longer speak.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take a bell's right to speak away. A running gateway cuts it off within seconds."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        lifetime.revoke(store, bell_id)
    say(f"{bell_id} is revoked.")


@app.command()
def token(
    role: Annotated[str, typer.Option(help=", ".join(people.ROLES) + ".")],
    config: ConfigOption = DEFAULT_CONFIG,
    name: Annotated[str | None, typer.Option(help="Name in the record (without: script-ROLE).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a bearer token for a program that uses the API. It is printed once; only its hash is kept."""
    loaded = load(config)
    called = name or f"script-{role}"
    with open_store(loaded.store.url, loaded.data_dir) as store:
        secret = store.write_now(lambda tx: _add_token(tx, called, role))
    if as_json:
        say_json({"name": called, "role": role, "token": secret})
    else:
        typer.echo(secret)


def _add_token(tx: Tx, name: str, role: str) -> str:
    at_ms = now_ms()
    audit.demand(tx, at_ms, None, admission.BY, "token_made", {"name": name, "role": role})
    return people.add_token(tx, name, role, at_ms)


@app.command()
def mosquitto(
    out: Annotated[Path, typer.Option(help="Folder for mosquitto's files; made if missing.")],
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for TLS (without: that of mqtt.listen).")
    ] = None,
) -> None:
    """Write the files for a mosquitto broker: settings, access list, certificates.

    With it, set broker = "mqtts://HOST:PORT" in [mqtt]; mosquitto runs under its own service.
    """
    loaded = load(config)
    authority = admission.open_authority(loaded)
    written = mosquitto_files.write(authority, loaded, out, port)
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or "mosquitto"
    say(f"Start it: {program} -c {written.conf}")
    if not written.cuts_off:
        say(
            f"mosquitto's {mosquitto_files.PLUGIN} is not on this machine: without it a revoked bell stays connected, "
            "and only the gateway refuses it. Install mosquitto 2.0 or newer here, then write these files again"
        )
    say(f'Then in {loaded.path}, section [mqtt]: broker = "{written.url}"')
