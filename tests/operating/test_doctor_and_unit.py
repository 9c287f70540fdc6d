"""The doctor knows each illness and its remedy; the unit is one that systemd takes, and is fed by the truth."""

import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from estate import Estate

from bellgate import backups, clock, disk, doctor, systemd
from bellgate.config import load
from bellgate.pki import Authority
from bellgate.store import troubles

sys.path.append(str(Path(__file__).resolve().parents[1] / "gateway"))
from workbench import bellgate, made


@pytest.fixture
def own(tmp_path: Path) -> Any:
    return made(tmp_path / "gate")


def findings(config: Any) -> dict[str, doctor.Finding]:
    return {one.name: one for one in doctor.examine(config)}


def test_a_fresh_installation_has_no_fault_and_every_warning_a_remedy(own: Any) -> None:
    code, said, error = bellgate("doctor", "-c", own.path, "--json")
    report = json.loads(said)
    assert code == 0 and report["ok"], error or report
    assert {one["level"] for one in report["findings"]} <= {"ok", "warn"}
    for one in report["findings"]:
        assert one["text"] and bool(one["remedy"]) == (one["level"] != "ok"), one
    names = {one["name"] for one in report["findings"]}
    assert names >= {
        *("settings", "database", "certificates", "mqtt.listen", "console.listen", "running gateway", "clock source"),
        *("disk", "backups' place", "checkpoints' place", "secret files", "certificates' end", "backups"),
        *("database size", "record", "checkpoints", "deliveries", "bells"),
    }
    code, said, _ = bellgate("doctor", "-c", own.path)
    assert code == 0 and "→" in said


def test_each_illness_is_named(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (own.data_dir / "pki/ca.key").chmod(0o644)
    assert "ca.key" in findings(own)["secret files"].text
    monkeypatch.setattr(disk, "room", lambda _: disk.Room(10**9, disk.LOW_BYTES - 1, False))
    assert findings(own)["disk"].level == "fault"
    monkeypatch.setattr(disk, "room", lambda _: disk.Room(10**9, 10**9, True))
    assert "read-only" in findings(own)["disk"].text
    soon = datetime.now(UTC) + timedelta(days=5, hours=1)
    monkeypatch.setattr(Authority, "not_after", lambda _: {"server": soon})
    assert findings(own)["certificates' end"].level == "warn" and "in 5 days" in findings(own)["certificates' end"].text
    monkeypatch.setattr(doctor, "time_source", lambda: None)
    for known, level in ((True, "warn"), (False, "warn"), (None, "warn")):
        monkeypatch.setattr(clock.Clock, "synchronised", lambda _, known=known: known)
        assert findings(own)["clock source"].level == level
    monkeypatch.setattr(doctor, "time_source", lambda: "chrony")
    monkeypatch.setattr(clock.Clock, "synchronised", lambda _: True)
    assert findings(own)["clock source"].text == "synchronised by chrony"


def test_what_stands_in_the_database_is_told(estate: Estate) -> None:
    estate.enrol()
    estate.press("b-1")
    estate.store.write_now(lambda tx: troubles.raise_(tx, "target_failing", "station", "no answer", 1))
    estate.store.write_now(lambda tx: tx.run("UPDATE delivery SET state = 'failed' WHERE target = 'station'"))
    found = findings(estate.config)
    assert "target_failing station: It takes no messages: no answer" in found["trouble"].text
    assert "station does not take them" in found["deliveries"].text
    assert "b-1" in found["bells"].text
    assert found["record"].level == "ok" and found["checkpoints"].level == "warn"
    estate.store.write_now(lambda tx: tx.run("UPDATE audit SET by = 'x'"))
    assert found["record"].level != findings(estate.config)["record"].level == "fault"


def test_backups_are_looked_at(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(estate.config)["backups"].level == "warn"
    one = backups.make(estate.config, estate.authority, estate.clock.at_ms)
    monkeypatch.setattr(doctor, "now_ms", lambda: estate.clock.at_ms + 60_000)
    assert "it is as it was made" in findings(estate.config)["backups"].text
    monkeypatch.setattr(doctor, "now_ms", lambda: estate.clock.at_ms + 10_000_000)
    assert findings(estate.config)["backups"].level == "fault"
    monkeypatch.setattr(doctor, "now_ms", lambda: estate.clock.at_ms)
    (one.folder / "gateway.toml").write_text("changed")
    assert "was changed" in findings(estate.config)["backups"].text


def test_wrong_settings_are_the_first_finding(tmp_path: Path) -> None:
    code, said, _ = bellgate("doctor", "-c", tmp_path / "gateway.toml", "--json")
    (one,) = json.loads(said)["findings"]
    assert code == 1 and one["name"] == "settings" and "no such file" in one["text"]


def parsed(text: str) -> ConfigParser:
    unit = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    return unit


def test_the_unit_says_what_the_gateway_needs(own: Any, tmp_path: Path) -> None:
    text = systemd.unit(own, "ansimbell")
    unit = parsed(text)
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["KillMode"]) == ("notify", "always", "mixed")
    assert service["ExecStart"] == f"{systemd.program()} run -c {own.path}"
    assert int(service["WatchdogSec"]) > 2 * 15  # the canary may be 15 s old before the gateway calls itself ill
    writable = service["ReadWritePaths"].split()
    assert writable == [str(own.data_dir), f"-{own.backup_dir}", f"-{own.checkpoint_dir}"]
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    assert not re.search(r"[{}]", text)
    for key in ("NoNewPrivileges", "ProtectSystem", "PrivateTmp", "MemoryDenyWriteExecute", "RestrictSUIDSGID"):
        assert service[key] in ("yes", "strict"), key
    assert service["CapabilityBoundingSet"] == ""
    # ProtectClock would also refuse to ask whether the clock is synchronised.
    assert "ProtectClock" not in service and "adjtimex" in text

    code, said, error = bellgate("systemd", "-c", own.path, "--out", tmp_path)
    assert code == 0 and "systemctl daemon-reload" in said, error
    assert (tmp_path / systemd.NAME).read_text() == text == bellgate("systemd", "-c", own.path)[1]
    assert "cannot be written" in bellgate("systemd", "-c", own.path, "--out", tmp_path / "no")[2]


def test_systemd_itself_finds_nothing_wrong(own: Any, tmp_path: Path) -> None:
    """Where systemd is there to be asked; what it would find is looked at by hand in the test above."""
    tool = shutil.which("systemd-analyze")
    text = re.sub("^ExecStart=.*$", "ExecStart=/bin/true", systemd.unit(own, "root"), flags=re.MULTILINE)
    path = tmp_path / systemd.NAME
    path.write_text(text)
    if tool is not None:
        command = [tool, "verify", "--man=no", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert systemd.NAME not in done.stderr and done.returncode == 0, done.stderr
    for line in text.splitlines():
        assert not line or line.startswith(("#", "[")) or re.fullmatch(r"[A-Z][A-Za-z]+=.*", line), line


def test_a_folder_that_a_unit_cannot_name_is_refused(tmp_path: Path) -> None:
    config = made(tmp_path / "with space")
    code, _, said = bellgate("systemd", "-c", config.path)
    assert code == 1 and "Move it" in said


def test_a_sounder_gets_its_device_and_a_home_its_rights(own: Any) -> None:
    class Sounder:
        kind = "sounder"

    assert parsed(systemd.unit(own, "x"))["Service"]["PrivateDevices"] == "yes"
    with_sounder = load(own.path).model_copy(update={"targets": [Sounder()]})
    assert parsed(systemd.unit(with_sounder, "x"))["Service"]["PrivateDevices"] == "no"
    at_home = own.model_copy(update={"gateway": own.gateway.model_copy(update={"data_dir": "/home/pi/bell"})})
    assert parsed(systemd.unit(at_home, "x"))["Service"]["ProtectHome"] == "no"
