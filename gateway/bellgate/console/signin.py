"""How fast somebody may guess: a delay that grows, never a lock, so that nobody can shut out the last supervisor."""

from collections import OrderedDict
from dataclasses import dataclass

# A person mistypes twice; from the third wrong password on there is a wait.
FREE_TRIES = 2
FIRST_WAIT_MS = 2_000
# Doubles up to here: 1,440 guesses a day against 79 bits. Longer would hurt a dispatcher more than a thief.
LONGEST_WAIT_MS = 60_000
FORGET_AFTER_MS = 900_000
# One entry per name and address, about 300 bytes. When it is full, the one that was quiet longest is forgotten.
ENTRIES_MAX = 2_000


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    last_ms: int = 0


class SignInDelay:
    """Counts wrong passwords per (name, address). Used from one event loop."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._entries_max = entries_max

    def wait_ms(self, name: str, address: str, now_ms: int) -> int:
        """How long this pair must still wait; 0 if it may try. A try that comes too early makes no wait longer."""
        tries = self._tries.get((name, address))
        if tries is None or tries.wrong <= FREE_TRIES or now_ms - tries.last_ms > FORGET_AFTER_MS:
            return 0
        wait_ms = min(FIRST_WAIT_MS << min(tries.wrong - FREE_TRIES - 1, 16), LONGEST_WAIT_MS)
        # A clock that was set back must not turn a wait into hours.
        return min(max(tries.last_ms + wait_ms - now_ms, 0), LONGEST_WAIT_MS)

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
