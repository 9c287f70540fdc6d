"""Everything that a gateway writes about an enrolment is searched for key material: it is only where it must be.

A real gateway, a bell that somebody else wrote, and every command and answer that has to do with the bell.
"""

import base64
import io
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from real_gateway import RealGateway, bellgate_here, real_gateway
from strange_bell import StrangeBell

from bellgate import bundle, commissioning, enrolment

NONCE = "00ff" * 8


def forms(secret: bytes) -> Iterator[bytes]:
    """How a secret may stand in a file: as it is, in hex, in either base64, and reversed bytes do not count."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for coded in (base64.b64encode(secret), base64.urlsafe_b64encode(secret)):
        # The last characters depend on what follows; what stands before them does not.
        yield coded.rstrip(b"=")[: len(secret) * 4 // 3 - 1]
    # At another offset of a longer text in base64 it looks otherwise.
    for shift in (1, 2):
        coded = base64.b64encode(bytes(shift) + secret)
        yield coded[4 : len(secret) * 4 // 3 - 2]


def scalar(key_der: bytes) -> bytes:
    """The number that is the private key: what a certificate's key boils down to, in whatever wrapping."""
    key = serialization.load_der_private_key(key_der, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32, "big")


def holding(folder: Path, secret: bytes) -> set[str]:
    """The files below the folder in which the secret stands in any form."""
    wanted = set(forms(secret))
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 64_000_000:
            data = path.read_bytes()
            # PEM cuts base64 into lines; in JSON their ends are written out.
            joined = data.replace(b"\\n", b"").replace(b"\r", b"").replace(b"\n", b"")
            if any(form in data or form in joined for form in wanted):
                found.add(str(path.relative_to(folder)))
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, enrolment.Enrolment]]]:
    """An estate in which everything has happened that concerns an enrolment; the gateway has ended."""
    root = tmp_path_factory.mktemp("keys")
    files = {}
    with real_gateway(root / "gate", "embedded") as gateway:
        out = root / "out"
        out.mkdir()
        files["first"] = enrol(gateway, root)
        bellgate_here("bundle", "-c", gateway.config, "--from", root / "bell", "--out", out / "bundle", "b-1")
        talk(gateway, root, root / "bell" / "b-1.json", out)
        bellgate_here("bell", "rotate", "b-1", "-c", gateway.config, "--out", root / "second")
        files["second"] = enrolment.read(root / "second" / "b-1.json")
        talk(gateway, root, root / "second" / "b-1.json", out)
        for name, command in {
            "bells": ("bells", "--json"),
            "incidents": ("incidents", "--state", "all", "--json"),
            "doctor": ("check", "--json"),
            "route": ("route", "b-1", "--json"),
        }.items():
            (out / name).write_text(bellgate_here(command[0], *command[1:], "-c", gateway.config), encoding="utf-8")
        bellgate_here("bells", "export", out / "bells.csv", "-c", gateway.config)
        bellgate_here("export", "-c", gateway.config, "--out", out / "export.json")
        bellgate_here("backup", "-c", gateway.config)
        bellgate_here("revoke", "b-1", "-c", gateway.config)
    for pem in gateway.folder.glob("*.pem"):  # what the strange bell itself has written down
        pem.unlink()
    yield root, files


def enrol(gateway: RealGateway, root: Path) -> enrolment.Enrolment:
    (root / "bell").mkdir()
    (root / "second").mkdir()
    bellgate_here(
        "enrol", "-c", gateway.config, "--site", "seongsu-012", "--kind", "store-bell", "--name", "성수 편의점",
        "--address", "연무장길 12", "--bell-id", "b-1", "--out", root / "bell", "--qr", root / "bell",
    )  # fmt: skip
    return enrolment.read(root / "bell" / "b-1.json")


def talk(gateway: RealGateway, root: Path, file: Path, out: Path) -> None:
    """A press and a test of the bell; then everything is asked that can be asked about it."""
    with StrangeBell(file, root / "bell") as bell:
        bell.heartbeat()
        bell.wait_stage(bell.press("test"), "stored")
        bell.wait_stage(bell.press(), "stored")
        boot = bell.boot
    for pem in (root / "bell").glob("*.pem"):
        pem.unlink()
    token = bellgate_here(
        "token", "-c", gateway.config, "--role", "administrator", "--name", secrets.token_hex(4)
    ).strip()
    headers = {"Authorization": f"Bearer {token}"}
    certificate = commissioning.sign(
        {
            "v": 1, "kind": commissioning.KIND, "id": secrets.token_hex(16), "bell_id": "b-1", "site": "seongsu-012",
            "made_ms": 1, "by": "박도윤", "kit": "bellkit", "passed": True, "address": "연무장길 12",
            "lat": None, "lon": None,
            "station": [], "press": {"boot": boot, "seq": 1}, "rungs": [], "results": [],
        },
        ec.generate_private_key(ec.SECP256R1()),
    )  # fmt: skip
    said = io.StringIO()
    for method, path, body in (
        ("GET", "bells", None),
        ("GET", "bells/b-1", None),
        ("GET", "bells/b-1/background", None),
        ("GET", "bells/b-1/routing", None),
        ("GET", "bells/b-1/walk", None),
        ("POST", "bells/b-1/portcode", {"op": "wipe", "nonce": NONCE}),
        ("POST", "bells/b-1/commissioning", certificate),
        ("GET", "bells/b-1/commissioning", None),
        ("GET", f"bells/b-1/commissioning/{certificate['id']}", None),
        ("GET", f"bells/b-1/commissioning/{certificate['id']}/page", None),
        ("GET", f"bells/b-1/commissioning/{certificate['id']}/pdf", None),
        ("GET", "incidents?state=all", None),
        ("GET", "troubles", None),
        ("GET", "history.csv", None),
    ):
        answer = gateway._http.request(method, f"/api/v1/{path}", json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        said.write(f"{answer.headers}\n{answer.content!r}\n{answer.text if 'pdf' not in path else ''}\n")
    said.write(gateway._http.get("/metrics").text)
    (out / f"answers-{secrets.token_hex(2)}").write_text(said.getvalue(), encoding="utf-8")


def test_a_sealing_key_is_in_its_file_and_in_the_database_with_its_backups(story) -> None:
    root, files = story
    database = {"gate/ansimbell.db", "gate/ansimbell.db-wal"}
    for name, folder in (("first", "bell"), ("second", "second")):
        found = holding(root, files[name].key_bytes)
        backups = {path for path in found if path.startswith("gate/backups/") and path.endswith("ansimbell.db")}
        assert f"{folder}/b-1.json" in found and backups and found & database
        assert found <= {f"{folder}/b-1.json", *database, *backups}


def test_a_certificates_private_key_is_in_its_enrolment_file_alone(story) -> None:
    root, files = story
    for name, folder in (("first", "bell"), ("second", "second")):
        key = files[name].tls_bytes[2]
        assert holding(root, key) == {f"{folder}/b-1.json"}
        # In the file it stands inside DER inside base64, so the bare number is not seen there either.
        assert holding(root, scalar(key)) <= {f"{folder}/b-1.json"}


def test_the_one_time_secret_is_in_its_file_and_on_the_paper_alone(story) -> None:
    root, files = story
    for name, folder in (("first", "bell"), ("second", "second")):
        once = files[name].once_bytes
        assert once is not None and holding(root, once) == {f"{folder}/b-1.json"}
    assert (root / "bell" / "b-1.svg").exists()
    document = bundle.read(root / "out" / "bundle")
    assert bundle.unlock(document, "b-1", files["first"].once_bytes).enrolment == files["first"]


def test_the_search_would_find_them(story, tmp_path: Path) -> None:
    _, files = story
    key = files["first"].key_bytes
    for number, text in enumerate(
        [
            key,
            key.hex(),
            key.hex().upper(),
            base64.b64encode(key),
            base64.urlsafe_b64encode(key),
            json.dumps({"k": key.hex()}),
        ]
    ):
        (tmp_path / str(number)).write_bytes(b"x" + (text if isinstance(text, bytes) else text.encode()) + b"y")
    (tmp_path / "inside").write_bytes(base64.b64encode(b"ab" + key + b"more"))
    assert len(holding(tmp_path, key)) == 7


def test_the_authoritys_key_is_in_its_folder_and_its_backups_alone(story) -> None:
    root, _ = story
    pem = (root / "gate" / "pki" / "ca.key").read_bytes()
    body = b"".join(pem.splitlines()[1:-1])
    der = base64.b64decode(body)
    key = serialization.load_der_private_key(der, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    found = holding(root, der) | holding(root, scalar(der))
    assert "gate/pki/ca.key" in found
    assert all(path.startswith(("gate/pki/", "gate/backups/")) for path in found)
