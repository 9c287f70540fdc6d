"""The list of faults, and what one is: `faults_bell` and `faults_way` fill it, `faults` runs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bed import Bed, Kit

NONE = "none"
Break = Callable[[Bed], Awaitable[Kit]]


@dataclass(frozen=True)
class Fault:
    """cause: the expected one, NONE for what must not be told as one; asked: how the kit was asked."""

    name: str
    what: str
    cause: str
    asked: str
    run: Break
    phase: str


FAULTS: list[Fault] = []


def fault(phase: str, cause: str, what: str, asked: str = "diag") -> Callable[[Break], Break]:
    """Enter it in the list. phase: blank, enrolled (both undo what they did), last, or the name of a bed of its own."""

    def enter(run: Break) -> Break:
        FAULTS.append(Fault(run.__name__, what, cause, asked, run, phase))
        return run

    return enter
