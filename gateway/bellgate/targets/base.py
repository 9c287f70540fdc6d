"""What every target is to the engine, and what the engine gives it."""

from collections.abc import Awaitable, Callable

from bellgate.config import Config
from bellgate.core.frozen import frozen
from bellgate.pipeline.flow import Timekeeper
from bellgate.store import Store
from bellgate.store.deliveries import Delivery

# A line of the trouble list: (kind, subject, detail), None clears it. The subject begins with the target's name.
Say = Callable[[str, str, str | None], Awaitable[None]]


@frozen
class Means:
    """What a target may use of the gateway."""

    config: Config
    store: Store
    clock: Timekeeper


class Sender:
    """One [[target]] that something is sent to; each kind overrides what it needs.

    A kind whose messages have to be quick may `begin` them as well, see `bellgate.lane.QuickTarget`.
    """

    # At once: a station's server on a small line; two hundred presses are a dozen rounds. 1 keeps messages in order.
    at_once = 16
    # A failed message is tried again after 1, 2, 4 … s, at most this.
    retry_max_s = 60.0

    def __init__(self, name: str, timeout_s: float) -> None:
        self.name = name
        self.timeout_s = timeout_s  # how long one attempt may take, all in all

    async def send(self, delivery: Delivery) -> str | None:
        """Send it once; what came back, kept as proof. Raises TargetError; the caller sets the deadline.

        TargetRefused: never to be tried again. TargetWaits: nothing was sent, an earlier message comes first.
        """
        raise NotImplementedError

    async def watch(self, say: Say) -> None:
        """Runs beside the deliveries as long as the engine does, for instance to supervise the line."""

    async def close(self) -> None:
        """Let go of connections."""
