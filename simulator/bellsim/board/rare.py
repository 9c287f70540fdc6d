"""Simulated hardware that few bells ask for: analogue pins, and the matrix of a keypad. Loaded when it is needed."""

import json

from machine import BUS, Pin

GOT_IP, IDLE, NO_AP_FOUND, WRONG_PASSWORD = 1010, 1000, 201, 202  # the esp32 port's
mv: dict[int, int] = {}  # volts at a pin, as the simulator said last
joined: list[list] = []  # type: ignore[type-arg]  # [pins, looks while joined, looks while parted]


networks: list = []  # type: ignore[type-arg]  # [ssid, password, dBm] of each that there is
air: dict = {"any": True, "joined": None, "status": IDLE}  # type: ignore[type-arg]  # any: no list, every name will do


def hear(said: dict) -> None:  # type: ignore[type-arg]
    """A line of the simulator, see `machine`."""
    if "adc" in said:
        mv[said["adc"]] = said["mv"]
    if "networks" in said:
        _take_networks(said["networks"])
    if "join" in said:
        joined.append([said["join"], said["looks"], said["looks"]])


def pulled_low(pin: Pin) -> bool:
    """True while the pin is joined to one that drives low."""
    for wire in joined:
        pins, closed, _ = wire
        if pin.number in pins:
            other = BUS.pins.get(pins[0] if pins[1] == pin.number else pins[1])
            if other is not None and other.mode in (Pin.OUT, Pin.OPEN_DRAIN) and not other.level:
                wire[1 if closed else 2] -= 1
                if not wire[2]:
                    joined.remove(wire)
                    BUS.say('{"parted": [%d, %d]}' % tuple(pins))
                return bool(closed > 0)
    return False


class ADC:
    """machine.ADC: what the simulator says, 0 V until it says something."""

    ATTN_11DB = 3

    def __init__(self, pin: Pin, atten: int = ATTN_11DB) -> None:
        self._number = pin.number

    def read_uv(self) -> int:
        """Microvolts, up to the 3.1 V that the chip can tell apart."""
        return min(mv.get(self._number, 0), 3100) * 1000


def hear_networks(text: str) -> None:
    """The list at the start (JSON)."""
    _take_networks(json.loads(text))


def _take_networks(found: list) -> None:  # type: ignore[type-arg]
    networks[:] = found
    air["any"] = False
    if air["joined"] not in [network[0] for network in networks]:
        air["joined"] = None


def join_network(ssid: str | None, password: str) -> None:
    """connect(), or disconnect() with None."""
    air["joined"], air["status"] = None, IDLE if ssid is None else NO_AP_FOUND
    if air["any"]:
        air["joined"], air["status"] = ssid, GOT_IP
    for name, right, rssi in networks:
        if name == ssid:
            air["status"] = GOT_IP if password == right else WRONG_PASSWORD
            if password == right:
                air["joined"] = ssid
                BUS.rssi = rssi


def is_joined() -> bool:
    """True while the station is in a network."""
    return bool(air["any"] or air["joined"] is not None)


def network_status() -> int:
    """How the last try went."""
    return int(GOT_IP if air["any"] else air["status"])


def network_name() -> str:
    """Of the network that was joined."""
    return air["joined"] or ""


def scanned() -> list:  # type: ignore[type-arg]
    """As WLAN.scan() gives it; 3 is WPA2."""
    return [(name.encode(), b"", 1, rssi, 3 if right else 0, False) for name, right, rssi in networks]
