"""The wheel holds everything that the three programs need at run time, and starts them."""

import configparser
import zipfile
from pathlib import Path

import pytest
from tree import PACKAGES, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built by hatchling in this process: no network, no isolated environment."""
    from hatchling.builders.wheel import WheelBuilder

    built = list(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    assert len(built) == 1
    return zipfile.ZipFile(built[0])


def test_every_file_of_the_five_packages_is_in_the_wheel(wheel: zipfile.ZipFile):
    wanted = {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".mpy")
    }
    assert not wanted - set(wheel.namelist())
    for name in PACKAGES:
        assert f"{name}/__init__.py" in wanted, name


def test_the_wheel_holds_what_is_not_python(wheel: zipfile.ZipFile):
    """Templates, styles, sounds, languages, migrations and the simulated board: each kind, named once."""
    held = wheel.namelist()
    for folder, suffix in (
        ("bellgate/console/templates/", ".html"),
        ("bellgate/console/static/", ".css"),
        ("bellgate/console/static/", ".js"),
        ("bellgate/store/schema/", ".sql"),
        ("bellsim/board/", ".py"),
    ):
        assert [name for name in held if name.startswith(folder) and name.endswith(suffix)], folder + "*" + suffix
    assert [name for name in held if name.startswith("bellgate/") and "locale" in name], "bellgate's languages"


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile):
    assert {Path(name).parts[0] for name in wheel.namelist() if ".dist-info/" not in name} == set(PACKAGES)


def test_the_wheel_names_the_three_programs_and_the_licence(wheel: zipfile.ZipFile):
    info = next(name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(f"{info}/entry_points.txt").decode())
    assert dict(entry_points["console_scripts"]) == {
        "bellgate": "bellgate.cli:main",
        "bellkit": "bellkit.cli:main",
        "bellsim": "bellsim.cli:main",
    }
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: MIT" in metadata and "Requires-Python: >=3.11" in metadata
