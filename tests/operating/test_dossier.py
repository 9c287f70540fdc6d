"""An incident for a court: complete, signed, readable, and one changed letter is found."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography import x509
from estate import Estate
from hypothesis import given
from hypothesis import strategies as st

from bellgate import dossier
from bellgate.dossier.drawing import WIDTH, Event, draw
from bellgate.dossier.page import WORDS, moment_text, time_text
from bellgate.errors import RecordError
from bellgate.pki import Authority

sys.path.append(str(Path(__file__).resolve().parents[1] / "gateway"))
from workbench import bellgate


@pytest.fixture
def made(estate: Estate, tmp_path: Path) -> tuple[Path, Path]:
    bell = estate.enrol()
    number = estate.press(bell)
    estate.press(bell, age_ms=None)
    estate.command(number, "note", text="<b>가게 주인과 통화</b>")
    estate.close_incident(number)
    estate.deliver_all()
    content = estate.store.read_now(
        lambda tx: dossier.collect(tx, number, "test-1", estate.clock.at_ms, "synchronised")
    )
    return dossier.write(content, estate.authority, tmp_path / "court")


def test_everything_that_is_kept_is_in_it(estate: Estate, made: tuple[Path, Path]) -> None:
    document = dossier.check(made[0], estate.authority.ca)
    assert document["incident"] == json.loads(json.dumps(estate.view(1)))
    assert len(document["record"]["rows"]) == len(document["incident"]["timeline"]) > 3
    assert {one["proof"] for one in document["incident"]["deliveries"] if one["target"] == "station"} == {"204"}
    text = made[0].read_text()
    assert "kkkkkkkk" not in text and '"key"' not in text and "a2tra2" not in text  # no key of the bell


@pytest.mark.parametrize("which", [0, 1])
def test_one_changed_letter_is_found(estate: Estate, made: tuple[Path, Path], which: int) -> None:
    text = made[which].read_text(encoding="utf-8")
    assert text.count("연무장길") >= 1
    made[which].write_text(text.replace("연무장길", "연무장킬", 1), encoding="utf-8")
    with pytest.raises(RecordError, match="was changed"):
        dossier.check(made[0], estate.authority.ca)


def test_another_authority_did_not_sign_it(made: tuple[Path, Path], tmp_path: Path) -> None:
    other = Authority.create(tmp_path / "other", "other")
    with pytest.raises(RecordError, match="authority does not know"):
        dossier.check(made[0], other.ca)


def test_openssl_says_the_same_as_we_do(estate: Estate, made: tuple[Path, Path], tmp_path: Path) -> None:
    """The way that docs/operate.md shows to somebody who does not trust our program."""
    import base64

    document = json.loads(made[0].read_text(encoding="utf-8"))
    signature = document.pop("signature")
    body = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    certificate = x509.load_der_x509_certificate(base64.b64decode(signature["certificate"]))
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    (tmp_path / "key.pem").write_bytes(
        certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature["value"]))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "body"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.strip() == "Verified OK", done


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_page_is_one_file_in_both_languages_and_runs_nothing(made: tuple[Path, Path]) -> None:
    text = made[1].read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.outside == [] and "script" not in reader.tags and "b" not in reader.tags
    assert "가게 주인과 통화" in reader.said and "안심벨 사건 기록 제1호" in reader.said
    assert "Ansimbell: record of incident 1" in reader.said and "비상벨 누름" in reader.said
    assert reader.tags.count("svg") == 2
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing)  # well-formed for whoever cuts it out
    assert 'class="signal unknown"' in text  # the press of unknown age: a bar from the left edge


def test_both_languages_say_the_same_things() -> None:
    assert set(WORDS["ko"]) == set(WORDS["en"])
    assert not [key for key, text in WORDS["ko"].items() if not re.search("[가-힣]", text)]


def test_times_are_korean_and_carry_their_uncertainty() -> None:
    assert time_text(1_795_430_400_120) == "2026-11-23 19:40:00.120 KST"
    assert moment_text(1_795_430_400_000, 250, "before") == "2026-11-23 19:40:00.000 KST ± 0.250 s"
    assert moment_text(1_795_430_400_000, None, "before").startswith("≤ 2026-11-23")


@given(
    st.lists(
        st.builds(
            Event,
            st.integers(0, 10**10),
            st.none() | st.integers(0, 10**9),
            st.sampled_from(["signal", "received", "act"]),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
        ),
        max_size=12,
    )
)
def test_every_bar_lies_in_the_drawing(events: list[Event]) -> None:
    text = draw(events, "axis")
    if not events:
        assert text == ""
        return
    bars = [one for one in ElementTree.fromstring(text).iter() if one.tag.endswith("rect")]
    assert len(bars) == len(events)
    for bar, event in zip(bars, events, strict=True):
        left, width = float(bar.attrib["x"]), float(bar.attrib["width"])
        assert left >= 0 and left + width <= WIDTH and width >= 2.9
        assert ("unknown" in bar.attrib["class"]) == (event.err_ms is None)


def test_the_command_and_its_refusals(estate: Estate, made: tuple[Path, Path], tmp_path: Path) -> None:
    ca = estate.authority.path("ca.pem")
    code, said, error = bellgate("audit", "check-export", made[0], "--ca", ca, "--json")
    assert code == 0 and json.loads(said)["incident"] == 1, error
    code, said, error = bellgate("export", 1, "-c", estate.config.path, "--out", tmp_path / "again", "--json")
    assert code == 0 and json.loads(said)["authority_sha256"] == estate.authority.fingerprint("ca"), error
    for arguments, text in (
        (("export", 1, "-c", estate.config.path, "--out", tmp_path / "again"), "exists already"),
        (("export", 99, "-c", estate.config.path), "there is no incident 99"),
        (("audit", "check-export", made[1], "--ca", ca), "cannot be read"),
        (("audit", "check-export", ca, "--ca", ca), "cannot be read"),
        (("audit", "check-export", made[0], "--ca", made[0]), "is not a certificate"),
    ):
        code, _, error = bellgate(*arguments)
        assert code == 1 and text in error and "Traceback" not in error, error
