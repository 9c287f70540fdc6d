"""A `socket` that remembers the newest one, for `quiet`. MicroPython only; found before the interpreter's own."""

import usocket
from usocket import *  # noqa: F403

newest = None


def socket(*given):
    """As socket.socket."""
    global newest  # noqa: PLW0603 -- one bell, one link
    newest = usocket.socket(*given)
    return newest
