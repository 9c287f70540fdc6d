"""One relay on a GPIO pin, through gpiozero; for any thread but the event loop's."""

from typing import Any

from bellgate.errors import TargetError


class Relay:
    """Off until it is told otherwise. A pin that fails is let go, and taken again at the next call."""

    def __init__(self, pin: int, active_high: bool) -> None:
        self._pin = pin
        self._active_high = active_high
        self._device: Any = None

    def put(self, on: bool) -> None:
        """Switch it. Raises TargetError saying what is wrong with the pin."""
        try:
            if self._device is None:
                self._device = self._open()
            self._device.value = int(on)
        except TargetError:
            raise
        except Exception as error:  # gpiozero and what lies under it raise some dozen kinds, also plain OSError
            self.let_go()
            raise TargetError(f"GPIO {self._pin} cannot be switched ({_said(error)})") from None

    def let_go(self) -> None:
        """Off, and the pin is free. Never raises."""
        device, self._device = self._device, None
        if device is not None:
            try:
                device.off()
                device.close()
            except Exception:  # it failed already, and `put` said so
                return

    def _open(self) -> Any:
        try:
            import gpiozero  # noqa: PLC0415 - optional, and on most machines there is no GPIO
        except ImportError:
            raise TargetError("gpiozero is not installed: pip install 'ansimbell[pi]'") from None
        return gpiozero.DigitalOutputDevice(self._pin, active_high=self._active_high, initial_value=False)


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
