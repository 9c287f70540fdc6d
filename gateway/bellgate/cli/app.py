"""The program, the options that several commands share, and how an error is told: in words, never as a traceback."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bellgate import __version__
from bellgate.enrolment import Enrolment
from bellgate.errors import AnsimbellError

app = typer.Typer(
    name="bellgate",
    help="Ansimbell gateway: takes presses from bells, keeps each one, tells people, and answers the bell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path, typer.Option("-c", "--config", help="gateway.toml of the installation, or its folder.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
QrOption = Annotated[
    Path | None,
    typer.Option("--qr", help="Draw the one-time secret as a QR code: a new file .svg or .png, or a folder."),
]
DEFAULT_CONFIG = Path("gateway.toml")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bellgate {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def say(text: str) -> None:
    """One line for a person, on standard output; never read as markup."""
    Console(soft_wrap=True, highlight=False).print(text, markup=False)


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def say_enrolled(made: Enrolment, out: Path, qr: Path | None, as_json: bool, what: str = "is enrolled") -> None:
    """Which identity was made and where its secrets lie; never the secrets."""
    file = out / f"{made.bell_id}.json" if out.is_dir() else out
    code = qr / f"{made.bell_id}.svg" if qr is not None and qr.is_dir() else qr
    if as_json:
        written = {"bell_id": made.bell_id, "site": made.site, "out": str(file)}
        say_json(written | ({} if code is None else {"qr": str(code)}))
        return
    say(f"{made.bell_id} at {made.site} {what}. Its file, a secret: {file}")
    if code is not None:
        say(f"Its QR code, a secret until the bell is heard; carry it apart from the file: {code}")


# {command: the module that adds it}, in the order of `--help`. Only what is asked for is loaded: all of them take half
# as long again (see the changelog), and a gateway that comes back has presses to take.
COMMANDS = {
    "init": "setting_up",
    "enrol": "setting_up",
    "revoke": "setting_up",
    "token": "setting_up",
    "mosquitto": "setting_up",
    "run": "running",
    "bells": "bells_csv",
    "incidents": "looking",
    "check": "checking",
    "bell": "bell_life",
    "route": "installing",
    "portcode": "installing",
    "bundle": "installing",
    "bundle-sync": "installing",
    "operator": "people",
    "policy": "policies",
    "backup": "keeping",
    "restore": "keeping",
    "hold": "keeping",
    "export": "recording",
    "audit": "recording",
    "doctor": "operating",
    "systemd": "operating",
    "dashboard": "operating",
}


def add_commands(asked: str = "") -> None:
    """Let the program know the command that is asked for, or all."""
    known = COMMANDS.get(asked)
    for module in dict.fromkeys(COMMANDS.values()) if known is None else (known,):
        import_module(f"bellgate.cli.{module}")


def main() -> None:
    """Entry point of the program `bellgate`."""
    add_commands(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except AnsimbellError as error:
        typer.echo(f"bellgate: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # `bellgate bells | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
