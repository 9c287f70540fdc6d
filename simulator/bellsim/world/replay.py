"""One seed as text: what happened, line by line, in the order of the world."""

from collections.abc import Iterator

from bellsim.world.truth import Line
from bellsim.world.world import Outcome


def told(outcome: Outcome, lanes: tuple[str, ...] = ()) -> Iterator[str]:
    """Lines for people. lanes: only these (a bell, "broker", "gateway", "people", a target), and what is wrong."""
    for line in outcome.trace:
        if not lanes or line.lane in lanes or line.kind == "wrong":
            yield _told(line)


def clock(at_ms: int) -> str:
    """Virtual time as hours, minutes, seconds and milliseconds since the beginning."""
    seconds, ms = divmod(at_ms, 1_000)
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"


def _told(line: Line) -> str:
    mark = "✗" if line.kind == "wrong" else "⚡" if line.kind == "fault" else " "
    return f"{clock(line.at_ms)} {mark} {line.lane:10} {line.kind:8} {line.text}"
