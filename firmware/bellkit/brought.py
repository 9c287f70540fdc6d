"""What the installer brought: the enrolment file of one bell and the one-time secret of its QR code.

The file is checked before a byte of it goes to the bell: certificate, key and authority belong together, and the
certificate is valid. The bell takes all bytes of the file, so they are kept as they are.
"""

import base64
import binascii
import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from bellgate import enrolment
from bellgate.errors import EnrolmentError
from bellkit.errors import FileError
from bellwire import valid_name

ONCE_BYTES = 16
_AGAIN = "enrol the bell again with `bellgate enrol`"


@dataclass(frozen=True, slots=True)
class Brought:
    """data: the file, byte for byte; once: the secret that proves whose it is; site: what the bundle says of the place
    (name, address, lat, lon, expected, routing, zones), {} without one."""

    bell_id: str
    data: bytes = field(repr=False)
    once: bytes = field(repr=False)
    site: dict[str, Any] = field(default_factory=dict)


def from_file(path: Path, qr: str | None) -> Brought:
    """An enrolment file, and the text of its QR code; None: the secret is taken from the file itself.

    Raises FileError.
    """
    try:
        data = enrolment.read_bytes(path)
        read = enrolment.parse(data, str(path))
    except EnrolmentError as error:
        raise FileError("unreadable", str(error)) from None
    check(read, str(path))
    once = once_of(qr, read.bell_id) if qr is not None else _inner(data, path)
    return Brought(read.bell_id, data, once)


def once_of(qr: str, bell_id: str | None) -> bytes:
    """The secret in the text of a QR code, `ansimbell:1:<bell_id>:<once>`. Raises FileError."""
    parts = qr.strip().split(":")
    if len(parts) != 4 or parts[:2] != ["ansimbell", "1"] or not valid_name(parts[2]):
        raise FileError("unreadable", "this QR code is none of a bell: it reads ansimbell:1:<bell>:<secret>")
    if bell_id is not None and parts[2] != bell_id:
        raise FileError(
            "unreadable", f"this QR code is of bell {parts[2]}, the file of {bell_id}: take those of one bell"
        )
    try:
        once = base64.urlsafe_b64decode(parts[3] + "=" * (-len(parts[3]) % 4))
    except (binascii.Error, ValueError):
        once = b""
    if len(once) != ONCE_BYTES:
        raise FileError("unreadable", "the secret of this QR code is damaged: scan it again")
    return once


def bell_of(qr: str) -> str:
    """Whose QR code this is. Raises FileError."""
    once_of(qr, None)
    return qr.strip().split(":")[2]


def _inner(data: bytes, path: Path) -> bytes:
    try:
        once = base64.b64decode(json.loads(data).get("once", ""), validate=True)
    except (ValueError, TypeError, AttributeError):
        once = b""
    if len(once) != ONCE_BYTES:
        raise FileError("unreadable", f"{path}: has no one-time secret; {_AGAIN}, with a gateway of this version")
    return once


def check(read: enrolment.Enrolment, source: str, now: datetime.datetime | None = None) -> x509.Certificate:
    """The certificate in it. Raises FileError if certificate, private key and CA do not belong together, or if the
    certificate is over: such a bell would never connect."""
    authority_der, certificate_der, key_der = read.tls_bytes
    try:
        authority = x509.load_der_x509_certificate(authority_der)
        certificate = x509.load_der_x509_certificate(certificate_der)
        key = load_der_private_key(key_der, password=None)
    except (ValueError, TypeError) as error:
        text = f"{source}: a certificate or key in it cannot be read ({error}); {_AGAIN}"
        raise FileError("unreadable", text) from error
    if key.public_key() != certificate.public_key():
        raise FileError("mismatch", f"{source}: the private key is not that of the certificate; {_AGAIN}")
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise FileError(
            "foreign", f"{source}: the certificate was not issued by the CA in the file; {_AGAIN}"
        ) from error
    now = now or datetime.datetime.now(datetime.UTC)
    if certificate.not_valid_after_utc < now:
        over = certificate.not_valid_after_utc.date().isoformat()
        raise FileError("expired", f"{source}: its certificate was valid until {over}; {_AGAIN}")
    return certificate


def describe(read: enrolment.Enrolment, source: str) -> dict[str, Any]:
    """What may be shown of an enrolment file: no key of any kind. Times are UTC, ISO 8601. Raises FileError."""
    certificate = check(read, source)
    return {
        "bell_id": read.bell_id,
        "site": read.site,
        "kind": read.kind,
        "brokers": [
            {"host": broker.host, "port": broker.port, "server_name": broker.server_name} for broker in read.brokers
        ],
        "certificate": {
            "subject": certificate.subject.rfc4514_string(),
            "issuer": certificate.issuer.rfc4514_string(),
            "not_before": certificate.not_valid_before_utc.isoformat(),
            "not_after": certificate.not_valid_after_utc.isoformat(),
        },
    }
