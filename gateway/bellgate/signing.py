"""Signed documents: JSON whose last word is a signature by this gateway's record key (ECDSA P-256, SHA-256).

What is signed are the bytes of the document without its `signature`: JSON with sorted keys, no spaces, UTF-8. So any
program can check it; `docs/operate.md` shows how with openssl.
"""

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from bellgate.errors import RecordError
from bellgate.pki import DOCUMENT_SIGNING, Issued

ALGORITHM = "ECDSA-P256-SHA256"
_ECDSA = ec.ECDSA(hashes.SHA256())


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes that are signed: the document without its signature."""
    bare = {name: value for name, value in document.items() if name != "signature"}
    return json.dumps(bare, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def digest(document: dict[str, Any]) -> str:
    """SHA-256 over the signed bytes and the signature, hex: names one signed document."""
    value = json.dumps(document.get("signature"), sort_keys=True).encode()
    return hashlib.sha256(canonical(document) + value).hexdigest()


def sign(document: dict[str, Any], signer: Issued) -> dict[str, Any]:
    """The document with its signature; the certificate is in it, so that it can be checked years later."""
    made = signer.key.sign(canonical(document), _ECDSA)
    return document | {
        "signature": {
            "algorithm": ALGORITHM,
            "certificate": base64.b64encode(signer.cert_der).decode("ascii"),
            "value": base64.b64encode(made).decode("ascii"),
        }
    }


def check(document: dict[str, Any], authority: x509.Certificate) -> None:
    """Raises RecordError, saying why, unless a record key of this authority has signed exactly this."""
    said = document.get("signature")
    if not isinstance(said, dict) or said.get("algorithm") != ALGORITHM:
        raise RecordError(f"there is no {ALGORITHM} signature in it")
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(said["certificate"], validate=True))
        value = base64.b64decode(said["value"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise RecordError("its signature is damaged") from None
    try:
        certificate.verify_directly_issued_by(authority)
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        raise RecordError("it was signed by a key that this installation's authority does not know") from None
    key = certificate.public_key()
    if DOCUMENT_SIGNING not in uses or not isinstance(key, ec.EllipticCurvePublicKey):
        raise RecordError("it was signed by a key that may not sign records")
    try:
        key.verify(value, canonical(document), _ECDSA)
    except InvalidSignature:
        raise RecordError("it was changed after it was signed") from None
