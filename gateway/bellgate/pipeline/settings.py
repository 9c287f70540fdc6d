"""What goes into a transaction and what comes out of it, as plain values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from bellgate.config import Config
from bellgate.core.alarm_codes import TROUBLE
from bellgate.core.escalation import EVERY_TARGET, Policy
from bellgate.core.frozen import frozen
from bellgate.pipeline.moments import Press
from bellgate.roster import Roster
from bellgate.store.bells import Bell
from bellgate.store.deliveries import Delivery
from bellwire import join, pack


@frozen
class Inbound:
    """One MQTT message. waited_ms: how long it may have lain in the broker unseen. ack: thread-safe, to the broker."""

    topic: str
    payload: bytes
    retained: bool
    received_ms: int
    waited_ms: int
    ack: Callable[[], None]


@frozen
class Address:
    """One target: where a message may go. on_screen: a console, which is told by the live events of the gateway.

    takes(type, what): is it told of such a message at all? told_once: rounds reach it only if nothing else has.
    """

    name: str
    on_screen: bool
    test: bool
    takes: Callable[[str, str], bool] = lambda type_, what: type_ != TROUBLE
    told_once: bool = False


@frozen
class Settings:
    """What of gateway.toml matters to the pipeline."""

    gateway_id: str
    roster: Roster
    addresses: tuple[Address, ...]
    sign_within_ms: int = 1_200_000

    @classmethod
    def of(cls, config: Config) -> "Settings":
        """The settings in a checked configuration."""
        return cls(
            gateway_id=config.gateway.id,
            roster=config.roster(),
            addresses=tuple(
                Address(one.name, one.kind == "console", one.test, one.takes, one.told_once) for one in config.targets
            ),
            sign_within_ms=config.console.sign_within_min * 60_000,
        )

    def is_everyone(self, names: set[str]) -> bool:
        """True if no target is missing among these names."""
        return EVERY_TARGET[0] in names or all(one.name in names for one in self.addresses)

    def route(self, names: Iterable[str], test: bool) -> list[Address]:
        """The targets of these names ("*" is everyone). A test goes only to those that take tests."""
        wanted = set(names)
        everyone = EVERY_TARGET[0] in wanted
        return [one for one in self.addresses if (everyone or one.name in wanted) and (one.test or not test)]

    def warm(self, at_ms: int) -> None:
        """Work out every policy once: the first press must not wait for the list of holidays."""
        for rule in self.roster.rules:
            self.roster.plan(rule.name, at_ms)

    @property
    def has_screens(self) -> bool:
        """True if a console of this gateway is among the targets."""
        return any(one.on_screen for one in self.addresses)

    def plan(self, name: str, at_ms: int, test: bool, watched: bool = True) -> Policy:
        """The policy of that name with whoever is on duty now. For a test, a step without targets that take tests
        is one that nobody attends; and so is one of consoles alone while no console is watched."""
        policy = self.roster.plan(name, at_ms)
        if not test and watched:
            return policy
        there = [self._there(one.targets, test, watched) for one in policy.steps]
        if all(now is one.targets for now, one in zip(there, policy.steps, strict=True)):
            return policy
        steps = [replace(one, targets=now) for now, one in zip(there, policy.steps, strict=True)]
        return replace(policy, steps=tuple(steps))

    def _there(self, names: tuple[str, ...], test: bool, watched: bool) -> tuple[str, ...]:
        there = self.route(names, test)
        if not watched and all(one.on_screen for one in there):
            return ()
        return tuple(one.name for one in there) if test else names


@frozen
class Receipt:
    """What a bell is to be told of one of its events."""

    bell: Bell
    boot: str
    seq: int
    stage: str
    now_ms: int
    reason: str | None = None

    def packed(self) -> tuple[str, bytes]:
        """(topic, payload), sealed: after the commit, and after the targets have been told."""
        message: dict[str, Any] = {
            "v": 1,
            "type": "receipt",
            "boot": self.boot,
            "seq": self.seq,
            "stage": self.stage,
            "now_ms": self.now_ms,
        }
        if self.reason is not None:
            message["reason"] = self.reason
        return _sealed(self.bell, message)


@frozen
class BellCommand:
    """What a bell is to do. id: 16 hex digits, by which its answer is known; now_ms and ttl_s: how long it counts."""

    bell: Bell
    id: str
    name: str
    now_ms: int
    ttl_s: int
    args: Mapping[str, Any]

    def packed(self) -> tuple[str, bytes]:
        """(topic, payload), sealed."""
        message: dict[str, Any] = {
            "v": 1,
            "type": "command",
            "id": self.id,
            "name": self.name,
            "now_ms": self.now_ms,
            "ttl_s": self.ttl_s,
            "args": dict(self.args),
        }
        return _sealed(self.bell, message)


@dataclass(slots=True)
class After:
    """What waits for the commit: receipts and commands, messages to targets, live events, and what to count."""

    receipts: list[Receipt] = field(default_factory=list)
    commands: list[BellCommand] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)  # for the log
    tests: list[tuple[Press, int]] = field(default_factory=list)  # new presses as a test, each with when it came
    shown: list[tuple[Press, str]] = field(default_factory=list)  # such that a console has shown, each with which


@lru_cache(4_096)  # as many bells as a large district has
def _topic(site: str, bell_id: str) -> str:
    return str(join(site, bell_id, "down"))


def _sealed(bell: Bell, message: dict[str, Any]) -> tuple[str, bytes]:
    if bell.key_number:
        message["k"] = bell.key_number
    topic = _topic(bell.site, bell.bell_id)
    return topic, pack(message, topic, bell.key)


def press_id(bell_id: str, boot: str, seq: int) -> str:
    """The one id of a press, from the bell to the last delivery: its identity."""
    return f"{bell_id}/{boot}/{seq}"
