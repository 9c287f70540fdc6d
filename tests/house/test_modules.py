"""Every module says what lives there, and no file of ours knows the machine it was written on."""

import ast
import re
import tomllib

from tree import ROOT, files, modules, told

# Built so that this file passes its own test.
_PLACES = ("work", "root", "opt/wheels", "opt/pypi", "tmp/w")
MACHINE = re.compile(r"(?<![\w.~}\])-])/(" + "|".join(_PLACES) + r")(?=[/\s\"'`,;:)]|$)", re.MULTILINE)
_HOSTS = (r"pypi\.org", r"pythonhosted\.org", r"registry\.npmjs\.org", r"proxy\.golang\.org")
REGISTRY = re.compile(r"\b(" + "|".join(_HOSTS) + ")")


def test_every_module_has_a_docstring():
    ours = [*modules(), *sorted((ROOT / "firmware").glob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
    assert len(ours) > 20
    silent = [told(path) for path in ours if not (ast.get_docstring(ast.parse(path.read_bytes())) or "").strip()]
    assert not silent


def test_every_version_is_the_same_and_has_its_changelog():
    import bellgate
    import bellkit
    import bellnode

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (bellgate.__version__, bellkit.__version__, bellnode.VERSION) == (version, version, version)
    assert re.search(rf"^## .*\b{re.escape(version)}\b", (ROOT / "docs/changelog.md").read_text(), re.MULTILINE)


def test_no_file_names_a_machine_or_a_registry():
    named = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture, a sound
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE.search(line) or (REGISTRY.search(line) and path.name != "test_modules.py"):
                named.append(f"{told(path, number)}: {line.strip()[:80]}")
    assert not named


def test_the_pattern_sees_what_it_is_for():
    for place in _PLACES:
        assert MACHINE.search(f"see /{place}/x") and MACHINE.search(f"cd /{place}")
    for innocent in ("/api/v1/working", "{root}/work/x", "https://example.org/work", "/tmp/wide", "a/root/b"):
        assert not MACHINE.search(innocent), innocent
