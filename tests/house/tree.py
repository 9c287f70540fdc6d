"""The repository as the house tests see it: our own files, and what lies around but is not ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "bellwire": ROOT / "firmware/bellwire",
    "bellnode": ROOT / "firmware/bellnode",
    "bellkit": ROOT / "firmware/bellkit",
    "bellgate": ROOT / "gateway/bellgate",
    "bellsim": ROOT / "simulator/bellsim",
}
# The shell carries out what the pure modules decide; only here does the bell touch time, files and the network.
SHELL = {
    "app",
    "blank",
    "board",
    "cable",
    "config",
    "enrol",
    "exam",
    "flash",
    "journal",
    "link",
    "names",
    "memory",
    "probe",
    "staged",
    "starts",
    "tls",
    "tls_cpython",
    "watch",
    "wifi",
}
# Made by tools, and not in the repository (see .gitignore).
_NOT_OURS = {".git", ".venv", ".hypothesis", "__pycache__", "dist", "build", "node_modules"}


def files(suffix: str = "") -> Iterator[Path]:
    """Every file of ours whose name ends in `suffix`."""
    waiting = [ROOT]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            if path.is_symlink() or path.name in _NOT_OURS or path.name.endswith(("_cache", ".egg-info", ".mpy")):
                continue
            if path.is_dir():
                waiting.append(path)
            elif path.name.endswith(suffix):
                yield path


def modules(*names: str) -> Iterator[Path]:
    """Every Python file of the packages named, or of all five."""
    for name in names or PACKAGES:
        yield from sorted(PACKAGES[name].rglob("*.py"))


def pure() -> Iterator[Path]:
    """The bell's decisions: every module of bellwire, and of bellnode all but the shell."""
    yield from modules("bellwire")
    for path in modules("bellnode"):
        if path.relative_to(PACKAGES["bellnode"]).parts[0][:-3] not in SHELL:
            yield path


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, "a.b") of every module or name that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [path.parent.name] if node.level else []  # a dot is its own package: ours have one level on a bell
            base += [node.module] if node.module else []
            yield from ((node.lineno, ".".join([*base, name.name])) for name in node.names)


def told(path: Path, line: int | None = None) -> str:
    return str(path.relative_to(ROOT)) + (f":{line}" if line else "")
