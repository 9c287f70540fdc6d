"""Who is told when: policies, stations and shifts as gateway.toml has them, and one alarm played through.

Read-only: the file is the truth. How a target is reached (addresses, numbers, secrets) is not shown.
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from bellgate.config_policy import ALARMS
from bellgate.console import days
from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import MISSING
from bellgate.console.api.policy_models import Explained, Policy
from bellgate.console.deps import Deps
from bellgate.console.refusal import Refused
from bellgate.core.escalation import DEFAULT, EVERY_TARGET
from bellgate.duty import DAY_MIN, HOLIDAY, minutes
from bellgate.errors import ConfigError, UnknownIncident
from bellgate.explain import explain, moment
from bellwire import KINDS

WEEK_DAYS = 7


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """GET policy, policy/explain."""
    config = deps.config
    calendar = config.calendar.calendar()
    roster = config.roster()
    people = {one.name for one in config.people}
    stations = {one.name for one in config.stations}

    def kind(name: str) -> str:
        if name == EVERY_TARGET[0]:
            return "every"
        return "person" if name in people else "station" if name in stations else "target"

    def named(names: list[str] | tuple[str, ...]) -> list[dict[str, str]]:
        return [{"name": name, "kind": kind(name)} for name in names]

    def bars(first: date) -> list[dict[str, Any]]:
        """Each shift of the week once a day that it starts on, also of the day before: it may run into the first."""
        found: list[dict[str, Any]] = []
        for offset in range(-1, WEEK_DAYS):
            day = first + timedelta(days=offset)
            for shift in config.shifts:
                if calendar.day(day) not in shift.days:
                    continue
                start, end = minutes(shift.start), minutes(shift.end)
                end += DAY_MIN if end <= start else 0
                bar = {"from_ms": calendar.at_ms(day, start), "until_ms": calendar.at_ms(day, end)}
                if bar["until_ms"] > calendar.at_ms(first, 0):
                    found.append({"station": shift.station, "who": shift.who, **bar})
        return found

    @api.get("/policy", response_model=Policy, dependencies=[Depends(access.to("policy"))])
    async def policy(
        week: Annotated[date | None, Query(description="The first of seven days; without: today.")] = None,
    ) -> dict[str, Any]:
        """Every policy with its steps, and a week of shifts. Who is on duty is said for now."""
        now_ms = deps.clock.now_ms()
        first = week or calendar.local(now_ms).date()
        days.span_ms(calendar, first, None)
        rules = [
            {
                "name": rule.name,
                "sites": rule.sites,
                "bells": rule.bells,
                "alarms": rule.alarms,
                "repeat_s": rule.repeat_ms // 1000,
                "steps": [
                    {
                        "after_s": step.after_ms // 1000,
                        "when": step.when,
                        "who": named(step.names),
                        "reached": list(roster.duty.on_duty(step.names, now_ms)),
                    }
                    for step in rule.steps
                ],
            }
            for rule in roster.rules
        ]
        week_days = [first + timedelta(days=offset) for offset in range(WEEK_DAYS)]
        return {
            "now_ms": now_ms,
            "timezone": config.calendar.timezone,
            "file": config.path.name,
            "policies": rules,
            "default_repeat_s": DEFAULT.repeat_ms // 1000,
            "targets": [{"name": one.name, "kind": one.kind, "test": one.test} for one in config.targets],
            "people": [{"name": one.name, "targets": one.targets} for one in config.people],
            "stations": [
                {
                    "name": one.name,
                    "role": one.role,
                    "always": one.targets,
                    "on_duty": list(roster.duty.on_duty([one.name], now_ms)),
                }
                for one in config.stations
            ],
            "week": [
                {
                    "day": day,
                    "kind": calendar.day(day),
                    "holiday": calendar.day(day) == HOLIDAY,
                    "from_ms": calendar.at_ms(day, 0),
                    "until_ms": calendar.at_ms(day + timedelta(days=1), 0),
                }
                for day in week_days
            ],
            "shifts": bars(first),
        }

    @api.get("/policy/explain", response_model=Explained, responses=MISSING)
    async def explained(
        principal: Annotated[Principal, Depends(access.to("policy"))],
        at: Annotated[
            str | None,
            Query(
                max_length=40, description='"2026-11-23 03:00" or "03:00" in the time zone of [calendar]; without: now.'
            ),
        ] = None,
        what: Annotated[Literal[ALARMS], Query(description="The kind of alarm.")] = "panic",  # type: ignore[valid-type]
        kind: Annotated[Literal[KINDS], Query(description="The kind of bell.")] = "store-bell",  # type: ignore[valid-type]
        site: Annotated[
            str | None, Query(pattern=r"^[a-z0-9-]{1,32}$", description="Its site; without: one that is in no group.")
        ] = None,
    ) -> dict[str, Any]:
        """Who would be told of such an alarm if nobody saw it and nobody took it: played through by what decides it."""
        if site is not None and not principal.sees(site):
            raise UnknownIncident(f"there is no site {site}")
        now_ms = deps.clock.now_ms()
        try:
            at_ms = moment(at, calendar, now_ms) if at else now_ms
            days.span_ms(calendar, calendar.local(at_ms).date(), None)
        except (ConfigError, ValueError, OverflowError, OSError) as error:
            text = str(error) if isinstance(error, ConfigError) else f"{at!r} is out of the calendar"
            raise Refused(422, "invalid", f"at: {text}") from None
        return {**explain(config, at_ms, what, kind, site).as_dict(), "written": bool(config.policies)}
