"""`bellsim latency`: it measures every press, and each press is its own signal."""

import json
import subprocess
import sys


def test_it_measures_every_press_and_the_gateway_has_each_of_them() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from bellsim.cli import main; main()", "latency", "--presses", "8", "--json"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    result = json.loads(ended.stdout)
    assert ended.returncode == (0 if result["ok"] else 1), ended.stdout + ended.stderr  # a busy machine misses goals
    assert result["presses"] == result["signals"] == 8
    assert result["runtime"] == "micropython"
    assert result["broker"].startswith("nats ")
    for figure in ("stored_ms", "sending_ms"):
        assert 0 < result[figure]["p50"] <= result[figure]["p99"] <= result[figure]["max"]
    assert result["sending_ms"]["p50"] < result["stored_ms"]["p50"]
