"""`bellsim report`."""

from pathlib import Path
from typing import Annotated

import typer

from bellgate.errors import AnsimbellError


class WrongReport(AnsimbellError):
    """What was asked for cannot be written."""


def report(
    measure: Annotated[
        list[str] | None, typer.Option(help="Measure this again first, or all; more than once. Without: only write.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the page is not what the answers say.")
    ] = False,
) -> None:
    """Write docs/reliability.md from what was measured, with each promise and what holds it."""
    from bellsim.report import measure as measuring  # noqa: PLC0415
    from bellsim.report.figures import BY_NAME  # noqa: PLC0415
    from bellsim.report.page import documents  # noqa: PLC0415
    from bellsim.report.promises import read  # noqa: PLC0415

    root = Path(__file__).resolve().parents[3]
    docs = root / "docs"
    if not (docs / "promises.toml").is_file():
        raise WrongReport("bellsim report writes into the docs of a checkout; install with pip install -e . in one")
    promises = read(root)
    names = list(BY_NAME) if measure == ["all"] else list(measure or ())
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise WrongReport(f"--measure {unknown[0]}: there is {', '.join(BY_NAME)}, or all")
    for number, name in enumerate(names, 1):
        figure = BY_NAME[name]
        typer.echo(f"{number}/{len(names)}  {figure.command}, about {figure.minutes:g} min", err=True)
        measured = measuring.measure(figure, root, lambda line: typer.echo(f"  {line}", err=True))
        measuring.keep(docs / "figures", name, measured)
    lying = {name: measuring.kept(docs / "figures", name) for name in BY_NAME}
    answers = {name: answer for name, answer in lying.items() if answer is not None}
    wrong = []
    for path, text in documents(answers, promises).items():
        file = docs / path
        if check:
            if not file.is_file() or file.read_text(encoding="utf-8") != text:
                wrong.append(path)
        else:
            file.write_text(text, encoding="utf-8")
    for path in wrong:
        typer.echo(f"docs/{path} is not what was measured; write it again: bellsim report", err=True)
    if wrong:
        raise typer.Exit(1)
    failed = [name for name, answer in answers.items() if not answer.holds]
    typer.echo(
        f"{len(answers)} of {len(BY_NAME)} figures, {len(promises)} promises; missed: {', '.join(failed) or 'none'}"
    )
