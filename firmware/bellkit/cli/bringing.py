"""Bringing: flash, wifi, enrol, wipe, commission."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bellkit import brought, bundles, commission, flash_tool, port, provision, verdict
from bellkit.cli.app import (
    DEFAULT_FOLDER,
    UNFIT,
    AtOption,
    BigOption,
    ByOption,
    FolderOption,
    GatewayOption,
    JsonOption,
    LangOption,
    PortOption,
    QrOption,
    TokenOption,
    app,
    as_values,
    gateway_of,
    position_of,
    say_json,
    screen_of,
)
from bellkit.errors import FileError, PortError, Refused
from bellkit.screen import Screen

FileOption = Annotated[Path | None, typer.Option("--file", help="The bell's enrolment file.")]
BundleOption = Annotated[
    Path | None, typer.Option("--bundle", help="A bundle from `bellgate bundle`, opened with the QR code.")
]
SsidOption = Annotated[str | None, typer.Option("--ssid", help="Name of the Wi-Fi.")]
PasswordOption = Annotated[
    str | None,
    typer.Option("--password", envvar="BELLKIT_WIFI_PASSWORD", help="Its password (without: asked for)."),
]


def given(file: Path | None, bundle: Path | None, qr: str | None) -> brought.Brought | None:
    """What the installer brought, or None. Raises FileError."""
    if file is not None and bundle is not None:
        raise typer.BadParameter("give a file or a bundle", param_hint="--bundle")
    if file is not None:
        return brought.from_file(file, qr)
    if bundle is None:
        return None
    if qr is None:
        raise typer.BadParameter("a bundle opens with the text of the bell's QR code alone", param_hint="--qr")
    return bundles.unlock(bundle, qr)


@contextmanager
def telling(screen: Screen, as_json: bool) -> Iterator[None]:
    """What was brought, or the cable, may be the cause: say it in the words of a diagnosis, and end with UNFIT."""
    try:
        yield
    except FileError as error:
        _unfit(screen, as_json, {"file": {"state": error.state, "reason": str(error)}})
    except PortError as error:
        _unfit(screen, as_json, {"line": {"state": error.state, "reason": str(error)}})
    except Refused as error:
        if error.op.split(".")[0] not in ("enrol", "challenge", "wipe"):
            raise
        _unfit(screen, as_json, {"identity": {"state": provision.state_of(error), "reason": error.text}})


def _unfit(screen: Screen, as_json: bool, found: dict[str, Any]) -> None:
    end_unfit(screen, as_json, verdict.judge(found))


def end_unfit(screen: Screen, as_json: bool, causes: tuple[verdict.Verdict, ...], shown: bool = False) -> None:
    """Say the causes and end with UNFIT. shown: people have read them already."""
    if as_json:
        say_json({"fit": False, "verdict": as_values(causes, screen.words)})
    elif not shown:
        screen.verdicts(causes)
    raise typer.Exit(UNFIT)


@app.command()
def wifi(
    ssid: Annotated[str, typer.Option("--ssid", help="Name of the Wi-Fi.")],
    password: PasswordOption = None,
    path: PortOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Join a Wi-Fi. On an enrolled bell it is added in front of those that it knows."""
    screen = screen_of(lang, as_json)
    secret = _password(password)
    with telling(screen, as_json), port.Port(port.choose(path)) as cable:
        with screen.step("wifi"):
            cause = commission.try_wifi(cable, ssid, secret)
        if cause is not None:
            end_unfit(screen, as_json, (cause,))
        radio = cable.ask("diag.radio")
    if as_json:
        say_json({"fit": True, "radio": radio})


def _password(password: str | None) -> str:
    return typer.prompt("Wi-Fi password", hide_input=True, default="") if password is None else password


@app.command()
def enrol(
    file: FileOption = None,
    bundle: BundleOption = None,
    qr: QrOption = None,
    path: PortOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Give a blank bell its identity, and wait until it is back in service."""
    screen = screen_of(lang, as_json)
    with telling(screen, as_json):
        what = given(file, bundle, qr)
        if what is None:
            raise typer.BadParameter("give --file, or --bundle with --qr", param_hint="--file")
        with port.Port(port.choose(path)) as cable:
            cause = commission.try_enrol(cable, what, screen)
            if cause is not None:
                end_unfit(screen, as_json, (cause,))
            hello = cable.ask("hello")
    if as_json:
        say_json({"fit": True, "bell_id": hello.get("bell_id")})
    else:
        screen.hello(hello)


@app.command()
def wipe(
    path: PortOption = None,
    gateway: GatewayOption = None,
    token_file: TokenOption = None,
    code: Annotated[str | None, typer.Option("--code", help="The operator's code (without: asked for).")] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Take a bell's identity away: hold BOOT for 5 s, and have the operator's code."""
    screen = screen_of(lang, as_json)
    behind = gateway_of(gateway, token_file)

    def ask_code(challenge: dict[str, Any]) -> str:
        hold_s = int(challenge.get("hold_s", 5))
        screen.say(screen.words("wipe.hold", s=hold_s, within=challenge.get("within_s", 60)))
        with screen.step("gesture") as bar:
            for second in range(hold_s + 1):
                bar(second, hold_s)
                cable.listen(1.0)
        if code is not None:
            return code
        if behind is not None:
            return behind.portcode(str(challenge["bell_id"]), "wipe", str(challenge["nonce"]))
        screen.say(f"bellgate portcode {challenge['bell_id']} wipe {challenge['nonce']}")
        return str(typer.prompt(screen.words("wipe.code")))

    with telling(screen, as_json), port.Port(port.choose(path)) as cable:
        provision.wipe(cable, ask_code)
        with screen.step("restart"):
            hello = provision.wait_back(cable, lambda hello: not hello.get("enrolled"))
    if as_json:
        say_json({"wiped": not hello.get("enrolled")})
    if hello.get("enrolled"):
        raise PortError("silent", "the bell took the code and is enrolled still: switch it off and on, and look again")


@app.command()
def flash(
    path: PortOption = None,
    image: Annotated[Path | None, typer.Option("--image", help="MicroPython for this chip, written first.")] = None,
    chip: Annotated[str, typer.Option("--chip", help="esp32, esp32s3, esp32c3, or auto.")] = "auto",
    files: Annotated[
        Path | None, typer.Option("--files", help="Folder with main.py, boot.py, bellwire, bellnode (without: ours).")
    ] = None,
    no_stub: Annotated[bool, typer.Option("--no-stub", help="Speak with the chip's ROM alone: slower.")] = False,
    erase: Annotated[bool, typer.Option("--erase", help="Erase all before: identity and journal too.")] = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Write MicroPython with esptool, then the firmware with mpremote."""
    screen = screen_of(lang, as_json)
    with telling(screen, as_json):
        where = port.choose(path)
        if image is not None:
            with screen.step("image") as bar:
                flash_tool.write_image(where, image, chip, bar, stub=not no_stub, erase=erase)
        with screen.step("flash") as bar:
            count = flash_tool.copy_files(where, files or flash_tool.own_files(), bar)
    if as_json:
        say_json({"flashed": image is not None, "files": count})


@app.command("commission")
def all_in_one(
    file: FileOption = None,
    bundle: BundleOption = None,
    qr: QrOption = None,
    ssid: SsidOption = None,
    password: PasswordOption = None,
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
    """All in one go: Wi-Fi, enrolment, diagnosis, walk test, certificate. May be started again at any point."""
    screen = screen_of(lang, as_json)
    behind = gateway_of(gateway, token_file)
    network = None if ssid is None else (ssid, _password(password))
    with telling(screen, as_json):
        what = given(file, bundle, qr)
        wanted = commission.Wanted(what, network, behind, by, folder.expanduser(), position_of(at))
        with port.Port(port.choose(path)) as cable:
            if big:
                from bellkit.big import in_big  # noqa: PLC0415  (textual is slow to load)

                done = in_big(screen.words, lambda small, walk: commission.commission(cable, wanted, small, walk))
            else:
                done = commission.commission(cable, wanted, screen)
    finish(screen, as_json, done)


def finish(screen: Screen, as_json: bool, done: commission.Outcome) -> None:
    """Say what came of it; exit code UNFIT if the bell may not stay."""
    if as_json:
        say_json(
            {
                "fit": done.fit,
                "bell_id": done.bell_id,
                "verdict": as_values(done.causes, screen.words),
                "certificate": None if done.path is None else str(done.path),
                "kept": done.kept,
                "document": done.document,
            }
        )
    elif done.path is not None:
        screen.outcome(done.path, done.kept, done.document or {})
    if not done.fit:
        raise typer.Exit(UNFIT)
