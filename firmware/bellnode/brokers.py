"""The lists of brokers and of networks, as config.json and settings.json may have them. Pure."""

from collections import namedtuple

BROKERS_MAX = 8  # each takes its turn within the time in which a person waits
NETWORKS_MAX = 8

Broker = namedtuple("Broker", ("host", "port", "server_name"))


def read_brokers(value, kind=None):
    """A tuple of Broker. Raises ValueError: what is wrong."""
    if not isinstance(value, list) or not 1 <= len(value) <= BROKERS_MAX:
        raise ValueError(f"must list 1 to {BROKERS_MAX} brokers")
    found = []
    for place, item in enumerate(value):
        where = f"broker {place + 1}"
        if not isinstance(item, dict):
            raise ValueError(f"{where} is not an object")
        for name in ("host", "server_name"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise ValueError(f'{where} has no "{name}"')
        if type(item.get("port")) is not int or not 1 <= item["port"] <= 65535:
            raise ValueError(f'{where}: "port" must be a number from 1 to 65535')
        found.append(Broker(item["host"], item["port"], item["server_name"]))
    return tuple(found)


def read_wifi(value, kind=None):
    """A tuple of (ssid, password). Raises ValueError: what is wrong."""
    advice = 'Write {"ssid": "...", "password": "..."} for each network.'
    if not isinstance(value, list) or len(value) > NETWORKS_MAX:
        raise ValueError(f"must list at most {NETWORKS_MAX} networks. {advice}")
    networks = []
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("ssid"), str) or not item["ssid"]:
            raise ValueError(f'has a network without "ssid". {advice}')
        if not isinstance(item.get("password", ""), str):
            raise ValueError(f'has no text as the password of "{item["ssid"]}". {advice}')
        networks.append((item["ssid"], item.get("password", "")))
    return tuple(networks)
