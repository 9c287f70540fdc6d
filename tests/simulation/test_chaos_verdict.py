"""The judge of `bellsim chaos --minutes`: a good campaign is good, and each sabotaged one is found out, by its name."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from bellsim.chaos.seen import Act, Arrival, Claim, Kept, Press, Row, Seen, Span
from bellsim.chaos.verdict import PROPERTIES, judge

T0 = 1_795_430_400.0
BOOT = "0" * 15 + "1"
ALARM, LATER, TEST = ("b-1", BOOT, 1), ("b-1", BOOT, 2), ("b-2", BOOT, 1)


def row(number: int, key: tuple[str, str, int], at_s: float, **more: Any) -> Row:
    what = "test" if key == TEST else "panic"
    ms = int((T0 + at_s) * 1000)
    return Row(number, key, what, "stored", 2 if key == TEST else 1, key == TEST, ms, ms, 2000, "age", **more)


def told(target: str, at_s: float, key: tuple[str, str, int], test: bool) -> Arrival:
    data = {"bell_id": key[0], "boot": key[1], "seq": key[2], "incident": 2 if test else 1, "test": test}
    return Arrival(target, T0 + at_s, {"type": "ansimbell.signal", "data": data})


def claim(by: str, key: tuple[str, str, int], said: str, at_s: float, found: str | None) -> Claim:
    return Claim(by, key, said, T0 + at_s, found, 2 if key == TEST else 1, T0 + at_s + 0.1)


def good() -> Seen:
    """Two alarms and a test; somebody saw and took the first alarm."""
    return Seen(
        presses=[
            Press("b-1", T0, key=ALARM),
            Press("b-1", T0 + 5, key=LATER),
            Press("b-2", T0 + 1, key=TEST),
            Press("b-2", T0 + 9, sure=False),  # its power went
        ],
        kept=[
            Kept(ALARM, "panic", "alarm", T0),
            Kept(TEST, "test", "alarm", T0 + 1),
            Kept(LATER, "panic", "alarm", T0 + 5),
        ],
        claims=[
            claim("receipt", ALARM, "stored", 0.1, "stored"),
            claim("lamp", ALARM, "stored", 0.1, "stored"),
            claim("receipt", TEST, "stored", 1.1, "stored"),
            claim("lamp", ALARM, "presented", 2.0, "presented"),
            claim("lamp", ALARM, "acknowledged", 3.0, "acknowledged"),
            claim("lamp", LATER, "stored", 5.1, "stored"),
            Claim("receipt", LATER, "stored", T0 + 5.2),  # nobody could be asked
        ],
        acts=[Act(1, "present", T0 + 1.9), Act(1, "acknowledge", T0 + 2.9)],
        rows=[row(1, ALARM, 0), row(2, TEST, 1), row(3, LATER, 5)],
        arrivals=[
            told("police", 0.2, ALARM, False),
            told("installer", 0.2, ALARM, False),
            told("installer", 1.2, TEST, True),
            told("police", 5.2, LATER, False),
        ],
        takes_tests=frozenset({"installer"}),
    )


def test_a_good_campaign() -> None:
    verdict = judge(good())
    assert (verdict["lost"], verdict["lies"], verdict["test_leaks"]) == (0, 0, 0), verdict
    assert verdict["presses"] == 4 and verdict["claims_unread"] == 1 and verdict["time_unknown"] == 0


def _swap(seen: Seen, place: int, **more: Any) -> None:
    seen.rows[place] = replace(seen.rows[place], **more)


# (what must be said, how often, what is done to a good campaign)
SABOTAGE: list[tuple[str, int, Callable[[Seen], Any]]] = [
    ("missing", 1, lambda seen: seen.rows.pop(0)),
    ("doubled", 1, lambda seen: seen.rows.append(row(4, ALARM, 0))),
    ("ignored", 1, lambda seen: seen.presses.append(Press("b-3", T0 + 2))),
    ("untold", 1, lambda seen: seen.arrivals.pop(0)),
    ("untold", 1, lambda seen: seen.arrivals.pop(2)),
    ("above_database", 1, lambda seen: setattr(seen.claims[0], "found", None)),
    ("above_database", 1, lambda seen: setattr(seen.claims[4], "found", "presented")),
    ("nobody_acted", 1, lambda seen: seen.acts.pop(1)),
    ("nobody_acted", 1, lambda seen: seen.acts.__setitem__(0, Act(1, "present", T0 + 2.1))),
    ("nobody_acted", 1, lambda seen: seen.acts.__setitem__(1, Act(2, "acknowledge", T0 + 2.9))),
    ("stage_fell", 1, lambda seen: seen.claims.insert(5, claim("lamp", ALARM, "presented", 4.0, "acknowledged"))),
    ("stage_fell", 1, lambda seen: seen.claims.insert(5, claim("receipt", ALARM, "stored", 4.0, "stored"))),
    ("invented", 1, lambda seen: seen.kept.pop(0)),
    ("order", 1, lambda seen: (_swap(seen, 1, number=3), _swap(seen, 2, number=2))),
    ("moment", 1, lambda seen: _swap(seen, 0, occurred_ms=int(T0 * 1000) + 2600)),
    ("moment", 1, lambda seen: _swap(seen, 0, occurred_ms=int(T0 * 1000) - 2600)),
    ("moment", 1, lambda seen: _swap(seen, 0, occurred_ms=int(T0 * 1000) - 600, err_ms=None)),
    ("mistaken_test", 1, lambda seen: _swap(seen, 1, test=False)),
    ("mistaken_test", 1, lambda seen: _swap(seen, 0, test=True)),
    ("record", 1, lambda seen: setattr(seen, "record_broken", 7)),
    ("orphan", 1, lambda seen: seen.orphans.append("incident 1 is received and nobody will be told")),
    ("test_leak", 1, lambda seen: seen.arrivals.append(told("police", 2, TEST, True))),
    ("test_leak", 1, lambda seen: seen.arrivals.append(told("police", 2, TEST, False))),  # the label alone is gone
]


@pytest.mark.parametrize(("name", "count", "change"), SABOTAGE)
def test_sabotage_is_found(name: str, count: int, change: Callable[[Seen], Any]) -> None:
    seen = deepcopy(good())
    change(seen)
    verdict = judge(seen)
    assert verdict["wrong"].get(name) == count, verdict
    group = "lost" if name in ("missing", "doubled", "ignored", "untold") else "lies"
    assert verdict["test_leaks" if name == "test_leak" else group] >= count, verdict
    assert any(text.startswith(name) for text in verdict["first_wrong"])


def test_each_property_has_its_sabotage() -> None:
    assert {name for name, _, _ in SABOTAGE} == set(PROPERTIES)


def test_when_the_newest_alarm_is_closed_the_lamp_may_go_on_with_an_older_one() -> None:
    seen = good()
    seen.acts += [Act(1, "close", T0 + 4.9)]
    seen.claims += [claim("lamp", LATER, "closed", 6.0, "closed"), claim("lamp", LATER, "stored", 7.0, "closed")]
    assert judge(seen)["lies"] == 0
    seen.claims[-1].found = "presented"
    assert judge(seen)["wrong"] == {"stage_fell": 2}  # on the lamp, and in the database


def test_a_moment_that_may_have_lain_on_its_way_is_counted_and_not_judged() -> None:
    for held, unknown, wrong in (
        (Span(T0 + 1, T0 + 2, "b-1"), 1, 0),
        (Span(T0 + 1, T0 + 2), 1, 0),
        (Span(T0 + 1, T0 + 2, "b-2"), 0, 1),
        (Span(T0 + 9, T0 + 11), 0, 1),
    ):
        seen = good()
        _swap(seen, 0, occurred_ms=int((T0 + 4) * 1000), received_ms=int((T0 + 4) * 1000))
        seen.held.append(held)
        verdict = judge(seen)
        assert (verdict["time_unknown"], verdict["lies"]) == (unknown, wrong), held


def test_what_lay_on_its_way_while_a_clock_was_set_lay_there_in_true_time() -> None:
    for ahead_s in (-100.0, 100.0):
        seen = good()
        ms = int((T0 + 8 + ahead_s) * 1000)  # it came 8 s later, with an age of nothing
        _swap(seen, 0, occurred_ms=ms, received_ms=ms)
        seen.steps.append(Span(T0 - 1, T0 + 20, "", ahead_s))
        assert judge(seen)["wrong"] == {"moment": 1}
        seen.held.append(Span(T0 + 1, T0 + 7))
        assert judge(seen)["time_unknown"] == 1 and judge(seen)["lies"] == 0


def test_a_moment_is_stated_by_a_clock_that_somebody_set() -> None:
    """The gateway's own statement follows its clock; a bell's keeps what it heard earlier. Nothing else is excused."""
    for source, ahead_s, step, lies in (
        ("age", 100.0, Span(T0 - 1, T0 + 9, "", 100.0), 0),
        ("age", 100.0, Span(T0 - 1, T0 + 9, "", 90.0), 1),
        ("age", 100.0, Span(T0 - 90, T0 - 60, "", 100.0), 1),
        ("bell", 100.0, Span(T0 - 90, T0 - 60, "", 100.0), 0),
        ("bell", 100.0, Span(T0 + 60, T0 + 90, "", 100.0), 1),
    ):
        seen = good()
        ms = int((T0 + ahead_s) * 1000)
        _swap(seen, 0, occurred_ms=ms, received_ms=ms if source == "age" else int(T0 * 1000), source=source)
        seen.steps.append(step)
        assert judge(seen)["lies"] == lies, (source, step)
