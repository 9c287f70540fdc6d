"""`bellsim latency`: it measures every press, each is its own signal, and no erase of the flash keeps one waiting."""

import json
import subprocess
import sys

# More than one sector of the journal's ring takes: 42 presses.
PRESSES = "45"


def test_it_measures_every_press_and_the_gateway_has_each_of_them() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from bellsim.cli import main; main()", "latency", "--presses", PRESSES, "--json"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    result = json.loads(ended.stdout)
    assert ended.returncode == (0 if result["ok"] else 1), ended.stdout + ended.stderr  # a busy machine misses goals
    assert result["presses"] == result["signals"] == int(PRESSES)
    assert result["runtime"] == "micropython"
    assert result["broker"].startswith("nats ")
    # An erase stops the whole bell. Where it begins is no matter of speed: after the receipt, also on a busy machine.
    assert result["erases"] >= 1
    assert result["erases_awaited"] == 0
    for figure in ("stored_ms", "sending_ms", "journal_ms", "disk_ms"):
        assert 0 < result[figure]["p50"] <= result[figure]["p99"] <= result[figure]["max"]
    assert result["sending_ms"]["p50"] < result["stored_ms"]["p50"]
