"""For the installer's kit: routing, the walk of a press, the certificate, and the port's code, through the API."""

import io
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from browser import Dispatcher
from cryptography.hazmat.primitives.asymmetric import ec
from desk import TOML, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_bells import PLACE, beat, bound

from bellgate import commissioning, portcode, signing
from bellgate.errors import EnrolmentError
from bellgate.pki import Authority
from bellgate.store import audit

STATION = TOML + '[[station]]\nname = "seongsu"\ntargets = ["desk"]\narea = ["성동구"]\n'
AT = "/api/v1/bells/b-7f3a"
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def desk(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("desk.TOML", STATION)
    made = Desk(folder)
    Authority.create(folder / "pki", "seongsu-1")
    yield made
    made.close()


def certificate(**more: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "v": 1,
        "kind": commissioning.KIND,
        "id": secrets.token_hex(16),
        "bell_id": "b-7f3a",
        "site": "seongsu",
        "made_ms": 1_795_430_400_000,
        "by": "박도윤",
        "kit": "bellkit 0.1.0",
        "passed": True,
        "address": "서울 성동구 아차산로 1",
        "lat": 37.5446,
        "lon": 127.0558,
        "station": ["seongsu"],
        "press": {"boot": "622d376633610000", "seq": 1},
        "rungs": [{"name": "게이트웨이", "ms": 3}, {"name": "console", "ms": None}],
        "results": [{"name": "button", "verdict": "ok", "text": "눌림"}],
        "later": {"unknown": [1, 2.5]},
    }
    return commissioning.sign(content | more, KEY)


def test_where_a_bell_rings(desk: Desk):
    desk.enrol()
    told = desk.get(f"{AT}/routing", desk.token("installer")).json()
    assert (told["agree"], told["expected"], told["routed"], told["place"]) == (
        True, ["seongsu"], ["seongsu"], "서울 성동구 성수동2가",
    )  # fmt: skip
    assert told["position"] == {"lat": 37.5445, "lon": 127.0559} and told["confirmed"] is False
    assert desk.get(f"{AT}/routing", bound(desk, "installer", "mapo-*")).status_code == 404


def test_a_press_is_followed_hop_by_hop(desk: Desk):
    bell = desk.enrol()
    token = desk.token("installer", "박도윤")
    assert desk.get(f"{AT}/walk", token).json()["press"] is None
    incident = desk.press(bell, "test", zone=3)
    walked = desk.get(f"{AT}/walk?boot={bell.boot}&seq=1", token).json()["press"]
    assert (walked["zone"], walked["stage"], walked["incident_id"]) == (3, "stored", incident)
    moments = [walked[f"{hop}_ms"] for hop in ("received", "stored", "receipt", "announced")]
    assert moments == sorted(moments) and walked["presented_ms"] is None
    given = {"boot": bell.boot, "seq": 1, "console": "bellkit"}
    shown = desk.post(f"{AT}/walk/presented", given, token).json()["press"]
    assert shown["presented_ms"] >= moments[-1] and shown["presented_by"] == "박도윤 on bellkit"
    assert shown["stage"] == "presented", "the bell's lamp says so, too"
    again = desk.post(f"{AT}/walk/presented", given, token).json()["press"]
    assert again["presented_ms"] == shown["presented_ms"]
    assert desk.get(f"{AT}/walk", token).json()["press"] == shown
    assert desk.get(f"{AT}/walk?after={shown['number']}", token).json()["press"] is None
    assert desk.get(f"{AT}/walk?boot={bell.boot}", token).status_code == 422


def test_a_real_alarm_is_never_presented_by_a_kit(desk: Desk):
    bell = desk.enrol()
    incident = desk.press(bell)
    token = desk.token("installer")
    answer = desk.post(f"{AT}/walk/presented", {"boot": bell.boot, "seq": 1, "console": "x"}, token)
    assert answer.status_code == 404 and desk.view(incident)["signals"][0]["stage"] == "stored"
    assert desk.get(f"{AT}/walk?boot={bell.boot}&seq=1", token).json()["press"] is None


def test_waiting_ends_as_soon_as_it_was_presented(desk: Desk):
    bell = desk.enrol()
    token = desk.token("installer")

    def later() -> None:
        time.sleep(0.2)
        desk.press(bell, "test")
        assert desk.post(f"{AT}/walk/presented", {"boot": bell.boot, "seq": 1, "console": "x"}, token).is_success

    thread = threading.Thread(target=later)
    thread.start()
    walked = desk.get(f"{AT}/walk?wait_s=20", token).json()["press"]
    thread.join()
    assert walked["presented_ms"] is not None


def test_a_certificate_is_checked_signed_and_kept_once(desk: Desk):
    bell = desk.enrol()
    beat(desk, bell)
    desk.press(bell, "test")
    token = desk.token("installer", "script-박도윤")
    assert desk.get(AT, token).json()["commissioned_ms"] is None
    posted = certificate()
    answer = desk.post(f"{AT}/commissioning", posted, token)
    kept = answer.json()
    assert answer.status_code == 201 and (kept["complete"], kept["lacks"]) == (True, [])
    assert (kept["by"], kept["posted_by"]) == ("박도윤", "script-박도윤")
    ca = Authority(desk.config.data_dir / "pki").ca
    signing.check(kept["document"], ca)
    assert kept["document"]["certificate"] == posted
    assert kept["document"]["checked"]["routing"]["agree"] is True
    again = desk.post(f"{AT}/commissioning", posted, token)
    assert again.status_code == 200 and again.json() == kept
    other = certificate(id=posted["id"], by="다른 사람")
    assert desk.post(f"{AT}/commissioning", other, token).status_code == 409
    assert len(desk.store.read_now(lambda tx: audit.acts(tx, "commissioned"))) == 1
    (item,) = desk.get(f"{AT}/commissioning", token).json()["items"]
    assert item["id"] == posted["id"] and "document" not in item
    detail = desk.get(AT, token).json()
    assert (detail["commissioned_by"], detail["certificate"]) == ("박도윤", posted["id"])
    assert detail["commissioned_ms"] == kept["stored_ms"]
    (row,) = desk.get("/api/v1/bells", token).json()["items"]
    assert row["commissioned_ms"] == kept["stored_ms"]


@pytest.mark.parametrize(
    ("more", "lacks"),
    [
        ({"passed": False}, ["failed"]),
        ({"results": [{"name": "contact 1", "verdict": "not_proved"}]}, ["not_proved"]),
        ({"results": [{"name": "contact 1", "verdict": "failed"}]}, ["failed"]),
        ({"press": {"boot": "0" * 16, "seq": 1}}, ["press"]),
        ({"press": None}, ["press"]),
        ({"address": "서울 성동구 아차산로 2"}, ["place"]),
        ({"lat": 37.55}, ["place"]),
        ({"lat": None, "lon": None}, ["place"]),
        ({"site": "mapo-1"}, ["place"]),
    ],
)
def test_what_is_missing_is_named_and_the_bell_stays_unproved(desk: Desk, more: dict[str, Any], lacks: list[str]):
    desk.press(desk.enrol(), "test")
    kept = desk.post(f"{AT}/commissioning", certificate(**more), desk.token("installer")).json()
    assert (kept["complete"], kept["lacks"]) == (False, lacks)
    assert desk.get(AT, desk.token("installer")).json()["commissioned_ms"] is None


def test_a_bell_in_the_wrong_station_is_not_complete(desk: Desk):
    desk.press(desk.enrol(), "test")
    seen = desk.get(AT, desk.token("installer")).json()["seen"]
    moved = PLACE | {"seen": seen, "lat": 37.5663, "lon": 126.9779, "address": "서울 중구 세종대로 110"}
    assert desk.post(f"{AT}/place", moved, desk.token("installer")).is_success
    given = certificate(lat=37.5663, lon=126.9779, address="서울 중구 세종대로 110")
    assert desk.post(f"{AT}/commissioning", given, desk.token("installer")).json()["lacks"] == ["routing"]


def test_a_changed_certificate_and_a_strangers_bell_are_refused(desk: Desk):
    desk.enrol()
    desk.enrol("b-2")
    token = desk.token("administrator")
    for document, says in (
        (certificate() | {"passed": False}, "changed after the kit had signed it"),
        (certificate(bell_id="b-2"), "is of b-2, not of b-7f3a"),
        (certificate(by=""), "by"),
        (certificate(by="a\nb"), "control characters"),
        (certificate(lat=None), "both, or neither"),
        (certificate(results=[{"name": "x", "verdict": "fine"}]), "verdict"),
        ({}, "v: Field required"),
    ):
        answer = desk.post(f"{AT}/commissioning", document, token)
        assert answer.status_code == 422 and says in answer.json()["error"]["message"], answer.text
    assert desk.post("/api/v1/bells/b-none/commissioning", certificate(), token).status_code == 404
    assert desk.post(f"{AT}/commissioning", certificate(), desk.token("dispatcher")).status_code == 403
    assert desk.get(f"{AT}/commissioning", token).json() == {"items": []}


def test_the_certificate_on_paper_has_its_hangul_and_opens_the_bells_page(desk: Desk):
    desk.press(desk.enrol(), "test")
    token = desk.token("installer")
    kept = desk.post(f"{AT}/commissioning", certificate(by='<b>"박도윤"'), token).json()
    page = desk.get(f"{AT}/commissioning/{kept['id']}/page", token)
    assert "안심벨 설치 확인서" in page.text and "&lt;b&gt;" in page.text and "<b>" not in page.text
    assert "http://127.0.0.1:8080/bells#b-7f3a" in page.text and "attachment" in page.headers["Content-Disposition"]
    paper = desk.get(f"{AT}/commissioning/{kept['id']}/pdf", token)
    assert paper.headers["Content-Type"] == "application/pdf"
    text = "".join(pdf_text(paper.content))
    assert "안심벨 설치 확인서" in text and "서울 성동구 아차산로 1" in text and "Commissioning".lower() in text.lower()
    assert paper.content == desk.get(f"{AT}/commissioning/{kept['id']}/pdf", token).content
    assert desk.get(f"{AT}/commissioning/{'0' * 32}/pdf", token).status_code == 404


def pdf_text(data: bytes) -> list[str]:
    """What a reader of the PDF finds in it."""
    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


def test_without_a_font_the_pdf_says_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bellgate.certificate.paper.FONTS", ())
    desk.enrol()
    token = desk.token("installer")
    kept = desk.post(f"{AT}/commissioning", certificate(), token).json()
    answer = desk.get(f"{AT}/commissioning/{kept['id']}/pdf", token)
    assert answer.status_code == 422 and "fonts-nanum" in answer.json()["error"]["message"]


def test_the_ports_code_is_for_installers_and_stands_in_the_record(desk: Desk):
    bell = desk.enrol()
    given = {"op": "wipe", "nonce": "00ff" * 8}
    answer = desk.post(f"{AT}/portcode", given, desk.token("installer", "박도윤"))
    assert answer.json() == {"code": portcode.code(bell.key, "wipe", "00ff" * 8)}
    assert desk.post(f"{AT}/portcode", given, desk.token("dispatcher")).status_code == 403
    assert desk.post(f"{AT}/portcode", given | {"op": "open"}, desk.token("installer")).status_code == 422
    assert [row["by"] for row in desk.store.read_now(lambda tx: audit.acts(tx, "port_code"))] == ["박도윤"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_document_is_read_or_explained(data: st.DataObject):
    content = certificate()
    content[data.draw(st.sampled_from(sorted(content)))] = data.draw(values)
    if data.draw(st.booleans()):
        content = commissioning.sign({k: v for k, v in content.items() if k != "signature"}, KEY)
    try:
        assert commissioning.check(content).bell_id
    except EnrolmentError as error:
        assert "certificate" in str(error)


def test_the_page_says_whether_a_bell_was_proved_and_what_it_replaces(desk: Desk, dispatcher: Dispatcher, url: str):
    desk.enrol()
    desk.press(desk.enrol("b-2", "둘째 벨"), "test")
    desk.store.write_now(
        lambda tx: tx.run("UPDATE bell SET replaces = 'b-7f3a', state = 'suspended' WHERE bell_id = 'b-2'")
    )
    given = certificate(bell_id="b-2", press={"boot": "622d320000000000", "seq": 1}, address="서울 성동구 아차산로 1")
    assert desk.post("/api/v1/bells/b-2/commissioning", given, desk.token("installer")).json()["complete"]
    page = dispatcher.page
    page.goto(f"{url}/bells#b-2")
    page.wait_for_selector("#certificate")
    said = page.inner_text("#detail")
    assert "일시 중지" in said and "확인 (박도윤)" in said and "b-7f3a" in said
    with page.expect_download() as download:
        page.click("#certificate")
    assert download.value.suggested_filename.startswith("b-2-")
    page.select_option("#by-state", "unproved")
    assert [row.inner_text() for row in page.query_selector_all("#rows code")] == ["b-7f3a"]
