"""Who may speak: a bell is admitted (key, certificate, row, enrolment file), or its right is taken away.

Runs in the command line, mostly while the gateway runs in another process: the gateway sees the new revision in the
database within a second and tells the broker.
"""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

from bellgate import clock, enrolment, pki
from bellgate.config import Config
from bellgate.config_values import is_address
from bellgate.enrolment import BrokerAddress, Enrolment
from bellgate.errors import EnrolmentError
from bellgate.store import Store, Tx, audit, bells
from bellwire import KINDS, valid_name

# In the record: whoever may run this command is the machine's administrator. A change that cannot be written down there
# is not made.
BY = "command line"
MAX_TEXT_CHARS = 200  # a Korean road address with building, floor and unit takes about 60


@dataclass(frozen=True, slots=True)
class NewBell:
    """What a person states about a bell; bell_id None: one is chosen. lat and lon in degrees (WGS 84), or neither."""

    site: str
    kind: str
    name: str
    address: str
    lat: float | None = None
    lon: float | None = None
    bell_id: str | None = None


def open_authority(config: Config) -> pki.Authority:
    """The installation's certificate authority, with a broker certificate that names every advertised host."""
    authority = pki.Authority(config.data_dir / "pki")
    hosts = [host for host, _ in config.mqtt.advertised]
    if not config.mqtt.embedded:
        hosts.append(config.mqtt.address[0])
    try:
        authority.ensure_server(config.gateway.id, hosts)
    except OSError as error:
        raise EnrolmentError(
            f"{authority.folder}: cannot be written ({error.strerror}). Run as the user who made the installation"
        ) from None
    return authority


def enrol(
    store: Store, config: Config, authority: pki.Authority, new: NewBell, out: Path | None, now_ms: int
) -> Enrolment:
    """Admit a bell and write its enrolment file to `out` (None: nowhere, the caller does something with it).

    File and row come together or not at all. Raises EnrolmentError saying what to change.
    """
    _check(new)
    written: list[Path] = []

    def job(tx: Tx) -> Enrolment:
        bell_id = new.bell_id or bells.new_id(tx)
        issued = authority.issue_client(bell_id)
        key = secrets.token_bytes(enrolment.KEY_BYTES)
        bells.add(
            tx,
            bells.Bell(
                bell_id=bell_id,
                site=new.site,
                kind=new.kind,
                name=new.name.strip(),
                address=new.address.strip(),
                lat=new.lat,
                lon=new.lon,
                key=key,
                key_number=0,
                fingerprint=issued.fingerprint,
                state=bells.ACTIVE,
                enrolled_ms=now_ms,
            ),
        )
        made = Enrolment(
            v=1,
            bell_id=bell_id,
            site=new.site,
            kind=new.kind,
            key=_text(key),
            ca_der=_text(authority.ca_der),
            cert_der=_text(issued.cert_der),
            key_der=_text(issued.key_der),
            brokers=addresses(config),
        )
        audit.demand(tx, now_ms, None, BY, "enrolled", {"bell_id": bell_id, "site": new.site})
        if out is not None:
            path = out / f"{bell_id}.json" if out.is_dir() else out
            enrolment.write(made, path)
            written.append(path)
        return made

    try:
        return store.write_now(job)
    except Exception:
        for path in written:  # the row did not come to be: a file without it would look like a working bell
            path.unlink(missing_ok=True)
        raise


def revoke(store: Store, bell_id: str) -> None:
    """Take a bell's right to speak away: the gateway refuses it at once, the broker within seconds."""

    def job(tx: Tx) -> None:
        bells.set_state(tx, bell_id, bells.REVOKED)
        audit.demand(tx, clock.now_ms(), None, BY, "revoked", {"bell_id": bell_id})

    store.write_now(job)


def addresses(config: Config) -> list[BrokerAddress]:
    """The brokers as an enrolment file names them.

    For a bare IP address the certificate is checked by the gateway's fixed name: not every bell's TLS reads
    addresses in a certificate.
    """
    return [
        BrokerAddress(
            host=host, port=port, server_name=pki.server_name_of(config.gateway.id) if is_address(host) else host
        )
        for host, port in config.mqtt.advertised
    ]


def _check(new: NewBell) -> None:
    for what, value in (("--site", new.site), ("--bell-id", new.bell_id)):
        if value is not None and not valid_name(value):
            raise EnrolmentError(
                f"{what} {value!r}: use 1 to 32 of a-z 0-9 and -, not starting or ending with -, such as seongsu-012"
            )
    if new.site.startswith("gateway-"):
        raise EnrolmentError(f"--site {new.site!r}: names that start with gateway- are kept for gateways")
    if new.bell_id == pki.GATEWAY_NAME:
        raise EnrolmentError(f"--bell-id {new.bell_id!r}: is the gateway's own name at the broker. Choose another")
    if new.kind not in KINDS:
        raise EnrolmentError(f"--kind {new.kind!r}: use one of {', '.join(KINDS)}")
    for what, value in (("--name", new.name), ("--address", new.address)):
        if not 1 <= len(value.strip()) <= MAX_TEXT_CHARS or not value.isprintable():
            raise EnrolmentError(f"{what}: write 1 to {MAX_TEXT_CHARS} characters on one line")
    if (new.lat is None) != (new.lon is None):
        raise EnrolmentError("--lat and --lon: give both or neither")
    if new.lat is not None and new.lon is not None and not (-90 <= new.lat <= 90 and -180 <= new.lon <= 180):
        raise EnrolmentError("--lat and --lon: degrees, from -90 to 90 and from -180 to 180, such as 37.5446 127.0559")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
