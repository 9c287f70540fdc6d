"""Freezes the bell into a MicroPython image: make BOARD=… FROZEN_MANIFEST=<this file> in MicroPython's ports/esp32."""

metadata(version="0.1.0", license="MIT", description="Ansimbell: the bell's firmware")  # noqa: F821
include("$(PORT_DIR)/boards/manifest.py")  # noqa: F821 -- asyncio, neopixel and what else the port needs
package("bellwire", base_path=".")  # noqa: F821
package("bellnode", base_path=".")  # noqa: F821
module("boot.py", base_path=".")  # noqa: F821
module("main.py", base_path=".")  # noqa: F821
