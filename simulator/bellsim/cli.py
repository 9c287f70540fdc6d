"""The program `bellsim`: demo and latency. Exit codes: 0 done · 1 an error that the text explains · 130 interrupted."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from bellgate.errors import AnsimbellError

T = TypeVar("T")

app = typer.Typer(
    name="bellsim",
    help="Real firmware and the real gateway on this machine, under simulated hardware and network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BrokerOption = Annotated[
    str, typer.Option(help="embedded (a NATS server that the gateway starts) or mosquitto (must be installed).")
]
RuntimeOption = Annotated[
    str | None,
    typer.Option(help="micropython or cpython, the bells' interpreter (without: micropython where it exists)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, the result last.")]


@app.callback()
def _program() -> None:
    pass


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Play the story with a script, and end.")] = False,
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
    runtime: RuntimeOption = None,
    pace: Annotated[
        float | None,
        typer.Option(min=0, max=60, help="Seconds that the scripted dispatcher thinks (without: 0.6, with --json 0)."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Also save what --headless prints as a picture.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the scratch installation's folder.")] = False,
) -> None:
    """A press travels the whole way: three bells, a broker, the gateway, a dispatcher, and back to the lamp."""
    from bellsim import demo as acts  # noqa: PLC0415  (keeps `--help` quick)
    from bellsim.screen import WIDTH, Lines, Words, save_svg  # noqa: PLC0415

    if as_json:
        if svg is not None:
            raise typer.BadParameter("a picture of JSON is no use: leave one of the two out", param_hint="--svg")
        lines = Lines(sys.stdout)
        try:
            result = _run(acts.headless(lines.tell, None, broker, runtime, keep, pace or 0.0))
        except AnsimbellError as error:
            lines.write({"ok": False, "error": str(error)})
            raise typer.Exit(1) from None
        lines.write(result)
        return
    if svg is not None and not headless:
        raise typer.BadParameter("needs --headless: the live display is no text", param_hint="--svg")
    console = Console(record=svg is not None, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    words = Words(console)
    if not headless:
        _run(acts.interactive(words, broker, runtime, keep))
        return
    result = _run(acts.headless(words.tell, words, broker, runtime, keep, acts.PACE_S if pace is None else pace))
    console.print(f"\nEach stage was read back from the bell's own lamp. {result['story_s']} s.")
    if svg is not None:
        save_svg(console, svg)


@app.command()
def latency(
    presses: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 200,
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
    runtime: RuntimeOption = None,
) -> None:
    """Press to `stored` on the lamp, over TLS, through the real gateway with its durable commit."""
    from bellsim.latency import measure  # noqa: PLC0415

    def say(text: str) -> None:
        if not as_json:
            typer.echo(f"… {text}")

    try:
        result = _run(measure(presses, broker, runtime, say))
    except AnsimbellError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"ok": False, "error": str(error)}, ensure_ascii=False))
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(result))
        return
    stored = result["stored_ms"]
    typer.echo(
        f"press to stored on the lamp, {presses} presses, {result['runtime']}, {result['broker']}: "
        f"p50 {stored['p50']} ms, p99 {stored['p99']} ms, max {stored['max']} ms"
    )


def _run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, where SIGTERM and a closed terminal end it in order, as Ctrl-C does."""

    async def guarded() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, task.cancel if task is not None else loop.stop)
        return await main

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def main() -> None:
    """Entry point of the program `bellsim`."""
    try:
        app()
    except AnsimbellError as error:
        typer.echo(f"bellsim: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("bellsim: interrupted; everything that was started has been ended", err=True)
        sys.exit(130)
