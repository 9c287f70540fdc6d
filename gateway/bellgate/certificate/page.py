"""The certificate as one HTML file without anything from outside."""

import io
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import segno
from jinja2 import Environment

from bellgate.certificate.sheet import sheet
from bellgate.texts import LANGUAGES


def html(document: Mapping[str, Any], url: str) -> str:
    """The whole document; url: of the bell's page, for the QR code."""
    drawn = io.BytesIO()
    segno.make(url, error="m", micro=False).save(drawn, kind="svg", scale=4, xmldecl=False, light="#fff")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
    sheets = [sheet(document, language) for language in LANGUAGES]
    return template.render(sheets=sheets, url=url, qr=drawn.getvalue().decode("utf-8"))
