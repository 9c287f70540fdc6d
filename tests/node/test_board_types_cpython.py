"""board.py against the published stubs of MicroPython's esp32 port: what it asks of the hardware's modules exists."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
STUBS = ("machine", "network", "esp32", "neopixel", "vfs")
NEEDED = ("micropython-esp32-stubs", "micropython-stdlib-stubs")  # the first asks for the second
HOW = "pip install micropython-esp32-stubs==1.29.0.post1"
# The stubs are written for another type checker: their own faults are not ours.
CONFIG = "[mypy]\ncheck_untyped_defs = true\nfollow_imports = silent\n" + "".join(
    f"[mypy-{name}]\nignore_errors = true\n" for name in (*STUBS, "_mpy_shed.*")
)


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """Of all stubs only the hardware's: the others would stand before CPython's own modules."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    for name in NEEDED:
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed: {HOW}")
        for file in files:
            if str(file) in {f"{stub}.pyi" for stub in STUBS} or file.parts[0] == "_mpy_shed":
                target = folder / str(file)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(file.locate(), target)
    return folder


def check(stubs: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    config = stubs.parent / "mypy.ini"
    config.write_text(CONFIG)
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), "--no-incremental", *map(str, files)],
        cwd=FIRMWARE,
        env={"MYPYPATH": f"{stubs}:{FIRMWARE}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_board_asks_only_for_what_the_chip_has(stubs: Path):
    done = check(stubs, FIRMWARE / "bellnode/board.py", FIRMWARE / "bellnode/boards.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_call_is_seen(stubs: Path, tmp_path: Path):
    """The check can fail: a name that the port lacks, and an argument of the wrong kind."""
    text = (FIRMWARE / "bellnode/board.py").read_text()
    for right, wrong in (("ADC.ATTN_11DB", "ADC.ATTN_12DB"), ("station.status(", "station.state("), ("WDT(", "WTD(")):
        assert right in text
        broken = tmp_path / "broken_board.py"
        broken.write_text(text.replace(right, wrong))
        done = check(stubs, broken)
        assert done.returncode == 1 and "broken_board.py" in done.stdout, (wrong, done.stdout)
