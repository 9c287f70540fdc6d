"""What `bellgate check` examines: is everything there that a start needs, and does the broker answer?"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bellgate import ports, process
from bellgate.admission import open_authority
from bellgate.broker import nats
from bellgate.broker.session import client_context
from bellgate.clock import Clock
from bellgate.config import Config
from bellgate.config_values import split_host_port
from bellgate.core.frozen import frozen
from bellgate.errors import AnsimbellError
from bellgate.pki import Authority
from bellgate.store import audit, bells, open_store
from bellgate.targets import open_targets

CONNECT_S = 5.0


@frozen
class Finding:
    """One thing that was examined; text says what is wrong and what to do, or what was found right."""

    name: str
    ok: bool
    text: str

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def examine(config: Config) -> list[Finding]:
    """Everything that a start needs. Changes nothing but a broker certificate that lacks an advertised name."""
    running = is_running(config)
    findings = [
        _finding("data folder", lambda: f"{config.data_dir}{', a gateway runs with it' if running else ''}"),
        _finding("database", lambda: _database(config)),
        _finding("certificates", lambda: _certificates(config)),
        _finding("targets", lambda: _targets(config)),
    ]
    if config.mqtt.embedded:
        findings.append(_finding("broker program", lambda: nats.version(nats.program())))
    if running or not config.mqtt.embedded:
        findings.append(_finding("broker", lambda: _broker(config)))
    else:
        findings.append(_port("mqtt.listen", *split_host_port(config.mqtt.listen)))
    if not running:
        findings.append(_port("console.listen", config.console.host, config.console.port))
    findings.append(_clock())
    return findings


def _finding(name: str, job: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, job())
    except AnsimbellError as error:
        return Finding(name, False, str(error))


def is_running(config: Config) -> bool:
    """True if a gateway runs with this data folder."""
    try:
        process.hold_folder(config.data_dir).close()
    except AnsimbellError:
        return config.data_dir.is_dir()
    return False


def _database(config: Config) -> str:
    with open_store(config.store.url, config.data_dir) as store:
        listed = store.read_now(bells.all_bells)
        broken = store.read_now(audit.verify)
    if broken is not None:
        raise AnsimbellError(f"the record was changed from outside at entry {broken}: compare it with a backup")
    active = sum(bell.state == bells.ACTIVE for bell in listed)
    return f"whole; {active} bells may speak; the record fits together"


def _targets(config: Config) -> str:
    """Made, not started: keys and certificates that cannot be used are found here."""
    made = open_targets(config, open_store(config.store.url, config.data_dir), Clock())
    return f"{len(made)} that something is sent to, {len(config.targets) - len(made)} on screen"


def _certificates(config: Config) -> str:
    open_authority(config)
    return "the broker's certificate names " + ", ".join(dict.fromkeys(host for host, _ in config.mqtt.advertised))


def _broker(config: Config) -> str:
    host, port = config.mqtt.address
    try:
        with socket.create_connection((host, port), CONNECT_S) as plain:
            if not config.mqtt.tls:
                return f"answers on {host}:{port}, without TLS"
            context = client_context(Authority(config.data_dir / "pki"))
            with context.wrap_socket(plain, server_hostname=host) as secure:
                return f"answers on {host}:{port} with {secure.version()}"
    except ssl.SSLCertVerificationError as error:
        raise AnsimbellError(
            f"{host}:{port} shows a certificate that is not of this installation, or does not name {host} "
            f"({error.verify_message}). `bellgate mosquitto` writes one that does"
        ) from None
    except OSError as error:
        raise AnsimbellError(
            f"no broker answers on {host}:{port} ({error}). Start it, or correct mqtt.broker"
        ) from None


def _port(setting: str, host: str, port: int) -> Finding:
    fault = ports.fault(host, port, setting)
    return Finding(setting, fault is None, fault or f"{host}:{port} is free")


def _clock() -> Finding:
    known = Clock().synchronised()
    if known is False:
        text = "not synchronised, so times are marked as unsure. `timedatectl set-ntp true` turns it on"
        return Finding("clock", True, text)
    return Finding("clock", True, "synchronised" if known else "cannot be asked on this system")
