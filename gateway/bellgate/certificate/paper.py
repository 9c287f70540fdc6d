"""The certificate as PDF, with its fonts inside.

fpdf2 puts in only the glyphs that are used. Hangul comes from a font of the system: none is small enough to be carried
along for one sheet of paper.
"""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import segno

from bellgate.certificate.sheet import Sheet, sheet
from bellgate.errors import EnrolmentError
from bellgate.texts import LANGUAGES

# Debian's fonts-nanum, then what other systems have. TrueType outlines only: fpdf2 embeds no others.
FONTS = (
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    "/usr/share/fonts/truetype/nanum/NanumBarunGothic.ttf",
    "/usr/share/fonts/nanum/NanumGothic.ttf",
    "/usr/share/fonts/naver-nanum/NanumGothic.ttf",
    "/Library/Fonts/NanumGothic.ttf",
    "/System/Library/Fonts/Supplemental/AppleGothic.ttf",
    "C:/Windows/Fonts/malgun.ttf",
)
_QR_MM = 34.0
_LINE_MM = 5.5


def font() -> Path:
    """A font with Hangul. Raises EnrolmentError saying how to get one."""
    for name in FONTS:
        if Path(name).is_file():
            return Path(name)
    raise EnrolmentError(
        "no font with Hangul is installed, so no PDF can be made: sudo apt-get install fonts-nanum. The HTML needs none"
    )


def pdf(document: Mapping[str, Any], url: str) -> bytes:
    """The PDF's bytes; url: of the bell's page, for the QR code. The same certificate gives the same bytes."""
    from fpdf import FPDF  # noqa: PLC0415  (a third of a second, and few gateways print)

    made = FPDF(format="A4")
    made.set_creation_date(
        datetime.fromtimestamp((document["stored_ms"] or document["certificate"]["made_ms"]) / 1000, UTC)
    )
    made.set_title(f"{sheet(document, LANGUAGES[0]).title} {document['bell_id']}")
    made.add_font("hangul", fname=font())
    made.set_auto_page_break(True, margin=15)
    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(picture, kind="png", scale=8)
    for language in LANGUAGES:
        _page(made, sheet(document, language), url, picture)
    return bytes(made.output())


def _page(made: Any, one: Sheet, url: str, picture: io.BytesIO) -> None:
    made.add_page()
    made.image(picture, x=made.w - made.r_margin - _QR_MM, y=made.t_margin, w=_QR_MM, link=url)
    room = made.epw - _QR_MM - 5
    made.set_font("hangul", size=17)
    made.multi_cell(room, 9, one.title, new_x="LMARGIN", new_y="NEXT", align="L")
    made.set_font("hangul", size=11)
    made.multi_cell(room, 6, one.said, new_x="LMARGIN", new_y="NEXT", align="L")
    made.set_font("hangul", size=8)
    for line in (*one.foot, url):
        made.multi_cell(room, 4.5, line, new_x="LMARGIN", new_y="NEXT", align="L")
    made.set_y(max(made.get_y(), made.t_margin + _QR_MM) + 4)
    made.set_font("hangul", size=9)
    _table(made, [list(fact) for fact in one.facts], (3, 7), heads=False)
    for heading, columns, rows in one.tables:
        if not rows:
            continue
        made.ln(3)
        made.set_font("hangul", size=11)
        made.cell(0, 7, heading, new_x="LMARGIN", new_y="NEXT")
        made.set_font("hangul", size=9)
        _table(made, [columns, *rows], (3, 2, 6)[: len(columns)])


def _table(made: Any, rows: list[list[str]], widths: tuple[int, ...], heads: bool = True) -> None:
    # Without a style of its own a table asks for a bold face for its heads, and the one font has none.
    from fpdf.fonts import FontFace  # noqa: PLC0415

    shown = FontFace(emphasis="", fill_color=(238, 238, 238))
    with made.table(
        col_widths=widths, line_height=_LINE_MM, first_row_as_headings=heads, headings_style=shown, text_align="LEFT"
    ) as table:
        for row in rows:
            line = table.row()
            for cell in row:
                line.cell(cell)
