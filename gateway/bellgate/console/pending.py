"""What has begun and waits for its next step for a few minutes: a sign-in between its steps, a passkey's challenge.

In memory: after a restart of the gateway a person begins once more. Each is named by a secret that only the browser
holds, and can be taken once.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

LASTS_MS = 300_000
# Of one person or one address: a few browser tabs. The oldest goes first, so a flood from one place pushes out its own.
PER_OWNER_MAX = 20
# About 400 bytes each; as many addresses as would have to flood at once before somebody else's is pushed out: 200.
ALL_MAX = 4_000


@dataclass(slots=True)
class _Kept(Generic[T]):
    owner: str
    value: T
    until_ms: int


class Pending(Generic[T]):
    """Used from one event loop."""

    def __init__(self, lasts_ms: int = LASTS_MS, per_owner_max: int = PER_OWNER_MAX, all_max: int = ALL_MAX) -> None:
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._lasts_ms = lasts_ms
        self._per_owner_max = per_owner_max
        self._all_max = all_max

    def put(self, owner: str, value: T, now_ms: int) -> str:
        """Keep it; the secret that names it. owner: a person or an address, whose share is bounded."""
        for secret in [each for each, kept in self._kept.items() if kept.until_ms < now_ms]:
            del self._kept[secret]
        own = [each for each, kept in self._kept.items() if kept.owner == owner]
        for secret in own[: max(0, len(own) - self._per_owner_max + 1)]:
            del self._kept[secret]
        while len(self._kept) >= self._all_max:
            self._kept.popitem(last=False)
        secret = secrets.token_urlsafe(32)
        self._kept[secret] = _Kept(owner, value, now_ms + self._lasts_ms)
        return secret

    def look(self, secret: str, now_ms: int) -> T | None:
        """What the secret names; it stays."""
        kept = self._kept.get(secret)
        if kept is None or not now_ms <= kept.until_ms <= now_ms + self._lasts_ms:  # or the clock was set back
            return None
        return kept.value

    def take(self, secret: str, now_ms: int) -> T | None:
        """What the secret names; it is gone then."""
        value = self.look(secret, now_ms)
        self._kept.pop(secret, None)
        return value
