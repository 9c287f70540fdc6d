"""The bundle: opened by each bell's own QR code and by nothing else, and only as the gateway wrote it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import bellgate, made

from bellgate import boundaries, bundle, enrolment, packing
from bellgate.config import Config, load
from bellgate.errors import EnrolmentError
from bellgate.store import bells, open_store

STATION = """
[[target]]
name = "desk"
kind = "console"
[[station]]
name = "seongsu"
targets = ["desk"]
area = ["성동구"]
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path, dict[str, enrolment.Enrolment]]:
    """An installation, a bundle of two of its bells, and their enrolment files."""
    folder = tmp_path_factory.mktemp("bundle")
    path = made(folder / "gate").path
    path.write_text(path.read_text(encoding="utf-8") + STATION, encoding="utf-8")
    for name in ("b-1", "b-2", "b-3"):
        code, _, error = bellgate(
            "enrol", "-c", path, "--site", "seongsu-1", "--kind", "store-bell", "--name", "성수",
            "--bell-id", name, "--address", f"연무장길 {name}", "--lat", 37.5446, "--lon", 127.0559,
            "--out", folder, "--json",
        )  # fmt: skip
        assert code == 0, error
    out = folder / "monday.bundle"
    code, said, error = bellgate("bundle", "-c", path, "--from", folder, "--out", out, "b-1", "b-2", "--json")
    assert code == 0, error
    assert json.loads(said) == {"out": str(out), "bells": ["b-1", "b-2"]}
    return load(path), folder, {name: enrolment.read(folder / f"{name}.json") for name in ("b-1", "b-2", "b-3")}


def once(made_: enrolment.Enrolment) -> bytes:
    assert made_.once_bytes is not None
    return made_.once_bytes


def test_the_qr_code_opens_its_own_bell(packed) -> None:
    _, folder, files = packed
    document = bundle.read(folder / "monday.bundle")
    opened = bundle.unlock(document, "b-1", once(files["b-1"]))
    assert opened.enrolment == files["b-1"] and opened.file == (folder / "b-1.json").read_bytes()
    assert (opened.about["address"], opened.about["expected"]) == ("연무장길 b-1", ["seongsu"])
    assert opened.about["routing"]["agree"] is True
    assert boundaries.inside(bundle.stations(document)["seongsu"], 37.5446, 127.0559)
    assert "National Geographic" in document["attribution"]


def test_nothing_else_opens_it(packed) -> None:
    _, folder, files = packed
    document = bundle.read(folder / "monday.bundle")
    for secret in (once(files["b-2"]), bytes(16), once(files["b-3"])):
        with pytest.raises(EnrolmentError, match="the QR code does not open b-1"):
            bundle.unlock(document, "b-1", secret)
    with pytest.raises(EnrolmentError, match="holds no b-3: it holds b-1, b-2"):
        bundle.unlock(document, "b-3", once(files["b-3"]))


def test_a_stolen_laptop_tells_neither_keys_nor_addresses(packed) -> None:
    _, folder, files = packed
    text = (folder / "monday.bundle").read_text(encoding="utf-8")
    for one in files.values():
        for secret in (one.key, one.key_der, one.once):
            raw = base64.b64decode(secret)
            assert secret not in text and raw.hex() not in text
    assert "연무장길" not in text and '"성수"' not in text and "37.5446" not in text


def test_a_bundle_that_was_changed_is_refused(packed) -> None:
    _, folder, files = packed
    document = bundle.read(folder / "monday.bundle")
    elsewhere = json.loads(json.dumps(document))
    elsewhere["stations"][0]["name"] = "gangnam"
    swapped = json.loads(json.dumps(document))
    swapped["bells"][0]["bell_id"], swapped["bells"][1]["bell_id"] = "b-2", "b-1"
    for changed, says in ((elsewhere, "not as the gateway wrote it"), (swapped, "does not open b-1")):
        with pytest.raises(EnrolmentError, match=says):
            bundle.unlock(changed, "b-1", once(files["b-1"]))


def test_a_gateway_without_the_same_authority_can_sign_nothing_for_it(packed, tmp_path: Path) -> None:
    """Somebody who holds the paper and another gateway: its bundle carries its own authority, and its own bells."""
    _, folder, files = packed
    from bellgate.pki import Authority
    from bellgate.signing import sign

    other = Authority.create(tmp_path / "pki", "other")
    document = bundle.read(folder / "monday.bundle")
    with pytest.raises(EnrolmentError, match="authority does not know"):
        bundle.unlock(sign(document, other.signer()), "b-1", once(files["b-1"]))


def pack(config: Config, folder: Path, *names: str) -> dict[str, Any]:
    from bellgate.pki import Authority

    signer = Authority(config.data_dir / "pki").signer()
    with open_store(config.store.url, config.data_dir) as store:
        return store.write_now(lambda tx: packing.pack(tx, config, signer, names, folder, "x", 1))


def test_what_may_not_be_packed_is_explained(packed, tmp_path: Path) -> None:
    config, folder, _ = packed
    assert bundle.bell_ids(pack(config, folder, "b-3", "b-3")) == ["b-3"]
    with pytest.raises(EnrolmentError, match="cannot be read"):
        pack(config, tmp_path, "b-3")
    (tmp_path / "b-3.json").write_text((folder / "b-1.json").read_text())
    with pytest.raises(EnrolmentError, match="is not the newest enrolment file of b-3"):
        pack(config, tmp_path, "b-3")
    with pytest.raises(EnrolmentError, match="there is no bell b-9"):
        pack(config, folder, "b-9")
    with open_store(config.store.url, config.data_dir) as store:
        store.write_now(lambda tx: bells.heard(tx, "b-3"))
    with pytest.raises(EnrolmentError, match="was heard already"):
        pack(config, folder, "b-3")
    assert bellgate("revoke", "b-3", "-c", config.path)[0] == 0
    with pytest.raises(EnrolmentError, match="is revoked"):
        pack(config, folder, "b-3")


@pytest.mark.parametrize(
    ("data", "says"), [(b"\xff", "not JSON"), (b"[]", "no bundle"), (b'{"v":1,"kind":"ansimbell.bundle"}', "missing")]
)
def test_other_files_are_explained(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(EnrolmentError, match=says):
        bundle.read(tmp_path / "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.data())
def test_any_change_of_an_entry_is_refused(packed, data: st.DataObject) -> None:
    _, folder, files = packed
    document = bundle.read(folder / "monday.bundle")
    entry = document["bells"][0]
    name = data.draw(st.sampled_from(["salt", "nonce", "sealed", "bell_id"]))
    entry[name] = data.draw(st.none() | st.integers() | st.text(max_size=30) | st.just(entry[name][:-4]))
    with pytest.raises(EnrolmentError):
        bundle.unlock(document, "b-1", once(files["b-1"]))
