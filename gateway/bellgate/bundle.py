"""The bundle: what an installer needs for a day without a network. The format alone, for the gateway and the kit.

    {"v": 1, "kind": "ansimbell.bundle", "gateway", "console", "made_ms",
     "bells": [{"bell_id", "salt", "nonce", "sealed"}], "stations": [{"name", "area", "polygons"}], "attribution",
     "signature"}

What belongs to one bell is sealed with the one-time secret on its QR code (AES-256-GCM, key by HKDF-SHA256): a stolen
laptop without the paper gives neither a key nor an address. The certificate that checks the gateway's signature comes
out of the sealed part, so whoever trusts the paper needs to trust nothing else.
"""

import base64
import binascii
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bellgate import enrolment, signing
from bellgate.core.frozen import frozen
from bellgate.enrolment import Enrolment
from bellgate.errors import EnrolmentError, RecordError

KIND = "ansimbell.bundle"
INFO = b"ansimbell bundle 1"
# A day's work is ten bells of 6 kB; the outlines of a few districts take 100 kB.
BELLS_MAX = 500
MAX_BYTES = 16 * 1024 * 1024
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
_REMEDY = "Take the file that `bellgate bundle` wrote, unchanged"


@frozen
class Sealed:
    """One bell out of a bundle. file: the enrolment file, byte for byte; about: site, kind, name, address, …"""

    file: bytes
    enrolment: Enrolment
    about: dict[str, Any]


def seal(file: bytes, about: Mapping[str, Any], bell_id: str, once: bytes) -> dict[str, str]:
    """One entry of `bells`. once: the 16 bytes of the QR code."""
    content = json.dumps({**about, "file": _text(file)}, ensure_ascii=False).encode("utf-8")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(once, salt)).encrypt(nonce, content, bell_id.encode("utf-8"))
    return {"bell_id": bell_id, "salt": _text(salt), "nonce": _text(nonce), "sealed": _text(sealed)}


def read(path: Path) -> dict[str, Any]:
    """A bundle, not yet checked: `unlock` does that with a QR code. Raises EnrolmentError."""
    try:
        document = json.loads(enrolment.read_at_most(path, MAX_BYTES, "a bundle", "`bellgate bundle`"))
    except (ValueError, RecursionError):
        raise EnrolmentError(f"{path}: is not JSON. {_REMEDY}") from None
    if not isinstance(document, dict) or document.get("kind") != KIND or document.get("v") != 1:
        raise EnrolmentError(f"{path}: is no bundle of version 1. {_REMEDY}")
    if not isinstance(document.get("bells"), list) or not isinstance(document.get("stations"), list):
        raise EnrolmentError(f"{path}: bells or stations are missing. {_REMEDY}")
    return document


def bell_ids(document: Mapping[str, Any]) -> list[str]:
    """Whose files are in it; it needs no secret."""
    return [str(one["bell_id"]) for one in document["bells"] if isinstance(one, dict) and "bell_id" in one]


def unlock(document: Mapping[str, Any], bell_id: str, once: bytes) -> Sealed:
    """What belongs to one bell, after the gateway's signature over the whole was checked. Raises EnrolmentError."""
    entry = next((one for one in document["bells"] if isinstance(one, dict) and one.get("bell_id") == bell_id), None)
    if entry is None:
        raise EnrolmentError(f"the bundle holds no {bell_id}: it holds {', '.join(bell_ids(document)) or 'nothing'}")
    try:
        salt, nonce, sealed = (_bytes(entry[name]) for name in ("salt", "nonce", "sealed"))
        content = AESGCM(_key(once, salt)).decrypt(nonce, sealed, bell_id.encode("utf-8"))
    except InvalidTag:
        raise EnrolmentError(
            f"the QR code does not open {bell_id}: is it this bell's, and does it belong to the newest enrolment file?"
        ) from None
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise EnrolmentError(f"the bundle's entry of {bell_id} is damaged. {_REMEDY}") from None
    about = json.loads(content)  # written by whoever has the secret: the gateway
    file = _bytes(about.pop("file"))
    inner = enrolment.parse(file, f"{bell_id} in the bundle")
    try:
        signing.check(dict(document), x509.load_der_x509_certificate(inner.tls_bytes[0]))
    except RecordError as error:
        raise EnrolmentError(f"the bundle is not as the gateway wrote it: {error}. {_REMEDY}") from None
    return Sealed(file, inner, about)


def stations(document: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """{station: its polygons}, for `boundaries.inside`."""
    return {str(one["name"]): one["polygons"] for one in document["stations"]}


def _key(once: bytes, salt: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt, INFO).derive(once)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
