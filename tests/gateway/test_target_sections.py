"""The sections of CAP, apprise and sounder: what is read, each fault by its key, and who is told of what."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.config import load
from bellgate.config_targets import KINDS, AppriseTarget, CapTarget, SounderTarget
from bellgate.core.alarm_codes import INCIDENT, SIGNAL, TROUBLE
from bellgate.core.signal import MEANINGS
from bellgate.errors import ConfigError
from bellgate.targets import OPENERS

HEAD = '[gateway]\nid = "test-1"\n[mqtt]\nadvertise = ["gateway.local:8883"]\n[[target]]\nname = "t"\n'
GOOD = {
    "cap": 'kind = "cap"\nurl = "https://x.kr/cap"\nsender = "a@b.kr"\n',
    "apprise": 'kind = "apprise"\nurls = ["mailtos://me:hunter2@x.kr"]\n',
    "sounder": 'kind = "sounder"\npin = 17\n',
}


def read(folder: Path, text: str):
    (folder / "gateway.toml").write_text(HEAD + text, encoding="utf-8")
    return load(folder).targets[0]


def test_every_kind_that_is_sent_to_has_its_opener() -> None:
    assert set(OPENERS) == set(KINDS) - {"console"}


def test_least_that_can_be_written(tmp_path: Path) -> None:
    cap = read(tmp_path, GOOD["cap"])
    assert isinstance(cap, CapTarget) and cap.addresses == [] and cap.test_status == "Test" and not cap.test
    telephones = read(tmp_path, GOOD["apprise"])
    assert isinstance(telephones, AppriseTarget) and telephones.detail == "least" and telephones.language == "ko"
    siren = read(tmp_path, GOOD["sounder"])
    assert isinstance(siren, SounderTarget) and siren.place == "premises" and siren.active_high


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("cap", 'url = "https://x.kr/cap"\n', "", "name a url, a folder, or both"),
        ("cap", 'sender = "a@b.kr"\n', "", "'target[1].sender' is missing"),
        ("cap", "a@b.kr", "a b", "target[1].sender = 'a b': CAP allows neither blanks"),
        ("cap", "https://", "ftp://", "target[1].url"),
        ("cap", 'kind = "cap"', 'kind = "cap"\nsign_key = "k.pem"', "sign_key and sign_cert belong together"),
        ("cap", 'kind = "cap"', 'kind = "cap"\ntest_status = "Actual"', "target[1].test_status"),
        ("cap", 'kind = "cap"', 'kind = "cap"\nradius_m = 0', "target[1].radius_m"),
        ("cap", 'kind = "cap"', 'kind = "cap"\nsendr = "x"', "Did you mean 'sender'?"),
        ("apprise", "mailtos://", "mailtos:", "target[1].urls[1] = …"),
        ("apprise", 'kind = "apprise"', 'kind = "apprise"\ndetail = "all"', "target[1].detail"),
        ("apprise", 'kind = "apprise"', 'kind = "apprise"\ntell = ["alarms"]', "target[1].tell[1]"),
        ("apprise", 'kind = "apprise"', 'kind = "apprise"\ntell = []', "name at least one"),
        ("sounder", "pin = 17", "pin = 40", "target[1].pin"),
        ("sounder", "pin = 17", 'pin = 17\nplace = "roof"', "target[1].place"),
        ("sounder", "pin = 17", "pin = 17\non_ms = 0", "target[1].on_ms"),
    ],
)
def test_each_fault_is_said_by_its_key(tmp_path: Path, kind: str, old: str, new: str, said: str) -> None:
    assert old in GOOD[kind]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, GOOD[kind].replace(old, new, 1))
    assert said in str(caught.value) and "hunter2" not in str(caught.value)


CHANGES = {
    "unacknowledged": "unacknowledged",
    "acknowledgement_expired": "unacknowledged",
    "acknowledge": "acknowledged",
    "dispatch": "dispatched",
    "close": "closed",
    "merge": "closed",
}
ALL = ["alarm", *dict.fromkeys(CHANGES.values())]


@given(
    st.lists(st.sampled_from(ALL), min_size=1, unique=True),
    st.sampled_from([SIGNAL, INCIDENT, TROUBLE]),
    st.sampled_from([*MEANINGS, *CHANGES, "note", "handoff", "presented", "target_failing"]),
)
def test_telephones_hear_only_what_they_asked_for(tell: list[str], type_: str, what: str) -> None:
    section = AppriseTarget(name="t", kind="apprise", urls=["json://x"], tell=tell)
    taken = section.takes(type_, what)
    if type_ == INCIDENT:
        assert taken is (CHANGES.get(what) in tell)
    elif type_ == TROUBLE or what in ("contact", "cancel"):
        assert not taken
    elif what in MEANINGS:
        assert taken is ("alarm" in tell)


def test_platform_is_not_told_what_colleagues_say_to_each_other() -> None:
    section = CapTarget(name="t", kind="cap", folder="x", sender="a@b.kr")
    assert section.takes(INCIDENT, "dispatch") and section.takes(SIGNAL, "cancel") and section.told_once
    for what in ("note", "handoff"):
        assert not section.takes(INCIDENT, what)
    assert not section.takes(TROUBLE, "bell_missing")


def test_check_finds_a_key_that_cannot_be_used_before_the_start_does(tmp_path: Path) -> None:
    from bellgate.checkup import examine

    signed = GOOD["cap"] + 'sign_key = "cap.key"\nsign_cert = "cap.pem"\n'
    for text, says in ((GOOD["sounder"], "1 that something is sent to"), (signed, "sign_key: ")):
        read(tmp_path, text)
        (found,) = [one for one in examine(load(tmp_path)) if one.name == "targets"]
        assert found.ok is (text is not signed) and says in found.text


def test_unit_may_write_where_the_platform_fetches_and_may_switch_a_relay(tmp_path: Path) -> None:
    from bellgate import systemd

    read(tmp_path, GOOD["cap"] + 'folder = "out"\n')
    text = systemd.unit(load(tmp_path), "ansimbell")
    assert f"-{tmp_path / 'out'}" in text and "PrivateDevices=yes" in text
    read(tmp_path, GOOD["sounder"])
    assert "PrivateDevices=no" in systemd.unit(load(tmp_path), "ansimbell")
