"""What `bellsim chaos --minutes` breaks below a gateway: a clock that is set, a disk that fills and fails."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellsim.chaos import disk as disk_module
from bellsim.chaos import wall as wall_module
from bellsim.chaos.disk import Disk
from bellsim.chaos.wall import Wall

SAY = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.time_ns() / 1e9, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if (why := disk_module.missing()) is not None:
        pytest.skip(why)
    made = Disk(tmp_path / "image", tmp_path / "disk")
    made.make()
    yield made
    made.remove()
    assert not (tmp_path / "image").exists() and not os.path.ismount(made.path)


def test_a_disk_is_filled_to_the_last_block_and_emptied(disk: Disk) -> None:
    before = disk.free()
    assert disk.fill() > before * 0.9 and disk.free() < 4096
    with pytest.raises(OSError) as full:
        (disk.path / "more").write_bytes(bytes(100_000))
    assert full.value.errno == errno.ENOSPC
    assert disk.fill() <= 4096  # whatever the attempt has left
    disk.empty()
    assert disk.free() > before * 0.9
    (disk.path / "more").write_bytes(bytes(100_000))


def test_a_disk_fails_and_is_mended_with_what_was_on_it(disk: Disk) -> None:
    (disk.path / "kept").write_text("stored")
    disk.sync()
    disk.fail()
    assert disk.readonly()
    with pytest.raises(OSError) as failed:
        (disk.path / "more").write_text("lost")
    assert failed.value.errno == errno.EROFS
    disk.mend()
    assert not disk.readonly() and (disk.path / "kept").read_text() == "stored"


def test_a_clock_is_set_in_a_program_that_runs_and_no_other_clock_is(tmp_path: Path) -> None:
    if (why := wall_module.missing()) is not None:
        pytest.skip(why)
    wall = Wall(tmp_path, "gate")
    with subprocess.Popen(
        [sys.executable, "-c", SAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | wall.environment,
    ) as program:  # fmt: skip
        assert program.stdin is not None and program.stdout is not None
        for ahead_s in (0.0, 3600.0, -120.0, 0.0):
            wall.set(ahead_s)
            program.stdin.write("\n")
            program.stdin.flush()
            stated, stated_ns, steady, since_boot = (float(word) for word in program.stdout.readline().split())
            assert abs(stated - time.time() - ahead_s) < 1 and abs(stated_ns - stated) < 0.1
            assert abs(steady - time.monotonic()) < 1
            assert abs(since_boot - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
        program.stdin.close()
