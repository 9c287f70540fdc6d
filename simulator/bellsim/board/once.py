"""Simulated hardware that is asked once, at the start: loaded for that, and gone afterwards. A chip has it in ROM."""

import hashlib
import os

from machine import BUS

PWRON_RESET = 1
WDT_RESET = 3


def unique_id() -> bytes:
    """Six bytes, a bell's own."""
    return hashlib.sha256((os.getenv("BELLSIM_BELL") or "bell").encode()).digest()[:6]


def reset_cause() -> int:
    """BELLSIM_RESET, as whoever starts the process knows it; else power on, which a brownout looks like too."""
    return int(os.getenv("BELLSIM_RESET") or PWRON_RESET)


def on_quit(call) -> None:  # type: ignore[no-untyped-def]
    """Simulator only: what to call when it ends the program."""
    BUS.quit = call
    BUS.start()


def reset() -> None:
    """The process ends; whoever runs it starts it again."""
    raise SystemExit(0)
