"""What people outside the control room read, in Korean and English; the same words as on the console's pages."""

from datetime import datetime, timedelta, timezone

from bellgate.targets.notice import Notice

LANGUAGES = ("ko", "en")
KST = timezone(timedelta(hours=9), "KST")

# {kind: (Korean, English)}; a kind that is not here is shown by its name.
WHAT = {
    "panic": ("비상벨 누름", "Panic button pressed"),
    "holdup": ("강도, 무음 신고", "Hold-up, silent"),
    "duress": ("협박 상황", "Under duress"),
    "medical": ("응급 환자", "Medical emergency"),
    "intrusion": ("침입 감지", "Intrusion"),
    "checkin_missed": ("안부 응답 없음", "Check-in missed"),
    "tamper": ("벨 훼손 감지", "Bell tampered with"),
    "test": ("시험 누름", "Test press"),
}
HANDLING = {
    "received": ("미접수", "waiting, nobody has seen it"),
    "presented": ("미접수, 화면에 표시됨", "waiting, shown on a console"),
    "acknowledged": ("접수됨", "acknowledged"),
    "dispatched": ("출동 지령됨", "dispatched"),
    "en_route": ("출동 중", "en route"),
    "on_scene": ("현장 도착", "on scene"),
    "cleared": ("현장 조치 완료", "cleared"),
    "closed": ("종결", "closed"),
}
DISPOSITION = {
    "genuine": ("실제 상황", "genuine"),
    "accidental": ("실수로 누름", "accidental"),
    "prank": ("장난", "prank"),
    "device_fault": ("기기 고장", "device fault"),
    "test": ("시험", "test"),
    "duplicate": ("중복 신고", "duplicate"),
    "nobody_found": ("현장에 아무도 없음", "nobody found"),
}


def word(table: dict[str, tuple[str, str]], name: str, language: str) -> str:
    """The word of this name, or the name itself if it is a new one."""
    return table[name][LANGUAGES.index(language)] if name in table else name


def local(at_ms: int) -> datetime:
    """The moment in Korean time, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, KST)


def moment(at_ms: int, err_ms: int | None) -> str:
    """ "2026-11-22 23:10:05 KST ±2 s"; without a known uncertainty only the time."""
    text = local(at_ms).strftime("%Y-%m-%d %H:%M:%S KST")
    return text if err_ms is None else f"{text} ±{max(1, round(err_ms / 1000))} s"


def standing(notice: Notice, language: str) -> str:
    """How the incident stands: "접수됨", "closed: accidental"."""
    text = word(HANDLING, notice.handling, language)
    if notice.disposition is None:
        return text
    return f"{text}: {word(DISPOSITION, notice.disposition, language)}"


def short(notice: Notice, language: str, detail: str) -> tuple[str, str]:
    """(title, text) for a telephone. language "ko", "en" or "both".

    detail "least": the incident's number and how it stands, and nothing that tells whom it happened to or what;
    "place": also what happened and the bell's name; "full": also the address and the time.
    """
    wanted = LANGUAGES if language == "both" else (language,)
    title = f"{'안심벨' if 'ko' in wanted else 'Ansimbell'} #{notice.incident}"
    return title, "\n".join(_lines(notice, one, detail) for one in wanted)


def _lines(notice: Notice, language: str, detail: str) -> str:
    korean = language == "ko"
    stands = standing(notice, language)
    if notice.change == "unacknowledged":
        stands = "아직 아무도 접수하지 않았습니다" if korean else "nobody has acknowledged yet"
    parts = []
    if notice.test:
        parts.append("[시험]" if korean else "[TEST]")
    if detail == "least":
        parts.append("비상벨 알림:" if korean else "Emergency bell:")
    else:
        parts.append(f"{notice.name}: {word(WHAT, notice.what, language)},")
    parts.append(f"{stands}.")
    if detail == "full":
        parts.append(f"{notice.address}. {moment(notice.begun_ms, notice.begun_err_ms)}.")
    if detail != "least" and notice.hushed:
        parts.append(
            "무음 신고입니다. 현장에 전화하지 마세요." if korean else "A silent alarm: do not telephone the place."
        )
    elif notice.handling in ("received", "presented"):
        parts.append("관제 화면을 확인하세요." if korean else "Look at the console.")
    return " ".join(parts)
