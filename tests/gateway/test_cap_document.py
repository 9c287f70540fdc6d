"""Every CAP document that can be made is valid against the XSD, and says what happened, in both languages."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from capvalidator import Validator
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml import InvalidSignature
from signxml.verifier import XMLVerifier

from bellgate.core.incident import DISPOSITIONS, HANDLING
from bellgate.core.signal import MEANINGS
from bellgate.errors import ConfigError
from bellgate.targets import cap_signature
from bellgate.targets.cap_document import (
    NAMESPACE,
    REFERENCES_MAX,
    TAKEN_BACK,
    Letterhead,
    build,
    chain,
    message_type,
    to_bytes,
)
from bellgate.targets.notice import Notice

CAP = {"c": NAMESPACE}
SENT_MS = 1_795_430_400_000
HEAD = Letterhead(
    gateway="seongsu-1",
    sender="ansimbell@district.example",
    addresses=(),
    restriction="112, 119",
    contact=None,
    test_status="Test",
    radius_m=50,
    valid_s=86_400,
)
NOTICE = Notice(
    id="0f" * 16,
    incident=12,
    change="signal",
    round=0,
    version=1,
    sent_ms=SENT_MS,
    site="seongsu-012",
    bell_id="b-7f3a",
    name="GS25 성수점",
    address="아차산로 1 <2층> & 3",
    lat=37.5445,
    lon=127.0557,
    what="panic",
    heard="panic",
    state="alarm",
    test=False,
    silent=False,
    duress=False,
    cancel_asked=False,
    late=False,
    clock_unsure=False,
    handling="received",
    priority=80,
    signals=1,
    disposition=None,
    begun_ms=SENT_MS - 1_500,
    begun_err_ms=2_000,
)


def valid(document: etree._Element) -> etree._Element:
    """As its receiver reads it. Valid by the schema that capvalidator ships."""
    sent = to_bytes(document)
    right, said = Validator(sent).schema()
    assert right, f"{said}\n{sent.decode()}"
    return etree.fromstring(sent)


def said(document: etree._Element, path: str) -> list[str]:
    return [str(text) for text in document.xpath(f"{path}/text()", namespaces=CAP)]


def close(disposition: str, version: int = 9) -> Notice:
    return replace(
        NOTICE, id="c", version=version, change="close", heard=None, handling="closed", disposition=disposition
    )


def test_alert_of_a_press() -> None:
    alert = valid(build(HEAD, NOTICE, []))
    assert said(alert, "c:identifier") == ["seongsu-1-" + "0f" * 16]
    assert said(alert, "c:sender") == ["ansimbell@district.example"]
    assert said(alert, "c:sent") == ["2026-11-23T19:40:00+09:00"]
    assert said(alert, "c:status") == ["Actual"] and said(alert, "c:msgType") == ["Alert"]
    assert said(alert, "c:scope") == ["Restricted"] and said(alert, "c:restriction") == ["112, 119"]
    assert said(alert, "c:references") == [] and said(alert, "c:incidents") == ["seongsu-1-12"]
    assert said(alert, "c:info/c:language") == ["ko-KR", "en-US"]
    assert said(alert, "c:info/c:event") == ["비상벨 누름", "Panic button pressed"]
    assert said(alert, "c:info/c:onset") == ["2026-11-23T19:39:58+09:00"] * 2
    assert said(alert, "c:info/c:expires") == ["2026-11-24T19:40:00+09:00"] * 2
    assert said(alert, "c:info/c:urgency") == ["Immediate"] * 2 and said(alert, "c:info/c:severity") == ["Severe"] * 2
    assert said(alert, "c:info/c:area/c:areaDesc") == ["GS25 성수점, 아차산로 1 <2층> & 3"] * 2
    assert said(alert, "c:info/c:area/c:circle") == ["37.544500,127.055700 0.05"] * 2
    korean, english = said(alert, "c:info/c:description")
    assert "2026-11-23 19:39:58 KST ±2 s" in korean and "±2 s" in english


def test_update_and_cancel_name_what_went_before() -> None:
    taken = replace(NOTICE, id="b", version=2, change="acknowledge", handling="acknowledged", sent_ms=SENT_MS + 5_000)
    update = valid(build(HEAD, taken, [NOTICE]))
    assert said(update, "c:msgType") == ["Update"]
    first = f"{HEAD.sender},seongsu-1-{'0f' * 16},2026-11-23T19:40:00+09:00"
    assert said(update, "c:references") == [first]
    cancel = valid(build(HEAD, close("accidental"), [taken, NOTICE]))
    assert said(cancel, "c:msgType") == ["Cancel"]
    assert said(cancel, "c:references") == [f"{first} {HEAD.sender},seongsu-1-b,2026-11-23T19:40:05+09:00"]
    assert said(cancel, "c:note") == ["종결: 실수로 누름 / closed: accidental"]
    assert said(cancel, "c:info/c:responseType") == ["AllClear"] * 2


@pytest.mark.parametrize("disposition", DISPOSITIONS)
def test_only_what_was_no_emergency_is_taken_back(disposition: str) -> None:
    document = valid(build(HEAD, close(disposition), [NOTICE]))
    assert said(document, "c:msgType") == ["Cancel" if disposition in TAKEN_BACK else "Update"]
    assert said(document, "c:info/c:urgency") == ["Past"] * 2


def test_cancel_at_the_bell_takes_nothing_back() -> None:
    asked = replace(NOTICE, id="b", version=2, heard="cancel", cancel_asked=True)
    document = valid(build(HEAD, asked, [NOTICE]))
    assert said(document, "c:msgType") == ["Update"]
    assert any("강요" in text for text in said(document, "c:info/c:description"))


def test_reopened_after_a_cancel_is_a_new_alert() -> None:
    again = replace(NOTICE, id="d", version=10, change="reopen", handling="acknowledged")
    earlier = [NOTICE, close("prank")]
    assert message_type(again, chain(earlier)) == "Alert"
    assert said(valid(build(HEAD, again, earlier)), "c:references") == []
    assert message_type(again, chain([NOTICE, close("genuine")])) == "Update"


def test_onset_is_that_of_the_first_document() -> None:
    change = replace(NOTICE, id="b", version=2, change="dispatch", begun_ms=SENT_MS, begun_err_ms=None)
    late = replace(NOTICE, begun_ms=SENT_MS - 600_000, late=True)
    document = valid(build(HEAD, change, [late]))
    assert said(document, "c:info/c:onset") == ["2026-11-23T19:30:00+09:00"] * 2
    assert "늦게" in said(document, "c:info/c:description")[0]


@pytest.mark.parametrize("status", ["Test", "Exercise"])
def test_tests_are_marked_in_the_status_and_for_the_eye(status: str) -> None:
    document = valid(build(replace(HEAD, test_status=status), replace(NOTICE, test=True, what="test"), []))
    assert said(document, "c:status") == [status]
    assert said(document, "c:info/c:responseType") == ["None"] * 2
    headlines = said(document, "c:info/c:headline")
    assert headlines[0].startswith("[시험]") and headlines[1].startswith("[TEST]")
    assert said(document, "c:info/c:instruction")[0] == "시험입니다. 출동하지 마세요."
    assert bool(said(document, "c:note")) is (status == "Exercise")


def test_silent_alarm_tells_them_to_come_quietly() -> None:
    document = valid(build(HEAD, replace(NOTICE, what="holdup", silent=True), []))
    assert "전화하지 말고" in said(document, "c:info/c:instruction")[0]


def test_addresses_make_it_private() -> None:
    document = valid(build(replace(HEAD, addresses=("a@x.kr", "b@x.kr"), contact="02-000-0000"), NOTICE, []))
    assert said(document, "c:scope") == ["Private"] and said(document, "c:addresses") == ["a@x.kr b@x.kr"]
    assert said(document, "c:restriction") == [] and said(document, "c:info/c:contact") == ["02-000-0000"] * 2


def test_references_of_a_long_night_are_the_first_and_the_newest() -> None:
    rounds = [replace(NOTICE, id=str(number), round=number, change="unacknowledged") for number in range(1, 200)]
    document = valid(build(HEAD, replace(NOTICE, id="last", round=200, change="unacknowledged"), [*rounds, NOTICE]))
    (references,) = said(document, "c:references")
    named = [one.split(",")[1] for one in references.split(" ")]
    assert named[0] == "seongsu-1-" + "0f" * 16 and named[-1] == "seongsu-1-199" and len(named) == REFERENCES_MAX


notices = st.builds(
    replace,
    st.just(NOTICE),
    id=st.uuids().map(lambda one: one.hex),
    change=st.sampled_from(["signal", "unacknowledged", "acknowledge", "close", "something new"]),
    round=st.integers(0, 10**6),
    version=st.integers(1, 10**6),
    sent_ms=st.integers(0, 4_102_444_800_000),
    name=st.text(min_size=1),
    address=st.text(),
    lat=st.none() | st.floats(-90, 90),
    lon=st.none() | st.floats(-180, 180),
    what=st.sampled_from([*MEANINGS, "something new"]),
    test=st.booleans(),
    silent=st.booleans(),
    duress=st.booleans(),
    cancel_asked=st.booleans(),
    late=st.booleans(),
    clock_unsure=st.booleans(),
    handling=st.sampled_from([*HANDLING, "something new"]),
    signals=st.integers(1, 10**6),
    disposition=st.none() | st.sampled_from([*DISPOSITIONS, "something new"]),
    begun_ms=st.integers(0, 4_102_444_800_000),
    begun_err_ms=st.none() | st.integers(0, 10**9),
)


@given(notices, st.lists(notices, max_size=4), st.sampled_from(["Test", "Exercise"]))
def test_whatever_happens_the_document_is_valid(notice: Notice, earlier: list[Notice], status: str) -> None:
    document = valid(build(replace(HEAD, test_status=status), notice, earlier))
    (kind,) = said(document, "c:msgType")
    assert (kind == "Alert") is (not chain(earlier)) is (not said(document, "c:references"))
    assert said(document, "c:status") == [status if notice.test else "Actual"]
    for name in ("c:sent", "c:info/c:effective", "c:info/c:onset", "c:info/c:expires"):
        for text in said(document, name):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00", text)


@given(st.lists(notices, max_size=8), st.randoms())
def test_order_of_the_earlier_ones_is_theirs_not_the_tables(earlier: list[Notice], chance) -> None:
    mixed = list(earlier)
    chance.shuffle(mixed)
    assert [one.order for one in chain(mixed)] == [one.order for one in chain(earlier)]


# The signature


def pair(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str = "cap") -> tuple[Path, Path]:
    """A key and its certificate as files."""
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    files = folder / f"{name}.key", folder / f"{name}.pem"
    files[0].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files[1].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return files


@pytest.mark.parametrize(
    "notice", [NOTICE, close("prank"), replace(NOTICE, test=True)], ids=["alert", "cancel", "test"]
)
def test_signed_document_is_valid_and_verifies_and_a_changed_one_does_not(tmp_path: Path, notice: Notice) -> None:
    key, certificate = pair(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    signed = cap_signature.load(key, certificate).sign(build(HEAD, notice, [] if notice is NOTICE else [NOTICE]))
    valid(signed)
    sent = to_bytes(signed)
    verified = XMLVerifier().verify(sent, x509_cert=certificate.read_text()).signed_xml
    assert said(verified, "c:identifier") == [f"seongsu-1-{notice.id}"]
    assert Validator(sent).signature() == (True, "CAP alert signature is valid.")
    assert b"ecdsa-sha256" in sent
    changed = sent.replace("성수점".encode(), "왕십리".encode())
    assert changed != sent
    with pytest.raises(InvalidSignature):
        XMLVerifier().verify(changed, x509_cert=certificate.read_text())


def test_key_that_does_not_fit_is_said(tmp_path: Path) -> None:
    good, certificate = pair(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    other, _ = pair(tmp_path, ec.generate_private_key(ec.SECP256R1()), "other")
    wrong, _ = pair(tmp_path, rsa.generate_private_key(65_537, 2_048), "rsa")
    for key, with_, says in (
        (other, certificate, "belongs to another key"),
        (wrong, certificate, "P-256"),
        (certificate, certificate, "sign_key: .* is not a PEM private key"),
        (good, good, "sign_cert: .* is not a PEM certificate"),
        (tmp_path / "none", certificate, "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=says):
            cap_signature.load(key, with_)
