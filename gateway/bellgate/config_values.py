"""One value in gateway.toml: its check, and the remedy in the words of the error.

Each check takes the text as it stands in the file and returns it, or raises ValueError saying what to write instead;
config.py puts file, key and value in front.
"""

import base64
import binascii
import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from bellwire import NAME_CHARS_MAX, valid_name

# The canary travels as bells/gateway-<id>/canary/up, and "gateway-<id>" has to be a valid site name.
GATEWAY_ID_CHARS_MAX = NAME_CHARS_MAX - len("gateway-")
# Standard Webhooks says 24 to 64 bytes; receivers with 16 exist, and 128 bits cannot be guessed either.
SECRET_BYTES = (16, 64)


class Section(BaseModel):
    """A section of the file: an unknown key or a value of another type is a fault, never guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def split_host_port(text: str) -> tuple[str, int]:
    """("host", port) of "host:port" or "[v6]:port". Raises ValueError saying what is wrong."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not host:
        raise ValueError('write host and port, for example "127.0.0.1:8080"')
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError('write an IPv6 address in brackets, for example "[::1]:8080"')
    if not port_text.isascii() or not port_text.isdigit() or not 1 <= int(port_text) <= 65535:
        raise ValueError("the port after the last colon must be a number from 1 to 65535")
    if not host or any(char.isspace() or char in '/\\"@' for char in host):
        raise ValueError("the host before the colon must be a name or an IP address")
    return host, int(port_text)


def is_address(host: str) -> bool:
    """True for an IPv4 or IPv6 address, false for a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_unspecified(host: str) -> bool:
    """True for 0.0.0.0 and ::, which mean every address of this machine."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def is_loopback(host: str) -> bool:
    """True if a connection to `host` never leaves this machine."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def _listen(text: str) -> str:
    host, _ = split_host_port(text)
    if not is_address(host) and host != "localhost":
        raise ValueError('listen on an IP address of this machine: "0.0.0.0:port" for all, "127.0.0.1:port" for itself')
    return text


def _advertise(text: str) -> str:
    host, _ = split_host_port(text)
    if is_unspecified(host):
        raise ValueError("bells can't connect to that address: name the gateway as the bells reach it")
    return text


def _gateway_id(text: str) -> str:
    if not valid_name(text) or len(text) > GATEWAY_ID_CHARS_MAX:
        raise ValueError(
            f'use 1 to {GATEWAY_ID_CHARS_MAX} of a-z 0-9 and -, not starting or ending with -, for example "seongsu-1"'
        )
    return text


def _origin(text: str) -> str:
    if not text:
        return text
    remedy = 'write it as a browser shows it, without a path: "https://bells.example"'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(remedy) from error
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or port == 0 or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(remedy)
    if parts.username is not None or parts.password is not None or text != text.lower():
        raise ValueError(remedy)
    if is_address(host) or (parts.scheme == "http" and host != "localhost"):
        raise ValueError("browsers bind a passkey to a name over https (or to http://localhost), not to an address")
    return text


def _broker(text: str) -> str:
    if text == "embedded":
        return text
    remedy = 'write "embedded", or a URL such as "mqtts://broker.example:8883"'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(remedy) from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(remedy)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a broker's URL ends after the port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave name and password out: the gateway proves itself by its certificate (CN=gateway)")
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    if parts.scheme == "mqtt" and not is_loopback(parts.hostname):
        raise ValueError(
            "plain mqtt:// is accepted on loopback only, because anyone on the network could silence the bells: "
            'use "mqtts://…", and `bellgate mosquitto` writes the settings for it'
        )
    return text


def _store_url(text: str) -> str:
    if text.startswith(("postgresql://", "postgres://")):
        try:
            named = bool(urlsplit(text).path.strip("/"))
        except ValueError:
            named = False
        if not named:
            raise ValueError('name the database after the host: "postgresql://ansimbell@db.example/ansimbell"')
        return text
    path = text.removeprefix("sqlite:///")
    if path == text or path in ("", ":memory:") or "?" in path:
        raise ValueError(
            'write "sqlite:///ansimbell.db" (in data_dir) or "sqlite:////var/lib/ansimbell/ansimbell.db" (absolute), '
            'or "postgresql://user@host/database"'
        )
    return text


def _http_url(text: str) -> str:
    remedy = 'write an address such as "https://example.org/ansimbell"'
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(remedy) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(remedy)
    return text


def check_secret(text: str) -> str:
    """The text; raises ValueError, saying what to write, unless it is "whsec_" and the base64 of enough bytes."""
    low, high = SECRET_BYTES
    remedy = f'write "whsec_" and the base64 of {low} to {high} random bytes, the same as at the receiver'
    encoded = text.removeprefix("whsec_")
    if encoded == text:
        raise ValueError(remedy)
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError(remedy) from error
    if not low <= len(raw) <= high:
        raise ValueError(remedy)
    return text


def _service_url(text: str) -> str:
    scheme, colon, rest = text.partition("://")
    if not colon or not rest or not scheme.isascii() or not scheme.replace("+", "").isalnum():
        raise ValueError('write the URL of a service as apprise knows it, for example "mailtos://…" or "twilio://…"')
    return text


def _cap_name(text: str) -> str:
    if not text or len(text) > 128 or any(char in " ,<&" or ord(char) < 33 for char in text):
        raise ValueError('CAP allows neither blanks nor , < & there: write for example "ansimbell@district.example"')
    return text


def _text(text: str) -> str:
    if not text.strip() or len(text) > 64 or any(ord(char) < 32 for char in text):
        raise ValueError("write 1 to 64 characters on one line")
    return text


Name = Annotated[str, AfterValidator(_text)]
Listen = Annotated[str, AfterValidator(_listen)]
Origin = Annotated[str, AfterValidator(_origin)]
Advertise = Annotated[str, AfterValidator(_advertise)]
GatewayId = Annotated[str, AfterValidator(_gateway_id)]
Broker = Annotated[str, AfterValidator(_broker)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[str, AfterValidator(check_secret)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
CapName = Annotated[str, AfterValidator(_cap_name)]


class TargetSection(Section):
    """What every [[target]] has; config_targets.py has the kinds."""

    name: Name
    test: bool = False

    def takes(self, type_: str, what: str) -> bool:
        """True if this target is told of such a message at all.

        type_ "ansimbell.signal": what the bell says. "ansimbell.incident": the change of handling, or "unacknowledged"
        for a round of the escalation. "ansimbell.trouble": the kind of trouble; only who asks for it is told of those.
        """
        return type_ != "ansimbell.trouble"

    @property
    def told_once(self) -> bool:
        """True if rounds of the escalation reach it only if nothing else of the incident has: it keeps its own list."""
        return False
