"""What gateway.toml's sections about telling people mean together, and what is wrong with them.

A name that nobody has is a fault, and so is an hour in which a policy reaches nobody: both are refused when the file
is read, and not found out at night.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence

from bellgate.boundaries import Boundaries
from bellgate.config_policy import (
    STANDARD,
    CalendarSection,
    GroupSection,
    PersonSection,
    PolicyConfig,
    ShiftSection,
    StationSection,
)
from bellgate.core.escalation import EVERY_TARGET
from bellgate.duty import DAY_MIN, Duty, Shift, Station, minutes
from bellgate.roster import Roster, Rule, RuleStep

ALL = EVERY_TARGET[0]


class Policies:
    """The sections together: what they mean (`roster`), or what is wrong with them (`faults`, `uncovered`)."""

    def __init__(
        self,
        calendar: CalendarSection,
        targets: Iterable[str],
        people: Sequence[PersonSection],
        stations: Sequence[StationSection],
        shifts: Sequence[ShiftSection],
        groups: Sequence[GroupSection],
        policies: Sequence[PolicyConfig],
    ) -> None:
        self._calendar, self._shifts, self._policies = calendar, shifts, policies
        self._targets = list(targets)
        self._people = {one.name: one for one in people}
        self._stations = {one.name: one for one in stations}
        self._groups = {one.name: one for one in groups}
        self._names = {
            "target": self._targets,
            "person": [one.name for one in people],
            "station": [one.name for one in stations],
            "group": [one.name for one in groups],
            "policy": [one.name for one in policies],
        }

    def faults(self, outlines: Boundaries) -> Iterator[str]:
        """What is wrong, each with its remedy; nothing else may be asked before this is empty. outlines: for areas."""
        taken: dict[str, str] = {}
        for what, names in self._names.items():
            for name in names:
                if names.count(name) > 1:
                    yield f"two {what} sections have the name {name!r}: give each its own"
                if what in ("target", "person", "station") and taken.setdefault(name, what) != what:
                    yield f"a {taken[name]} and a {what} have the name {name!r}: give each its own"
        for person in self._people.values():
            yield from self._unknown(f"person {person.name!r}", person.targets, "target")
        for station in self._stations.values():
            yield from self._unknown(f"station {station.name!r}", station.targets, "target", "person")
            yield from self._covered_twice(station, outlines)
        for shift in self._shifts:
            yield from self._unknown("shift", [shift.station], "station")
            yield from self._unknown(f"shift of {shift.station!r}", shift.who, "target", "person")
        for policy in self._policies:
            where = f"policy {policy.name!r}"
            yield from self._unknown(where, policy.groups, "group")
            for step in policy.step:
                names = [name for name in step.targets if name != ALL]
                yield from self._unknown(where, names, "target", "person", "station")
            if not self._steps(policy):
                yield f"{where}: has no steps, and no station has a role. Write [[policy.step]], or give a role"

    def _covered_twice(self, station: StationSection, outlines: Boundaries) -> Iterator[str]:
        """An area of two stations: nobody could say in which one a bell there has to ring."""
        mine = {area.code: area.full_name for area in station.areas(outlines)}
        for other in self._stations.values():
            if other.name == station.name:
                return  # each pair once
            for area in other.areas(outlines):
                if area.code in mine:
                    yield (
                        f"stations {other.name!r} and {station.name!r} both have the area {area.full_name!r}: "
                        "give it to one of them"
                    )

    def uncovered(self) -> Iterator[str]:
        """Each policy with an hour in which it reaches nobody, with that hour."""
        duty = self._duty()
        for policy in self._policies:
            steps = self._steps(policy)
            for number, step in enumerate(steps, 1):
                if not any(self._reaches(name) for name in step.names):
                    where = f"policy {policy.name!r}, step {number}"
                    yield f"{where}: reaches nobody at any hour. Give it a target, or its station a shift"
            gaps = duty.gaps([name for step in steps if step.when != "unseen" for name in step.names])
            if gaps:
                more = f" (and {len(gaps) - 1} more such spans)" if len(gaps) > 1 else ""
                yield (
                    f"policy {policy.name!r}: nobody is told on {gaps[0]}{more}. Add a shift for it, or a target that "
                    f"is there at any hour"
                )

    def roster(self) -> Roster:
        """Who is told when."""
        rules = [
            Rule(
                policy.name,
                tuple(site for name in policy.groups for site in self._groups[name].sites),
                tuple(policy.bells),
                tuple(policy.alarms),
                tuple(self._steps(policy)),
                policy.repeat_s * 1000,
            )
            for policy in self._policies
        ]
        return Roster(tuple(rules), self._duty())

    def _unknown(self, where: str, names: Iterable[str], *kinds: str) -> Iterator[str]:
        known = [name for kind in kinds for name in self._names[kind]]
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f" Did you mean {near[0]!r}?" if near else ""
                every = f", or {ALL!r} for all" if "station" in kinds and "target" in kinds else ""
                text = f"{where}: there is no {' or '.join(kinds)} {name!r}.{meant}"
                yield f"{text} Known: {', '.join(known) or 'none'}{every}"

    def _steps(self, policy: PolicyConfig) -> list[RuleStep]:
        if policy.step:
            return [RuleStep(step.after_s * 1000, tuple(step.targets), step.when) for step in policy.step]
        steps: list[RuleStep] = []
        for after_s, when, roles in STANDARD:
            names = tuple(one.name for role in roles for one in self._stations.values() if one.role == role)
            if names:
                steps.append(RuleStep(after_s * 1000 if steps else 0, names, when))
        return steps

    def _reaches(self, name: str) -> bool:
        station = self._stations.get(name)
        return station is None or bool(station.targets) or any(shift.station == name for shift in self._shifts)

    def _duty(self) -> Duty:
        people = {name: Station(tuple(one.targets)) for name, one in self._people.items()}
        stations = {
            name: Station(
                self._reached(one.targets),
                tuple(self._shift(shift) for shift in self._shifts if shift.station == name),
            )
            for name, one in self._stations.items()
        }
        return Duty(self._calendar.calendar(), people | stations)

    def _shift(self, shift: ShiftSection) -> Shift:
        start, end = minutes(shift.start), minutes(shift.end)
        return Shift(frozenset(shift.days), start, end if end > start else end + DAY_MIN, self._reached(shift.who))

    def _reached(self, names: Iterable[str]) -> tuple[str, ...]:
        """The targets of targets and people."""
        reached: dict[str, None] = {}
        for name in names:
            reached.update(dict.fromkeys(self._people[name].targets if name in self._people else [name]))
        return tuple(reached)
