"""How fast somebody may guess: a delay that grows, never a lock, so that nobody can shut out the last supervisor.

Wrong passwords are counted per (name, address), so that somebody far away delays nobody here; wrong codes of a second
factor likewise. Beside that they are counted per address over all names: whoever tries one password on many names
finds a delay too. That one ends sooner, because the colleagues of a station share its address.
"""

from collections import OrderedDict
from dataclasses import dataclass

# A person mistypes twice; from the third wrong password on there is a wait.
FREE_TRIES = 2
FIRST_WAIT_MS = 2_000
# Doubles up to here: 1,440 guesses a day against 79 bits. Longer would hurt a dispatcher more than a thief.
LONGEST_WAIT_MS = 60_000
FORGET_AFTER_MS = 900_000
# Over all names of one address: a shift of twenty may mistype once each. 10 s at most: a dispatcher beside a mischief-
# maker waits no longer, and 8,640 guesses a day over all names find no password of ten characters.
ADDRESS_FREE_TRIES = 30
ADDRESS_LONGEST_WAIT_MS = 10_000
# One entry per name and address, about 300 bytes. When it is full, the one that was quiet longest is forgotten.
ENTRIES_MAX = 2_000


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    last_ms: int = 0


class SignInDelay:
    """Counts wrong passwords per (name, address). Used from one event loop."""

    def __init__(
        self, entries_max: int = ENTRIES_MAX, free_tries: int = FREE_TRIES, longest_wait_ms: int = LONGEST_WAIT_MS
    ) -> None:
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._entries_max = entries_max
        self._free_tries = free_tries
        self._longest_wait_ms = longest_wait_ms

    def wait_ms(self, name: str, address: str, now_ms: int) -> int:
        """How long this pair must still wait; 0 if it may try. A try that comes too early makes no wait longer."""
        tries = self._tries.get((name, address))
        if tries is None or tries.wrong <= self._free_tries or now_ms - tries.last_ms > FORGET_AFTER_MS:
            return 0
        wait_ms = min(FIRST_WAIT_MS << min(tries.wrong - self._free_tries - 1, 16), self._longest_wait_ms)
        # A clock that was set back must not turn a wait into hours.
        return min(max(tries.last_ms + wait_ms - now_ms, 0), self._longest_wait_ms)

    def wrong(self, name: str, address: str, now_ms: int) -> None:
        """A wrong password."""
        tries = self._tries.setdefault((name, address), _Tries())
        if now_ms - tries.last_ms > FORGET_AFTER_MS:
            tries.wrong = 0
        tries.wrong += 1
        tries.last_ms = now_ms
        self._tries.move_to_end((name, address))
        while len(self._tries) > self._entries_max:
            self._tries.popitem(last=False)

    def right(self, name: str, address: str) -> None:
        """The right password: forget the wrong ones."""
        self._tries.pop((name, address), None)


class Guesses:
    """Everything that somebody may guess at the sign-in. Used from one event loop."""

    def __init__(self) -> None:
        self._passwords = SignInDelay()
        self._codes = SignInDelay()
        self._addresses = SignInDelay(free_tries=ADDRESS_FREE_TRIES, longest_wait_ms=ADDRESS_LONGEST_WAIT_MS)

    def wait_ms(self, name: str, address: str, now_ms: int, *, code: bool = False) -> int:
        """How long whoever sits there must wait before the next try for this name."""
        own = (self._codes if code else self._passwords).wait_ms(name, address, now_ms)
        return max(own, self._addresses.wait_ms("", address, now_ms))

    def wrong(self, name: str, address: str, now_ms: int, *, code: bool = False) -> None:
        """A wrong password or code; name "": a passkey that opens nothing."""
        if name:
            (self._codes if code else self._passwords).wrong(name, address, now_ms)
        self._addresses.wrong("", address, now_ms)

    def right(self, name: str, address: str, *, code: bool = False) -> None:
        """The right one. It clears nothing of the address: somebody who has one account may try those of others."""
        (self._codes if code else self._passwords).right(name, address)
