"""What axe-core finds wrong with a page as it stands: WCAG 2.2 A and AA, and axe's own best practices."""

from typing import Any

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Two thousand cells take axe half a minute: of rows that are made alike one stays.
LESS = """
for (const body of document.querySelectorAll("tbody")) {
  const seen = new Set();
  for (const row of [...body.rows]) {
    const made = [row, ...row.querySelectorAll("*")].map((one) => `${one.tagName}.${one.getAttribute("class")}`).join();
    if (seen.has(made)) row.remove();
    seen.add(made);
  }
}
"""


def violations(page: Any, only: list[str] | None = None) -> list[str]:
    """One line a fault: the rule, and the first elements that break it. only: these rules. Thins out long tables."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(LESS)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("wanted => axe.run(document, {runOnly: wanted})", only or TAGS)
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: " + "; ".join(_where(node) for node in fault["nodes"][:3])
        for fault in found["violations"]
    ]


def _where(node: dict[str, Any]) -> str:
    return f"{node['target']} {node['html'][:150]} {node['failureSummary'][:250]}"
