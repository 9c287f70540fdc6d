"""The record of starts in flash: how many, how they ended, and what the last crash was. The decisions are in `life`.

Written at a start, once when the run has become steady, at a clean stop, and when the bell is about to end by a fault:
some four times per start, so it wears nothing out. No fault of the flash stops anything.
"""

import io
import sys
from binascii import hexlify
from hashlib import sha256

from bellnode import life
from bellnode.journal import TwoCopies
from bellnode.loan import seldom

_CPYTHON = sys.implementation.name == "cpython"


class Starts:
    """The record in `folder`. secrets: texts that no report may contain."""

    def __init__(self, folder, secrets=None):
        self._folder = folder
        self.secrets = secrets or ()
        self._record = {}
        self.safe = False  # True if this start is in safe mode
        self.radio_restart = False  # True if the bell restarted itself for a dead radio

    def begin(self, random, unique):
        """(boot, crash, faults) of this start. random: 16 fresh bytes; unique: the chip's own bytes.

        boot: 16 hex, from the count and the random bytes together, so that neither a wiped flash nor a weak
        generator alone can repeat one. crash: starts so far that followed no clean stop (a power cut is one).
        """
        faults = ()
        records, faulty = TwoCopies(self._folder, "boot").load()
        last = {}
        for record in records:
            if type(record.get("count")) is int and record["count"] >= last.get("count", 0):
                last = record
        if faulty:
            faults += ("journal",)
        self._record, self.safe = life.begin(last)
        self.radio_restart = self._record.pop("radio", False)
        if self.safe:
            faults += ("safe_mode",)
        if not self._keep(self._record):
            faults += ("flash",)
        mixed = str(self._record["count"]).encode() + b"/" + random + b"/" + unique
        return str(hexlify(sha256(mixed).digest()), "utf-8")[:16], self._record["crash"], faults

    def last_crash(self):
        """`info` of the event "fault" about how the last run ended, or None."""
        return life.report(self._record)

    @seldom("cable")
    def known_crash(self):
        """`info` of the last crash, told or not; None if there was none since the last start but one."""
        told = self._record.get("told")
        return life.report(self._record) or (life.report({"last": told}) if told else None)

    @seldom("cable")
    def counted(self):
        """(starts, crashes) of this bell."""
        return self._record["count"], self._record["crash"]

    def told(self):
        """The report is in the journal of events: it need not be made again."""
        if "last" in self._record:
            self._keep(life.told(self._record))

    def steady(self):
        """This run has lasted: it is no part of a crash loop."""
        self._keep(life.steady(self._record))

    def end(self):
        """Note a clean stop; the next start then counts no crash. False if it could not be written."""
        return self._keep(life.ended(self._record))

    def crashed(self, fault):
        """Note the exception that ends this run, for the next one to report. Its traceback, without a secret, on one
        line: the text of an exception may be anything, a key too."""
        what, text = type(fault).__name__, life.plain(str(fault), self.secrets)
        way = life.frames(trace(fault))
        self.stopped_by(what, (way or [""])[-1], text)
        return f"Traceback: {' '.join(way)}  {what}: {text}"

    def stopped_by(self, what, where, text=""):
        """Note what ends this run: "watchdog" and the part that is stuck, for one."""
        self._keep(life.crashed(self._record, what, where, text))

    def radio(self):
        """Note that this run ends because the radio's driver is dead; it is a clean stop."""
        self._record["radio"] = True
        return self.end()

    def _keep(self, record):
        self._record = record
        try:
            copies = TwoCopies(self._folder, "boot")  # kept for these few times, it would keep all its code loaded
            copies.save([record])
            copies.mirror()
        except (OSError, MemoryError):
            return False
        return True


def trace(fault):
    """The traceback of an exception as text, on either runtime."""
    if _CPYTHON:
        import traceback  # noqa: PLC0415 -- MicroPython has none

        return "".join(traceback.format_exception(fault))
    text = io.StringIO()
    sys.print_exception(fault, text)
    return text.getvalue()
