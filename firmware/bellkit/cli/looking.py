"""Looking: ports, diag, log, inspect."""

from pathlib import Path
from typing import Annotated

import typer

from bellgate import enrolment
from bellkit import brought, findings, port, verdict
from bellkit.cli.app import (
    UNFIT,
    GatewayOption,
    JsonOption,
    LangOption,
    PortOption,
    TokenOption,
    app,
    as_values,
    gateway_of,
    say_json,
    screen_of,
)
from bellkit.errors import PortError


@app.command()
def ports(as_json: JsonOption = False) -> None:
    """The serial ports of this machine."""
    found = port.found()
    if as_json:
        say_json(found)
        return
    for one in found:
        typer.echo(f"{one['port']:<20}{one['what']}")
    if not found:
        typer.echo("no serial port: plug the cable in")


@app.command()
def diag(
    path: PortOption = None,
    only: Annotated[
        list[str] | None, typer.Option(help=f"One part, may be repeated: {', '.join(findings.PARTS)}.")
    ] = None,
    gateway: GatewayOption = None,
    token_file: TokenOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Measure everything, and say in plain words what is wrong and what to do."""
    for part in only or ():
        if part not in findings.PARTS:
            raise typer.BadParameter(f"{part!r}: choose of {', '.join(findings.PARTS)}", param_hint="--only")
    screen = screen_of(lang, as_json)
    behind = gateway_of(gateway, token_file)
    parts = tuple(part for part in findings.PARTS if part in only) if only else findings.PARTS
    cable = port.Port(port.choose(path))
    try:
        try:
            cable.open()
            with screen.step("diag") as bar:
                found, answers = findings.gather(cable, behind, parts, lambda part, done, total: bar(done, total))
        except PortError as error:
            found, answers = {"line": {"state": error.state, "reason": str(error)}}, {}
    finally:
        cable.close()
    causes = verdict.judge(found)
    if as_json:
        say_json({"fit": verdict.fit(causes), "verdict": as_values(causes, screen.words), "answers": answers})
    else:
        screen.parts(answers)
        screen.verdicts(causes)
    if not verdict.fit(causes):
        raise typer.Exit(UNFIT)


def _print_line(line: str) -> None:
    typer.echo(line)


@app.command()
def log(
    path: PortOption = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long (without: until Ctrl-C).")] = 1e9,
    out: Annotated[Path | None, typer.Option(help="Also write the lines to this file.")] = None,
) -> None:
    """The bell's log, line by line, as it comes. It never holds a key or a password."""
    with port.Port(port.choose(path), on_text=_print_line) as cable:
        try:
            cable.listen(seconds)
        finally:
            if out is not None:
                out.write_text("\n".join(cable.text) + "\n", encoding="utf-8")


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="An enrolment file, as `bellgate enrol --out` writes it.")],
    as_json: JsonOption = False,
) -> None:
    """Say whose enrolment file this is, where the bell will connect, and whether its certificate will serve."""
    found = brought.describe(enrolment.read(file), str(file))
    if as_json:
        say_json(found)
        return
    certificate = found["certificate"]
    brokers = [f"{broker['host']}:{broker['port']} as {broker['server_name']}" for broker in found["brokers"]]
    for name, text in (
        ("bell", found["bell_id"]),
        ("site", found["site"]),
        ("kind", found["kind"]),
        ("brokers", ", then ".join(brokers)),
        ("certificate", certificate["subject"]),
        ("issued by", certificate["issuer"]),
        ("valid", f"{certificate['not_before']} to {certificate['not_after']}"),
        ("secrets", "present, not shown"),
    ):
        typer.echo(f"{name:<12}{text}")
