"""The QR code of an enrolment: the bell's name and the one-time secret that opens its serial port.

    ansimbell:1:b-7f3a:AAECAwQFBgcICQoLDA0ODw

Text and format only; who draws it decides where it goes. It is a secret until the bell was heard for the first time.
"""

import base64
import binascii
import io
from pathlib import Path

from bellgate.enrolment import ONCE_BYTES, write_new
from bellgate.errors import EnrolmentError
from bellwire import valid_name

_HEAD = "ansimbell:1:"
# Read from a telephone's screen, through a scratched cover, at arm's length: a quarter of it may be lost.
_ERROR = "q"
_SCALE = 8
KINDS = (".svg", ".png")


def text(bell_id: str, once: bytes) -> str:
    """What the code says. once: 16 bytes."""
    return f"{_HEAD}{bell_id}:{base64.urlsafe_b64encode(once).decode('ascii').rstrip('=')}"


def read(said: str) -> tuple[str, bytes]:
    """(bell_id, once) of a scanned code. Raises EnrolmentError."""
    bell_id, _, secret = said.strip().removeprefix(_HEAD).partition(":")
    try:
        once = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        once = b""
    if not said.strip().startswith(_HEAD) or not valid_name(bell_id) or len(once) != ONCE_BYTES:
        raise EnrolmentError("this is not the QR code of a bell's enrolment. `bellgate enrol --qr FILE.svg` draws one")
    return bell_id, once


def write(bell_id: str, once: bytes, path: Path) -> None:
    """Draw it into a new file, mode 0600. Raises EnrolmentError."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise EnrolmentError(f"--qr {path}: name a file that ends in {' or '.join(KINDS)}")
    import segno  # noqa: PLC0415  (its tables take longer to load than a gateway has to spare at its start)

    drawn = io.BytesIO()
    segno.make(text(bell_id, once), error=_ERROR, micro=False).save(drawn, kind=kind[1:], scale=_SCALE)
    write_new(path, drawn.getvalue(), "--qr")
