"""The enrolment file, config.json: who this bell is, its key, its certificate and its brokers.

ConfigError(Exception)    says what is wrong and what to do

{"v":1, "bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der",
 "brokers":[{"host","port","server_name"}]}          as `bellgate enrol --out` writes it; binary values in base64
"silent": true                                       optional, and
"wifi": [{"ssid","password"}]                        optional: used where settings.json does not say otherwise

How the bell is fitted and behaves stands in settings.json, see `settings` and `staged`.
"""

import json
from binascii import a2b_base64
from collections import namedtuple

import bellwire
from bellnode import brokers
from bellnode.brokers import Broker  # noqa: F401 -- what `brokers` holds

SELDOM = "start"  # see `loan`

FILE = "config.json"
FILE_BYTES_MAX = 16384  # an enrolment file is 3 to 5 kB; more than this would not fit an ESP32's heap twice

# key: 32 bytes; ca_der, cert_der, key_der: DER bytes; brokers: tuple of Broker; wifi: tuple of (ssid, password);
# silent: bool. context: a TLS context made of the three, or None.
Config = namedtuple(
    "Config",
    ("bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der", "brokers", "wifi", "silent", "context"),
)


class ConfigError(Exception):
    """config.json cannot be used; the text says why and what to do."""


_AGAIN = "Enrol the bell again (bellgate enrol --out) and copy the file here."


def read(path=FILE):
    """The Config in the file at `path`. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            size = min(file.seek(0, 2), FILE_BYTES_MAX + 1)  # MicroPython makes room for all it is asked for
            file.seek(0)
            data = file.read(size)
    except OSError:
        raise ConfigError(f"{path} is not here. Copy the bell's enrolment file to {path} (bellgate enrol --out).")
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} is longer than {FILE_BYTES_MAX} bytes. {_AGAIN}")
    return parse(data, path)


def parse(data, path=FILE):
    """The Config in `data` (bytes of the file). Raises ConfigError, and nothing else."""
    try:
        found = json.loads(str(data, "utf-8"))
    except (ValueError, RuntimeError):  # RuntimeError: CPython's RecursionError
        raise ConfigError(f"{path} is not JSON. {_AGAIN}")
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not a JSON object. {_AGAIN}")
    if found.get("v") != 1:
        raise ConfigError(f'{path}: "v" is {found.get("v")!r}; this firmware reads version 1. {_AGAIN}')
    for name in ("bell_id", "site"):
        if not bellwire.valid_name(found.get(name)):
            raise ConfigError(f'{path}: "{name}" must be 1 to 32 of a-z 0-9 and hyphens inside. {_AGAIN}')
    kind = found.get("kind")
    if kind not in bellwire.KINDS:
        raise ConfigError(f'{path}: "kind" must be one of {", ".join(bellwire.KINDS)}. {_AGAIN}')
    silent = found.get("silent", kind == "pendant")  # a pendant hides by default: who carries it may be watched
    if silent is not True and silent is not False:
        raise ConfigError(f'{path}: "silent" must be true or false. Correct it or take it out.')
    key = _binary(found, "key", path)
    if len(key) != 32:
        raise ConfigError(f'{path}: "key" is {len(key)} bytes, not 32. {_AGAIN}')
    ders = []
    for name in ("ca_der", "cert_der", "key_der"):
        der = _binary(found, name, path)
        if der[:1] != b"\x30":
            raise ConfigError(f'{path}: "{name}" is not DER (is it PEM?). {_AGAIN}')
        ders.append(der)
    return Config(
        found["bell_id"],
        found["site"],
        kind,
        key,
        ders[0],
        ders[1],
        ders[2],
        _listed(brokers.read_brokers, found.get("brokers"), path, "brokers", _AGAIN),
        _listed(brokers.read_wifi, found.get("wifi", []), path, "wifi", "Correct it or take it out."),
        silent,
        None,
    )


def chosen(found, settled):
    """The Config with the brokers and networks of the Settings, where they name any."""
    brokers = found.brokers if settled.brokers is None else settled.brokers
    wifi = found.wifi if settled.wifi is None else settled.wifi
    return Config(*(found[:7] + (brokers, wifi, settled.silent, found.context)))


def prepared(found, context):
    """The Config with a TLS context in the place of what it was made of, which is long."""
    return Config(*(found[:4] + (None, None, None) + found[7:10] + (context,)))


def _binary(found, name, path):
    value = found.pop(name, None)  # it is long, and not needed twice
    if not isinstance(value, str) or not value:
        raise ConfigError(f'{path}: "{name}" is missing. {_AGAIN}')
    try:
        return a2b_base64(value.encode())
    except ValueError:
        raise ConfigError(f'{path}: "{name}" is not base64. {_AGAIN}')


def _listed(read, found, path, name, advice):
    try:
        return read(found)
    except ValueError as why:
        raise ConfigError(f'{path}: "{name}" {why}'.rstrip(".") + f". {advice}")
