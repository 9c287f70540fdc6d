"""The certificate authority: certificates that a bell of the year 2000, a broker of today and OpenSSL all accept."""

import ipaddress
import shutil
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bellgate.errors import EnrolmentError
from bellgate.pki import Authority, server_name_of


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority.create(tmp_path_factory.mktemp("made") / "pki", "seongsu-1")
    assert made.ensure_server("seongsu-1", ["gateway.local", "192.0.2.7"])
    return made


def certificate(authority, name):
    return x509.load_pem_x509_certificate(authority.path(f"{name}.pem").read_bytes())


def names_of(found):
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(one.value) for one in names]


def policy(authority, moment):
    return PolicyBuilder().store(Store([certificate(authority, "ca")])).time(moment)


@pytest.mark.parametrize("year", [2000, 2026, 2049])
def test_chain_holds_from_the_year_2000_on(authority, year):
    """An ESP32 without the time believes that it is 2000-01-01."""
    moment = datetime(year, 1, 1, tzinfo=UTC)
    for name in ("gateway.local", server_name_of("seongsu-1"), "localhost"):
        verifier = policy(authority, moment).build_server_verifier(x509.DNSName(name))
        verifier.verify(certificate(authority, "server"), [])
    address = x509.IPAddress(ipaddress.ip_address("192.0.2.7"))
    policy(authority, moment).build_server_verifier(address).verify(certificate(authority, "server"), [])
    client = authority.issue_client("b-7f3a").certificate
    with pytest.raises(VerificationError):  # a bell can't play the broker
        policy(authority, moment).build_server_verifier(x509.DNSName("b-7f3a")).verify(client, [])


def test_a_wrong_name_is_not_in_it(authority):
    verifier = policy(authority, datetime(2026, 1, 1, tzinfo=UTC)).build_server_verifier(x509.DNSName("other.local"))
    with pytest.raises(VerificationError):
        verifier.verify(certificate(authority, "server"), [])


def test_a_bells_subject_is_its_name_and_nothing_else(authority):
    """The broker maps the whole subject to a user."""
    issued = authority.issue_client("b-7f3a")
    assert issued.certificate.subject.rfc4514_string() == "CN=b-7f3a"
    usage = issued.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert len(issued.fingerprint) == 64
    for name in ("ca", "server", "gateway"):
        assert certificate(authority, name).not_valid_before_utc == datetime(1999, 12, 30, tzinfo=UTC)


def test_mutual_tls_1_2_works_and_a_stranger_is_refused(authority, tmp_path):
    def shake(client: ssl.SSLContext) -> str:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.maximum_version = ssl.TLSVersion.TLSv1_2  # what a bell speaks
        server.load_cert_chain(authority.path("server.pem"), authority.path("server.key"))
        server.load_verify_locations(authority.path("ca.pem"))
        server.verify_mode = ssl.CERT_REQUIRED
        left, right = socket.socketpair()
        left.settimeout(5)
        right.settimeout(5)
        seen = []

        def serve():
            try:
                with server.wrap_socket(left, server_side=True) as secure:
                    seen.append(dict(pair[0] for pair in secure.getpeercert()["subject"])["commonName"])
            except (ssl.SSLError, OSError) as error:
                seen.append(type(error).__name__)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with client.wrap_socket(right, server_hostname="gateway.local") as secure:
                secure.recv(1)
        except (ssl.SSLError, OSError):
            pass
        finally:
            right.close()
            thread.join(5)
        return seen[0]

    def context(of: Authority) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(authority.path("ca.pem")))
        issued = of.issue_client("b-7f3a")
        (tmp_path / "bell.pem").write_bytes(issued.key_pem + issued.cert_pem)
        made.load_cert_chain(tmp_path / "bell.pem")
        return made

    assert shake(context(authority)) == "b-7f3a"
    stranger = Authority.create(tmp_path / "strange", "seongsu-1")  # same name, another key
    assert shake(context(stranger)) != "b-7f3a"


def test_server_certificate_follows_the_advertised_hosts_and_forgets_none(authority, tmp_path):
    folder = tmp_path / "pki"
    shutil.copytree(authority.folder, folder)
    copy = Authority(folder)
    before = copy.fingerprint("server")
    assert not copy.ensure_server("seongsu-1", ["gateway.local"])
    assert copy.fingerprint("server") == before
    assert copy.ensure_server("seongsu-1", ["new.local"])
    names = names_of(certificate(copy, "server"))
    always = ["127.0.0.1", "::1", "localhost", server_name_of("seongsu-1")]
    for name in ["new.local", "gateway.local", "192.0.2.7", *always]:
        assert name in names, "a bell on a wall knows only the name it was told"
    assert not Authority(folder).ensure_server("seongsu-1", ["new.local"])


def test_keys_are_for_their_owner_only(authority):
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700
    keys = list(authority.folder.glob("*.key"))
    assert len(keys) == 3
    for path in keys:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(authority.folder.glob("*.new"))


def test_missing_or_damaged_files_are_explained(authority, tmp_path):
    folder = tmp_path / "pki"
    shutil.copytree(authority.folder, folder)
    (folder / "ca.pem").write_text("rubbish")
    with pytest.raises(EnrolmentError, match=r"ca\.pem: is damaged.*backup"):
        Authority(folder)
    shutil.copy(folder / "gateway.pem", folder / "ca.pem")
    with pytest.raises(EnrolmentError, match="is not the key of"):
        Authority(folder)
    (folder / "ca.key").unlink()
    with pytest.raises(EnrolmentError, match=r"ca\.key: is missing.*backup"):
        Authority(folder)
    shutil.copy(authority.path("ca.key"), folder / "ca.key")
    with pytest.raises(EnrolmentError, match="holds a certificate authority already"):
        Authority.create(folder, "seongsu-1")
