"""`bellsim fuzz` and `bellsim replay`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

DaysOption = Annotated[float, typer.Option(min=0.05, max=366, help="Of virtual time, each.")]
BellsOption = Annotated[int, typer.Option(min=5, max=500, help="In each world.")]


def fuzz(
    seeds: Annotated[str, typer.Option(help="One, or two with dots between: 0..99.")] = "0..9",
    days: DaysOption = 1.0,
    bells: BellsOption = 20,
    no_shrink: Annotated[
        bool, typer.Option("--no-shrink", help="Do not cut down the first plans that failed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, the result last.")] = False,
) -> None:
    """Bells, broker, gateway and people in virtual time, broken by a seed: does everything hold that is promised?"""
    from bellsim.world import fuzz as worlds  # noqa: PLC0415

    def told(line: dict[str, Any]) -> None:
        typer.echo(json.dumps(line, ensure_ascii=False) if as_json else _line(line))

    result = worlds.fuzz(worlds.read_seeds(seeds), days, bells, told, 0 if no_shrink else worlds.SHRUNK_MAX)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        _table(result["states"])
        typer.echo(
            f"{result['seeds']} seeds, {result['simulated_s']} s in {result['real_s']} s: "
            f"{result['times_as_fast']} times as fast as time; failed: {result['failed'] or 'none'}"
        )
        if result["never_bit"]:
            typer.echo(f"never drawn: {', '.join(result['never_bit'])}")
        for cut in result["shrunk"]:
            keep = ",".join(map(str, cut["keep"]))
            typer.echo(f"see it with: bellsim replay {cut['seed']} --keep {keep} --days {days:g} --bells {bells}")
    if not result["ok"]:
        raise typer.Exit(1)


def replay(
    seed: Annotated[int, typer.Argument(min=0, help="As `fuzz` named it.")],
    days: DaysOption = 1.0,
    bells: BellsOption = 20,
    keep: Annotated[
        str | None, typer.Option(help="Only these of its happenings, as `fuzz` names what is needed: 3,7,9.")
    ] = None,
    lane: Annotated[
        list[str] | None,
        typer.Option(help="Only this one, and what is wrong: a bell, gateway, broker, people, a target."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw it: a page (.html) or the picture alone (.svg).", dir_okay=False)
    ] = None,
) -> None:
    """Play one seed and print what happened, line by line."""
    from bellsim.world import fuzz as worlds  # noqa: PLC0415
    from bellsim.world.picture import page, svg  # noqa: PLC0415
    from bellsim.world.replay import told  # noqa: PLC0415

    if picture is not None and picture.suffix not in (".html", ".svg"):
        raise worlds.WrongSeeds(f"--picture {picture.name}: its name has to end in .html or .svg")
    outcome = worlds.alone(seed, days, bells, None if keep is None else worlds.read_keep(keep))
    for line in told(outcome, tuple(lane or ())):
        typer.echo(line)
    if picture is not None:
        command = f"bellsim replay {seed} --days {days:g} --bells {bells}" + (f" --keep {keep}" if keep else "")
        drawn = svg(outcome) + "\n" if picture.suffix == ".svg" else page(outcome, command)
        picture.write_text(drawn, encoding="utf-8")
    if outcome.wrong:
        raise typer.Exit(1)


def _line(line: dict[str, Any]) -> str:
    if "keep" in line:
        size = "the smallest" if line["smallest"] else "not the smallest yet"
        return (
            f"seed {line['seed']:6}  {len(line['keep'])} of {line['of']} happenings still break {line['properties']} "
            f"({size}, {line['tries']} worlds)"
        )
    found = "; ".join(line["wrong"]) or "all holds"
    return f"seed {line['seed']:6}  {line['happenings']:3} happenings  {line['real_s']:6.2f} s  {found}"


def _table(states: dict[str, dict[str, int]]) -> None:
    """Which fault befell whom in which state, so that one that never bites is seen."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    seen = sorted({state for row in states.values() for state in row})
    table = Table("fault", *seen)
    for what, row in states.items():
        table.add_row(what, *(str(row.get(state, "")) for state in seen))
    Console(width=max(100, 16 + 14 * len(seen))).print(table)
