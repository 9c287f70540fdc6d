"""What a campaign against gateways showed, from plain records: which presses, which webhooks, who ran when.

Nothing here breaks anything, and what breaks things judges nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from bellsim.receiver import Arrival

Press = tuple[str, str, int]  # bell_id, boot, seq
# How late a round of escalation may arrive, in seconds in which a gateway was running.
LATE_S = 1.0


@dataclass(frozen=True, slots=True)
class Campaign:
    """All times in seconds of one monotonic clock. running: when at least one gateway was ready, in order, apart."""

    presses: frozenset[Press]
    stored: frozenset[Press]  # the bell was told so
    kept: Mapping[Press, int]  # how many signals the gateway's API shows for it
    arrivals: Sequence[Arrival]
    kills_s: Sequence[float]
    running: Sequence[tuple[float, float]]
    repeat_s: float
    end_s: float
    wall_ahead_s: float  # wall clock minus monotonic clock


def reckon(campaign: Campaign) -> dict[str, Any]:
    """The figures of the result; see docs/measure.md."""
    told: dict[Press, set[str]] = defaultdict(set)
    for arrival in campaign.arrivals:
        if arrival.body["type"] == "ansimbell.signal":
            data = arrival.body["data"]
            told[data["bell_id"], data["boot"], data["seq"]].add(arrival.key)
    late = lateness_s(campaign)
    repeats = _repeats(campaign)
    by_kill = Counter(kill for kill in repeats if kill is not None)
    return {
        "presses": len(campaign.presses),
        "kills": len(campaign.kills_s),
        "lost": len([one for one in campaign.presses if not campaign.kept.get(one) or not told[one]]),
        "stored_but_lost": len([one for one in campaign.stored if not campaign.kept.get(one)]),
        "invented": len([one for one in campaign.kept if one not in campaign.presses]),
        "duplicate_signals": sum(count > 1 for count in campaign.kept.values())
        + sum(len(keys) > 1 for keys in told.values()),
        "deliveries": len({arrival.key for arrival in campaign.arrivals}),
        "repeated_deliveries": len(repeats),
        "most_repeated_by_one_kill": max(by_kill.values(), default=0),
        "repeated_without_kill": sum(kill is None for kill in repeats),
        "escalations": len(late),
        "late_escalations": sum(one > LATE_S for one in late),
        "latest_s": round(max(late, default=0.0), 3),
        "nothing_ran_s": round(_down_s(campaign), 1),
    }


def lateness_s(campaign: Campaign) -> list[float]:
    """Of each round that was due, in seconds in which a gateway was running; a round that never came is late up to
    the end."""
    first: dict[str, Arrival] = {}
    for arrival in campaign.arrivals:
        first.setdefault(arrival.key, arrival)
    incidents: dict[int, list[tuple[float, float]]] = defaultdict(list)  # (made, arrived) of opening and each round
    for arrival in first.values():
        data = arrival.body["data"]
        opening = arrival.body["type"] == "ansimbell.signal" and data["signals"] == 1
        if opening or data.get("change") == "unacknowledged":
            made_s = datetime.fromisoformat(arrival.body["time"]).timestamp() - campaign.wall_ahead_s
            incidents[data["incident"]].append((made_s, arrival.at_s))
    late = []
    for rounds in incidents.values():
        ordered = sorted(rounds)
        for (before_s, _), (_, arrived_s) in pairwise(ordered):
            late.append(ran_s(campaign.running, before_s + campaign.repeat_s, arrived_s))
        if (due_s := ordered[-1][0] + campaign.repeat_s) < campaign.end_s:
            late.append(ran_s(campaign.running, due_s, campaign.end_s))
    return late


def ran_s(running: Iterable[tuple[float, float]], from_s: float, to_s: float) -> float:
    """For how long a gateway was running between two moments; 0 if they are in the other order."""
    return sum(max(0.0, min(end_s, to_s) - max(start_s, from_s)) for start_s, end_s in running)


def together(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The spans of several gateways as one: in order, and apart."""
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        else:
            joined.append((start_s, end_s))
    return joined


def _repeats(campaign: Campaign) -> list[int | None]:
    """For each delivery that came again: the number of the last kill before it, None if there was none since it came
    before."""
    repeats: list[int | None] = []
    last_s: dict[str, float] = {}
    for arrival in campaign.arrivals:
        if arrival.key in last_s:
            before = [n for n, at_s in enumerate(campaign.kills_s) if last_s[arrival.key] - 1.0 <= at_s <= arrival.at_s]
            repeats.append(before[0] if before else None)
        last_s[arrival.key] = arrival.at_s
    return repeats


def _down_s(campaign: Campaign) -> float:
    if not campaign.running:
        return 0.0
    return campaign.end_s - campaign.running[0][0] - ran_s(campaign.running, campaign.running[0][0], campaign.end_s)
