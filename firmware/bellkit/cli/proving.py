"""Proving: walktest, report."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bellgate import commissioning
from bellgate.errors import AnsimbellError
from bellkit import commission, paper, port, provision
from bellkit.cli.app import (
    DEFAULT_FOLDER,
    AtOption,
    BigOption,
    ByOption,
    FolderOption,
    GatewayOption,
    JsonOption,
    LangOption,
    PortOption,
    TokenOption,
    app,
    gateway_of,
    position_of,
    say_json,
    screen_of,
)
from bellkit.cli.bringing import finish, telling
from bellkit.errors import KitError


@app.command()
def walktest(
    path: PortOption = None,
    gateway: GatewayOption = None,
    token_file: TokenOption = None,
    by: ByOption = "",
    at: AtOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
    big: BigOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Every input in turn, each press up to the console; ends in a signed certificate."""
    screen = screen_of(lang, as_json)
    wanted = commission.Wanted(None, None, gateway_of(gateway, token_file), by, folder.expanduser(), position_of(at))
    with telling(screen, as_json), port.Port(port.choose(path)) as cable:
        hello = cable.ask("hello")
        screen.hello(hello)
        if not hello.get("enrolled"):
            raise provision.Unfit("blank", "this bell is not enrolled yet: run `bellkit commission` or `bellkit enrol`")
        if big:
            from bellkit.big import in_big  # noqa: PLC0415  (textual is slow to load)

            done = in_big(screen.words, lambda small, walk: commission.prove(cable, wanted, small, walk, hello))
        else:
            done = commission.prove(cable, wanted, screen, screen, hello)
    finish(screen, as_json, done)


@app.command()
def report(
    file: Annotated[Path | None, typer.Argument(help="A certificate (without: all in the folder).")] = None,
    sync: Annotated[bool, typer.Option("--sync", help="Give the gateway those that it does not have yet.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Is it as it was signed?")] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write it as a page.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Write it as PDF.")] = None,
    gateway: GatewayOption = None,
    token_file: TokenOption = None,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """The certificates on this laptop: list, check, print, and hand over to the gateway."""
    screen = screen_of(lang, as_json)
    paths = [file] if file is not None else sorted(folder.expanduser().glob("*-????????.json"))
    waiting = {path for held in {path.parent for path in paths} for path in commission.waiting(held)}
    if sync:
        behind = gateway_of(gateway, token_file)
        if behind is None:
            raise KitError("--sync wants --gateway: the address of the console")
        late = [path for path in paths if path in waiting]
        sent = [str(path) for path in late if commission.send(behind, _read(path), path, screen)]
        if as_json:
            say_json({"sent": sent, "left": [str(path) for path in late if str(path) not in sent]})
        if len(sent) < len(late):
            raise typer.Exit(1)
        return
    documents = [(path, _read(path)) for path in paths]
    if check or html is not None or pdf is not None:
        for path, document in documents:
            _checked(path, document)
    if html is not None or pdf is not None:
        if len(documents) != 1:
            raise KitError("name one certificate to print: bellkit report FILE --pdf OUT.pdf")
        _print(documents[0][1], html, pdf)
    if as_json:
        say_json([{"file": str(path), "stored": path not in waiting, **document} for path, document in documents])
        return
    for path, document in documents:
        screen.outcome(path, path not in waiting, document)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KitError(f"{path}: cannot be read ({error}). Name a certificate of `bellkit commission`") from None
    if not isinstance(document, dict):
        raise KitError(f"{path}: is no certificate")
    return document


def _checked(path: Path, document: dict[str, Any]) -> None:
    try:
        commissioning.check(document)
    except AnsimbellError as error:
        raise KitError(f"{path}: {error}") from None


def _print(document: dict[str, Any], html: Path | None, pdf: Path | None) -> None:
    try:
        if html is not None:
            html.write_text(paper.html(document), encoding="utf-8")
        if pdf is not None:
            pdf.write_bytes(paper.pdf(document))
    except OSError as error:
        raise KitError(f"{error.filename}: cannot be written ({error.strerror}). Give another name") from None
