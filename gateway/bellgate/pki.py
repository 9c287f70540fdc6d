"""The installation's own certificate authority, and the certificates that it issues.

Everything is EC P-256: the strongest curve that a bell's TLS handles in tens of milliseconds. Files in data_dir/pki:

    ca.pem ca.der ca.key      the authority: whoever holds ca.key can make bells
    server.pem server.key     the broker: its names are the addresses that bells connect to
    gateway.pem gateway.key   the gateway as a client of the broker, CN=gateway
    record.pem record.key     signs checkpoints of the record, exports and backups; made when it is first needed

A bell's own key is never kept here; it exists in its enrolment file only.
"""

import ipaddress
import os
import socket
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bellgate.config_values import is_address
from bellgate.core.frozen import frozen
from bellgate.errors import EnrolmentError

# An ESP32 that has not heard the time yet starts on 2000-01-01: for it, a certificate of today is not yet valid.
NOT_BEFORE = datetime(1999, 12, 30, tzinfo=UTC)
# The last year that X.509 writes with two digits: every TLS stack reads it, and a bell on a wall outlives ten years.
NOT_AFTER = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
GATEWAY_NAME = "gateway"
# RFC 9336: signs documents, and nothing else. It opens no TLS connection.
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")


@frozen
class Issued:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_der(self) -> bytes:
        """The private key, PKCS #8 DER, not encrypted: what MicroPython reads."""
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def key_pem(self) -> bytes:
        """The private key, PKCS #8 PEM, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def cert_der(self) -> bytes:
        """The certificate, DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def cert_pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def server_name_of(gateway_id: str) -> str:
    """The name that is always in the broker's certificate, whatever its address (.internal is never in public DNS)."""
    return f"{gateway_id}.ansimbell.internal"


class Authority:
    """The files in `folder` (data_dir/pki). Raises EnrolmentError if they are missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = self._read("ca")

    @classmethod
    def create(cls, folder: Path, gateway_id: str) -> "Authority":
        """A new authority with the gateway's client certificate; the folder must not hold one yet."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / "ca.key").exists():
            raise EnrolmentError(f"{folder}: holds a certificate authority already. Move it away to start anew")
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Ansimbell {gateway_id}")
        identity = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            _builder(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(identity, critical=False)
            .sign(key, hashes.SHA256())
        )
        ca = Issued(key, certificate)
        _write_pair(folder, "ca", ca)
        _write(folder / "ca.der", ca.cert_der, 0o644)
        authority = cls(folder)
        _write_pair(folder, "gateway", authority.issue_client(GATEWAY_NAME))
        return authority

    def path(self, file: str) -> Path:
        """The path of one of the files named in the module's docstring."""
        return self.folder / file

    @property
    def ca_der(self) -> bytes:
        """The authority's certificate, DER: what a bell trusts."""
        return self._ca.cert_der

    def issue_client(self, common_name: str) -> Issued:
        """A key and a client certificate; the broker takes CN=<common_name> for the user's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._leaf(_name(common_name), key, ExtendedKeyUsageOID.CLIENT_AUTH)
        return Issued(key, builder.sign(self._ca.key, hashes.SHA256()))

    def ensure_server(self, gateway_id: str, hosts: Iterable[str]) -> bool:
        """Issue the broker's certificate unless there is one that names all of these hosts. True if it was issued.

        A name that was in it stays in it: a bell on a wall may have been told that name years ago.
        """
        wanted = _alternatives(gateway_id, hosts)
        if self.path("server.pem").exists() and self.path("server.key").exists():
            present = self._read("server").certificate
            issued_here = present.issuer == self._ca.certificate.subject
            names = list(present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
            if issued_here and set(names) >= set(wanted):
                return False
            wanted += [name for name in names if name not in wanted]
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._leaf(_name(server_name_of(gateway_id)), key, ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(x509.SubjectAlternativeName(wanted), critical=False)
        _write_pair(self.folder, "server", Issued(key, builder.sign(self._ca.key, hashes.SHA256())))
        return True

    @property
    def ca(self) -> x509.Certificate:
        """The authority's certificate."""
        return self._ca.certificate

    def signer(self) -> Issued:
        """The key that signs records, and its certificate; made when it is first asked for."""
        if not self.path("record.pem").exists() or not self.path("record.key").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            builder = self._leaf(
                _name(f"record of {self._ca.certificate.subject.rfc4514_string()[3:]}"), key, DOCUMENT_SIGNING
            )
            _write_pair(self.folder, "record", Issued(key, builder.sign(self._ca.key, hashes.SHA256())))
        return self._read("record")

    def not_after(self) -> dict[str, datetime]:
        """{certificate: its last moment} of every certificate that is there."""
        return {
            path.stem: x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
            for path in sorted(self.folder.glob("*.pem"))
        }

    def fingerprint(self, name: str) -> str:
        """SHA-256, hex, of the certificate `name` ("ca", "server" or "gateway")."""
        return self._read(name).fingerprint

    def _leaf(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, use: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca.key.public_key())
        return (
            _builder(subject, self._ca.certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
        )

    def _read(self, name: str) -> Issued:
        key_path, cert_path = self.path(f"{name}.key"), self.path(f"{name}.pem")
        try:
            key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())
        except FileNotFoundError as error:
            raise EnrolmentError(
                f"{error.filename}: is missing. Restore data_dir/pki from a backup: without it no bell can be "
                "enrolled, and a new authority would mean enrolling every bell again"
            ) from None
        except OSError as error:
            raise EnrolmentError(
                f"{error.filename}: cannot be read ({error.strerror}). Run as the user who made the installation"
            ) from None
        except ValueError:
            raise EnrolmentError(f"{key_path} or {cert_path}: is damaged. Restore data_dir/pki from a backup") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise EnrolmentError(f"{key_path}: is not the key of {cert_path}. Restore both from one backup")
        return Issued(key, certificate)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )


def _name(common_name: str) -> x509.Name:
    # Only a common name: the broker maps the whole subject to a user, and "CN=b-7f3a" is that user's name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternatives(gateway_id: str, hosts: Iterable[str]) -> list[x509.GeneralName]:
    names = [server_name_of(gateway_id), "localhost", "127.0.0.1", "::1", socket.gethostname(), *hosts]
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        general = x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else _dns(name)
        if general is not None and general not in found:
            found.append(general)
    return found


def _dns(name: str) -> x509.DNSName | None:
    try:
        return x509.DNSName(name.rstrip(".").encode("idna").decode("ascii").lower())
    except (UnicodeError, ValueError):
        return None  # a host name that DNS cannot carry: nobody can connect to it by that name either


def _write_pair(folder: Path, name: str, issued: Issued) -> None:
    _write(folder / f"{name}.key", issued.key_pem, 0o600)
    _write(folder / f"{name}.pem", issued.cert_pem, 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write aside and rename, so that a power cut leaves the old file or the new one; never readable too widely."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
