"""One CAP 1.2 document from a notice and the documents before it. No clock, no file, no network.

Alert for a new incident, Update for each change, Cancel when it was closed as no emergency. The bell's own cancel
is an Update: the presser may have been forced to it, and only a person closes an incident.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from bellgate.core.frozen import frozen
from bellgate.targets import words
from bellgate.targets.notice import Notice

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
CONTENT_TYPE = "application/cap+xml; charset=utf-8"
# Whoever closed it so says that there was nothing to warn of: the earlier documents are taken back.
TAKEN_BACK = ("accidental", "prank", "device_fault", "test", "duplicate")
# The first document of the chain and the newest before this one; a night of rounds must not make a book of references.
REFERENCES_MAX = 32

# {kind: (categories, severity)}
_KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "panic": (("Security",), "Severe"),
    "holdup": (("Security",), "Severe"),
    "duress": (("Security",), "Severe"),
    "medical": (("Health", "Rescue"), "Severe"),
    "intrusion": (("Security",), "Moderate"),
    "checkin_missed": (("Rescue",), "Moderate"),
    "tamper": (("Security",), "Minor"),
    "test": (("Other",), "Minor"),
}
# What XML 1.0 cannot hold; an address may have come from anywhere.
_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_NEW_KIND = (("Other",), "Unknown")


@frozen
class Letterhead:
    """What every document of one target has in common. addresses empty: for those whom `restriction` names."""

    gateway: str
    sender: str
    addresses: tuple[str, ...]
    restriction: str
    contact: str | None
    test_status: str
    radius_m: int
    valid_s: int


def message_type(notice: Notice, chain: Sequence[Notice]) -> str:
    """ "Alert", "Update" or "Cancel". chain: what went before, see `chain`."""
    if not chain:
        return "Alert"
    return "Cancel" if _takes_back(notice) else "Update"


def chain(earlier: Sequence[Notice]) -> list[Notice]:
    """The notices that a new document refers to, in order: those after the last Cancel, which ended what was before."""
    kept: list[Notice] = []
    for notice in sorted(earlier, key=lambda one: one.order):
        kept = [] if kept and _takes_back(notice) else [*kept, notice]
    return kept


def identifier(head: Letterhead, notice: Notice) -> str:
    """The same for every attempt: the receiver throws a repeat away by it."""
    return f"{head.gateway}-{notice.id}"


def stamp(at_ms: int) -> str:
    """ "2026-11-22T23:10:05+09:00"; CAP forbids "Z"."""
    return words.local(at_ms).isoformat(timespec="seconds")


def build(head: Letterhead, notice: Notice, earlier: Sequence[Notice]) -> "etree._Element":
    """The document. earlier: the notices of this incident that went to the same receiver before, in any order."""
    linked = chain(earlier)
    kind = message_type(notice, linked)
    if linked:
        # It began when the first document said; a change of handling knows only when the incident was opened.
        first = linked[0]
        notice = replace(
            notice,
            begun_ms=first.begun_ms,
            begun_err_ms=first.begun_err_ms,
            late=notice.late or first.late,
            clock_unsure=notice.clock_unsure or first.clock_unsure,
        )
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})  # type: ignore[dict-item]
    _add(alert, "identifier", identifier(head, notice))
    _add(alert, "sender", head.sender)
    _add(alert, "sent", stamp(notice.sent_ms))
    status = head.test_status if notice.test else "Actual"
    _add(alert, "status", status)
    _add(alert, "msgType", kind)
    _add(alert, "source", f"ansimbell/{head.gateway}")
    if head.addresses:
        _add(alert, "scope", "Private")
        _add(alert, "addresses", " ".join(head.addresses))
    else:
        _add(alert, "scope", "Restricted")
        _add(alert, "restriction", head.restriction)
    note = _note(notice, kind, status)
    if note:
        _add(alert, "note", note)
    if linked:
        named = [linked[0], *linked[1:][-(REFERENCES_MAX - 1) :]]
        said = (f"{head.sender},{identifier(head, one)},{stamp(one.sent_ms)}" for one in named)
        _add(alert, "references", " ".join(said))
    _add(alert, "incidents", f"{head.gateway}-{notice.incident}")
    for language in words.LANGUAGES:
        _info(alert, head, notice, language)
    return alert


def to_bytes(alert: "etree._Element") -> bytes:
    """As it is sent: no white space is added, because a signature covers every character."""
    return etree.tostring(alert, encoding="UTF-8", xml_declaration=True)


def _takes_back(notice: Notice) -> bool:
    return notice.handling == "closed" and notice.disposition in TAKEN_BACK


def _note(notice: Notice, kind: str, status: str) -> str | None:
    if kind == "Cancel":
        return f"{words.standing(notice, 'ko')} / {words.standing(notice, 'en')}"
    if status == "Exercise":
        return "훈련입니다. 실제 상황이 아닙니다. / An exercise, not a real emergency."
    return None


def _info(alert: "etree._Element", head: Letterhead, notice: Notice, language: str) -> None:
    korean = language == "ko"
    categories, severity = _KINDS.get(notice.what, _NEW_KIND)
    over = notice.handling in ("cleared", "closed")
    event = words.word(words.WHAT, notice.what, language)
    info = etree.SubElement(alert, f"{{{NAMESPACE}}}info")
    _add(info, "language", "ko-KR" if korean else "en-US")
    for category in categories:
        _add(info, "category", category)
    _add(info, "event", event)
    _add(info, "responseType", "None" if notice.test else "AllClear" if over else "Assess")
    _add(info, "urgency", "Past" if over else "Immediate")
    _add(info, "severity", severity)
    _add(info, "certainty", _certainty(notice))
    code = etree.SubElement(info, f"{{{NAMESPACE}}}eventCode")
    _pair(code, "ansimbell:what", notice.what)
    _add(info, "effective", stamp(notice.sent_ms))
    _add(info, "onset", stamp(notice.begun_ms))
    _add(info, "expires", stamp(notice.sent_ms + head.valid_s * 1000))
    _add(info, "senderName", f"안심벨 {head.gateway}" if korean else f"Ansimbell {head.gateway}")
    mark = ("[시험] " if korean else "[TEST] ") if notice.test else ""
    _add(info, "headline", f"{mark}{event}: {notice.name} ({words.standing(notice, language)})")
    _add(info, "description", _description(notice, korean))
    _add(info, "instruction", _instruction(notice, over, korean))
    if head.contact:
        _add(info, "contact", head.contact)
    for name, value in _parameters(notice):
        _pair(etree.SubElement(info, f"{{{NAMESPACE}}}parameter"), f"ansimbell:{name}", value)
    area = etree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(area, "areaDesc", f"{notice.name}, {notice.address}")
    if notice.lat is not None and notice.lon is not None:
        _add(area, "circle", f"{notice.lat:.6f},{notice.lon:.6f} {head.radius_m / 1000:g}")
    _pair(etree.SubElement(area, f"{{{NAMESPACE}}}geocode"), "ansimbell:site", notice.site)


def _certainty(notice: Notice) -> str:
    if notice.disposition == "genuine":
        return "Observed"
    if notice.disposition == "nobody_found":
        return "Possible"
    return "Unlikely" if notice.disposition in TAKEN_BACK else "Likely"


def _description(notice: Notice, korean: bool) -> str:
    happened = words.moment(notice.begun_ms, notice.begun_err_ms)
    if korean:
        lines = [
            f"장소: {notice.name}, {notice.address}",
            f"발생: {happened}",
            f"처리 상태: {words.standing(notice, 'ko')}",
            f"받은 신호: {notice.signals}회",
        ]
        if notice.late:
            lines.append("누른 뒤 늦게 도착한 신호입니다.")
        if notice.clock_unsure:
            lines.append("시각이 동기화되지 않아 발생 시각이 정확하지 않을 수 있습니다.")
        if notice.cancel_asked:
            lines.append("현장에서 취소를 눌렀습니다. 강요로 눌렀을 수 있으니 반드시 확인하세요.")
        return "\n".join(lines)
    lines = [
        f"Place: {notice.name}, {notice.address}",
        f"Happened: {happened}",
        f"Handling: {words.standing(notice, 'en')}",
        f"Signals: {notice.signals}",
    ]
    if notice.late:
        lines.append("The signal arrived long after the press.")
    if notice.clock_unsure:
        lines.append("No clock confirmed the time; it may be wrong.")
    if notice.cancel_asked:
        lines.append("Cancel was pressed at the place. It may have been forced: make sure.")
    return "\n".join(lines)


def _instruction(notice: Notice, over: bool, korean: bool) -> str:
    if notice.test:
        return "시험입니다. 출동하지 마세요." if korean else "This is a test. Send nobody."
    if over:
        return "더 하실 일은 없습니다." if korean else "Nothing more is to be done."
    if notice.hushed:
        if korean:
            return "무음 신고입니다. 현장에 전화하지 말고, 사이렌 없이 접근하세요."
        return "A silent alarm. Do not telephone the place; approach without a siren."
    return "현장을 확인하고 필요하면 출동하세요." if korean else "Check the place and send help if it is needed."


def _parameters(notice: Notice) -> list[tuple[str, str]]:
    said = [
        ("incident", str(notice.incident)),
        ("bell", notice.bell_id),
        ("change", notice.change),
        ("handling", notice.handling),
        ("signals", str(notice.signals)),
        ("priority", str(notice.priority)),
        ("round", str(notice.round)),
    ]
    if notice.begun_err_ms is not None:
        said.append(("onset_err_ms", str(notice.begun_err_ms)))
    if notice.disposition is not None:
        said.append(("disposition", notice.disposition))
    flags = ("silent", "duress", "late", "clock_unsure", "cancel_asked")
    return said + [(name, "true") for name in flags if getattr(notice, name)]


def _add(parent: "etree._Element", name: str, text: str) -> None:
    etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = _FORBIDDEN.sub("", text)


def _pair(parent: "etree._Element", name: str, value: str) -> None:
    _add(parent, "valueName", name)
    _add(parent, "value", value)
