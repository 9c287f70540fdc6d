"""The pictures of the page, as SVG: how far each figure is from its goal, which fault met which state, and how many
seeds a bug took."""

import html
from collections.abc import Mapping, Sequence

BAR_PX, LEFT_PX, WIDTH_PX = 22, 330, 460
GOOD, BAD, QUIET, INK, PAPER = "#0d9488", "#e11d48", "#e2e8f0", "#0f172a", "#ffffff"


def bars(rows: Sequence[tuple[str, float, str]], limit: str) -> str:
    """rows: (name, share of the limit, what is written behind the bar). A share above 1 is red and ends at the edge."""
    high_px = BAR_PX * len(rows) + 44
    wide_px = LEFT_PX + WIDTH_PX + 170
    goal_px = LEFT_PX + WIDTH_PX * 0.8
    parts = [_head(wide_px, high_px)]
    for place, (name, share, text) in enumerate(rows):
        y_px = 28 + BAR_PX * place
        long_px = max(2.0, min(share, 1.25) * WIDTH_PX * 0.8)
        parts.append(_text(LEFT_PX - 8, y_px + 12, name, "end"))
        parts.append(
            f'<rect x="{LEFT_PX}" y="{y_px}" width="{long_px:.1f}" height="{BAR_PX - 7}" rx="2" '
            f'fill="{GOOD if share <= 1 else BAD}"/>'
        )
        parts.append(_text(LEFT_PX + WIDTH_PX + 8, y_px + 12, text))
    parts.append(
        f'<line x1="{goal_px}" x2="{goal_px}" y1="20" y2="{high_px - 12}" stroke="{INK}" stroke-dasharray="4 3"/>'
    )
    parts.append(_text(goal_px, 14, limit, "middle"))
    return "\n".join(parts) + "\n</svg>\n"


def heat(table: Mapping[str, Mapping[str, int]]) -> str:
    """Rows and columns as named; the darker, the more often."""
    columns = sorted({column for row in table.values() for column in row})
    most = max((count for row in table.values() for count in row.values()), default=1)
    cell_px, row_px, left_px, top_px = 34, 20, 160, 110
    wide_px, high_px = left_px + cell_px * len(columns) + 60, top_px + row_px * len(table) + 12
    parts = [_head(wide_px, high_px)]
    for place, column in enumerate(columns):
        x_px = left_px + cell_px * place + cell_px / 2
        parts.append(
            f'<text x="{x_px}" y="{top_px - 8}" fill="{INK}" transform="rotate(-50 {x_px} {top_px - 8})">'
            f"{html.escape(column)}</text>"
        )
    for line, (name, row) in enumerate(table.items()):
        y_px = top_px + row_px * line
        parts.append(_text(left_px - 8, y_px + 14, name, "end"))
        for place, column in enumerate(columns):
            count = row.get(column, 0)
            depth = 0.0 if not count else 0.15 + 0.85 * (count / most) ** 0.5
            fill = f'fill="{GOOD}" fill-opacity="{depth:.2f}"' if count else f'fill="{QUIET}" fill-opacity="0.4"'
            parts.append(
                f'<rect x="{left_px + cell_px * place}" y="{y_px}" width="{cell_px - 2}" height="{row_px - 2}" {fill}>'
                f"<title>{html.escape(f'{name}, {column}: {count}')}</title></rect>"
            )
    return "\n".join(parts) + "\n</svg>\n"


def _head(wide_px: float, high_px: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide_px:g}" height="{high_px:g}" '
        f'viewBox="0 0 {wide_px:g} {high_px:g}" font-family="system-ui, sans-serif" font-size="12">\n'
        f'<rect width="{wide_px:g}" height="{high_px:g}" fill="{PAPER}"/>'
    )


def _text(x_px: float, y_px: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x_px:g}" y="{y_px:g}" fill="{INK}" text-anchor="{anchor}">{html.escape(text)}</text>'
