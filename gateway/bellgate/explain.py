"""What `bellgate policy explain` says: who would be told when, played through by the very core that decides it."""

from dataclasses import asdict, replace
from datetime import datetime, time
from typing import Any

from bellgate.config import Config
from bellgate.core import escalation
from bellgate.core.effect import Effect, Notify, Record, SetDue
from bellgate.core.frozen import frozen
from bellgate.core.incident import Incident
from bellgate.core.signal import MEANINGS
from bellgate.duty import Calendar
from bellgate.errors import ConfigError
from bellgate.pipeline.settings import Settings


@frozen
class Round:
    """One time that somebody is told. step: from 1; skipped: steps that nobody attends; repeats: and so on for ever."""

    after_s: float
    at: str
    step: int
    when: str
    targets: list[str]
    skipped: list[int]
    repeats: bool


@frozen
class Explanation:
    """The rounds of one alarm that nobody sees and nobody takes, in order."""

    policy: str
    at: str
    day: str
    alarm: str
    bell: str
    site: str | None
    repeat_s: float
    rounds: list[Round]

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def explain(config: Config, at_ms: int, what: str, bell: str, site: str | None) -> Explanation:
    """Who would be told of an alarm at that time. what: "panic" …; bell: "store-bell" …"""
    settings = Settings.of(config)
    calendar = settings.roster.duty.calendar
    name = settings.roster.choose(site or "", bell, what)
    test = what == "test"
    state = Incident(0, "", site or "", what, test, MEANINGS[what].priority, False, False, escalation_from_ms=at_ms)
    rounds: list[Round] = []
    now_ms = at_ms
    policy = settings.plan(name, now_ms, test)
    state, effects = escalation.begin(state, policy, now_ms)
    while True:
        for effect in effects:
            if isinstance(effect, Notify):
                rounds.append(
                    Round(
                        after_s=(now_ms - at_ms) / 1000,
                        at=_iso(calendar, now_ms),
                        step=effect.step + 1,
                        when=policy.steps[effect.step].when,
                        targets=[one.name for one in settings.route(effect.targets, test)],
                        skipped=_skipped(effects),
                        repeats=False,
                    )
                )
        due_ms = next(effect.due_ms for effect in effects if isinstance(effect, SetDue))
        if len(policy.steps) in (rounds[-1].step, *rounds[-1].skipped):
            break  # from here on it repeats
        now_ms = due_ms
        policy = settings.plan(name, now_ms, test)
        state, effects = escalation.step(state, policy, now_ms)
    rounds[-1] = replace(rounds[-1], repeats=True)
    day = calendar.day(calendar.local(at_ms).date())
    return Explanation(name, _iso(calendar, at_ms), day, what, bell, site, policy.repeat_ms / 1000, rounds)


def moment(text: str, calendar: Calendar, now_ms: int) -> int:
    """Unix ms of "2026-11-23 03:00" in the calendar's time zone, of "03:00" today there, or of a time with an offset.

    Raises ConfigError.
    """
    try:
        if len(text) <= len("23:59:59"):
            at = datetime.combine(calendar.local(now_ms).date(), time.fromisoformat(text))
        else:
            at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'{text!r} is no time: write "2026-11-23 03:00", or "03:00" for today') from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=calendar.zone)
    return int(at.timestamp() * 1000)


def _skipped(effects: tuple[Effect, ...]) -> list[int]:
    records = (one for one in effects if isinstance(one, Record))
    text = next((str(one.detail["skipped"]) for one in records if "skipped" in one.detail), "")
    return [int(number) + 1 for number in text.split(", ") if number]


def _iso(calendar: Calendar, at_ms: int) -> str:
    return calendar.local(at_ms).isoformat(timespec="seconds")
