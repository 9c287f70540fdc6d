"""The installer's end of a bell's serial port: requests, answers, events, log lines. docs/port.md is normative.

    with Port("/dev/ttyUSB0") as port:
        print(port.ask("hello"))

Every wait has a deadline. A request that is not answered goes out again under a new number; every operation may be
repeated. If the cable goes away, it is waited for, and the request is sent again.
"""

import contextlib
import errno
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import serial
from serial.tools import list_ports

from bellkit.errors import PortError, Refused
from bellwire import frame

BAUD = 115_200
READ_S = 0.05  # a turn of the loop: below what a person notices
WRITE_S = 2.0  # 256 bytes take 25 ms; a driver that takes none in two seconds is stuck
BACK_S = 10.0  # a USB plug that wobbled is back by then
BACK_POLL_S = 0.2
TRIES = 3
TEXT_LINES_MAX = 2_000  # of the log, the newest: an hour of a talkative bell
EVENTS_MAX = 500  # nobody presses faster than these are read; the oldest go first

# Seconds until an answer must be there, as docs/port.md says; the rest 2.
DEADLINES_S = {
    "enrol.end": 5.0,
    "wipe": 5.0,
    "wifi.set": 25.0,
    "diag.scan": 15.0,
    "diag.dns": 25.0,
    "diag.broker": 60.0,
    "diag.journal": 5.0,
}
DEADLINE_S = 2.0
# Sent again only after this: to interrupt an operation that takes its time would begin it anew.
SLOW_S = 5.0

# What the chip itself says when it has no firmware, or stands in its loader.
ROM_WORDS = (b"waiting for download", b"invalid header", b"flash read err", b"No bootable app", b">>> ")

Event = dict[str, Any]


class Port:
    """One cable. on_text: called with each log line; on_event: with each event."""

    def __init__(
        self,
        path: str,
        on_text: Callable[[str], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        back_s: float = BACK_S,
    ) -> None:
        self.path = path
        self.on_text = on_text
        self.on_event = on_event
        self.text: deque[str] = deque(maxlen=TEXT_LINES_MAX)
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.noise_bytes = 0  # that were neither a frame nor readable text
        self.reopened = 0  # how often the cable was away
        self._back_s = back_s
        self._now_s = monotonic
        self._serial: serial.Serial | None = None
        self._reader = self._new_reader()
        self._number = 0
        self._quiet_s = 0.0
        self._rom = False

    @staticmethod
    def _new_reader() -> frame.Reader:
        return frame.Reader((frame.ANSWER, frame.EVENT), (frame.STATE, frame.ERROR, frame.RESULT), lines=True)

    def __enter__(self) -> "Port":
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def open(self) -> None:
        """Raises PortError: missing, busy or forbidden."""
        link = serial.Serial()
        link.port, link.baudrate, link.timeout, link.write_timeout = self.path, BAUD, READ_S, WRITE_S
        link.exclusive = True
        link.dtr = link.rts = False  # on many boards these two are RESET and BOOT
        try:
            link.open()
        except (OSError, ValueError) as error:
            raise _told(self.path, error) from None
        self._serial = link
        self._reader = self._new_reader()

    def close(self) -> None:
        """Let go of the cable; again is no harm."""
        link, self._serial = self._serial, None
        if link is not None:
            with contextlib.suppress(OSError):  # it was pulled: nothing is left to close
                link.close()

    def ask(self, op: str, deadline_s: float | None = None, tries: int = TRIES, **arguments: Any) -> dict[str, Any]:
        """The bell's answer. Raises Refused, or PortError when it does not answer in time."""
        wait_s = deadline_s or DEADLINES_S.get(op, DEADLINE_S)
        tries = 2 if wait_s > SLOW_S else tries
        named = {name.rstrip("_"): value for name, value in arguments.items()}  # from_ and for_ are words of Python
        request = json.dumps({"op": op, **named}, ensure_ascii=False, separators=(",", ":")).encode()
        for _ in range(tries):
            try:
                answer = self._once(request, wait_s)
            except OSError:
                self._reopen()
                continue
            if answer is None or (answer.get("code") == "busy" and tries > 1):
                continue
            if answer.get("ok") is not True:
                raise Refused(op, answer)
            return answer
        if self._rom:
            raise PortError(
                "rom", f"{self.path}: the chip answers, but without Ansimbell firmware: run `bellkit flash`"
            )
        raise PortError(
            "silent",
            f"{self.path}: no answer to {op} within {wait_s * tries:g} s. Check power and cable, press RESET",
        )

    def listen(self, seconds: float) -> None:
        """Take what comes in for so long. Raises PortError if the cable stays away."""
        end_s = self._now_s() + seconds
        while self._now_s() < end_s:
            try:
                self._take(self._read())
            except OSError:
                self._reopen()

    def watch(self, seconds: float) -> Iterator[Event | None]:
        """Each event as it comes, and None at every turn of the loop without one, until the time is over."""
        end_s = self._now_s() + seconds
        while self._now_s() < end_s:
            if self.events:
                yield self.events.popleft()
                continue
            self.listen(READ_S)
            if not self.events:
                yield None

    def raw(self, data: bytes) -> None:
        """Write bytes that are no request, for Improv and for tests."""
        assert self._serial is not None, "the port is not open"
        self._serial.write(data)

    def _once(self, request: bytes, wait_s: float) -> dict[str, Any] | None:
        assert self._serial is not None, "the port is not open"
        self._number = (self._number + 1) % 256
        self._serial.write(b"\n" + frame.frame(frame.REQUEST, self._number, request) + b"\n")
        end_s = self._now_s() + wait_s
        while self._now_s() < end_s:
            for kind, number, payload in self._take(self._read()):
                if kind == frame.ANSWER and number == self._number:
                    return payload
        return None

    def _read(self) -> bytes:
        assert self._serial is not None, "the port is not open"
        found: bytes = self._serial.read(max(1, min(self._serial.in_waiting, 4_096)))
        return found

    def _take(self, data: bytes) -> list[tuple[int, int, dict[str, Any]]]:
        """The answers in it; events and text go where they belong."""
        found = self._reader.feed(data)
        if data:
            self._quiet_s = self._now_s()
        elif self._reader.pending() and self._now_s() - self._quiet_s > frame.GAP_MS / 1000:
            found += self._reader.silence()
        answers = []
        for item in found:
            if item[0] == "text":
                self._line(item[1])
                continue
            if item[0] != "frame":
                continue
            self._rom = False
            try:
                payload = json.loads(item[3])
            except ValueError:
                payload = None
            if not isinstance(payload, dict):
                self.noise_bytes += len(item[3])
            elif item[1] == frame.EVENT:
                self.events.append(payload)
                if self.on_event is not None:
                    self.on_event(payload)
            else:
                answers.append((item[1], item[2], payload))
        return answers

    def _line(self, data: bytes) -> None:
        try:
            text = data.decode().rstrip("\r")
        except UnicodeDecodeError:
            text = ""
        if not text or not text.isprintable():
            self.noise_bytes += len(data)
        if any(word in data for word in ROM_WORDS):
            self._rom = True
        shown = "".join(sign if sign.isprintable() else "·" for sign in data.decode(errors="replace").rstrip("\r"))
        self.text.append(shown)
        if self.on_text is not None:
            self.on_text(shown)

    def _reopen(self) -> None:
        """The cable is away: wait for it. Raises PortError."""
        self.close()
        end_s = self._now_s() + self._back_s
        while True:
            try:
                self.open()
            except PortError:
                if self._now_s() > end_s:
                    text = f"{self.path}: the cable was pulled, and did not come back within {self._back_s:g} s"
                    raise PortError("pulled", f"{text}. Plug it in, and run the command again") from None
                time.sleep(BACK_POLL_S)
                continue
            self.reopened += 1
            return


def _told(path: str, error: Exception) -> PortError:
    number = getattr(error, "errno", None)
    said = str(error)
    if number == errno.EACCES or "Permission denied" in said:
        return PortError(
            "forbidden", f"{path}: this user may not open it. Join the group dialout (`sudo usermod -aG dialout $USER`)"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in said:
        return PortError("busy", f"{path}: another program uses it. Close that program, a serial monitor perhaps")
    return PortError(
        "missing", f"{path}: there is no such port. Plug the cable in; `bellkit ports` lists what there is"
    )


def found() -> list[dict[str, str]]:
    """The ports of this machine: {"port", "what"} each, USB first."""
    ports = sorted(list_ports.comports(), key=lambda one: (one.vid is None, one.device))
    return [{"port": one.device, "what": one.description or ""} for one in ports]


def choose(wanted: str | None) -> str:
    """The port to use: the one that is wanted, or the only one on USB. Raises PortError naming what there is."""
    if wanted is not None:
        return wanted
    usb = [one.device for one in list_ports.comports() if one.vid is not None]
    if len(usb) == 1:
        return str(usb[0])
    if usb:
        raise PortError("missing", f"there are several USB ports: name one with --port: {', '.join(sorted(usb))}")
    raise PortError("missing", "no bell on USB: plug the cable in, or name the port with --port")
