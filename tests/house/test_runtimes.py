"""The tests of both runtimes stay within what MicroPython has, so that a failure there is about the firmware."""

import ast
from pathlib import Path

import pytest
from tree import ROOT, imports, told

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
