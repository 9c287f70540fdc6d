"""Policies: who would be told when."""

from typing import Annotated

import typer

from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.clock import now_ms
from bellgate.config import Config, load
from bellgate.config_policy import ALARMS
from bellgate.core.escalation import DEFAULT
from bellgate.duty import HOLIDAY
from bellgate.explain import Explanation, Round, explain, moment
from bellwire import KINDS

policy = typer.Typer(help="Who is told when.", no_args_is_help=True)
app.add_typer(policy, name="policy")


@policy.command("explain")
def explain_policy(
    config: ConfigOption = DEFAULT_CONFIG,
    at: Annotated[
        str | None, typer.Option(help='When it is pressed: "2026-11-23 03:00", or "03:00" for today (without: now).')
    ] = None,
    kind: Annotated[str, typer.Option(help=f"Kind of alarm: {', '.join(ALARMS)}.")] = "panic",
    bell: Annotated[str, typer.Option(help=f"Kind of bell: {', '.join(KINDS)}.")] = "store-bell",
    site: Annotated[str | None, typer.Option(help="Site of the bell (without: one that is in no group).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print who would be told of an alarm, and when, if nobody saw it and nobody took it."""
    if kind not in ALARMS:
        raise typer.BadParameter(f"use {', '.join(ALARMS)}", param_hint="--kind")
    if bell not in KINDS:
        raise typer.BadParameter(f"use {', '.join(KINDS)}", param_hint="--bell")
    loaded = load(config)
    calendar = loaded.roster().duty.calendar
    at_ms = now_ms() if at is None else moment(at, calendar, now_ms())
    found = explain(loaded, at_ms, kind, bell, site)
    if as_json:
        say_json(found.as_dict())
        return
    _print(found, loaded)


def _print(found: Explanation, config: Config) -> None:
    day = "a holiday" if found.day == HOLIDAY else found.day
    where = f" at {found.site}" if found.site else ""
    say(f"{found.alarm} of a {found.bell}{where}, {found.at} ({day})")
    if found.policy == DEFAULT.name and not config.policies:
        say("no policy is written: everyone at once, and again until somebody acknowledges")
    elif found.policy == DEFAULT.name:
        say("no policy is for such an alarm: everyone at once, and again until somebody acknowledges")
    else:
        say(f"policy {found.policy}")
    for one in found.rounds:
        say(_line(one))
    say(f"  and again every {found.repeat_s:g} s until somebody acknowledges")


def _line(one: Round) -> str:
    empty = ", ".join(str(number) for number in one.skipped)
    text = f"  +{one.after_s:g} s  {one.at[11:19]}  step {one.step}, {one.when}: {', '.join(one.targets) or 'nobody'}"
    return text + (f"   (nobody is on duty for step {empty}: skipped)" if empty else "")
