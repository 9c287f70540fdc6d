"""What a campaign of `bellsim chaos --minutes` showed, judged from what was seen. Pure; PROPERTIES names each.

Nothing here breaks anything, and what breaks things judges nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from bellsim.chaos.seen import Key, Row, Seen, Span
from bellsim.world.truth import BUTTON
from bellwire import STAGES

LOST = {
    "missing": "what a bell's journal took is in the database",
    "doubled": "and once",
    "ignored": "a press on a bell that runs is taken",
    "untold": "a press is told to a target of its kind",
}
LIES = {
    "above_database": "a lamp or a receipt says no more than the database",
    "nobody_acted": "presented, acknowledged, dispatched and closed are what a person did",
    "stage_fell": "the stage of an event never falls, on the lamp or in the database",
    "invented": "a signal has an event of a bell",
    "order": "what was pressed after another press was stored has a higher receipt number",
    "moment": "the moment of the press lies inside the stated bars",
    "mistaken_test": "a test is a test, and an alarm is none",
    "record": "the audit chain verifies",
    "orphan": "an incident has an end, or an owner, or somebody who will be told",
}
LEAKS = {"test_leak": "a test reaches nobody who takes no tests"}
PROPERTIES = LOST | LIES | LEAKS

RANK = {stage: rank for rank, stage in enumerate(STAGES)}
# Whoever did a later thing has done the earlier ones: an acknowledgement shows that it was seen.
DONE_BY = {
    "presented": {"present", "acknowledge", "dispatch", "close"},
    "acknowledged": {"acknowledge", "dispatch", "close"},
    "dispatched": {"dispatch", "close"},
    "closed": {"close"},
}
EDGE_S = 0.5  # the simulator knows no better when the edge reached the pin: a busy host passes it on late
STEP_SLACK_S = 10.0  # around a step of a clock: when exactly a gateway followed it is its own affair
SHOWN_MAX = 20


def judge(seen: Seen) -> dict[str, Any]:
    """{"presses", "lost", "lies", "test_leaks", "wrong": {property: count}, "first_wrong": [texts], "time_unknown",
    "claims", "claims_unread"}."""
    wrong: list[tuple[str, str]] = []
    for look in (_stored, _presses, _untold, _claims, _falls, _acts, _invented, _order, _tests, _leaks):
        wrong += look(seen)
    unknown, moments = _moments(seen)
    wrong += moments
    if seen.record_broken is not None:
        wrong.append(("record", f"entry {seen.record_broken} does not follow from the one before"))
    wrong += [("orphan", text) for text in seen.orphans]
    counts = Counter(name for name, _ in wrong)
    return {
        "presses": len(seen.presses),
        "lost": sum(counts[name] for name in LOST),
        "lies": sum(counts[name] for name in LIES),
        "test_leaks": sum(counts[name] for name in LEAKS),
        "wrong": dict(counts),
        "first_wrong": [f"{name}: {text}" for name, text in wrong[:SHOWN_MAX]],
        "time_unknown": unknown,
        "claims": len(seen.claims),
        "claims_unread": sum(claim.read_s is None for claim in seen.claims),
    }


def name_of(key: Key) -> str:
    """For people."""
    return f"{key[0]} {key[1][:4]}/{key[2]}"


def _key(data: dict[str, Any]) -> Key:
    return data["bell_id"], data["boot"], data["seq"]


Wrong = Iterator[tuple[str, str]]


def _stored(seen: Seen) -> Wrong:
    count = Counter(row.key for row in seen.rows)
    said = {claim.key: claim.said for claim in seen.claims if claim.by == "receipt"}
    for key in {kept.key: None for kept in seen.kept} | dict.fromkeys(said):
        if not count[key]:
            yield "missing", f"{name_of(key)}, said to be {said.get(key, 'nothing yet')}, is not in the database"
        elif count[key] > 1:
            yield "doubled", f"{name_of(key)} is {count[key]} signals"


def _presses(seen: Seen) -> Wrong:
    for press in seen.presses:
        if press.sure and press.key is None:
            yield "ignored", f"a press on {press.bell_id} at {press.at_s:.3f} became no event"


def _untold(seen: Seen) -> Wrong:
    told = set()
    for arrival in seen.arrivals:
        if arrival.body["type"] == "ansimbell.signal":
            told.add((_key(arrival.body["data"]), arrival.target in seen.takes_tests))
    for kept in seen.kept:
        if kept.what in BUTTON and kept.state == "alarm" and (kept.key, kept.what == "test") not in told:
            yield "untold", f"{name_of(kept.key)}, {kept.what}: no target of its kind was told"


def _claims(seen: Seen) -> Wrong:
    for claim in seen.claims:
        if claim.read_s is not None and RANK[claim.said] > (-1 if claim.found is None else RANK[claim.found]):
            yield "above_database", f"the {claim.by} of {name_of(claim.key)} said {claim.said}, it was {claim.found}"


def _falls(seen: Seen) -> Wrong:
    # When the newest alarm is closed, the lamp goes on with an older one, of which the bell knows less.
    own = [one for one in seen.claims if one.by == "lamp" and (one.found != "closed" or one.said == "closed")]
    lamps = sorted(own, key=lambda claim: claim.at_s)
    yield from _falling("the lamp", ((claim.key, claim.said) for claim in lamps))
    read = [(claim.read_s, claim.key, claim.found) for claim in seen.claims if claim.read_s is not None]
    ordered = sorted(read, key=lambda one: one[0])
    yield from _falling("the database", ((key, found) for _, key, found in ordered if found is not None))


def _falling(who: str, stages: Iterable[tuple[Key, str]]) -> Wrong:
    before: dict[Key, str] = {}
    for key, stage in stages:
        if RANK[stage] < RANK[before.get(key, stage)]:
            yield "stage_fell", f"{who} said {before[key]} of {name_of(key)}, then {stage}"
        before[key] = stage


def _acts(seen: Seen) -> Wrong:
    first: dict[tuple[int, str], float] = {}
    for act in seen.acts:
        place = (act.incident, act.action)
        first[place] = min(act.sent_s, first.get(place, act.sent_s))
    for claim in seen.claims:
        needed = DONE_BY.get(claim.said)
        if needed is None or claim.incident is None:
            continue
        if not any(first.get((claim.incident, action), claim.at_s + 1) <= claim.at_s for action in needed):
            yield "nobody_acted", f"the {claim.by} of {name_of(claim.key)} said {claim.said}, and nobody did it"


def _invented(seen: Seen) -> Wrong:
    known = {kept.key for kept in seen.kept}
    for row in seen.rows:
        if row.key not in known:
            yield "invented", f"{name_of(row.key)}, {row.what}, is in the database and in no bell"


def _order(seen: Seen) -> Wrong:
    """Only what one person could tell another: the one had seen *stored* before the other pressed."""
    number = {row.key: row.number for row in seen.rows}
    said = sorted((claim.at_s, number[claim.key]) for claim in seen.claims if claim.key in number)
    place, highest = 0, 0
    for press in sorted(seen.presses, key=lambda press: press.at_s):
        while place < len(said) and said[place][0] < press.at_s:
            highest = max(highest, said[place][1])
            place += 1
        if press.key is not None and number.get(press.key, highest) < highest:
            yield "order", f"{name_of(press.key)} was pressed when {highest} was stored, and is {number[press.key]}"


def _tests(seen: Seen) -> Wrong:
    kept = {one.key: one.what for one in seen.kept}
    for row in seen.rows:
        if row.test is not None and row.test != (kept.get(row.key, row.what) == "test"):
            yield "mistaken_test", f"{name_of(row.key)} is in an incident with test = {row.test}"


def _leaks(seen: Seen) -> Wrong:
    tests = {kept.key for kept in seen.kept if kept.what == "test"}
    for arrival in seen.arrivals:
        if arrival.target in seen.takes_tests:
            continue
        data = arrival.body["data"]
        if data.get("test") or (arrival.body["type"] == "ansimbell.signal" and _key(data) in tests):
            yield "test_leak", f"{arrival.target} was told of the test incident {data.get('incident')}"


def _moments(seen: Seen) -> tuple[int, list[tuple[str, str]]]:
    """(how many cannot be judged, what is wrong)"""
    pressed = {press.key: press for press in seen.presses if press.key is not None}
    unknown, wrong = 0, []
    for row in seen.rows:
        press = pressed.get(row.key)
        if press is None:
            continue
        clocks = list(_ahead(row, press.at_s, seen.steps))
        if any(_inside(row, press.at_s, ahead_s) for ahead_s in clocks):
            continue
        received_s = row.received_ms / 1000
        if any(was_held(seen.held, press.bell_id, press.at_s, received_s - ahead_s) for ahead_s in clocks):
            unknown += 1  # how long it lay on its way is in no bar: see docs/adr/0012
            continue
        off_ms = round(row.occurred_ms - press.at_s * 1000)
        wrong.append(("moment", f"{name_of(row.key)} is stated {off_ms} ms off, ± {row.err_ms} by {row.source}"))
    return unknown, wrong


def _inside(row: Row, at_s: float, ahead_s: float) -> bool:
    late_ms = (at_s + ahead_s) * 1000 - row.occurred_ms  # the true moment after the stated one
    if row.err_ms is None:
        return late_ms <= EDGE_S * 1000
    return abs(late_ms) <= row.err_ms + EDGE_S * 1000


def _ahead(row: Row, at_s: float, steps: list[Span]) -> Iterator[float]:
    """By how much the clock may have been ahead that stated the row's moment."""
    yield 0.0
    for step in steps:
        # A bell keeps what a gateway told it; a gateway states what its clock says when the message comes.
        true_s = row.received_ms / 1000 - step.by_s
        if row.source == "bell":
            if step.from_s - STEP_SLACK_S <= at_s or step.from_s - STEP_SLACK_S <= true_s:
                yield step.by_s
        elif step.from_s - STEP_SLACK_S <= true_s <= step.to_s + STEP_SLACK_S:
            yield step.by_s


def was_held(held: list[Span], bell_id: str, from_s: float, to_s: float) -> bool:
    """May a message have lain on its way then, seen by nobody who could tell?"""
    return any(span.bell_id in ("", bell_id) and span.from_s < to_s and span.to_s > from_s for span in held)
