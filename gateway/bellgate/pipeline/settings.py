"""What goes into a transaction and what comes out of it, as plain values."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bellgate.config import Config
from bellgate.core.escalation import EVERY_TARGET, Policy
from bellgate.store.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Inbound:
    """One MQTT message. waited_ms: how long it may have lain in the broker unseen. ack: thread-safe, to the broker."""

    topic: str
    payload: bytes
    retained: bool
    received_ms: int
    waited_ms: int
    ack: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Address:
    """One target: where a message may go. on_screen: a console, which is told by the live events of the gateway."""

    name: str
    on_screen: bool
    test: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """What of gateway.toml matters to the pipeline."""

    gateway_id: str
    policy: Policy
    addresses: tuple[Address, ...]

    @classmethod
    def of(cls, config: Config) -> "Settings":
        """The settings in a checked configuration."""
        return cls(
            gateway_id=config.gateway.id,
            policy=config.policy(),
            addresses=tuple(Address(one.name, one.kind == "console", one.test) for one in config.targets),
        )

    def route(self, names: Iterable[str], test: bool) -> list[Address]:
        """The targets of these names ("*" is everyone). A test goes only to those that take tests."""
        wanted = set(names)
        return [
            one
            for one in self.addresses
            if (one.name in wanted or EVERY_TARGET[0] in wanted) and (one.test or not test)
        ]

    def reached(self, rounds: int) -> set[str]:
        """The names in the policy's steps that have been carried out after so many rounds, at least the first step."""
        steps = self.policy.steps[: max(rounds, 1)]
        return {name for step in steps for name in step.targets}


@dataclass(slots=True)
class After:
    """What waits for the commit: receipts, messages to targets, live events, and what to count."""

    receipts: list[tuple[str, bytes]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    counts: list[str] = field(default_factory=list)
