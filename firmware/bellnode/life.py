"""The bell's own life: starts, crashes, safe mode, and when the watchdog may be fed. Pure.

Stock images of the ESP32 tell neither a brownout nor a panic by reset_cause(), so the bell keeps a record of its own. A
start that followed no clean stop is a crash; a power cut counts as one, because nobody can tell them apart. Three runs
in a row that ended so within ten minutes make a crash loop: the next start is in safe mode, which leaves out whatever a
button, an alarm and a link do not need. Safe mode still alarms. It ends by a restart after an hour without a fault, or
with any start after that.
"""

from bellnode.loan import seldom

QUICK_MS = 600000  # a run that ended uncleanly before this was a quick crash
LOOP = 3  # so many in a row
SAFE_MS = 3600000  # safe mode lasts at least so long; then the whole firmware is tried again

TEXT_CHARS = 60  # of an exception; wire.md allows 128
_WORD_CHARS = 20  # a longer word may be a key, a certificate or a token: it is not kept

# part: from one sign of life to the next at most so long, or it is stuck. The longest that each legitimately takes, on
# an ESP32: the loop blocks 10 s in a TLS handshake with ECC and about 20 s in a DNS lookup, both before it turns again;
# the link waits 18.75 s between attempts, 14 s for a packet, 8 s for an opening; the journal erases a sector in 0.4 s;
# a Wi-Fi network is given 15 s to let us in, a reset of the radio some 5 s.
BOUNDS_MS = {"link": 60000, "journal": 15000, "network": 60000}
# The hardware resets the bell so long after the last food: the loop feeds once a second, so a loop that hangs is reset
# in 30 s, and a part that is stuck in its bound and 30 s more.
WATCHDOG_MS = 30000

HEAP_MIN_BYTES = 6144  # free at the worst moment: two of the longest messages and what seals them, twice over


@seldom("start")
def begin(last):
    """(record, safe) of a start; last: the record (dict) that the last start left, {} if there is none.

    record: count (starts), crash (unclean ones), quick (quick crashes in a row), clean, steady, and what is to be
    reported: last (see `crashed`) and radio (True if the bell restarted itself for a dead radio).
    """
    quick = _whole(last, "quick")
    crash = _whole(last, "crash")
    if last.get("clean", True) is True:
        quick = 0
    else:
        crash += 1
        quick = 0 if last.get("steady") is True else quick + 1
    record = {"count": _whole(last, "count") + 1, "crash": crash, "quick": quick, "clean": False, "steady": False}
    if isinstance(last.get("last"), list) and len(last["last"]) == 3:
        record["last"] = [str(part)[:TEXT_CHARS] for part in last["last"]]
    if last.get("radio") is True:
        record["radio"] = True
    return record, quick >= LOOP


def _whole(last, name):
    value = last.get(name, 0)
    return value if type(value) is int and value >= 0 else 0


def ended(record):
    """The record of a run that ends by a clean stop."""
    return _changed(record, clean=True)


def steady(record):
    """The record of a run that has lasted `steady_ms`: however it ends, it was no quick crash."""
    return _changed(record, steady=True)


def steady_ms(safe):
    """How long a run has to last to be no part of a crash loop."""
    return SAFE_MS if safe else QUICK_MS


# Not on loan: what tells of a fault has to work when there is no memory to load anything.
def crashed(record, what, where, text):
    """The record of a run that is about to end: what (type of the exception), where (module:line), text (plain)."""
    return _changed(record, last=[what, where, text])


@seldom("start")
def told(record):
    """The record after its last crash has been reported."""
    after = {name: value for name, value in record.items() if name != "last"}
    after["told"] = record["last"]  # for who looks at the bell itself
    return after


def _changed(record, **changes):
    after = dict(record)
    after.update(changes)
    return after


@seldom("start")
def report(record):
    """`info` (dict) of the event "fault" about the last crash, or None if nobody knows more than that there was one."""
    if "last" not in record:
        return None
    what, where, text = record["last"]
    info = {"crash": what, "at": where}
    if text:
        info["text"] = text
    return info


def frames(trace):
    """["module:line"] of a traceback (text, of either runtime), the innermost last: all of it that holds no data."""
    found = []
    for text in trace.split("\n"):
        line = text.strip()
        if line.startswith("File ") and ", line " in line:
            path, rest = line[5:].split(", line ", 1)
            module = path.strip('"').split("/")[-1].split(".")[0]
            found.append(module + ":" + rest.split(",")[0].strip())
    return found


def where(trace):
    """The innermost of its frames, or "" if there is none."""
    return (frames(trace) or [""])[-1]


def plain(text, secrets=()):
    """The text of an exception, short and on one line, without what could be a key or a password."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "*")
    words = [word if len(word) <= _WORD_CHARS else "*" for word in text.split()]
    return " ".join(words)[:TEXT_CHARS]


def stuck(alive, now_ms):
    """The first part whose last sign of life is older than its bound, or None. alive: {part: ms, or None: not busy}."""
    for part, bound_ms in BOUNDS_MS.items():
        seen_ms = alive.get(part)
        if seen_ms is not None and now_ms - seen_ms > bound_ms:
            return part
    return None
