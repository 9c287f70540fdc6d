"""Every kind of trouble that the gateway raises is in the table, has words in both languages, and a row in the docs."""

import ast
import re

from tree import ROOT, files

from bellgate.core.signal import MEANINGS
from bellgate.core.trouble import KINDS, Kind
from bellgate.texts import LANGUAGES, texts

GATEWAY = ROOT / "gateway" / "bellgate"
CALLS = {"raise_trouble", "trouble", "_say", "say", "_tell", "RaiseTrouble", "raise_"}
NAME = re.compile(r"[a-z]+(_[a-z]+)+")


def raised() -> set[str]:
    """Every kind that stands as a word in a call that raises one, or in a table of such."""
    found = {f"bell_{what}" for what, meaning in MEANINGS.items() if meaning.trouble}
    for path in files(".py"):
        if GATEWAY not in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            if name in CALLS and isinstance(first, str) and NAME.fullmatch(first):
                found.add(first)
    return found


def words() -> set[str]:
    """Every string of the gateway outside the table of kinds."""
    said: set[str] = set()
    for path in files(".py"):
        if GATEWAY in path.parents and path != GATEWAY / "core" / "trouble.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said |= {
                node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return said


def test_every_kind_that_is_raised_is_in_the_table() -> None:
    assert len(raised()) > 20
    assert raised() <= KINDS.keys()


def test_every_kind_in_the_table_is_raised() -> None:
    assert KINDS.keys() <= words() | raised()


def test_every_kind_has_a_title_a_detail_and_a_remedy_in_both_languages() -> None:
    for language in LANGUAGES:
        known = texts(language)
        for family in ("trouble", "trouble_detail", "trouble_remedy"):
            missing = [kind for kind in KINDS if not known.get(f"{family}.{kind}", "").strip()]
            assert not missing, (language, family)
        assert known["trouble_detail.storm"] and known["trouble_remedy.storm"]


def span(ms: int) -> str:
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if ms >= size and ms % size == 0:
            return f"{ms // size} {unit}"
    return "at once"


def row(name: str, kind: Kind) -> str:
    """The row of the docs."""
    known = texts("en")
    ends = f"by itself after {span(kind.expires_ms)}" if kind.expires_ms is not None else span(kind.clear_after_ms)
    cells = [f"`{name}`", known[f"trouble.{name}"], span(kind.raise_after_ms), ends, known[f"trouble_remedy.{name}"]]
    return f"| {' | '.join(cells)} |"


def test_every_kind_stands_in_operate_with_its_times_and_its_remedy() -> None:
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").splitlines()
    missing = [line for name, kind in KINDS.items() if (line := row(name, kind)) not in page]
    assert not missing, "\n".join(missing)
