"""One frame and its answer, over one receiver or two. Pure: the shell sends, reads and waits.

The table is the machine. A frame is asked of each receiver in turn under the same sequence number; a NAK that tells
another time is answered once by the same frame under the receiver's time. Nothing is tried here for ever: the engine
tries again later.
"""

from dataclasses import replace

from bellgate.core.frozen import frozen

ASKING, ACCEPTED, FAILED, REFUSED = "asking", "accepted", "failed", "refused"

# Another clock than this cannot be the cause of a NAK: receivers allow 20 s ahead and 40 s behind.
SAME_TIME_MS = 2_000

# (answer, the same receiver may be asked again, another receiver is left): (phase afterwards, what to do).
TRANSITIONS: dict[tuple[str, bool, bool], tuple[str, str]] = {
    ("ack", False, False): (ACCEPTED, "end"),
    ("ack", False, True): (ACCEPTED, "end"),
    ("ack", True, False): (ACCEPTED, "end"),
    ("ack", True, True): (ACCEPTED, "end"),
    ("late", True, False): (ASKING, "correct"),  # NAK, and its clock is not ours
    ("late", True, True): (ASKING, "correct"),
    ("late", False, True): (ASKING, "next"),
    ("late", False, False): (FAILED, "end"),
    ("nak", True, True): (ASKING, "next"),
    ("nak", False, True): (ASKING, "next"),
    ("nak", True, False): (FAILED, "end"),
    ("nak", False, False): (FAILED, "end"),
    ("duh", True, True): (ASKING, "next"),
    ("duh", False, True): (ASKING, "next"),
    ("duh", True, False): (REFUSED, "end"),  # unless another one only was not reached: see `step`
    ("duh", False, False): (REFUSED, "end"),
    ("lost", True, True): (ASKING, "next"),
    ("lost", False, True): (ASKING, "next"),
    ("lost", True, False): (FAILED, "end"),
    ("lost", False, False): (FAILED, "end"),
}
ANSWERS = ("ack", "late", "nak", "duh", "lost")


@frozen
class Exchange:
    """order: the receivers to ask, by number, the first one first. said: (receiver, answer, why) so far."""

    order: tuple[int, ...]
    place: int = 0
    phase: str = ASKING
    corrected: bool = False
    said: tuple[tuple[int, str, str], ...] = ()

    @property
    def receiver(self) -> int:
        """The one that is asked now, or was asked last."""
        return self.order[self.place]

    @property
    def refusals(self) -> int:
        """How many receivers said DUH."""
        return sum(answer == "duh" for _, answer, _ in self.said)


def step(state: Exchange, answer: str, why: str = "") -> tuple[Exchange, str]:
    """(state, "end" | "next" | "correct") after one answer of the receiver that was asked.

    Refused for good only if every receiver that was asked says DUH: one that was not reached may still take it.
    Raises ValueError for an answer that the table has no row for, and then nothing has changed.
    """
    row = TRANSITIONS.get((answer, not state.corrected, state.place + 1 < len(state.order)))
    if state.phase != ASKING or row is None:
        raise ValueError(f"{answer!r} is no answer to an exchange that is {state.phase}")
    phase, action = row
    said = (*state.said, (state.receiver, answer, why))
    if phase in (FAILED, REFUSED):
        last = {receiver: heard for receiver, heard, _ in said}
        phase = REFUSED if all(heard == "duh" for heard in last.values()) else FAILED
    after = replace(state, phase=phase, said=said)
    if action == "next":
        after = replace(after, place=state.place + 1, corrected=False)
    elif action == "correct":
        after = replace(after, corrected=True)
    return after, action


def judge_nak(sent_as_ms: int, time_ms: int | None) -> str:
    """ "late" if the receiver's clock may be why it said NAK, else "nak"."""
    return "late" if time_ms is not None and abs(time_ms - sent_as_ms) > SAME_TIME_MS else "nak"


def in_order(silent: tuple[bool, ...]) -> tuple[int, ...]:
    """The receivers as they are asked: as they stand in the file, but those known to be silent last."""
    return tuple(sorted(range(len(silent)), key=lambda number: silent[number]))
