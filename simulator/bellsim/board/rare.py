"""Simulated hardware that few bells ask for: analogue pins, and the matrix of a keypad. Loaded when it is needed."""

from machine import BUS, Pin

mv: dict[int, int] = {}  # volts at a pin, as the simulator said last
joined: list[list] = []  # type: ignore[type-arg]  # [pins, looks while joined, looks while parted]


def hear(said: dict) -> None:  # type: ignore[type-arg]
    """A line of the simulator, see `machine`."""
    if "adc" in said:
        mv[said["adc"]] = said["mv"]
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
