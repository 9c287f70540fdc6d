"""Which policy an incident follows, and that policy as it stands at one moment: each step with whoever is on duty."""

from fnmatch import fnmatchcase

from bellgate.core.escalation import DEFAULT, Policy, Step
from bellgate.core.frozen import frozen
from bellgate.duty import Duty

# Shifts begin and end at full minutes, so that who is on duty holds for a minute; a storm asks thousands of times.
_HOLDS_MS = 60_000


@frozen
class RuleStep:
    """names: of targets, people and stations, or "*"."""

    after_ms: int
    names: tuple[str, ...]
    when: str


@frozen
class Rule:
    """A policy as gateway.toml has it. sites (a star for any characters), bells, alarms: empty means any."""

    name: str
    sites: tuple[str, ...]
    bells: tuple[str, ...]
    alarms: tuple[str, ...]
    steps: tuple[RuleStep, ...]
    repeat_ms: int

    def fits(self, site: str, bell: str, what: str) -> bool:
        """True if it is for such an alarm."""
        return (
            (not self.sites or any(fnmatchcase(site, pattern) for pattern in self.sites))
            and (not self.bells or bell in self.bells)
            and (not self.alarms or what in self.alarms)
        )


class Roster:
    """Who is told when. Without a rule that fits, everyone is told at once and every minute."""

    def __init__(self, rules: tuple[Rule, ...], duty: Duty) -> None:
        self.rules = rules
        self.duty = duty
        self._by_name = {rule.name: rule for rule in rules}
        self._known: tuple[int, dict[str, Policy]] = (-1, {})

    def choose(self, site: str, bell: str, what: str) -> str:
        """The name of the policy for an alarm: the first that fits. bell: the kind of bell; what: of alarm."""
        return next((rule.name for rule in self.rules if rule.fits(site, bell, what)), DEFAULT.name)

    def knows(self, name: str) -> bool:
        """False for a policy that gateway.toml no longer has."""
        return name in self._by_name or name == DEFAULT.name

    def plan(self, name: str, at_ms: int) -> Policy:
        """The policy with whoever is on duty at that time."""
        rule = self._by_name.get(name)
        if rule is None:
            return DEFAULT
        minute, known = self._known
        if minute != at_ms // _HOLDS_MS:
            minute, known = at_ms // _HOLDS_MS, {}
        if name not in known:
            steps = [Step(one.after_ms, self.duty.on_duty(one.names, at_ms), one.when) for one in rule.steps]
            known = known | {name: Policy(name, tuple(steps), rule.repeat_ms)}
            self._known = (minute, known)  # in one piece: several threads ask
        return known[name]
