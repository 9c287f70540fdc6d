"""Simulated `network`: a Wi-Fi station that is joined unless the simulator says {"wifi": false}."""

from machine import BUS

STA_IF = 0


class WLAN:
    """network.WLAN as far as `bellnode.board` uses it."""

    PM_NONE = 0

    def __init__(self, interface: int = STA_IF) -> None:
        self._active = False

    def active(self, on: bool | None = None) -> bool:
        """Switch the radio, or ask; a dead driver takes neither."""
        if not BUS.radio:
            raise OSError(0x101)  # ESP_ERR_NO_MEM, one of those that a driver does not recover from
        if on is not None:
            self._active = on
        return self._active

    def connect(self, ssid: str, password: str = "") -> None:
        """Any network will do; whether it answers is the simulator's choice."""
        if not BUS.radio:
            raise OSError(0x3001)  # ESP_ERR_WIFI_NOT_INIT

    def disconnect(self) -> None:
        """Nothing to do: see connect."""

    def isconnected(self) -> bool:
        """What the simulator said last."""
        return bool(BUS.wifi and BUS.radio)

    def config(self, **settings: object) -> None:
        """Taken and forgotten."""

    def status(self, what: str) -> int:
        """Only "rssi", in dBm."""
        if what != "rssi":
            raise ValueError(what)
        if not BUS.wifi:
            raise OSError(113)  # EHOSTUNREACH, as the port answers while there is no station
        return int(BUS.rssi)
