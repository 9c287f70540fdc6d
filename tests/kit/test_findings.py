"""What the bell answers, as a verdict wants it; and the QR code and the file that an installer brings."""

import base64
import datetime
import json
from pathlib import Path

import pytest
from test_inspect import KEY, enrolment

from bellkit import brought, findings, verdict
from bellkit.errors import FileError

AWAY = {"on": True, "up": False, "networks": 1, "wanted": "Shop", "why": None}
ONCE = bytes(range(16))
TEXT = base64.urlsafe_b64encode(ONCE).decode().rstrip("=")


def named(failed: str, reason: str, why: str = "") -> str:
    one = findings.broker({"host": "gw", "port": 8883, "failed": failed, "reason": reason, "why": why})
    [found] = verdict.judge({"brokers": [one]})
    assert found.subjects == ("gw:8883",)
    return found.cause


@pytest.mark.parametrize(
    ("failed", "reason", "why", "cause"),
    [
        ("dns", "unknown_host", "", "dns_down"),
        ("tcp", "refused", "", "port_closed"),
        ("tcp", "timeout", "", "host_unreachable"),
        ("tcp", "unreachable", "", "host_unreachable"),
        ("tls", "not_trusted", "The certificate is not correctly signed by the trusted CA", "authority_wrong"),
        ("tls", "not_trusted", "The certificate Common Name (CN) does not match with the expected CN", "name_wrong"),
        ("tls", "rejected", "", "certificate_refused"),
        ("tls", "closed", "OSError (-29184, 'MBEDTLS_ERR_SSL_INVALID_RECORD')", "not_tls"),
        ("tls", "timeout", "", "broker_frozen"),
        ("tls", "closed", "", "tls_failed"),
        ("connect", "timeout", "", "broker_frozen"),
        ("connect", "refused_5", "", "credentials_refused"),
        ("connect", "closed", "", "credentials_refused"),
        ("subscribe", "denied", "", "topics_refused"),
        ("subscribe", "timeout", "", "broker_frozen"),
        ("tls", "a reason of tomorrow", "", "tls_failed"),
    ],
)
def test_each_step_of_a_broker_that_fails_has_its_cause(failed: str, reason: str, why: str, cause: str) -> None:
    assert named(failed, reason, why) == cause


@pytest.mark.parametrize(
    ("answer", "scan", "cause"),
    [
        ({"on": None, "up": False, "networks": 1}, [], "radio_dead"),
        ({"on": False, "up": False, "networks": 0}, [], "wifi_unset"),
        (AWAY | {"why": "password"}, [["Shop", -50, True]], "wifi_password"),
        (AWAY | {"why": "not_found"}, [], "wifi_missing"),
        (AWAY, [["Other", -50, True]], "wifi_missing"),
        (AWAY, [["Shop", -50, True]], "wifi_away"),
    ],
)  # fmt: skip
def test_why_a_bell_is_in_no_network(answer: dict, scan: list, cause: str) -> None:
    found = {"radio": findings.radio(answer, {"networks": scan})}
    assert [one.cause for one in verdict.judge(found)] == [cause]


@pytest.mark.parametrize(
    ("answer", "faults", "causes"),
    [
        ({"mains": True, "battery_mv": 4_100, "battery": "ok"}, [], []),
        ({"mains": False, "battery_mv": 4_100, "battery": "ok"}, [], ["mains_away"]),
        ({"mains": True, "battery_mv": 3_300, "battery": "critical"}, [], ["battery_dead"]),
        ({"mains": True, "battery_mv": 3_600, "battery": "low"}, [], ["battery_low"]),
        ({"mains": None, "battery_mv": None, "battery": None}, [], ["battery_not_watched"]),
        ({"mains": None, "battery_mv": 4_000}, ["battery_missing"], ["battery_missing"]),
    ],
)
def test_mains_and_battery(answer: dict, faults: list, causes: list) -> None:
    found = {"power": findings.power(answer, {"faults": faults})}
    assert [one.cause for one in verdict.judge(found)] == causes


def test_a_flash_that_fails_its_check_or_is_named_by_the_bell_is_bad() -> None:
    assert findings.flash({"check": "ok"}, {"faults": []})["state"] == "good"
    assert findings.flash({"check": "a record is damaged"}, {})["state"] == "bad"
    assert findings.flash({"check": "ok"}, {"faults": ["flash"]})["reason"] == "flash"


def test_pulled_plugs_are_no_crashes() -> None:
    lost_power = findings.starts({"crashes": 4, "safe": False}, {"bugs": 0, "last": None})
    assert verdict.judge({"starts": lost_power}) == ()
    met = findings.starts({"crashes": 0, "safe": False}, {"bugs": 0, "last": {"crash": "loop", "text": "KeyError"}})
    [one] = verdict.judge({"starts": met})
    assert (one.cause, one.reason) == ("crashes", "KeyError")


def test_the_qr_code_opens_its_own_file_alone() -> None:
    assert brought.once_of(f"ansimbell:1:b-7f3a:{TEXT}\n", "b-7f3a") == ONCE
    assert brought.bell_of(f"ansimbell:1:b-7f3a:{TEXT}") == "b-7f3a"
    for wrong in (
        f"ansimbell:1:b-9999:{TEXT}",
        f"ansimbell:2:b-7f3a:{TEXT}",
        "WIFI:S:Shop;;",
        f"ansimbell:1:b-7f3a:{TEXT[:8]}",
    ):
        with pytest.raises(FileError):
            brought.once_of(wrong, "b-7f3a")


def test_a_file_gives_its_own_secret_and_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "bell.json"
    path.write_text(json.dumps(enrolment(once=base64.b64encode(ONCE).decode()), indent=3), encoding="utf-8")
    found = brought.from_file(path, None)
    assert (found.bell_id, found.once, found.data) == ("b-7f3a", ONCE, path.read_bytes())
    assert base64.b64encode(KEY).decode() not in repr(found) and "once" not in repr(found)
    path.write_text(json.dumps(enrolment()), encoding="utf-8")
    with pytest.raises(FileError, match="one-time secret"):
        brought.from_file(path, None)


def test_a_certificate_that_is_over_is_not_brought_to_a_bell(tmp_path: Path) -> None:
    from bellgate.enrolment import Enrolment

    read = Enrolment.model_validate(enrolment())
    with pytest.raises(FileError) as told:
        brought.check(read, "bell.json", datetime.datetime(2051, 1, 1, tzinfo=datetime.UTC))
    assert told.value.state == "expired"
