"""[[target]] kind = "dc09" in gateway.toml: an alarm receiving centre, spoken to in SIA DC-09."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from bellgate.config_values import Advertise, Section, TargetSection, is_loopback, split_host_port
from bellgate.core import alarm_codes

KEY_DIGITS = (32, 48, 64)
RECEIVERS_MAX = 2  # DC-09 knows a primary and a backup


def _account(text: str) -> str:
    if not re.fullmatch(r"[1-9A-Fa-f][0-9A-Fa-f]{2,15}", text):
        raise ValueError('write 3 to 16 hex digits, the first one not 0, for example "1234": ask the receiving centre')
    return text


def _key(text: str) -> str:
    if len(text) not in KEY_DIGITS or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        raise ValueError("write 32, 48 or 64 hex digits (AES-128, 192 or 256), the same as at the receiver")
    return text


def _pin(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError("write the SHA-256 of the receiver's certificate, 64 hex digits")
    return plain


Account = Annotated[str, AfterValidator(_account)]
Key = Annotated[str, AfterValidator(_key)]
Pin = Annotated[str, AfterValidator(_pin)]


class Dc09Receiver(Section):
    """[[target.receiver]]: where the centre listens; a second one is the backup."""

    address: Advertise
    tls: bool = False
    ca: Annotated[str, Field(min_length=1)] | None = None
    pin: Pin | None = None
    server_name: Annotated[str, Field(min_length=1)] | None = None

    @property
    def host_port(self) -> tuple[str, int]:
        """(host, port)"""
        return split_host_port(self.address)

    @model_validator(mode="after")
    def _tls_settings_need_tls(self) -> Self:
        if not self.tls and (self.ca or self.pin or self.server_name):
            raise ValueError(f"receiver {self.address}: ca, pin and server_name belong to TLS. Write tls = true, too")
        if self.ca and self.pin:
            raise ValueError(f"receiver {self.address}: a pinned certificate needs no ca. Remove one of the two")
        return self


class Dc09Premises(Section):
    """[[target.premises]]: a site or a bell that the centre knows under an account of its own."""

    site: str | None = None
    bell: str | None = None
    account: Account
    key: Key | None = None
    point: Annotated[int, Field(ge=1, le=9999)] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.site is None) == (self.bell is None):
            raise ValueError(f"premises with account {self.account}: name either a site or a bell")
        return self


class Dc09Target(TargetSection):
    """[[target]] kind = "dc09"."""

    kind: Literal["dc09"]
    account: Account
    key: Key | None = None
    vpn: bool = False
    troubles: bool = True
    null_s: Annotated[float, Field(ge=0, le=3600)] = 30
    timeout_s: Annotated[float, Field(ge=1, le=30)] = 5
    receiver: list[Dc09Receiver] = Field(min_length=1, max_length=RECEIVERS_MAX)
    premises: list[Dc09Premises] = Field(default=[])

    def takes(self, type_: str, what: str) -> bool:
        """What a receiving centre has a word for."""
        if type_ == alarm_codes.TROUBLE:
            return self.troubles and what in alarm_codes.TROUBLES
        return what in (alarm_codes.EVENTS if type_ == alarm_codes.SIGNAL else ("unacknowledged", "close"))

    @property
    def told_once(self) -> bool:
        """An ACK means that the centre has it in its own queue; each repetition would be one more alarm there."""
        return True

    @model_validator(mode="after")
    def _safe_enough(self) -> Self:
        for one in self.receiver:
            open_way = not one.tls and not self.vpn and not is_loopback(one.host_port[0])
            if open_way and any(key is None for key in (self.key, *(place.key or self.key for place in self.premises))):
                raise ValueError(
                    f"target {self.name!r}: frames to {one.address} could be read and forged on the way. Write "
                    "tls = true for the receiver, or a key; or vpn = true if the way lies inside a VPN"
                )
        places = [(one.site, one.bell) for one in self.premises]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"target {self.name!r}: two premises name {place[0] or place[1]!r}: keep one")
        return self
