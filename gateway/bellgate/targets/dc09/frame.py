"""Frames of SIA DC-09: what is sent (siadc09 encodes) and what comes back (parsed here). Pure: time is given.

    LF crc4 0LLL "SIA-DCS" seq R0 L0 #account [ #account|NriP/CODEzone ] [x-data]… _HH:MM:SS,MM-DD-YYYY CR

siadc09 refuses a NAK without an account and hides what it does not know, so replies are read here: the checksum, the
length, the kind, the sequence number, the account and the receiver's time, and nothing is ever raised for the rest.
"""

import re
from datetime import UTC, datetime

from siadc09 import util  # type: ignore[import-untyped]
from siadc09.account import Account  # type: ignore[import-untyped]
from siadc09.message import EventMessage, NullMessage  # type: ignore[import-untyped]
from siadc09.xdata import Data, XData  # type: ignore[import-untyped]

from bellgate.core.frozen import frozen

SEQUENCE_MAX = 9999  # then 1 again: 0000 belongs to supervision
NULL_SEQUENCE = 0  # a supervision frame is never repeated, so it needs no number of its own
# Receivers read into a buffer of about a kilobyte; ours stay well below it, whatever a site is called.
TEXT_CHARS_MAX = 48
# A reply is some 60 bytes, 200 when encrypted; a peer that talks on without an end of frame is no receiver.
REPLY_BYTES_MAX = 1024

_REPLY = re.compile(
    rb'"(?P<sealed>\*?)(?P<kind>ACK|NAK|DUH|RSP)"(?P<sequence>\d{4})?(?:[RL][0-9A-Fa-f]{1,6})*'
    rb"(?:A0|#(?P<account>[0-9A-Fa-f]{3,16}))?\[(?P<rest>.*)",
    re.DOTALL,
)
_OPEN = re.compile(r"[^\[\]|]*\|?[^\[\]|]*\](?P<x>(?:\[[^\[\]]*\])*)(?:_(?P<time>[0-9:,-]*))?")
_TIME = "%H:%M:%S,%m-%d-%Y"
_KEY_IN_REPLY = re.compile(r"\[K[^\]]*\]")


@frozen
class Premises:
    """Under which account the receiver knows the place. account: 3 to 16 hex digits, not beginning with 0."""

    account: str
    key: bytes | None = None
    point: int | None = None


@frozen
class Report:
    """One event in the receiver's words. occurred_ms: Unix ms, when it happened; lat, lon in degrees."""

    code: str
    point: int | None = None
    occurred_ms: int | None = None
    site: str | None = None
    room: str | None = None
    place: str | None = None
    trigger: str | None = None
    lat: float | None = None
    lon: float | None = None


@frozen
class Reply:
    """What came back. kind: ACK, NAK, DUH, RSP, or "" for what cannot be read, and then `why` says so.

    sealed: it was encrypted under our key. time_ms: the receiver's clock, if the reply told it (to the second).
    """

    kind: str
    sequence: int | None = None
    account: str | None = None
    sealed: bool = False
    time_ms: int | None = None
    why: str = ""


def event(premises: Premises, sequence: int, report: Report, sent_ms: int) -> bytes:
    """The frame of an event. sent_ms: now, by the receiver's clock; the moment of the event is in x-data H."""
    if not 1 <= sequence <= SEQUENCE_MAX:
        raise ValueError(f"sequence numbers are 1 to {SEQUENCE_MAX}, not {sequence}")
    point = premises.point if premises.point is not None else report.point
    content = f"#{premises.account.upper()}|N{report.code}{'' if point is None else point}"
    message = EventMessage(
        _account(premises),
        config={
            "idtoken": "SIA-DCS",
            "data": Data(content=content.encode("ascii")),
            "xdata": [XData(letter, value) for letter, value in _extended(report)],
        },
    )
    return bytes(message.encode(seq=sequence, timestamp=_moment(sent_ms)))


def null(premises: Premises, sent_ms: int) -> bytes:
    """The frame of supervision: "are you there?"."""
    return bytes(NullMessage(_account(premises)).encode(seq=NULL_SEQUENCE, timestamp=_moment(sent_ms)))


def read(raw: bytes, premises: Premises) -> Reply:
    """One reply, from LF to CR. Never raises: what cannot be read is a reply of kind ""."""
    if len(raw) > REPLY_BYTES_MAX:
        return Reply("", why="it is too long for a reply")
    if len(raw) < 12 or raw[:1] != b"\n" or raw[-1:] != b"\r":
        return Reply("", why="it is no frame")
    body = raw[9:-1]
    try:
        crc, length = int(raw[1:5], 16), int(raw[5:9], 16)
    except ValueError:
        return Reply("", why="it has no checksum")
    if crc != util.crc(body):
        return Reply("", why="its checksum is wrong")
    if length != len(body):
        return Reply("", why="its length is wrong")
    found = _REPLY.fullmatch(body)
    if found is None:
        return Reply("", why="it is no ACK, NAK or DUH")
    sealed = bool(found["sealed"])
    rest = _opened(found["rest"], premises.key) if sealed else found["rest"].decode("ascii", "replace")
    inner = None if rest is None else _OPEN.fullmatch(rest)
    if inner is None:
        return Reply("", why="it does not open under our key" if sealed else "it has no end")
    time_ms = _read_time(inner["time"])
    if sealed and time_ms is None:  # rubbish that opens under our key by chance has no time; the standard demands one
        return Reply("", why="it does not open under our key")
    return Reply(
        kind=found["kind"].decode(),
        sequence=None if found["sequence"] is None else int(found["sequence"]),
        account=None if found["account"] is None else found["account"].decode(),
        sealed=sealed,
        time_ms=time_ms,
    )


def fits(reply: Reply, premises: Premises, sequence: int) -> str | None:
    """None if this ACK is for that frame, else why it is not. With a key, only an encrypted ACK counts."""
    if reply.sequence != sequence:
        return f"it acknowledges {reply.sequence}, not {sequence}"
    if reply.account is not None and int(reply.account, 16) != int(premises.account, 16):
        return f"it acknowledges account {reply.account}, not {premises.account}"
    if premises.key is not None and not reply.sealed:
        return "it is not encrypted, so anybody could have sent it"
    return None


def shown(raw: bytes) -> str:
    """A reply as text for the record, without a key that a careless receiver puts in."""
    return _KEY_IN_REPLY.sub("[K…]", raw.decode("ascii", "backslashreplace").strip())


def _account(premises: Premises) -> Account:
    return Account(acct=int(premises.account, 16), pref=0, rcvr=0, key=premises.key)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _extended(report: Report) -> list[tuple[str, str]]:
    fields: list[tuple[str, str | None]] = [
        ("H", None if report.occurred_ms is None else str(util.totimestamp(_moment(report.occurred_ms)))),
        ("S", _text(report.site)),
        ("R", _text(report.room)),
        ("L", _text(report.place)),
        ("T", report.trigger),
    ]
    if report.lat is not None and report.lon is not None:
        fields += [("X", _degrees(report.lon, 3, "EW")), ("Y", _degrees(report.lat, 2, "NS"))]
    return [(letter, value) for letter, value in fields if value]


def _text(text: str | None) -> str | None:
    """Plain ASCII or nothing: half a Hangul name is no name, and receivers drop the whole field."""
    if not text or not text.isascii():
        return None
    return "".join(char for char in text if char.isprintable() and char not in "[]|")[:TEXT_CHARS_MAX].strip() or None


def _degrees(value: float, width: int, signs: str) -> str:
    """ "126E58.677": degrees, hemisphere, minutes to a thousandth (about 2 m)."""
    thousandths = round(abs(value) * 60_000)
    degrees, minutes = divmod(thousandths, 60_000)
    return f"{degrees:0{width}d}{signs[value < 0]}{minutes // 1000:02d}.{minutes % 1000:03d}"


def _opened(text: bytes, key: bytes | None) -> str | None:
    try:
        sealed = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return None
    if key is None or not sealed or len(sealed) % 16:
        return None
    return bytes(util.decrypt(key, sealed)).decode("latin-1")


def _read_time(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(datetime.strptime(text, _TIME).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None
