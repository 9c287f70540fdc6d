"""Looking: bells, incidents."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.config import load
from bellgate.store import bells as bell_rows
from bellgate.store import incidents as incident_rows
from bellgate.store import open_store

INCIDENTS_MAX = 1_000  # of a list for people; `export` writes them all


bells_app = typer.Typer(help="The enrolled bells.", invoke_without_command=True)
app.add_typer(bells_app, name="bells")


@bells_app.callback()
def bells(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the enrolled bells: when each was last heard, and how it is. Or take them out, or bring them in, as CSV."""
    if context.invoked_subcommand is not None:
        return
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        rows = store.read_now(bell_rows.listing)
    if as_json:
        say_json({"items": rows})
        return
    if not rows:
        say("No bell is enrolled yet. `bellgate enrol` registers one.")
        return
    columns = ("bell", "site", "kind", "name", "address", "state", "online", "last heard", "open incidents")
    table(
        columns,
        [
            (
                row["bell_id"],
                row["site"],
                row["kind"],
                row["name"],
                row["address"],
                row["state"],
                "yes" if row["online"] else "no",
                when(row["last_seen_ms"]),
                row["open_incidents"],
            )
            for row in rows
        ],
    )


@app.command()
def incidents(
    config: ConfigOption = DEFAULT_CONFIG,
    state: Annotated[str, typer.Option(help="open, closed or all.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=INCIDENTS_MAX, help="At most so many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List incidents, the newest first."""
    if state not in ("open", "closed", "all"):
        raise typer.BadParameter("use open, closed or all", param_hint="--state")
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        rows = store.read_now(lambda tx: incident_rows.views(tx, state, limit))
    if as_json:
        say_json({"items": rows})
        return
    if not rows:
        say("There is no such incident." if state != "open" else "No incident is open.")
        return
    table(
        ("id", "bell", "site", "what", "test", "handling", "presses", "opened", "holder", "disposition"),
        [
            (
                row["id"],
                row["bell_id"],
                row["site"],
                row["what"],
                "test" if row["test"] else "",
                row["handling"],
                row["signals"],
                when(row["opened_ms"]),
                row["owner"] or "",
                row["disposition"] or "",
            )
            for row in rows
        ],
    )


def table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A list for people."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row))
    Console(highlight=False, markup=False).print(table)


def when(at_ms: int | None) -> str:
    """A moment for people, in this machine's time zone."""
    return "never" if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_ms / 1000))
