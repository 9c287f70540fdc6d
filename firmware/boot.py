"""What MicroPython runs first. The cable belongs to the bell's port: Ctrl-C is a byte like any other, in a frame too.

A blank bell gives MicroPython's prompt to who asks for it (`repl`, see docs/port.md); an enrolled one never. WebREPL is
off because nothing starts it.
"""

import micropython

micropython.kbd_intr(-1)
