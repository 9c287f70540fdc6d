"""The enrolment file, config.json: who this bell is, its key, its certificate and its brokers.

ConfigError(Exception)    says what is wrong and what to do

{"v":1, "bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der",
 "brokers":[{"host","port","server_name"}]}          as `bellgate enrol --out` writes it; binary values in base64
"silent": true                                       optional: the button means holdup, the lamp is discreet
"wifi": [{"ssid","password"}]                        optional: networks to join, in this order
"""

import json
from binascii import a2b_base64
from collections import namedtuple

import bellwire

FILE = "config.json"
FILE_BYTES_MAX = 16384  # an enrolment file is 3 to 5 kB; more than this would not fit an ESP32's heap twice
BROKERS_MAX = 8  # each takes its turn within the time in which a person waits
NETWORKS_MAX = 8

# key: 32 bytes; ca_der, cert_der, key_der: DER bytes; brokers: tuple of Broker; wifi: tuple of (ssid, password);
# silent: bool; what: the event that a press is.
Config = namedtuple(
    "Config", ("bell_id", "site", "kind", "key", "ca_der", "cert_der", "key_der", "brokers", "wifi", "silent", "what")
)
Broker = namedtuple("Broker", ("host", "port", "server_name"))


class ConfigError(Exception):
    """config.json cannot be used; the text says why and what to do."""


_AGAIN = "Enrol the bell again (bellgate enrol --out) and copy the file here."


def read(path=FILE):
    """The Config in the file at `path`. Raises ConfigError."""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
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
        _brokers(found.get("brokers"), path),
        _wifi(found.get("wifi", []), path),
        silent,
        "holdup" if silent else "panic",
    )


def _binary(found, name, path):
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(f'{path}: "{name}" is missing. {_AGAIN}')
    try:
        return a2b_base64(value.encode())
    except ValueError:
        raise ConfigError(f'{path}: "{name}" is not base64. {_AGAIN}')


def _brokers(found, path):
    if not isinstance(found, list) or not 1 <= len(found) <= BROKERS_MAX:
        raise ConfigError(f'{path}: "brokers" must list 1 to {BROKERS_MAX} brokers. {_AGAIN}')
    brokers = []
    for place, item in enumerate(found):
        where = f'{path}: broker {place + 1} in "brokers"'
        if not isinstance(item, dict):
            raise ConfigError(f"{where} is not an object. {_AGAIN}")
        for name in ("host", "server_name"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise ConfigError(f'{where} has no "{name}". {_AGAIN}')
        if type(item.get("port")) is not int or not 1 <= item["port"] <= 65535:
            raise ConfigError(f'{where}: "port" must be a number from 1 to 65535. {_AGAIN}')
        brokers.append(Broker(item["host"], item["port"], item["server_name"]))
    return tuple(brokers)


def _wifi(found, path):
    advice = 'Write {"ssid": "...", "password": "..."} for each network.'
    if not isinstance(found, list) or len(found) > NETWORKS_MAX:
        raise ConfigError(f'{path}: "wifi" must list at most {NETWORKS_MAX} networks. {advice}')
    networks = []
    for item in found:
        if not isinstance(item, dict) or not isinstance(item.get("ssid"), str) or not item["ssid"]:
            raise ConfigError(f'{path}: a network in "wifi" has no "ssid". {advice}')
        if not isinstance(item.get("password", ""), str):
            raise ConfigError(f'{path}: the password of "{item["ssid"]}" in "wifi" is not text. {advice}')
        networks.append((item["ssid"], item.get("password", "")))
    return tuple(networks)
