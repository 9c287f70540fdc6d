"""Tables for a spreadsheet: CSV that Excel opens with Hangul whole, and in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Iterator

# Excel takes a file without it for the system's old code page.
BOM = "\ufeff"
MEDIA_TYPE = "text/csv; charset=utf-8"
# A cell that begins so is computed when the file is opened: a bell's name could then send the table elsewhere.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | float | bool | None


def lines(rows: Iterable[Iterable[Cell]]) -> Iterator[str]:
    """Each row as a line with its end; cells in quotes, so that a comma or a line break stays in its cell."""
    for row in rows:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([_safe(cell) for cell in row])
        yield text.getvalue()


def headers(name: str) -> dict[str, str]:
    """For a download under this name (ASCII)."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def typed(cell: str) -> str:
    """What stood in a cell before `lines` kept it from being a formula; what a person typed stays as it is."""
    return cell[1:] if cell.startswith("'") and _safe(cell[1:]) == cell else cell


def _safe(cell: Cell) -> str:
    """Text with an apostrophe before what would be a formula; numbers are ours and stay as they are."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) or cell.startswith(_FORMULA) else cell
    return str(cell)
