"""An HTTP POST of the CloudEvents body, signed by Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature).

webhook-id is the delivery's id: the receiver throws a repeat away by it. The body is the stored text, byte for byte.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from functools import partial

from bellgate import __version__
from bellgate.clock import now_ms
from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Sender
from bellgate.targets.http import Answer, HttpClient, lines, phrase

# Gets what came back, or why it failed; None if the message did not arrive and nobody is to blame.
Done = Callable[[str | TargetError | None], None]
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


class Webhook(Sender):
    """One [[target]] of kind webhook; the configuration has checked url and secret."""

    def __init__(self, name: str, url: str, secret: str, timeout_s: float) -> None:
        super().__init__(name, timeout_s)
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._client = HttpClient(url)
        fixed = lines([("content-type", CONTENT_TYPE), ("user-agent", f"ansimbell/{__version__}")])
        signed = b"webhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n"
        self._head = fixed.replace(b"%", b"%%") + signed

    def begin(self, delivery: Delivery, done: Done) -> Callable[[], None] | None:
        """`send` over a connection that is open."""
        body = delivery.body.encode()
        return self._client.begin(self._lines(delivery, body), body, partial(self._told, done))

    async def send(self, delivery: Delivery) -> str:
        """Send it once; the status line. Raises TargetError unless the answer is 2xx; the caller sets the deadline."""
        body = delivery.body.encode()
        outcome = self._judged(await self._client.ask(self._lines(delivery, body), body))
        if isinstance(outcome, TargetError):
            raise outcome
        return outcome

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _lines(self, delivery: Delivery, body: bytes) -> bytes:
        name = delivery.id.encode("ascii")
        moment = b"%d" % (now_ms() // 1000)  # of this attempt: the receiver refuses a signature that is minutes old
        # standardwebhooks' own `sign` says the same in more than twice the time.
        digest = hmac.digest(self._key, b"%b.%b.%b" % (name, moment, body), "sha256")
        return self._head % (name, moment, binascii.b2a_base64(digest, newline=False))

    def _told(self, done: Done, answer: Answer | Exception) -> None:
        if isinstance(answer, Answer):
            done(self._judged(answer))
        else:
            done(answer if isinstance(answer, TargetError) else None)

    def _judged(self, answer: Answer) -> str | TargetError:
        said = phrase(answer.status)
        if 200 <= answer.status < 300:
            return said
        if 300 <= answer.status < 400:
            said += ": name the final address as url of this target"
        elif 400 <= answer.status < 500:
            said += ": it refuses. Check url and secret of this target"
        return TargetError(f"{self._client.authority} answered {said}")
