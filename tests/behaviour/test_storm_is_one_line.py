"""A street without power is one line with its bells in it, never mixed with an alarm; each bell clears by itself."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from gatehouse import Bell, Gatehouse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bellgate.core.storm import APART_AT, FORM_AT, FORM_WITHIN_MS
from bellgate.pipeline.carry import Carrier
from bellgate.store import Tx, bells, dues, figures, troubles
from bellgate.texts import trouble as say

MINUTE_MS = 60_000
AREA = "seongsu-*"


def street(gate: Gatehouse, count: int, site: str = "seongsu") -> list[Bell]:
    return [gate.enrol(Bell(f"b-{site}-{number}", f"{site}-{number:03}")) for number in range(count)]


def listed(gate: Gatehouse) -> list[dict[str, Any]]:
    return gate.store.read_now(troubles.open_troubles)


def test_blackout_of_a_street_and_its_return(gate: Gatehouse) -> None:
    mine, far = street(gate, 40), street(gate, 2, "haengdang")
    for bell in (*mine, *far):
        gate.hear(bell.up, bell.heartbeat(mains=True))
    for bell in (*mine, far[0]):
        gate.press(bell, "mains")
        gate.fast_forward(500)
    gate.press(mine[7])  # somebody presses in the dark
    gate.fast_forward(10_000)

    lines = {(line["kind"], line["subject"]): line for line in listed(gate)}
    assert set(lines) == {("bell_mains", AREA), ("bell_mains", far[0].bell_id)}
    line = lines["bell_mains", AREA]
    assert line["bells"] == 40 and {one["subject"] for one in line["members"]} == {bell.bell_id for bell in mine}
    assert line["detail"] == "40 bells in seongsu-*"
    assert say("ko", "storm", AREA, line["values"]) == "seongsu-* 구역의 벨 40대"
    assert "members" not in lines["bell_mains", far[0].bell_id]
    said = gate.store.read_now(figures.read)
    assert (said.troubles_open, said.trouble_lines) == ({"bell_mains": 41}, {"bell_mains": 2})
    assert [(one["bell_id"], one["what"]) for one in gate.incidents()] == [(mine[7].bell_id, "panic")]
    assert on_screen(gate) == {line["id"] for line in lines.values()}

    for back in range(0, 40, 3):
        for bell in mine[back : back + 3]:
            gate.press(bell, "mains", state="restore")
        for number, bell in enumerate(mine):
            gate.hear(bell.up, bell.heartbeat(mains=number < back + 3))
        gate.hear(far[0].up, far[0].heartbeat(mains=False))
        gate.hear(far[1].up, far[1].heartbeat(mains=True))
        gate.fast_forward(MINUTE_MS)
        left = max(0, 37 - back)
        common = [line for line in listed(gate) if line["subject"] == AREA]
        assert [line["bells"] for line in common] == ([left] if left > APART_AT else [])
        assert on_screen(gate) == {line["id"] for line in listed(gate)}
    gate.press(far[0], "mains", state="restore")
    for bell in (*mine, *far):
        gate.hear(bell.up, bell.heartbeat(mains=True))
    gate.fast_forward(2 * MINUTE_MS)
    assert listed(gate) == [] and on_screen(gate) == set()
    assert len(gate.incidents("open")) == 1  # the alarm is not touched by it


def on_screen(gate: Gatehouse) -> set[int]:
    """What a page shows that has followed the live events."""
    shown: set[int] = set()
    for event in gate.events:
        if event["type"] == "trouble":
            number = event["trouble"]["id"]
            (shown.discard if event["change"] in ("cleared", "gathered") else shown.add)(number)
    return shown


def test_bells_that_fail_over_weeks_are_no_storm(gate: Gatehouse) -> None:
    for bell in street(gate, 2 * FORM_AT):
        gate.press(bell, "battery")
        gate.fast_forward(FORM_WITHIN_MS)
    assert len(listed(gate)) == 2 * FORM_AT


def test_silent_street_is_one_line_too(gate: Gatehouse) -> None:
    mine = street(gate, 12)
    for bell in mine:
        gate.hear(bell.up, bell.heartbeat())
    gate.fast_forward(3 * MINUTE_MS)
    (line,) = listed(gate)
    assert (line["kind"], line["subject"], line["bells"]) == ("bell_missing", AREA, 12)


OPS = st.lists(
    st.tuples(
        st.sampled_from(("raise", "ongoing", "clear")),
        st.sampled_from(("bell_mains", "bell_missing", "bell_fault", "events_lost")),
        st.integers(0, 8),
        st.sampled_from((0, 0, 0, 1_000, 10_000, 61_000, FORM_WITHIN_MS)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPS)
def test_no_trouble_is_lost_or_left_or_shown_twice(gate: Gatehouse, story: list[tuple[str, str, int, int]]) -> None:
    gate.store.write_now(lambda tx: _play(gate, tx, story))


def _play(gate: Gatehouse, tx: Tx, story: list[tuple[str, str, int, int]]) -> None:
    for table in ("trouble", "due"):
        tx.run(f"DELETE FROM {table}")
    mine = [Bell(f"b-{number}", f"{'ab'[number // 6]}-{number}") for number in range(9)]
    for bell in mine:
        if bells.get(tx, bell.bell_id) is None:
            bells.add(tx, bell.row())
    carrier = Carrier(tx, gate.pipeline._settings, 0)
    so: dict[tuple[str, str], bool] = {}
    for happened, kind, number, wait_ms in story:
        subject = mine[number].bell_id + ("/x" if kind in ("bell_fault", "events_lost") else "")
        _advance(carrier, tx, wait_ms)
        if happened == "clear":
            carrier.clear_trouble(kind, subject)
        else:
            carrier._list.raise_(kind, subject, {}, ongoing=happened == "ongoing")
        so[kind, subject] = happened != "clear"
        _check(tx, so)
    _advance(carrier, tx, 60_000)
    assert _single(tx) == {key for key, is_so in so.items() if is_so}
    _check(tx, so)
    for kind, subject in so:
        carrier.clear_trouble(kind, subject)
    _advance(carrier, tx, 600_000)
    assert troubles.open_troubles(tx) == [] and tx.all("SELECT * FROM due") == []
    assert tx.all("SELECT * FROM trouble WHERE cleared_ms IS NULL") == []


def _advance(carrier: Carrier, tx: Tx, by_ms: int) -> None:
    until_ms = carrier.now_ms + by_ms
    while (row := tx.one("SELECT MIN(due_ms) AS at_ms FROM due")) and row["at_ms"] is not None:
        if row["at_ms"] > until_ms:
            break
        carrier.now_ms = max(carrier.now_ms, row["at_ms"])
        for due in dues.take(tx, carrier.now_ms, 1_000, 1):
            assert dues.finish(tx, due)
            carrier.fire(due)
    carrier.now_ms = until_ms


def _single(tx: Tx) -> set[tuple[str, str]]:
    return {(row["kind"], row["subject"]) for row in troubles.single_lines(tx)}


def _check(tx: Tx, so: dict[tuple[str, str], bool]) -> None:
    """Every single shown line stands alone or in exactly one common line of its kind and area; none is empty."""
    seen: list[tuple[str, str]] = []
    for line in troubles.open_troubles(tx):
        if "members" not in line:
            seen.append((line["kind"], line["subject"]))
            continue
        assert len(line["members"]) > APART_AT and line["bells"] > APART_AT
        for one in line["members"]:
            assert one["kind"] == line["kind"]
            number = int(one["subject"].split("/")[0][2:])
            assert line["subject"] == f"{'ab'[number // 6]}-*"
            seen.append((one["kind"], one["subject"]))
    assert len(seen) == len(set(seen)) and set(seen) == _single(tx)
    live = {(row["kind"], row["subject"]) for row in troubles.live_lines(tx)}
    assert {key for key, is_so in so.items() if is_so} <= live  # shown, or about to be


def test_lines_of_a_revoked_bell_end(gate: Gatehouse, bell: Bell) -> None:
    gate.press(bell, "battery")
    gate.store.write_now(lambda tx: bells.set_state(tx, bell.bell_id, bells.REVOKED))
    drop(gate, troubles.of_the_gone)
    assert listed(gate) == [] and on_screen(gate) == set()


def drop(gate: Gatehouse, which: Callable[[Tx], list[dict[str, Any]]]) -> None:
    asyncio.run(gate.pipeline.drop_troubles(which))


def test_a_live_event_carries_few_members_and_says_how_many_there_are(gate: Gatehouse) -> None:
    for bell in street(gate, 60):
        gate.press(bell, "battery")
    event = gate.events[-1]["trouble"]
    assert event["bells"] == 60 and len(event["members"]) == 50
    assert len(json.dumps(event)) < 20_000
    (line,) = listed(gate)
    assert len(line["members"]) == 60
