"""Who may speak: a bell is admitted (key, certificate, row, enrolment file, QR code). What follows is in `lifetime`.

Runs in the command line, mostly while the gateway runs in another process: the gateway sees the new revision in the
database within a second and tells the broker.
"""

import base64
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from bellgate import enrolment, pki
from bellgate import qr as qr_code
from bellgate.config import Config
from bellgate.config_values import is_address
from bellgate.core.frozen import frozen
from bellgate.enrolment import BrokerAddress, Enrolment
from bellgate.errors import EnrolmentError
from bellgate.store import Store, Tx, audit, bells
from bellwire import KINDS, valid_name

# In the record: whoever may run this command is the machine's administrator. A change that cannot be written down there
# is not made.
BY = "command line"
MAX_TEXT_CHARS = 200  # a Korean road address with building, floor and unit takes about 60


@frozen
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


class Files:
    """New files that count only if the transaction that belongs to them does. Use as a context around `write_now`."""

    def __init__(self, out: Path | None, qr: Path | None = None) -> None:
        """out: of enrolment files, qr: of QR codes; None: of none. A folder means BELL_ID.json (BELL_ID.svg) in it."""
        self._out, self._qr = out, qr
        self._written: list[Path] = []

    def enrolment(self, made: Enrolment) -> None:
        """The enrolment file, and the QR code of its secret. Raises EnrolmentError."""
        out, qr = self._out, self._qr
        if out is not None:
            path = out / f"{made.bell_id}.json" if out.is_dir() else out
            enrolment.write(made, path)
            self._written.append(path)
        if qr is not None:
            path = qr / f"{made.bell_id}.svg" if qr.is_dir() else qr
            assert made.once_bytes is not None  # as `issue` makes it
            qr_code.write(made.bell_id, made.once_bytes, path)
            self._written.append(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for path in self._written:  # the row did not come to be: a file without it would look like a working bell
                path.unlink(missing_ok=True)


def enrol(
    store: Store,
    config: Config,
    authority: pki.Authority,
    new: NewBell,
    out: Path | None,
    now_ms: int,
    qr: Path | None = None,
) -> Enrolment:
    """Admit a bell and write its enrolment file to `out` (None: nowhere, the caller does something with it).

    File and row come together or not at all. Raises EnrolmentError saying what to change.
    """
    with Files(out, qr) as files:
        return store.write_now(lambda tx: admit(tx, config, authority, new, files, now_ms))


def admit(
    tx: Tx,
    config: Config,
    authority: pki.Authority,
    new: NewBell,
    files: Files,
    now_ms: int,
    replaces: str | None = None,
) -> Enrolment:
    """`enrol` inside a transaction. replaces: the identity whose place it takes. Raises EnrolmentError."""
    check(new)
    bell_id = new.bell_id or bells.new_id(tx)
    made, issued = issue(config, authority, bell_id, new.site, new.kind)
    insert(tx, new, made, issued, now_ms, replaces)
    files.enrolment(made)
    return made


def insert(tx: Tx, new: NewBell, made: Enrolment, issued: pki.Issued, now_ms: int, replaces: str | None = None) -> None:
    """The row of a bell whose secrets were made, and that in the record. Raises EnrolmentError, RecordError."""
    bells.add(
        tx,
        bells.Bell(
            bell_id=made.bell_id,
            site=new.site,
            kind=new.kind,
            name=new.name.strip(),
            address=new.address.strip(),
            lat=new.lat,
            lon=new.lon,
            key=made.key_bytes,
            key_number=0,
            fingerprint=issued.fingerprint,
            state=bells.ACTIVE,
            enrolled_ms=now_ms,
            once_sha256=made.once_sha256,
            replaces=replaces,
        ),
    )
    detail: dict[str, str | int | bool | None] = {"bell_id": made.bell_id, "site": new.site}
    audit.demand(tx, now_ms, None, BY, "enrolled", detail | ({"replaces": replaces} if replaces else {}))


def issue(config: Config, authority: pki.Authority, bell_id: str, site: str, kind: str) -> tuple[Enrolment, pki.Issued]:
    """New secrets for a bell: sealing key, certificate with its key, one-time secret."""
    issued = authority.issue_client(bell_id)
    made = Enrolment(
        v=1,
        bell_id=bell_id,
        site=site,
        kind=kind,
        key=_text(secrets.token_bytes(enrolment.KEY_BYTES)),
        ca_der=_text(authority.ca_der),
        cert_der=_text(issued.cert_der),
        key_der=_text(issued.key_der),
        brokers=addresses(config),
        once=_text(secrets.token_bytes(enrolment.ONCE_BYTES)),
    )
    return made, issued


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


def check(new: NewBell) -> None:
    """Raises EnrolmentError for what may not be stated so."""
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
