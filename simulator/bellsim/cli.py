"""The program `bellsim`: a demo, and what measures and breaks things.

Exit codes: 0 done · 1 an error that the text explains, or a goal that was missed · 130 interrupted.
"""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from bellgate.errors import AnsimbellError
from bellsim.report.commands import report
from bellsim.world import commands as worlds

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


TlsOption = Annotated[bool, typer.Option("--tls", help="For the record: bells have no other way than TLS.")]
fault = typer.Typer(name="fault", help="Break one thing, and measure how the bell comes through.", no_args_is_help=True)
app.add_typer(fault)
app.command()(worlds.fuzz)
app.command()(worlds.replay)
app.command()(report)


@app.command()
def latency(
    presses: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 200,
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
    runtime: RuntimeOption = None,
    tls: TlsOption = True,
) -> None:
    """Press to journal, and press to `stored` on the lamp, over TLS, through the real gateway with durable commit."""
    from bellsim.latency import measure  # noqa: PLC0415

    _measured(lambda say: measure(presses, broker, runtime, say), as_json)


@app.command()
def heap(
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
    fixed: Annotated[int | None, typer.Option(min=16, max=4096, help="Try this heap alone, in K: no search.")] = None,
) -> None:
    """The smallest Python heap in which the whole firmware, from .mpy, lives through a story over TLS."""
    from bellsim.heap import measure, tables  # noqa: PLC0415

    _measured(lambda say: measure(say, fixed, broker), as_json, tables)


@app.command()
def bell(
    flash: Annotated[
        Path | None, typer.Option(help="A folder as its flash, kept; without: an empty one, for a blank bell.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="A Wi-Fi network that there is, as NAME:PASSWORD:DBM; without: any.")
    ] = None,
    runtime: RuntimeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One bell on a desk: prints the path of its cable, for bellkit. Standard input takes what a person does to it."""
    from bellsim.desk import alone  # noqa: PLC0415

    _run(alone(flash, network or [], runtime, as_json))


@app.command("port-fuzz")
def port_fuzz(
    random_bytes: Annotated[int, typer.Option(min=0, max=100_000_000)] = 1_000_000,
    frames: Annotated[int, typer.Option(min=0, max=1_000_000, help="Good frames that were changed.")] = 10_000,
    presses: Annotated[int, typer.Option(min=2, max=1_000)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed sends the same bytes.")] = 1,
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
    runtime: RuntimeOption = None,
) -> None:
    """Rubbish on the installer's cable: presses still get through, and no secret comes out."""
    from bellsim.portfuzz import measure  # noqa: PLC0415

    _measured(lambda say: measure(random_bytes, frames, presses, seed, broker, runtime, say), as_json)


@app.command()
def fleet(
    bells: Annotated[int, typer.Option(min=1, max=5_000, help="How many.")] = 100,
    as_json: JsonOption = False,
    micropython: Annotated[
        bool, typer.Option("--micropython", help="Refuse to run the bells on anything else.")
    ] = False,
    tls: TlsOption = True,
    over: Annotated[
        float | None,
        typer.Option(min=0, max=3_600, help="Seconds over which to spread the presses (without: 20 a second)."),
    ] = None,
) -> None:
    """So many bells at once, each the real firmware in a process of its own; one press each."""
    from bellsim.fleet import measure  # noqa: PLC0415

    _measured(lambda say: measure(bells, over, say), as_json)


@fault.command("broker-restart")
def broker_restart(
    as_json: JsonOption = False, broker: BrokerOption = "embedded", runtime: RuntimeOption = None
) -> None:
    """The broker is killed and comes back; a press falls into the gap."""
    from bellsim.faults import broker_restart as measure  # noqa: PLC0415

    _measured(lambda say: measure(broker, runtime, say), as_json)


@fault.command("broker-freeze")
def broker_freeze(
    as_json: JsonOption = False, broker: BrokerOption = "embedded", runtime: RuntimeOption = None
) -> None:
    """The first of two brokers falls silent, then comes a press: found, and delivered by the second."""
    from bellsim.faults import broker_freeze as measure  # noqa: PLC0415

    _measured(lambda say: measure(broker, runtime, say), as_json)


@fault.command()
def outage(
    minutes: Annotated[int, typer.Option(min=1, max=1_440, help="How long, by the bell's clock.")] = 30,
    as_json: JsonOption = False,
    broker: BrokerOption = "embedded",
) -> None:
    """A long time without network, on a clock that is moved on: every press delivered, in order, with its true age."""
    from bellsim.outage import measure  # noqa: PLC0415

    _measured(lambda say: measure(minutes, broker, say), as_json)


@fault.command("flash-dead")
def flash_dead(as_json: JsonOption = False, broker: BrokerOption = "embedded", runtime: RuntimeOption = None) -> None:
    """The flash fails: presses are still delivered, and the heartbeat says so."""
    from bellsim.faults import flash_dead as measure  # noqa: PLC0415

    _measured(lambda say: measure(broker, runtime, say), as_json)


def _measured(
    measure: Callable[[Callable[[str], None]], Coroutine[Any, Any, dict[str, Any]]],
    as_json: bool,
    more: Callable[[dict[str, Any]], str] | None = None,
    aside: bool = False,
) -> None:
    """Run a measurement, show its figures; exit 1 if a goal was missed. more: text for people that follows them.
    aside: it takes so long that its progress goes to standard error, with --json too."""

    def say(text: str) -> None:
        if aside or not as_json:
            typer.echo(f"… {text}", err=aside)

    try:
        result = _run(measure(say))
    except (AnsimbellError, ConnectionError) as error:  # the latter: a bell that ended in the middle
        if as_json:
            typer.echo(json.dumps({"ok": False, "error": str(error)}, ensure_ascii=False))
        else:
            typer.echo(f"bellsim: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        for name, value in result.items():
            if name not in ("modules", "goal", "missed", "ok", "at_unix_s"):
                shown = (
                    ", ".join(f"{key} {inner}" for key, inner in value.items()) if isinstance(value, dict) else value
                )
                typer.echo(f"{name:24} {shown}")
        if more is not None:
            typer.echo(more(result))
        for line in result["missed"]:
            typer.echo(f"missed: {line}", err=True)
        typer.echo(
            "measured on this host with simulated hardware; the goals are "
            + ("reached" if result["ok"] else "not reached")
        )
    if not result["ok"]:
        raise typer.Exit(1)


@app.command()
def chaos(
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, max=10_000, help="Break everything for so long, with real bells; without: kills alone."),
    ] = None,
    target: Annotated[str, typer.Option(help="What is killed without --minutes: gateway.")] = "gateway",
    kills: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 50,
    presses: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many, spread over the kills.")] = 2_000,
    store: Annotated[
        str | None, typer.Option(help="sqlite, postgresql (must be installed), or with --minutes both (its default).")
    ] = None,
    gateways: Annotated[int, typer.Option(min=1, max=4, help="How many at once; more than one on PostgreSQL.")] = 1,
    broker: Annotated[
        str | None,
        typer.Option(help="embedded, mosquitto (must be installed), or with --minutes both (its default)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="Of what is broken, and when.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder with settings and logs.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Break gateways, or everything, while bells are pressed: what is lost, untrue, told twice, late or wrongly?"""
    if minutes is not None:
        from bellsim.chaos import campaign  # noqa: PLC0415

        both = campaign.BOTH
        _measured(
            lambda say: campaign.measure(minutes, seed, broker or both, store or both, say, keep), as_json, aside=True
        )
        return
    from bellsim.chaos.kills import measure  # noqa: PLC0415

    if target != "gateway":
        raise typer.BadParameter(f"{target!r} cannot be killed: gateway can", param_hint="--target")
    _measured(
        lambda say: measure(kills, presses, store or "sqlite", gateways, broker or "embedded", seed, say, keep), as_json
    )


@app.command()
def year(
    bells: Annotated[int, typer.Option(min=5, max=10_000, help="How many.")] = 200,
    days: Annotated[int, typer.Option(min=1, max=3_660, help="How many.")] = 365,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="The same seed brings the same story.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """A year of policies, people and faults on a clock that is moved on: nothing late, forgotten, or told twice."""
    from bellsim.year.year import measure  # noqa: PLC0415

    _measured(lambda say: measure(bells, days, seed, say), as_json)


@app.command()
def load(
    bells: Annotated[int, typer.Option(min=10, max=20_000, help="How many.")] = 2_000,
    hours: Annotated[float, typer.Option(min=0.2, max=744, help="By the gateway's clock, which is moved on.")] = 24,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="The same seed brings the same day.")] = 1,
    store: Annotated[str, typer.Option(help="sqlite, or postgresql (must be installed).")] = "sqlite",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder with settings, database and backups.")] = False,
    as_json: JsonOption = False,
) -> None:
    """A day of what many bells send, on a clock that is moved on: memory stays flat, and how the database grows."""
    from bellsim.load.load import measure  # noqa: PLC0415

    _measured(lambda say: measure(bells, hours, seed, store, say, keep), as_json, aside=True)


@app.command()
def powercut(
    cuts: Annotated[int, typer.Option(min=100, max=10_000_000, help="How many.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, max=1_000_000, help="Of the stories; the same seed cuts the same.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Cut the power at every program and erase of the bell's flash, and half-way: is any record lost or invented?"""
    from bellsim.powercut import campaign  # noqa: PLC0415

    def say(text: str) -> None:
        typer.echo(json.dumps({"progress": text}) if as_json else f"… {text}")

    try:
        result = _run(campaign(cuts, seed, say))
    except AnsimbellError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"ok": False, "error": str(error)}, ensure_ascii=False))
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(
            f"{result['cuts']} power cuts ({result['half_done']} half-way through, {result['second_cuts']} during the "
            f"start after another): {result['acked_lost']} records lost, {result['invented']} invented, "
            f"{result['mount_failures']} starts failed, {result['false_faults']} false faults; "
            f"{result['erases_per_record']} erases per record\n"
            f"faulty journals seen: {'all' if result['mutant_caught'] else 'NOT ALL'} of {len(result['mutants'])}"
        )
        for text in result.get("first", ()):
            typer.echo(f"see again with --seed {seed}: {text}")
    if not result["ok"]:
        raise typer.Exit(1)


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
