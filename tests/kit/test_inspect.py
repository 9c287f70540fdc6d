"""`bellkit inspect`: what it shows, what it never shows, and what it says of a file that will not serve."""

import base64
import datetime
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KEY = bytes(range(100, 132))
FROM = datetime.datetime(1999, 12, 30, tzinfo=datetime.UTC)
UNTIL = datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


Private = ec.EllipticCurvePrivateKey


def certificate(subject: str, issuer: str, public: ec.EllipticCurvePublicKey, signer: Private) -> bytes:
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(public)
    builder = builder.serial_number(7).not_valid_before(FROM).not_valid_after(UNTIL)
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def der(key: Private) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


CA_KEY = ec.generate_private_key(ec.SECP256R1())
BELL_KEY = ec.generate_private_key(ec.SECP256R1())
CA = certificate("Ansimbell CA", "Ansimbell CA", CA_KEY.public_key(), CA_KEY)
BELL = certificate("b-7f3a", "Ansimbell CA", BELL_KEY.public_key(), CA_KEY)


def enrolment(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"v": 1, "bell_id": "b-7f3a", "site": "seongsu-012", "kind": "store-bell"}
    for key, value in (("key", KEY), ("ca_der", CA), ("cert_der", BELL), ("key_der", der(BELL_KEY))):
        found[key] = base64.b64encode(value).decode()
    found["brokers"] = [{"host": "gateway.local", "port": 8883, "server_name": "gateway"}]
    return found | changes


def inspect(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bellkit.cli", "inspect", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def written(folder: Path, content: object) -> Path:
    file = folder / "bell.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_it_says_whose_file_it_is_and_where_the_bell_will_connect(tmp_path: Path):
    done = inspect(written(tmp_path, enrolment()))
    assert (done.returncode, done.stderr) == (0, "")
    shown = ("b-7f3a", "seongsu-012", "store-bell", "gateway.local:8883", "CN=b-7f3a", "CN=Ansimbell CA", "1999-12-30")
    for text in shown:
        assert text in done.stdout, text


def test_json_holds_the_same(tmp_path: Path):
    done = inspect(written(tmp_path, enrolment()), "--json")
    assert json.loads(done.stdout) == {
        "bell_id": "b-7f3a",
        "site": "seongsu-012",
        "kind": "store-bell",
        "brokers": [{"host": "gateway.local", "port": 8883, "server_name": "gateway"}],
        "certificate": {
            "subject": "CN=b-7f3a",
            "issuer": "CN=Ansimbell CA",
            "not_before": "1999-12-30T00:00:00+00:00",
            "not_after": "2050-01-01T00:00:00+00:00",
        },
    }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_it_never_shows_a_secret(tmp_path: Path, options: tuple[str, ...]):
    done = inspect(written(tmp_path, enrolment()), *options)
    for secret in (KEY, der(BELL_KEY)):
        for shown in (base64.b64encode(secret).decode(), secret.hex(), repr(secret)):
            assert shown[:20] not in done.stdout + done.stderr


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not json", "not JSON"),
        ([], "not an enrolment file"),
        (enrolment(v=2), "version"),
        (enrolment(bell_id="B 7"), "bell_id"),
        (enrolment(key="AAAA"), "key"),
        (enrolment(brokers=[]), "brokers"),
        (enrolment(cert_der=b64(b"rubbish")), "cannot be read"),
        (enrolment(key_der=b64(b"rubbish")), "cannot be read"),
        (enrolment(key_der=b64(der(CA_KEY))), "private key is not that of the certificate"),
        (enrolment(ca_der=b64(BELL)), "not issued by the CA"),
    ],
)
def test_a_file_that_will_not_serve_is_one_clear_line(tmp_path: Path, content: object, told: str):
    file = written(tmp_path, content)
    done = inspect(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"bellkit: {file}: ") and told in done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_a_forged_certificate_is_not_taken(tmp_path: Path):
    forged = certificate("b-7f3a", "Ansimbell CA", BELL_KEY.public_key(), BELL_KEY)
    done = inspect(written(tmp_path, enrolment(cert_der=b64(forged))))
    assert done.returncode == 1 and "not issued by the CA" in done.stderr


def test_a_missing_file_is_one_clear_line(tmp_path: Path):
    done = inspect(tmp_path / "none.json")
    assert done.returncode == 1 and "No such file" in done.stderr and "Traceback" not in done.stderr


def test_the_program_says_its_commands_and_its_version():
    command = [sys.executable, "-m", "bellkit.cli"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 0 and "inspect" in shown.stdout
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert version.returncode == 0 and version.stdout.startswith("bellkit 0.")
