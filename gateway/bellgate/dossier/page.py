"""The page: Korean first, then English, everything in one file so that it opens anywhere in twenty years."""

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from bellgate.dossier.drawing import Event, draw
from bellgate.texts import LANGUAGES, texts

# Korea has no summer time: one offset is right for every year this will be read for.
KST = timezone(timedelta(hours=9), "KST")

WORDS: dict[str, dict[str, str]] = {
    "ko": {
        "title": "안심벨 사건 기록 제{id}호",
        "made": "작성",
        "by": "작성한 게이트웨이",
        "clock": "작성 당시 시계",
        "clock.synchronised": "표준시에 맞추어져 있었음",
        "clock.unsynchronised": "표준시에 맞추어져 있지 않았음",
        "clock.unknown": "확인할 수 없었음",
        "place": "장소",
        "bell": "벨",
        "what": "신고 종류",
        "handling": "처리 상태",
        "disposition": "종결 구분",
        "test": "시험 신호입니다. 실제 신고가 아닙니다.",
        "timeline": "시간 순서",
        "axis": "막대의 너비는 시각의 오차 범위입니다. 흐린 막대는 ‘이 시각보다 앞선 때’까지만 알 수 있음을 뜻합니다.",
        "signals": "벨에서 받은 신호",
        "received": "받은 시각",
        "occurred": "누른 시각",
        "source": "시각의 근거",
        "source.bell": "벨의 시계",
        "source.age": "벨이 센 경과 시간",
        "source.received": "받은 시각으로만 추정",
        "number": "접수 번호",
        "arrivals": "도착 횟수",
        "late": "늦게 도착함",
        "clock_unsure": "게이트웨이 시계가 맞추어지지 않았음",
        "before": "이전",
        "acts": "처리 기록",
        "who": "누가",
        "act": "무엇을",
        "detail": "내용",
        "row": "기록 번호",
        "time": "시각",
        "deliveries": "알림 전송",
        "target": "보낸 곳",
        "state": "결과",
        "attempts": "시도",
        "proof": "받은 응답",
        "seal": "서명과 검증",
        "seal.text": "함께 있는 JSON 파일에 전자서명(ECDSA P-256)이 들어 있습니다. 아래 명령으로 한 글자라도 "
        "바뀌었는지 확인할 수 있습니다. 인증기관 지문은 다른 경로로 확인하세요.",
        "digest": "내용의 SHA-256",
        "authority": "인증기관 지문(SHA-256)",
        "record": "기록의 마지막 행",
        "occurred.line": "누름",
        "received.line": "받음",
    },
    "en": {
        "title": "Ansimbell: record of incident {id}",
        "made": "Made",
        "by": "By gateway",
        "clock": "Its clock then",
        "clock.synchronised": "followed standard time",
        "clock.unsynchronised": "did not follow standard time",
        "clock.unknown": "could not be asked",
        "place": "Place",
        "bell": "Bell",
        "what": "Kind",
        "handling": "Handling",
        "disposition": "Closed as",
        "test": "A test. This was no real alarm.",
        "timeline": "Timeline",
        "axis": "A bar is as wide as its moment is uncertain. A pale bar: known only to be before that moment.",
        "signals": "Signals from the bell",
        "received": "Received",
        "occurred": "Pressed",
        "source": "How it is known",
        "source.bell": "the bell's clock",
        "source.age": "the time that the bell counted since",
        "source.received": "only from when it was received",
        "number": "Receipt",
        "arrivals": "Arrivals",
        "late": "arrived late",
        "clock_unsure": "the gateway's clock was not synchronised",
        "before": "before",
        "acts": "What people and the gateway did",
        "who": "Who",
        "act": "What",
        "detail": "Detail",
        "row": "Row",
        "time": "When",
        "deliveries": "Who was told",
        "target": "Target",
        "state": "Result",
        "attempts": "Attempts",
        "proof": "What came back",
        "seal": "Signature, and how to check it",
        "seal.text": "The JSON file beside this page is signed (ECDSA P-256). The command below finds a single changed "
        "letter in either. Compare the authority's fingerprint by another way.",
        "digest": "SHA-256 of the content",
        "authority": "Authority's fingerprint (SHA-256)",
        "record": "Last row of the record",
        "occurred.line": "pressed",
        "received.line": "received",
    },
}


def render(content: dict[str, Any], digest: str) -> str:
    """The whole HTML document. digest: SHA-256, hex, of the content."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
    parts = [_part(content, language) for language in LANGUAGES]
    return template.render(content=content, digest=digest, parts=parts)


def _part(content: dict[str, Any], language: str) -> dict[str, Any]:
    words, incident = WORDS[language], content["incident"]
    said = _said(language)
    events: list[Event] = []
    for one in incident["signals"]:
        moment = one["occurred"]
        name = said("what", one["what"])
        events.append(Event(moment["at_ms"], moment["err_ms"], "signal", f"{name}: {words['occurred.line']}"))
        events.append(Event(one["received_ms"], 0, "received", f"{name}: {words['received.line']}"))
    for one in incident["timeline"]:
        events.append(Event(one["at_ms"], 0, "act", f"{said('action', one['act'])} · {one['by']}"))
    events.sort(key=lambda one: one.at_ms)
    return {
        "language": language,
        "words": words,
        "said": said,
        "moment": lambda one: moment_text(one["at_ms"], one["err_ms"], words["before"]),
        "time": time_text,
        "drawing": draw(events, words["axis"]),
    }


@cache
def _said(language: str) -> Any:
    known = texts(language)

    def say(group: str, word: str | None) -> str:
        return "" if word is None else known.get(f"{group}.{word}", word.replace("_", " "))

    return say


def time_text(at_ms: int | None) -> str:
    """ "2026-11-22 23:15:00.120 KST": what a Korean court reads, to the millisecond."""
    if at_ms is None:
        return ""
    text = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(KST).isoformat(sep=" ", timespec="milliseconds")
    return text.removesuffix("+09:00") + " KST"


def moment_text(at_ms: int, err_ms: int | None, before: str) -> str:
    """The same with its uncertainty: "± 0.250 s", or that it was before."""
    if err_ms is None:
        return f"≤ {time_text(at_ms)} ({before})"
    return f"{time_text(at_ms)} ± {err_ms / 1000:.3f} s"
