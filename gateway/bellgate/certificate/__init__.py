"""A commissioning certificate for people: HTML and PDF, Korean and English, with a QR code that opens the bell's page.

`sheet` says what stands on it, once for both; `page` makes the HTML, `paper` the PDF.
"""

from bellgate.certificate.page import html
from bellgate.certificate.paper import pdf
from bellgate.certificate.sheet import Sheet, sheet

__all__ = ("Sheet", "html", "pdf", "sheet")
