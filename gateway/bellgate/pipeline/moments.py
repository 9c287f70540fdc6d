"""When a press as a test passed each hop, for whoever stands on the ladder. In memory: an hour later nobody asks.

Times are Unix ms on the gateway's clock. Another gateway on the same database knows only what the database says.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from bellgate.core.frozen import frozen

Press = tuple[str, str, int]  # (bell_id, boot, seq)

# A district's monthly test all on one afternoon; beyond it the oldest are forgotten.
PRESSES_MAX = 2_000


@frozen
class Moments:
    """None: has not happened yet."""

    received_ms: int | None = None
    stored_ms: int | None = None
    receipt_ms: int | None = None
    announced_ms: int | None = None
    presented_ms: int | None = None
    presented_by: str | None = None


class Walk:
    """Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Press, Moments] = OrderedDict()

    def stored(self, tests: Iterable[tuple[Press, int]], stored_ms: int, receipt_ms: int, announced_ms: int) -> None:
        """New ones of one commit, each with when it was received."""
        with self._lock:
            for press, received_ms in tests:
                self._known[press] = Moments(received_ms, stored_ms, receipt_ms, announced_ms)
            while len(self._known) > PRESSES_MAX:
                self._known.popitem(last=False)

    def presented(self, press: Press, by: str, at_ms: int) -> None:
        """A console has shown it; the first one counts."""
        with self._lock:
            known = self._known.get(press, Moments())
            if known.presented_ms is None:
                self._known[press] = replace(known, presented_ms=at_ms, presented_by=by)

    def of(self, press: Press) -> Moments:
        """What is known; all None for one that this gateway did not take."""
        with self._lock:
            return self._known.get(press, Moments())
