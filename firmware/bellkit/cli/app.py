"""The program, the options that several commands share, and how an error is told: in words, never as a traceback."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bellgate.errors import AnsimbellError
from bellkit import __version__, verdict
from bellkit.errors import KitError
from bellkit.gateway import Gateway
from bellkit.screen import Screen
from bellkit.texts import LANGUAGES, Words, choose

app = typer.Typer(
    name="bellkit",
    help="Ansimbell's installer's kit: flash, enrol, prove and diagnose a bell over its serial port.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

UNFIT = 3
NARROW = 60  # columns of a telephone held upright; a pipe gets more

PortOption = Annotated[
    str | None, typer.Option("--port", envvar="BELLKIT_PORT", help="The bell's port (without: the only one on USB).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs instead of text.")]
LangOption = Annotated[
    str | None, typer.Option("--lang", help="ko or en (without: as LC_ALL, LC_MESSAGES or LANG say).")
]
GatewayOption = Annotated[
    str | None, typer.Option("--gateway", envvar="BELLKIT_GATEWAY", help="Address of the console (without: offline).")
]
TokenOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="File with a token of the role installer (without: BELLKIT_TOKEN)."),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="Where you stand, LATITUDE,LONGITUDE, as your telephone says: is it the bell's place?"),
]
QrOption = Annotated[
    str | None, typer.Option("--qr", envvar="BELLKIT_QR", help="The text of the bell's QR code, as a scanner types it.")
]
FolderOption = Annotated[
    Path,
    typer.Option("--folder", envvar="BELLKIT_FOLDER", help="Where certificates and this laptop's key are kept."),
]
ByOption = Annotated[str, typer.Option("--by", envvar="BELLKIT_BY", help="Who installs: stands on the certificate.")]
BigOption = Annotated[bool, typer.Option("--big", help="Full screen with big letters, for a phone-sized terminal.")]
DEFAULT_FOLDER = Path("~/.local/share/bellkit")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bellkit {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def words_of(lang: str | None) -> Words:
    """The texts of the wanted language."""
    if lang is not None and lang not in LANGUAGES:
        raise typer.BadParameter(f"choose one of {', '.join(LANGUAGES)}", param_hint="--lang")
    return Words(choose(lang))


def screen_of(lang: str | None, as_json: bool) -> Screen:
    """Where people read; silent with --json."""
    return Screen(words_of(lang), Console(highlight=False), quiet=as_json)


def gateway_of(url: str | None, token_file: Path | None) -> Gateway | None:
    """The gateway, or None: offline. Raises KitError if there is an address and no token."""
    if url is None:
        return None
    if token_file is not None:
        try:
            token = token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise KitError(f"{token_file}: cannot be read ({error.strerror}). Write the token there") from None
    else:
        token = os.environ.get("BELLKIT_TOKEN", "")
    if not token:
        raise KitError(
            "the gateway wants a token: `bellgate token --role installer`, then BELLKIT_TOKEN or --token-file"
        )
    return Gateway(url, token)


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def as_values(causes: tuple[verdict.Verdict, ...], words: Words) -> list[dict[str, Any]]:
    """A diagnosis for programs; the texts are for whoever they show it to."""
    return [
        {
            "cause": one.cause,
            "severity": one.severity,
            "where": list(one.subjects),
            "reason": one.reason,
            "text": words(f"cause.{one.cause}"),
            "do": words(f"do.{one.cause}"),
        }
        for one in causes
    ]


def main() -> None:
    """Entry point of the program `bellkit`; what a person can put right is one line, never a traceback."""
    try:
        from bellkit.cli import bringing, looking, proving  # noqa: F401, PLC0415  (each adds its commands)
    except ModuleNotFoundError as error:
        if error.name != "serial":
            raise
        typer.echo("bellkit: the kit's own parts are missing: pip install 'ansimbell[kit]'", err=True)
        sys.exit(1)
    try:
        app()
    except AnsimbellError as error:
        typer.echo(f"bellkit: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `bellkit log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def position_of(at: str | None) -> tuple[float, float] | None:
    """(latitude, longitude) of --at."""
    if at is None:
        return None
    try:
        lat, lon = (float(part) for part in at.split(","))
    except ValueError:
        lat = lon = math.nan
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise typer.BadParameter("two numbers, as 37.5446,127.0559: latitude, longitude", param_hint="--at")
    return lat, lon
