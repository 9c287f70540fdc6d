"""The enveloped signature of a CAP document: ECDSA P-256 over SHA-256, with the certificate inside."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml import methods
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from bellgate.errors import ConfigError


class Signer:
    """One key with its certificate. Not for two threads at once."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate_pem: str) -> None:
        self._key = key
        self._certificate_pem = certificate_pem
        self._signer = XMLSigner(
            method=methods.enveloped,
            signature_algorithm=SignatureMethod.ECDSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )

    def sign(self, document: "etree._Element") -> "etree._Element":
        """The document with its signature as the last element."""
        signed: etree._Element = self._signer.sign(document, key=self._key, cert=self._certificate_pem)
        return signed


def load(key_path: Path, certificate_path: Path) -> Signer:
    """A P-256 key and its certificate, both PEM. Raises ConfigError saying which file is wrong and how."""
    try:
        key = serialization.load_pem_private_key(_read(key_path, "sign_key"), password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"sign_key: {key_path} is not a PEM private key without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(f"sign_key: {key_path} is not an ECDSA key on the curve P-256: make one of that kind")
    text = _read(certificate_path, "sign_cert")
    try:
        certificate = x509.load_pem_x509_certificate(text)
    except ValueError:
        raise ConfigError(f"sign_cert: {certificate_path} is not a PEM certificate") from None
    if certificate.public_key() != key.public_key():
        raise ConfigError(f"sign_cert: {certificate_path} belongs to another key than {key_path}")
    return Signer(key, certificate.public_bytes(serialization.Encoding.PEM).decode())


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{setting}: {path} cannot be read ({error.strerror}). Check the path") from None
