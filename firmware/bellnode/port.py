"""The serial port: which request is carried out, and when. Pure; docs/port.md is its contract, `cable` its shell.

    step(port, given, now_ms) -> (port, effects)

given, a tuple:
    ("request", number, payload, nonce, alarm)  payload: bytes of the frame; nonce: 16 fresh random bytes; alarm: is one
                                                on its way: True, False, "stuck" (there is no link for it)
    ("done", number, answer)                    an operation is over; answer: see `well` and `no`
    ("improv", op, args, alarm)                 Improv asks for "wifi.set" or "diag.scan"; its number is IMPROV
    ("boot", held)                              the BOOT button, looked at while `watches_boot`
    ("seen", given, effects)                    what the node was given, and what it wants done (see `node`)
    ("tick",)
effects, a tuple of:
    ("run", number, op, args)                   carry out; then give ("done", number, answer)
    ("answer", number, answer) ("event", number, event)   to be sent
    ("forget",)                                 nobody is there any more
"""

import json
from binascii import hexlify
from collections import namedtuple

import bellwire
from bellnode import port_events

SELDOM = "cable"  # see `loan`
TEXTS_ARE_DATA = True  # for the linker: none of them names a member

VERSION = 1
FORGET_MS = 60000  # without a valid frame; the kit asks `hello` every 20 s
GESTURE_MS = 5000  # BOOT is held so long
WITHIN_MS = 60000  # after the challenge, and again for the code after the gesture
TRIES = 3
LOCKED_MS = 600000  # 10^8 codes, three tries in ten minutes
CODE_DIGITS = 8
IMPROV = -1  # the number of Improv's requests, which have none

# operation: (bell, kind, arguments). bell: whose it is. kind: "now" · "job", one at a time · "calm", not while an alarm
# is on its way · "spare", not while one is on its way over a link that stands: without a link, these find out why
# nothing gets through, or mend it · "calm job" · "spare job". arguments: name: what it must be; with "?" it may be left
# out.
OPS = {
    "hello": ("any", "now", ""),
    "enrol.begin": ("blank", "now", "size:whole sha256:text"),
    "enrol.data": ("blank", "now", "at:whole data:text"),
    "enrol.end": ("blank", "now", "proof:text"),
    "challenge": ("enrolled", "now", "for:text"),
    "wipe": ("enrolled", "calm", "code:text"),
    "wifi.set": ("any", "spare job", "ssid:text password:any"),
    "diag.inputs": ("any", "now", ""),
    "diag.outputs": ("any", "now", ""),
    "diag.power": ("any", "now", ""),
    "diag.radio": ("any", "now", ""),
    "diag.scan": ("any", "spare job", ""),
    "diag.dns": ("any", "spare job", "host:text"),
    "diag.brokers": ("enrolled", "now", "from?:whole"),
    "diag.broker": ("enrolled", "spare job", "n:whole"),
    "diag.journal": ("any", "spare", ""),
    "diag.boot": ("any", "now", ""),
    "diag.heap": ("any", "now", ""),
    "diag.faults": ("any", "now", ""),
    "diag.time": ("any", "now", ""),
    "output": ("any", "calm", "name:text on:bool"),
    "watch": ("any", "now", "on:bool"),
    "test.begin": ("enrolled", "now", "minutes?:whole"),
    "test.end": ("enrolled", "now", ""),
    "log": ("any", "now", "on:bool"),
    "restart": ("any", "calm", ""),
    "repl": ("blank", "now", ""),
}

# key: the bell's sealing key, None: blank. job: number of the one that runs, or None. heard_ms: the last valid frame.
# nonce: of the challenge (hex), or None. until_ms: of the challenge. held_ms: since when BOOT is held, or None.
# gesture: made. wrong: codes since the last right one. locked_ms: until when, or None. events: how many were sent.
# watch: port_events.Watch, or None.
FIELDS = (
    "key",
    "job",
    "heard_ms",
    "nonce",
    "until_ms",
    "held_ms",
    "gesture",
    "wrong",
    "locked_ms",
    "events",
    "watch",
)
Port = namedtuple("Port", FIELDS)


def start(key, now_ms):
    """A port where somebody has just begun to speak."""
    return Port(key, None, now_ms, None, 0, None, False, 0, None, 0, None)


def _changed(port, **changes):
    return Port(*[changes[name] if name in changes else getattr(port, name) for name in FIELDS])


def well(found=None):
    """An answer: it went well. found: what else it says (dict)."""
    answer = {"ok": True}
    answer.update(found or {})
    return answer


def no(code, text):
    """An answer: it did not. code: one of docs/port.md; text: what is wrong, and what to do."""
    return {"ok": False, "code": code, "text": text}


def code_of(key, op, nonce):
    """The operator's code (text of 8 digits) for an operation on the bell with this sealing key. nonce: hex."""
    told = bellwire.hmac_sha256(key, ("ansimbell port " + op + " " + nonce).encode())
    digits = str(int.from_bytes(told, "big") % 10**CODE_DIGITS)
    return "0" * (CODE_DIGITS - len(digits)) + digits


def step(port, given, now_ms):
    """(port, effects); see the module's docstring."""
    kind = given[0]
    if kind == "request":
        return _request(_changed(port, heard_ms=now_ms), given, now_ms)
    if kind == "improv":
        port = _changed(port, heard_ms=now_ms)
        wrong = _refused(port, given[1], given[3])
        if wrong is not None:
            return port, (("answer", IMPROV, wrong),)
        return _changed(port, job=IMPROV), (("run", IMPROV, given[1], given[2]),)
    if kind == "done":
        job = None if port.job == given[1] else port.job
        return _changed(port, job=job), (("answer", given[1], given[2]),)
    if kind == "boot":
        return _boot(port, given[1], now_ms)
    if kind == "seen":
        if port.watch is None:
            return port, ()
        watch, found = port_events.seen(port.watch, given[1], given[2], now_ms)
        return _events(_changed(port, watch=watch), found)
    if kind == "tick":
        if port.nonce is not None and now_ms >= port.until_ms:
            port = _changed(port, nonce=None, held_ms=None, gesture=False)
        if port.job is None and now_ms - port.heard_ms >= FORGET_MS:
            return port, (("forget",),)
        return port, ()
    raise ValueError(f"a port does not take {kind!r}")


def watches_boot(port):
    """True while the BOOT button has to be looked at."""
    return port.nonce is not None or port.watch is not None


def _events(port, found):
    effects = []
    for event in found:
        effects.append(("event", port.events, event))
        port = _changed(port, events=(port.events + 1) % 256)
    return port, tuple(effects)


def _request(port, given, now_ms):
    _, number, payload, nonce, alarm = given
    found, wrong = _read(payload)
    if wrong is None:
        wrong = _refused(port, found["op"], alarm)
    if wrong is not None:
        return port, (("answer", number, wrong),)
    op = found["op"]
    if op == "challenge":
        port, answer = _challenge(port, found, nonce, now_ms)
        if answer is not None:
            return port, (("answer", number, answer),)
        found["nonce"] = port.nonce
    elif op == "wipe":
        port, answer = _wipe(port, found["code"], now_ms)
        if answer is not None:
            return port, (("answer", number, answer),)
    elif op == "watch":
        port = _changed(port, watch=port_events.NEW if found["on"] else None)
        return port, (("answer", number, well()),)
    elif "job" in OPS[op][1]:
        port = _changed(port, job=number)
    return port, (("run", number, op, found),)


def _read(payload):
    """(request, None), or (None, answer): why it is none."""
    try:
        found = json.loads(str(payload, "utf-8"))
    except (ValueError, RuntimeError):  # RuntimeError: CPython's RecursionError
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("op"), str):
        return None, no("request", 'A request is a JSON object with a text "op".')
    if found["op"] not in OPS:
        return None, no("op", "This firmware has no such operation. Update the kit, or the bell.")
    for word in OPS[found["op"]][2].split():
        name, rule = word.split(":")
        optional = name[-1] == "?"
        name = name[:-1] if optional else name
        if optional and name not in found:
            continue
        why = _wrong(rule, found.get(name))
        if why is not None:
            return None, no("request", f'"{name}" of {found["op"]} must be {why}.')
    return found, None


def _wrong(rule, value):
    if rule == "whole":
        return None if type(value) is int and 0 <= value < 65536 else "a whole number from 0 to 65535"
    if rule == "bool":
        return None if value is True or value is False else "true or false"
    if rule == "text":
        return None if isinstance(value, str) and value else "text that is not empty"
    return None if isinstance(value, str) else "text"


def _refused(port, op, alarm):
    """Why an operation is not for this bell, or not for now: an answer, or None."""
    bell, kind, _ = OPS[op]
    if bell == "blank" and port.key is not None:
        return no("state", "This bell is enrolled. Wipe it first: a challenge, the BOOT button, the operator's code.")
    if bell == "enrolled" and port.key is None:
        return no("state", "This bell is not enrolled. Enrol it first.")
    if ("calm" in kind and alarm) or ("spare" in kind and alarm is True):
        return no("alarm", "Not now: an alarm is on its way. Ask again when it is stored.")
    if "job" in kind and port.job is not None:
        return no("busy", "Another operation is still running. Wait for its answer.")
    return None


def _locked(port, now_ms):
    if port.locked_ms is None or now_ms >= port.locked_ms:
        return None
    minutes = (port.locked_ms - now_ms + 59999) // 60000
    return no("locked", f"Too many wrong codes. Ask again in {minutes} min.")


def _challenge(port, found, nonce, now_ms):
    """(port, answer or None)"""
    if found["for"] != "wipe":
        return port, no("request", '"for" of challenge must be "wipe".')
    locked = _locked(port, now_ms)
    if locked is not None:
        return port, locked
    told = str(hexlify(nonce), "utf-8")
    return _changed(port, nonce=told, until_ms=now_ms + WITHIN_MS, held_ms=None, gesture=False), None


def _wipe(port, code, now_ms):
    """(port, answer or None: it may be carried out)"""
    locked = _locked(port, now_ms)
    if locked is not None:
        return port, locked
    if port.nonce is None or now_ms >= port.until_ms:
        return port, no("code", "There is no challenge, or it is over. Ask for a new one.")
    if not port.gesture:  # before the code is looked at: nobody learns by it whether a code is right
        seconds = GESTURE_MS // 1000
        return port, no("gesture", f"Hold the BOOT button of the board for {seconds} s, then send the code again.")
    if code == code_of(port.key, "wipe", port.nonce):
        return _changed(port, nonce=None, gesture=False, wrong=0), None
    if port.wrong + 1 >= TRIES:
        port = _changed(port, wrong=0, nonce=None, gesture=False, locked_ms=now_ms + LOCKED_MS)
        return port, _locked(port, now_ms)
    port = _changed(port, wrong=port.wrong + 1)
    return port, no("code", f"The code is wrong. {TRIES - port.wrong} more tries. Ask the operator to read it again.")


def _boot(port, held, now_ms):
    effects = ()
    if port.watch is not None:
        watch, found = port_events.boot(port.watch, held, now_ms)
        port, effects = _events(_changed(port, watch=watch), found)
    if port.nonce is not None and not port.gesture:
        if not held:
            port = _changed(port, held_ms=None)
        elif port.held_ms is None:
            port = _changed(port, held_ms=now_ms)
        elif now_ms - port.held_ms >= GESTURE_MS and now_ms < port.until_ms:
            port = _changed(port, gesture=True, until_ms=now_ms + WITHIN_MS)
    return port, effects
