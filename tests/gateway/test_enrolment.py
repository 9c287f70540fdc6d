"""The enrolment file, and that a bell's row and its file come together or not at all."""

import base64
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import made

from bellgate import admission, enrolment
from bellgate.admission import NewBell
from bellgate.errors import EnrolmentError
from bellgate.store import bells, open_store

BELL = NewBell("seongsu-012", "store-bell", "성수 24시 편의점", "서울 성동구 연무장길 12", 37.5446, 127.0559)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    config = made(tmp_path_factory.mktemp("made") / "installation")
    with open_store(config.store.url, config.data_dir) as store:
        yield config, store, admission.open_authority(config)


def enrol(place, new: NewBell, out: Path | None):
    config, store, authority = place
    return admission.enrol(store, config, authority, new, out, 1_700_000_000_000)


def test_file_has_exactly_the_contracts_shape(place, tmp_path):
    config, store, authority = place
    returned = enrol(place, BELL, tmp_path / "bell.json")
    content = json.loads((tmp_path / "bell.json").read_text(encoding="utf-8"))
    assert list(content) == ["v", "bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der", "brokers", "once"]
    port = config.mqtt.advertised[0][1]
    assert content["brokers"] == [{"host": "127.0.0.1", "port": port, "server_name": "test-1.ansimbell.internal"}]
    assert stat.S_IMODE((tmp_path / "bell.json").stat().st_mode) == 0o600
    assert enrolment.read(tmp_path / "bell.json") == returned

    row = store.read_now(lambda tx: bells.get(tx, content["bell_id"]))
    certificate = x509.load_der_x509_certificate(base64.b64decode(content["cert_der"]))
    key = serialization.load_der_private_key(base64.b64decode(content["key_der"]), None)
    assert row.key == returned.key_bytes and len(row.key) == 32
    assert row.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert key.public_key() == certificate.public_key()
    assert (row.name, row.lat, row.state) == (BELL.name, BELL.lat, "active")
    assert returned.tls_bytes[0] == authority.ca_der
    assert base64.b64encode(row.key).decode() not in repr(returned)


def test_a_name_is_its_own_server_name(place):
    config = place[0].model_copy(update={"mqtt": place[0].mqtt.model_copy(update={"advertise": ["gw.local:8883"]})})
    assert [one.server_name for one in admission.addresses(config)] == ["gw.local"]


def test_each_bell_has_its_own_key_and_a_rising_revision(place):
    _, store, _ = place
    before = store.read_now(bells.revision)
    one, other = enrol(place, BELL, None), enrol(place, BELL, None)
    assert one.bell_id != other.bell_id and one.key != other.key
    assert store.read_now(bells.revision) == before + 2


def test_without_a_file_there_is_no_row(place, tmp_path):
    _, store, _ = place
    count = len(store.read_now(bells.all_bells))
    (tmp_path / "taken.json").write_text("another bell's only key")
    for out, said in ((tmp_path / "taken.json", "exists already"), (tmp_path / "no" / "x.json", "cannot be written")):
        with pytest.raises(EnrolmentError, match=said):
            enrol(place, BELL, out)
    assert len(store.read_now(bells.all_bells)) == count
    assert (tmp_path / "taken.json").read_text() == "another bell's only key"


def test_without_a_row_there_is_no_file(place, tmp_path, monkeypatch):
    _, store, _ = place

    def fails(job, deadline_s=0):
        store.read_now(lambda tx: None)

        class Tx:
            def __init__(self):
                self.memo = {}

            def one(self, *_):
                return None

            def run(self, *_):
                return 1

            def put(self, *_):
                return None

        job(Tx())
        raise EnrolmentError("the commit failed")

    monkeypatch.setattr(store, "write_now", fails)
    with pytest.raises(EnrolmentError, match="the commit failed"):
        enrol(place, BELL, tmp_path / "bell.json")
    assert not (tmp_path / "bell.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"site": "Seongsu 12"}, "--site"),
        ({"site": "gateway-1"}, "kept for gateways"),
        ({"kind": "store_bell"}, "store-bell, home-set, pendant"),
        ({"name": " "}, "--name"),
        ({"address": "a\nb"}, "--address"),
        ({"lat": None}, "both or neither"),
        ({"lat": 91.0}, "-90 to 90"),
        ({"lat": float("nan")}, "-90 to 90"),
        ({"bell_id": "canary"}, "keeps for itself"),
        ({"bell_id": "gateway"}, "gateway's own name"),
        ({"bell_id": "-x"}, "--bell-id"),
    ],
)
def test_requests_that_are_refused(place, change, said):
    fields = {name: getattr(BELL, name) for name in BELL.__slots__} | change
    with pytest.raises(EnrolmentError, match=said):
        enrol(place, NewBell(**fields), None)


def test_a_bell_id_is_taken_once(place):
    enrol(place, NewBell("s-1", "pendant", "x", "y", bell_id="b-once"), None)
    with pytest.raises(EnrolmentError, match="b-once is enrolled already"):
        enrol(place, NewBell("s-2", "pendant", "x", "y", bell_id="b-once"), None)


@pytest.fixture(scope="module")
def good(place):
    return json.loads(enrolment.dumps(enrol(place, BELL, None)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"v": 2}, "version '2'"),
        ({"bell_id": "B!"}, "bell_id"),
        ({"key": "AAAA"}, "32 bytes"),
        ({"ca_der": "%%"}, "ca_der: must be base64"),
        ({"brokers": []}, "brokers"),
        ({"brokers": [{"host": "x", "port": 0, "server_name": "y"}]}, "port"),
        ({"kind": "bell"}, "store-bell"),
    ],
)
def test_faulty_files_are_explained(good, tmp_path, change, said):
    path = tmp_path / "bell.json"
    path.write_text(json.dumps(good | change))
    with pytest.raises(EnrolmentError) as caught:
        enrolment.read(path)
    assert str(path) in str(caught.value) and said in str(caught.value)
    assert good["key"] not in str(caught.value)


def test_other_files_are_explained(tmp_path):
    for data, said in ((b"\xff", "not JSON"), (b"[]", "not an enrolment file"), (b" " * 70_000, "too large")):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(EnrolmentError, match=said):
            enrolment.read(tmp_path / "x")
    with pytest.raises(EnrolmentError, match="cannot be read"):
        enrolment.read(tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_is_read_or_explained(good, tmp_path, data):
    content = dict(good)
    content[data.draw(st.sampled_from(sorted(good)))] = data.draw(values)
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content))
    try:
        assert enrolment.read(path).key_bytes
    except EnrolmentError as error:
        assert str(path) in str(error)
