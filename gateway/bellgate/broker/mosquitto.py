"""The files for a mosquitto on a Pi. Each setting that is not mosquitto's own default has its reason beside it."""

import os
import pwd
from pathlib import Path

from bellgate.broker import expel
from bellgate.config import Config
from bellgate.config_values import is_loopback, is_unspecified, split_host_port
from bellgate.core.frozen import frozen
from bellgate.errors import BrokerError
from bellgate.pki import GATEWAY_NAME, Authority

_CONF = """\
# Written by `bellgate mosquitto`; writing again replaces it.

listener {port} {host}
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
# A bell without a certificate of this installation is refused; its certificate is its name.
require_certificate true
use_identity_as_username true
allow_anonymous false
tls_version tlsv1.2
acl_file {folder}/acl

# Without it a window of 20 publishes stalls for 42 ms.
set_tcp_nodelay true
# With the default of 1,000 mosquitto drops messages that it has already acknowledged. This is about 60 MB. Not 0
# ("no limit"): mosquitto 2.0.11 then breaks the connection at the next message after one that the access list forbids.
max_queued_messages 100000
max_inflight_messages 0
# A bell sends 1,024 bytes at most. Larger ones up to here still reach the gateway, which refuses and counts them.
message_size_limit 65536

# Keeps subscriptions and waiting messages over an orderly restart. A crash may lose waiting messages: only the
# receipt "stored" counts for a bell, and it sends again until it has one.
persistence true
persistence_location {folder}/data/
"""

_PLUGIN = """
# Ends the connection of a revoked bell within a second: the gateway enters it there. For the others acl_file counts.
plugin {plugin}
plugin_opt_config_file {folder}/data/{revoked}
"""
PLUGIN = "mosquitto_dynamic_security.so"
# Where Debian, others and macOS put it; Debian's folder has the machine's name in it.
_PLUGIN_PLACES = ("/usr/lib/*-linux-*", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
_REVOKED = "revoked.json"

# %u is the certificate's common name: the bell_id. A bell reaches its own topics and no other.
_ACL = """\
user {gateway}
topic read bells/+/+/up
topic read bells/+/+/status
topic write bells/+/+/down
topic readwrite bells/+/canary/up
topic readwrite {control}/#

pattern write bells/+/%u/up
pattern write bells/+/%u/status
pattern read bells/+/%u/down
"""


@frozen
class Written:
    """conf: the settings file. url: what [mqtt] broker says from now on. cuts_off: revoked bells are cut off."""

    conf: Path
    url: str
    cuts_off: bool


def write(authority: Authority, config: Config, folder: Path, port: int | None) -> Written:
    """Write mosquitto.conf, acl and certificates into `folder`. Raises BrokerError if that is not possible."""
    folder = folder.absolute()
    host, listen_port = split_host_port(config.mqtt.listen)
    chosen = port or (listen_port if config.mqtt.embedded else config.mqtt.address[1])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        for name in ("ca.pem", "server.pem", "server.key"):
            _put(folder / name, authority.path(name).read_bytes(), 0o600 if name.endswith("key") else 0o644)
        conf = folder / "mosquitto.conf"
        text = _CONF.format(port=chosen, host=host, folder=folder)
        found = plugin()
        if found is not None:
            text += _PLUGIN.format(plugin=found, folder=folder, revoked=_REVOKED)
            if not (folder / "data" / _REVOKED).exists():  # who is in it stays revoked
                _put(folder / "data" / _REVOKED, expel.settings().encode(), 0o600)
        _put(conf, text.encode(), 0o644)
        _put(folder / "acl", _ACL.format(gateway=GATEWAY_NAME, control=expel.CONTROL).encode(), 0o600)
        _give_to_mosquitto(folder)
    except OSError as error:
        raise BrokerError(f"{error.filename}: cannot be written ({error.strerror}). Give another --out") from None
    own_host = "localhost" if is_unspecified(host) or is_loopback(host) else host
    return Written(conf, f"mqtts://{own_host}:{chosen}", found is not None)


def plugin() -> Path | None:
    """mosquitto's plugin for dynamic security on this machine; it comes with Debian's mosquitto."""
    found = (path / PLUGIN for place in _PLUGIN_PLACES for path in sorted(Path("/").glob(place[1:])))
    return next((path for path in found if path.is_file()), None)


def _put(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


def _give_to_mosquitto(folder: Path) -> None:
    """Started by root, mosquitto becomes the user "mosquitto" before it reads these files."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam("mosquitto")
    except KeyError:
        return
    for name in ("data", f"data/{_REVOKED}", "ca.pem", "server.pem", "server.key", "acl"):
        if not (folder / name).exists():
            continue
        os.chown(folder / name, user.pw_uid, user.pw_gid)
