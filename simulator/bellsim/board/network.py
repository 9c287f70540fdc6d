"""Simulated `network`: a Wi-Fi station that is joined unless the simulator says {"wifi": false}.

With {"networks": …}, or BELLSIM_NETWORKS at the start, there are only these networks: see `rare`.
"""

import os

from machine import BUS, rare

STA_IF = 0


class WLAN:
    """network.WLAN as far as `bellnode.board` uses it."""

    PM_NONE = 0

    def __init__(self, interface: int = STA_IF) -> None:
        self._active = False
        networks = os.getenv("BELLSIM_NETWORKS")
        if networks and BUS.rare is None:
            rare().hear_networks(networks)

    def active(self, on: bool | None = None) -> bool:
        """Switch the radio, or ask; a dead driver takes neither."""
        if not BUS.radio:
            raise OSError(0x101)  # ESP_ERR_NO_MEM, one of those that a driver does not recover from
        if on is not None:
            self._active = on
        return self._active

    def connect(self, ssid: str, password: str = "") -> None:
        """Any network will do, unless there is a list; whether it answers is the simulator's choice."""
        if not BUS.radio:
            raise OSError(0x3001)  # ESP_ERR_WIFI_NOT_INIT
        if BUS.rare is not None:
            BUS.rare.join_network(ssid, password)

    def disconnect(self) -> None:
        """Leave."""
        if BUS.rare is not None:
            BUS.rare.join_network(None, "")

    def isconnected(self) -> bool:
        """What the simulator said last."""
        return bool(BUS.wifi and BUS.radio and (BUS.rare is None or BUS.rare.is_joined()))

    def scan(self) -> list:  # type: ignore[type-arg]
        """(ssid, bssid, channel, dBm, security, hidden) of each network."""
        return rare().scanned() if BUS.wifi else []

    def ifconfig(self) -> tuple:  # type: ignore[type-arg]
        """An address that is nobody's (RFC 5737)."""
        return ("192.0.2.10", "255.255.255.0", "192.0.2.1", "192.0.2.1")

    def config(self, *asked: str, **settings: object) -> object:
        """Taken and forgotten; asked: the name of the network."""
        return rare().network_name() if asked else None

    def status(self, what: str | None = None) -> int:
        """ "rssi" in dBm, or without an argument how the last connect() went."""
        if what is None:
            return int(rare().network_status())
        if what != "rssi":
            raise ValueError(what)
        if not BUS.wifi:
            raise OSError(113)  # EHOSTUNREACH, as the port answers while there is no station
        return int(BUS.rssi)
