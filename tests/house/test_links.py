"""Every link inside the repository's Markdown leads to a file that exists, and to a heading in it."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from tree import ROOT, files, told

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_INLINE = re.compile(r"\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+[\"'(].*?[\"')])?\s*\)", re.DOTALL)
_REFERENCE = re.compile(r"^ {0,3}\[[^\]^]+\]:\s*<?([^\s>]+)>?", re.MULTILINE)
_HTML = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_ANCHOR = re.compile(r"<\w+\b[^>]*\b(?:id|name)=\"([^\"]+)\"")


def links(text: str) -> Iterator[str]:
    prose = _CODE.sub("`code`", _FENCE.sub("", text))
    for pattern in (_INLINE, _REFERENCE, _HTML):
        yield from (found.group(1) for found in pattern.finditer(prose))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    prose = _FENCE.sub("", text)
    seen: Counter[str] = Counter()
    found = set(_ANCHOR.findall(prose))
    for heading in _HEADING.findall(prose):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def fault(page: Path, link: str) -> str | None:
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", link) or link.startswith("//"):
        return None  # outside the repository
    target, _, anchor = unquote(link).partition("#")
    path = page if not target else (ROOT / target.lstrip("/") if target.startswith("/") else page.parent / target)
    if not path.exists():
        return "no such file"
    if not path.resolve().is_relative_to(ROOT):
        return "leads out of the repository"
    if anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
        return "no such heading"
    return None


def test_every_link_leads_somewhere():
    pages = list(files(".md"))
    assert pages
    broken = [
        f"{told(page)}: {link}: {why}"
        for page in pages
        for link in links(page.read_text(encoding="utf-8"))
        if (why := fault(page, link))
    ]
    assert not broken


def test_the_reader_of_links_sees_all_kinds_and_no_code():
    text = (
        '[a](one.md) ![b](two.png "title") [c]: <not a definition>\n[d]: three.md\n'
        '<a href="four.md">x</a> `[e](code.md)`\n```\n[f](fenced.md)\n```\n[g](five.md#a_(b))\n'
    )
    assert sorted(links(text)) == ["five.md#a_(b)", "four.md", "one.md", "three.md", "two.png"]


def test_headings_become_the_anchors_that_github_makes():
    text = (
        '# A press, and `what` it does\n## 용어: 안심벨\n### Two\n### Two\n```\n# no heading\n```\n<a id="own"></a>\n'
    )
    assert anchors(text) == {"a-press-and-what-it-does", "용어-안심벨", "two", "two-1", "own"}
    page = ROOT / "tests/house/none.md"
    assert fault(page, "missing.md") == "no such file"
    assert fault(page, "tree.py") is None
    assert fault(page, "../../../../etc/hostname") in ("no such file", "leads out of the repository")
    assert fault(page, "https://example.org/x") is None
