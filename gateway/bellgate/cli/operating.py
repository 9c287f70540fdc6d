"""Operating: doctor, systemd, dashboard."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from bellgate import doctor as examination
from bellgate import systemd as units
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.config import load
from bellgate.doctor import FAULT, OK, Finding
from bellgate.errors import AnsimbellError

_SHOWN = {"ok": "ok   ", "warn": "WARN ", "fault": "FAULT"}


@app.command()
def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Look at everything an operator should know, with what to do. Ends with 1 if something does not work."""
    try:
        loaded = load(config)
        findings = [Finding("settings", OK, f"{loaded.path} is right"), *examination.examine(loaded)]
    except AnsimbellError as error:
        findings = [Finding("settings", FAULT, str(error), "docs/configuration.md describes each key")]
    well = all(one.level != FAULT for one in findings)
    if as_json:
        say_json({"ok": well, "findings": [one.as_dict() for one in findings]})
    else:
        for one in findings:
            say(f"{_SHOWN[one.level]} {one.name}: {one.text}")
            if one.remedy:
                say(f"      → {one.remedy}")
    if not well:
        raise typer.Exit(1)


@app.command()
def systemd(
    out: Annotated[
        Path | None, typer.Option(help="Folder for the unit, such as /etc/systemd/system (without: it is printed).")
    ] = None,
    user: Annotated[str, typer.Option(help="The user that the gateway runs as.")] = "ansimbell",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print or write the systemd unit of this installation."""
    loaded = load(config)
    text = units.unit(loaded, user)
    if out is None:
        typer.echo(text, nl=False)
        return
    path = units.write(text, out)
    say(f"{path}\nNext: systemctl daemon-reload && systemctl enable --now {path.name}")


@app.command()
def dashboard() -> None:
    """Print a dashboard for Grafana, as JSON: import it there, with Prometheus as its source."""
    typer.echo((files("bellgate") / "grafana.json").read_text(encoding="utf-8"), nl=False)
