"""The tests of both runtimes stay within what MicroPython has, so that a failure there is about the firmware."""

import ast
from pathlib import Path

import pytest
from tree import ROOT, imports, modules, pure, told

FOLDERS = [ROOT / "tests" / name for name in ("wire", "node") if (ROOT / "tests" / name).is_dir()]
MICROPYTHON = {
    "asyncio",
    "binascii",
    "collections",
    "errno",
    "gc",
    "hashlib",
    "io",
    "json",
    "os",
    "socket",
    "ssl",
    "struct",
}
MICROPYTHON |= {"sys", "time"}


def both() -> list[Path]:
    found = [path for folder in FOLDERS for path in sorted(folder.glob("*.py")) if not path.stem.endswith("_cpython")]
    assert found
    return found


@pytest.mark.parametrize("path", both(), ids=told)
def test_it_imports_only_what_both_runtimes_have(path: Path):
    beside = {other.stem for other in path.parent.glob("*.py") if not other.stem.endswith("_cpython")}
    allowed = MICROPYTHON | {"bellwire", "bellnode"} | beside
    outside = [(told(path, line), name) for line, name in imports(path) if name.split(".")[0] not in allowed]
    assert not outside, "name the file …_cpython.py, or do without"


@pytest.mark.parametrize("path", both(), ids=told)
def test_its_tests_are_plain_functions(path: Path):
    """No fixture, no coroutine, no class and no decorator: tests/upy.py calls test_*() and nothing more."""
    tree = ast.parse(path.read_bytes())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            taken = node.args
            assert not (taken.args or taken.kwonlyargs or taken.vararg or node.decorator_list), told(path, node.lineno)
        assert not (isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")), told(path, node.lineno)
        assert not (isinstance(node, ast.ClassDef) and node.name.startswith("Test")), told(path, node.lineno)


def test_no_two_tests_of_a_file_share_a_name():
    """The later one would hide the earlier, and nobody would miss it."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        names = [node.name for node in ast.parse(path.read_bytes()).body if hasattr(node, "name")]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, (told(path), twice)


def defined() -> dict[str, str]:
    """{name: module} of what each module of the wire format defines; its tests take all of it from `bellwire`."""
    found = {}
    for path in modules("bellwire"):
        for node in ast.parse(path.read_bytes()).body:
            names = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found.update(dict.fromkeys(names, f"bellwire.{path.stem}"))
    return found


def owned_by(paths: list[Path]) -> set[str]:
    """The modules that these test files import, or of the wire format: whose names they use."""
    wire = defined()
    found = set()
    for path in paths:
        for _, name in imports(path):
            package, _, rest = name.partition(".")
            found.add(wire.get(rest, name) if package == "bellwire" else ".".join(name.split(".")[:2]))
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bellwire":
                found.add(wire.get(node.attr, ""))
    return found


def test_every_decision_has_a_test_of_its_own_on_both_runtimes():
    """Imported by that test itself: that another module happens to import it proves nothing about it."""
    wanted = {f"{path.parent.name}.{path.stem}" for path in pure() if path.stem != "__init__"}
    assert len(wanted) > 30
    missing = wanted - owned_by([path for path in both() if path.stem.startswith("test_")])
    assert not missing, "a test in tests/node or tests/wire, not *_cpython.py, has to import each of these"


def test_a_decision_without_a_test_is_seen(tmp_path: Path):
    path = tmp_path / "test_x.py"
    path.write_text("import bellwire\nfrom bellnode import alarm\nfrom bellnode.latch import Latch\nbellwire.parse\n")
    assert {"bellnode.alarm", "bellnode.latch", "bellwire.topic"} <= owned_by([path])
    assert not {"bellnode.outbox", "bellwire.message", "bellwire.seal"} & owned_by([path])
