"""A USB cable between the kit and a bell, as a pty and a link of a fixed name: it can be pulled, put back, and noisy.

The kit opens `path`, a symbolic link, as udev gives it; each time the cable is put in, a new pty is behind it.
"""

import os
import random
import select
import threading
import time
import tty
from pathlib import Path

CHUNK_BYTES = 4_096


class Cable:
    """inner: path of the bell's own end, None for a bell that says nothing at all."""

    def __init__(self, inner: str | None, path: Path, seed: int = 6) -> None:
        self.path = str(path)
        self.passed_up = 0  # bytes from the kit to the bell
        self.noise_per_s = 0  # random bytes towards the kit
        self.pull_after: int | None = None  # bytes towards the bell, then the cable comes out
        self.back_after_s: float | None = None  # and so long later goes in again; None: never
        self.on_pull = threading.Event()
        self._inner_path = inner
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._paused = threading.Event()
        self._said = b""
        self._inner: int | None = None
        self._outer: int | None = None
        self._slave: int | None = None
        self._plug()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _plug(self) -> None:
        if self._inner_path is not None:
            self._inner = os.open(self._inner_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(self._inner)
        self._outer, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._outer, False)
        path = Path(self.path)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._slave))

    def _unplug(self) -> None:
        Path(self.path).unlink(missing_ok=True)
        for end in (self._outer, self._slave, self._inner):
            if end is not None:
                os.close(end)
        self._outer = self._slave = self._inner = None

    def say(self, data: bytes) -> None:
        """Bytes towards the kit, again and again, as a chip in its loader says them at each reset."""
        self._said = data

    def pause(self) -> None:
        """Let go of the bell's end for a while: another cable is plugged in there."""
        self._paused.set()
        time.sleep(0.1)

    def resume(self) -> None:
        """Take it again."""
        self._paused.clear()

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        self._unplug()

    def _run(self) -> None:
        noise_s = time.monotonic()
        while not self._over.is_set():
            if self.pull_after is not None and self.passed_up >= self.pull_after:
                self.pull_after = None
                self._unplug()
                self.on_pull.set()
                if self.back_after_s is None:
                    return
                time.sleep(self.back_after_s)
                self._plug()
            ends = [end for end in (self._outer, self._inner) if end is not None]
            if self._paused.is_set():
                time.sleep(0.02)
                continue
            if self._said and self._outer is not None:
                self._write(self._outer, self._said)
                time.sleep(0.2)
            ready, _, _ = select.select(ends, [], [], 0.02)
            for end in ready:
                self._pass(end)
            if self.noise_per_s and self._outer is not None:
                count = int((time.monotonic() - noise_s) * self.noise_per_s)
                if count:
                    noise_s = time.monotonic()
                    self._write(self._outer, self._chance.randbytes(min(count, 512)))

    def _pass(self, end: int) -> None:
        try:
            data = os.read(end, CHUNK_BYTES)
        except OSError:  # the other end is closed for now: a bell without power, a kit that has ended
            time.sleep(0.02)
            return
        if end == self._outer:
            self.passed_up += len(data)
            if self._inner is not None:
                self._write(self._inner, data)
        elif self._outer is not None:
            self._write(self._outer, data)

    @staticmethod
    def _write(end: int, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(end, data) :]
            except BlockingIOError:
                return  # nobody reads: a UART loses it too
            except OSError:
                return
