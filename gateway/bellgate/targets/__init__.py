"""Whom the gateway tells. One file a kind; each sends one message, says why it could not, and keeps nothing.

    webhook   an HTTP POST with a Standard Webhooks signature
    http      the HTTP/1.1 client under it

Trying again, order and deadlines are the engine's. The console is no sender: the live event that follows the commit
is its announcement, and its delivery row goes from sent to displayed when an attended screen has shown it.
"""

from bellgate.config import Config, WebhookTarget
from bellgate.targets.webhook import Webhook

__all__ = ("Webhook", "open_targets")


def open_targets(config: Config) -> dict[str, Webhook]:
    """{name: sender} for every [[target]] that something is sent to."""
    return {
        one.name: Webhook(one.name, one.url, one.secret, one.timeout_s)
        for one in config.targets
        if isinstance(one, WebhookTarget)
    }
