"""Is the receiver there? One path's life under supervision by NULL frames. Pure; the table is the machine."""

from bellgate.core.frozen import frozen

UNKNOWN, UP, SUSPECT, DOWN = "unknown", "up", "suspect", "down"

# A lost answer may be one lost packet: asked again at once, and called silent when that is lost too.
AGAIN_MS = 1_000
# A silent receiver is asked this often, so that its return is seen soon.
PROBE_MS = 5_000

# (state, answered): (state afterwards, what to say)
TRANSITIONS: dict[tuple[str, bool], tuple[str, str]] = {
    (UNKNOWN, True): (UP, "clear"),  # a trouble of an earlier life of the gateway ends here too
    (UNKNOWN, False): (SUSPECT, ""),
    (UP, True): (UP, ""),
    (UP, False): (SUSPECT, ""),
    (SUSPECT, True): (UP, ""),
    (SUSPECT, False): (DOWN, "raise"),
    (DOWN, True): (UP, "clear"),
    (DOWN, False): (DOWN, ""),
}


@frozen
class Path:
    """due_ms: when the next NULL frame goes out, on the shell's own steady clock."""

    state: str = UNKNOWN
    due_ms: int = 0
    unsaid: bool = True  # since the start, no answer has come

    @property
    def silent(self) -> bool:
        """True if it should be asked last."""
        return self.state in (SUSPECT, DOWN)


def step(path: Path, answered: bool, now_ms: int, null_ms: int) -> tuple[Path, str]:
    """(path, "raise" | "clear" | "") after an exchange of any kind: an alarm's answer is as good as a NULL's."""
    state, say = TRANSITIONS[path.state, answered]
    if state == UP and path.unsaid:
        say = "clear"
    wait_ms = {UP: null_ms, SUSPECT: min(AGAIN_MS, null_ms), DOWN: min(PROBE_MS, null_ms)}[state]
    return Path(state, now_ms + wait_ms, path.unsaid and not answered), say


def silent_within_ms(null_ms: int, timeout_ms: int) -> int:
    """How long after its last answer a receiver is called silent at the latest: the interval and two lost frames."""
    return null_ms + timeout_ms + AGAIN_MS + timeout_ms
