"""A day's load in small, and what its verdict notices: a list that grows with every heartbeat, a table that does."""

import asyncio
import gc
import random
from pathlib import Path
from typing import Any

import pytest
from test_measures import measured

from bellgate import installation
from bellgate.config import load
from bellgate.store import bells
from bellsim.goals import judge
from bellsim.load import plan, verdict
from bellsim.load.estate import install, settle
from bellsim.load.house import House
from bellsim.load.plan import HOUR, MIN
from bellsim.year import town

HEARTBEATS_A_DAY = 2_000 * 1_440


def test_half_an_hour_with_forty_bells() -> None:
    result = measured("load", "--bells", "40", "--hours", "0.5", "--seed", "3")
    assert result["ok"], result["missed"]
    assert result["accelerated"] and "moved on" in result["how"]
    # Half an hour and its closing time; a bell that is away or links again misses or adds some.
    assert result["heartbeats"] == result["heartbeats_taken"]
    assert abs(result["heartbeats"] - 40 * 70) < 200
    assert result["stored"] == result["events"] > 40 and result["lost"] == 0
    assert result["troubles"]["raised"] == result["troubles"]["cleared"] >= 42  # a street, a battery, one away
    assert min(result["stories"].values()) >= 1
    assert result["samples"] >= 20 and result["rss_mb"]["first"] > 20
    assert result["record_ok"] and result["checkpoints"] > 5 and result["late_dues"] == 0
    # A heartbeat changes rows and adds none.
    assert result["db"]["per_heartbeat_b"] == 0 < result["db"]["growth_mb_per_day"]
    assert result["db"]["tables"]["signal"]["rows_per_day"] > 0
    assert 0 < result["wal_mb_max"] < 17


def samples(**leaks_a_day: float) -> list[dict[str, Any]]:
    """A day, a sample every quarter of an hour, of a gateway that breathes; leaks: so much more at the day's end."""
    found = []
    for number in range(92):
        share = number / 91
        breath = (number * 7 % 5) / 5
        one: dict[str, Any] = {"at_s": 3_600 + number * 900, "queues_left": {name: 0 for name in verdict.QUEUES}}
        flat = {"rss_mb": 90 + breath, "objects": 90_000 + 500 * breath, "tasks": 1, "threads": 6, "files": 19 + breath}
        one |= {name: value + share * leaks_a_day.get(name, 0) for name, value in flat.items()}
        found.append(one)
    return found


def missed(found: list[dict[str, Any]]) -> list[str]:
    judged = judge(verdict.courses(found), verdict.goals(found))
    return [line.split()[0] for line in judged["missed"]]


def half_an_hour(folder: Path) -> list[dict[str, Any]]:
    """Heartbeats of twenty bells through the gateway's parts, in this process; a sample after each minute."""
    install(folder, installation.DEFAULT_STORE)
    house, listed = House(load(folder)), settle(20)
    gc.collect()
    gc.freeze()  # what other tests of this process left is not counted, forty times over

    async def play() -> list[dict[str, Any]]:
        await house.open(town.start_ms(town.date(2026, 11, 23)), listed)
        found = []
        for minute in range(40):
            house.hands.passes(MIN)
            await house.second([(bell.up, bell.heartbeat()) for bell in listed])
            if minute >= 10:
                found.append(await house.sample())
        await house.stop()
        return found

    return asyncio.run(play())


def test_a_list_that_grows_in_the_gateway_itself_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "objects.slope_per_day" not in missed(half_an_hour(tmp_path / "whole"))
    kept: list[Any] = []
    save = bells.save_presence

    def leaking(tx: Any, state: Any) -> None:
        kept.extend([state.bell_id] for _ in range(20))
        save(tx, state)

    monkeypatch.setattr(bells, "save_presence", leaking)
    assert "objects.slope_per_day" in missed(half_an_hour(tmp_path / "leaking"))
    assert len(kept) == 40 * 20 * 20


def test_a_gateway_that_breathes_is_flat() -> None:
    assert missed(samples()) == []


def test_a_list_that_grows_with_every_heartbeat_is_noticed() -> None:
    """A slot of eight bytes and nothing else: an int that existed already."""
    found = samples(rss_mb=8 * HEARTBEATS_A_DAY / 1e6)
    assert missed(found) == ["rss_mb.slope_per_day"]
    found = samples(rss_mb=64 * HEARTBEATS_A_DAY / 1e6, objects=HEARTBEATS_A_DAY)
    assert missed(found) == ["rss_mb.slope_per_day", "objects.slope_per_day"]


def test_what_is_forgotten_with_every_press_is_noticed() -> None:
    assert missed(samples(objects=5_000)) == ["objects.slope_per_day"]
    assert missed(samples(tasks=24)) == ["tasks.slope_per_day"]
    assert missed(samples(files=24)) == ["files.slope_per_day"]


def test_a_backup_in_every_fourth_sample_is_no_slope() -> None:
    found = samples()
    for one in found[3::4]:
        one["rss_mb"] += 20
    assert missed(found) == [] and verdict.courses(found)["rss_mb"]["max"] > 109


def test_a_queue_that_is_never_empty_is_noticed() -> None:
    found = samples()
    found[50]["queues_left"]["lanes"] = 3
    assert missed(found) == ["queues_left.lanes"]


def test_a_short_run_is_held_to_what_it_rises_by_in_all() -> None:
    short = samples()[:4]
    for number, one in enumerate(short):
        one["rss_mb"] = 90 + number  # 3 MB in three quarters of an hour: caches that fill
    assert "rss_mb.slope_per_day" not in missed(short)
    for number, one in enumerate(short):
        one["rss_mb"] = 90 + 2 * number
    assert "rss_mb.slope_per_day" in missed(short)


def test_a_slope_is_the_median_of_all_pairs() -> None:
    line = [(x, 2 * x) for x in range(9)]
    assert verdict.theil_sen([*line[:4], (4, 100), *line[5:]]) == 2
    assert verdict.theil_sen([(0, 1)]) == verdict.theil_sen([]) == verdict.theil_sen([(1, 1), (1, 9)]) == 0


def test_a_growing_table_is_noticed_and_named() -> None:
    before = {"bytes": 1_000_000, "tables": {"presence": {"bytes": 400_000, "rows": 2_000}, "fact": _ROW}}
    after = {
        "bytes": 1_000_000 + 40 * HEARTBEATS_A_DAY,
        "tables": {
            "presence": {"bytes": 400_000 + 40 * HEARTBEATS_A_DAY, "rows": 2_000 + HEARTBEATS_A_DAY},
            "fact": _ROW,
        },
    }
    found = verdict.grown(before, after, verdict.DAY_S)
    assert found["mb_per_day"] == 115.2
    assert found["tables"] == {"presence": {"mb_per_day": 115.2, "rows_per_day": HEARTBEATS_A_DAY}}
    grew = verdict.each(before, after, None, HEARTBEATS_A_DAY)
    assert grew == 40 > verdict.at_most_per_heartbeat(HEARTBEATS_A_DAY) == 1
    assert verdict.each(before, after, ["fact"], 10) == 0 and verdict.each(before, after, None, 0) is None


_ROW = {"bytes": 4_096, "rows": 5}


def test_a_day_has_everything_in_it_and_everything_ends() -> None:
    stories = plan.day(2_000, 24, random.Random(1))
    kinds = [story.kind for story in stories]
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    # Each bell by its installer, and once again in the day.
    assert counts["test"] == 4_000 and counts["press"] == 200 and counts["relink"] == 4_000 and counts["dark"] == 4
    times = plan.Times.of(24)
    assert (times.quiet_ms, times.warm_ms, times.end_ms) == (10 * MIN, 65 * MIN, 24 * HOUR)
    assert all(times.quiet_ms <= story.at_ms <= times.end_ms for story in stories)
    assert all(story.at_ms + story.lasts_ms < times.end_ms + plan.CLOSING_MS for story in stories)
    away = {number for story in stories if story.kind == "away" for number in story.bells}
    assert not away & {number for story in stories if story.kind == "dark" for number in story.bells}
    assert len({bell.bell_id for bell in settle(2_000)}) == len({bell.site for bell in settle(2_000)}) == 2_000
