"""What MicroPython runs first. An enrolled bell obeys nobody on its cable: Ctrl-C is a byte like any other.

Without config.json the bell has nothing to hide, and the installer's cable works as on any board. WebREPL is off
because nothing starts it.
"""

import os

import micropython

if "config.json" in os.listdir():
    micropython.kbd_intr(-1)
