"""Whom the gateway tells. One module a kind; each sends one message, says why it could not, and keeps nothing.

    base      `Sender`: what every target is to the engine
    webhook   an HTTP POST with a Standard Webhooks signature
    http      the HTTP/1.1 client under it
    dc09      SIA DC-09 to an alarm receiving centre
    cap       CAP 1.2 documents (cap_document, cap_signature) by POST or into a folder
    apprise   SMS, voice, chat and mail; the library runs in programs of its own (apprise_worker)
    sounder   a relay on a GPIO pin (relay); when it sounds is decided in sounding
    notice    a message of the outbox, read; words: what people read of it

Trying again, order and deadlines are the engine's. The console is no sender: the live event that follows the commit
is its announcement, and its delivery row goes from sent to displayed when an attended screen has shown it.
"""

from collections.abc import Callable
from typing import Any

from bellgate.config import Config
from bellgate.pipeline.flow import Timekeeper
from bellgate.store import Store
from bellgate.targets.base import Means, Sender

__all__ = ("Sender", "open_targets")

# A kind is loaded when a section asks for it: a gateway that comes back has to take presses first.
# ruff: noqa: PLC0415


def _webhook(section: Any, _means: Means) -> Sender:
    from bellgate.targets.webhook import Webhook

    return Webhook(section.name, section.url, section.secret, section.timeout_s)


def _dc09(section: Any, means: Means) -> Sender:
    from bellgate.targets.dc09 import Dc09

    return Dc09(section, means)


def _cap(section: Any, means: Means) -> Sender:
    from bellgate.targets.cap import Cap

    return Cap(section, means)


def _apprise(section: Any, means: Means) -> Sender:
    from bellgate.targets.apprise import Apprise

    return Apprise(section, means)


def _sounder(section: Any, means: Means) -> Sender:
    from bellgate.targets.sounder import Sounder

    return Sounder(section, means)


# {kind: how it is made from its section}; a kind that is not here (console) is told by other ways than a sender.
OPENERS: dict[str, Callable[[Any, Means], Sender]] = {
    "webhook": _webhook,
    "dc09": _dc09,
    "cap": _cap,
    "apprise": _apprise,
    "sounder": _sounder,
}


def open_targets(config: Config, store: Store, clock: Timekeeper) -> dict[str, Sender]:
    """{name: sender} for every [[target]] that something is sent to."""
    means = Means(config, store, clock)
    return {one.name: OPENERS[one.kind](one, means) for one in config.targets if one.kind in OPENERS}
