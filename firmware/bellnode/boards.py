"""Pin maps, as data: which wire goes to which pin of which chip. Pure.

A map names pins only by what hangs on them. `None` or () means that this chip has no pin left for it. All pins were
chosen from the chips' data sheets, none has been tried on hardware: see docs/hardware.md. The rules they keep:

- analogue inputs are on ADC1, because ADC2 does not work while Wi-Fi does;
- no output is on a pin that decides how the chip starts, and no contact that may rest closed either;
- flash, PSRAM, USB and the UART of the installer's cable stay free.
"""

from collections import namedtuple

SELDOM = "wires"  # see `loan`

# button, case, wall: contact to ground against the chip's pull-up. mains: low while the mains adapter delivers, from
# an optocoupler. battery, zones: volts behind a divider (see docs/install.md). sounder: PWM. strobe, siren: high is on.
# lamp: data line of a WS2812 ring. boot: the chip's own button for loading firmware, which is free once it runs.
# rows, columns: the matrix of a keypad, keys in the order of KEYS.
Pins = namedtuple(
    "Pins",
    (
        "button",
        "lamp",
        "sounder",
        "strobe",
        "siren",
        "case",
        "wall",
        "mains",
        "battery",
        "zones",
        "rows",
        "columns",
        "boot",
    ),
)

BOARDS = {
    # 34 to 39 only read, and have no pull-up: the dividers and the optocoupler bring their own resistors. Column 5
    # must be high when the chip starts; an unpressed key leaves it so.
    "esp32": Pins(4, 18, 19, 21, 22, 23, 13, 34, 35, (32, 33, 36, 39), (25, 26, 27, 14), (16, 17, 5), 0),
    "esp32-s3": Pins(4, 5, 6, 7, 15, 16, 17, 18, 10, (1, 2, 8, 9), (11, 12, 13, 14), (21, 38, 47), 0),
    # Few pins: a store bell or a pendant. No wall contact, no zones, no keypad.
    "esp32-c3": Pins(4, 5, 6, 7, 10, 3, None, 1, 0, (), (), (), 9),
}
DEFAULT = "esp32-s3"

KEYS = ("123", "456", "789", "*0#")  # a row of the keypad each
LAMP_PIXELS = 12
PRESSED = 0  # level of a closed contact
SUPPLY_MV = 3300  # of the chip, and of what hangs on it
# What a divider leaves of the real voltage: 1 / DIVIDED. Equal resistors for the battery.
BATTERY_DIVIDED = 2

# What os.uname() or sys.implementation says about the chip: the first that fits wins, so the longer names stand first.
_CHIPS = (("ESP32S3", "esp32-s3"), ("ESP32C3", "esp32-c3"), ("ESP32", "esp32"))


def named(name, machine=""):
    """The Pins of a board by its name, or of the chip in `machine` (sys.implementation._machine) if name is None."""
    if name is None:
        for chip, board in _CHIPS:
            if chip in machine.replace("-", ""):
                return BOARDS[board]
        return BOARDS[DEFAULT]
    return BOARDS[name]


def place(pins, name):
    """The pin of an input of the settings: "case", "wall", "zone1" …; None if this board has none."""
    if name in ("case", "wall"):
        return getattr(pins, name)
    number = int(name[4:])
    return pins.zones[number - 1] if number <= len(pins.zones) else None
