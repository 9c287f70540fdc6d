"""An HTTP POST of the CloudEvents body, signed by Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature).

webhook-id is the delivery's id: the receiver throws a repeat away by it. The body is the stored text, byte for byte.
"""

from datetime import UTC, datetime

import standardwebhooks

from bellgate import __version__
from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Sender
from bellgate.targets.http import HttpClient, phrase

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class Webhook(Sender):
    """One [[target]] of kind webhook; the configuration has checked url and secret."""

    def __init__(self, name: str, url: str, secret: str, timeout_s: float) -> None:
        super().__init__(name, timeout_s)
        self._signer = standardwebhooks.Webhook(secret)
        self._client = HttpClient(url)

    async def send(self, delivery: Delivery) -> str:
        """Send it once; the status line. Raises TargetError unless the answer is 2xx; the caller sets the deadline."""
        moment = datetime.now(UTC)  # of this attempt: the receiver refuses a signature that is minutes old
        headers = [
            ("content-type", CONTENT_TYPE),
            ("user-agent", f"ansimbell/{__version__}"),
            ("webhook-id", delivery.id),
            ("webhook-timestamp", str(int(moment.timestamp()))),
            ("webhook-signature", self._signer.sign(delivery.id, moment, delivery.body)),
        ]
        status = await self._client.post(headers, delivery.body.encode())
        if 200 <= status < 300:
            return phrase(status)
        host = self._client.authority
        if 300 <= status < 400:
            raise TargetError(f"{host} answered {phrase(status)}: name the final address as url of this target")
        if 400 <= status < 500:
            raise TargetError(f"{host} answered {phrase(status)}: it refuses. Check url and secret of this target")
        raise TargetError(f"{host} answered {phrase(status)}")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
