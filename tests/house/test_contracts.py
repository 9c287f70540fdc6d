"""Who may import whom: the contracts of pyproject.toml, and what the bell's own modules may take from outside."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tree import PACKAGES, ROOT, SHELL, imports, modules, pure, told

# What stock MicroPython has and a decision may need. A clock, a socket or a file is not among it.
PURE = {"binascii", "collections", "hashlib", "json"}


CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# Rooms of a house that keeps every contract, and for each contract what would break it.
ROOMS = {
    "bellwire": [],
    "bellnode": ["board", "node"],
    "bellkit": ["cli"],
    "bellgate": [
        "broker",
        "cli",
        "clock",
        "config",
        "console",
        "core",
        "engine",
        "enrolment",
        "errors",
        "pipeline",
        "pki",
    ],
    "bellsim": ["demo"],
}
ROOMS["bellgate"] += ["lane", "lanes", "pipeline", "pki", "service", "store", "targets"]
BREACHES = [
    ("packages", "bellwire/__init__", "bellnode"),
    ("packages", "bellnode/node", "bellgate.errors"),
    ("packages", "bellgate/engine", "bellnode.node"),
    ("packages", "bellgate/service", "bellsim.demo"),
    ("packages", "bellkit/cli", "bellsim"),
    ("gateway", "bellgate/core", "bellgate.store"),
    ("gateway", "bellgate/store", "bellgate.pipeline"),
    ("gateway", "bellgate/pipeline", "bellgate.broker"),
    ("gateway", "bellgate/broker", "bellgate.engine"),
    ("gateway", "bellgate/console", "bellgate.service"),
    ("gateway", "bellgate/lane", "bellgate.lanes"),
    ("gateway-ground", "bellgate/core", "bellgate.clock"),
    ("gateway-ground", "bellgate/config", "bellgate.store"),
    ("cores", "bellgate/core", "time"),
    ("cores", "bellwire/__init__", "os"),
    ("hardware", "bellnode/node", "machine"),
    ("hardware", "bellgate/pki", "neopixel"),
    ("kit", "bellkit/cli", "bellgate.store"),
]


def lint(folder: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [program, "--no-cache", "--config", ROOT / "pyproject.toml"]
    env = os.environ | {"COLUMNS": "200"}  # or it wraps the names of the contracts
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def broken(out: str) -> set[str]:
    """The ids of the contracts that a report calls broken."""
    return {contract["id"] for contract in CONTRACTS if f"{contract['name']} BROKEN" in out}


def test_import_contracts_hold():
    code, out = lint(ROOT)
    assert code == 0, out
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in out, out


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The five packages with empty rooms, and the imports that are meant."""
    for package, rooms in ROOMS.items():
        (tmp_path / package).mkdir()
        for room in ["__init__", *rooms]:
            (tmp_path / package / f"{room}.py").touch()
    for room, others in (
        ("bellnode/board", "machine, network"),
        ("bellkit/cli", "bellgate.enrolment, bellgate.errors"),
        ("bellgate/enrolment", "os, bellgate.errors, bellwire"),
        ("bellgate/core", "bellgate.errors, bellwire"),
        ("bellsim/demo", "bellgate.service, bellnode.node"),
    ):
        (tmp_path / f"{room}.py").write_text(f"import {others}\n")
    return tmp_path


def test_a_house_as_drawn_keeps_every_contract(model: Path):
    code, out = lint(model)
    assert code == 0, out


@pytest.mark.parametrize(("contract", "room", "name"), BREACHES)
def test_each_contract_can_be_broken(model: Path, contract: str, room: str, name: str):
    with (model / f"{room}.py").open("a") as file:
        file.write(f"import {name}\n")
    code, out = lint(model)
    assert code == 1 and contract in broken(out), out


def test_every_contract_has_a_breach():
    assert {contract["id"] for contract in CONTRACTS} == {contract for contract, _, _ in BREACHES}


def outside(path: Path, allowed: set[str]) -> list[str]:
    """What a file imports beyond these top-level modules; of bellnode it may take all but the shell."""
    found = []
    for line, name in imports(path):
        first, _, rest = name.partition(".")
        if first not in allowed or (first == "bellnode" and rest.split(".")[0] in SHELL):
            found.append(f"{told(path, line)} imports {name}")
    return found


def test_the_wire_format_imports_four_modules_at_most():
    assert not [fault for path in modules("bellwire") for fault in outside(path, PURE | {"bellwire"})]


def test_the_bells_decisions_import_nothing_of_the_world():
    found = [path for path in pure() if PACKAGES["bellnode"] in path.parents]
    decisions = {"alarm", "button", "health", "indicator", "link_state", "node", "outbox"}
    decisions |= {"arming", "cancel", "checkin", "contacts", "homeset", "homeset_config", "patterns", "pin", "power"}
    decisions |= {"testmode", "ring", "ring_format"}
    assert decisions <= {path.stem for path in found}
    # What loads the decisions, and knows nothing of them, needs the table of modules.
    allowed = {path: PURE | {"bellwire", "bellnode"} | ({"sys"} if path.stem == "loan" else set()) for path in found}
    assert not [fault for path in found for fault in outside(path, allowed[path])]


def test_an_import_from_outside_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tree.ROOT", tmp_path)
    path = tmp_path / "node.py"
    path.write_text(
        "import json\nfrom bellnode import alarm, link\ndef f():\n    import time\nfrom bellnode.link_state import X\n"
    )
    assert outside(path, PURE | {"bellnode"}) == ["node.py:2 imports bellnode.link", "node.py:4 imports time"]
