"""What stands on a certificate, in one language: plain rows, which HTML and PDF set each in their way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bellgate.core.frozen import frozen

# Korea has no summer time: one offset is right for every year this will be read for.
KST = timezone(timedelta(hours=9), "KST")

WORDS: dict[str, dict[str, str]] = {
    "ko": {
        "title": "안심벨 설치 확인서",
        "complete": "이 벨은 설치 현장에서 모두 확인되었습니다.",
        "incomplete": "아직 확인되지 않은 것이 있습니다: {lacks}",
        "bell": "벨",
        "place": "설치 장소",
        "position": "지도 위치",
        "made": "확인한 때",
        "by": "확인한 사람",
        "stored": "게이트웨이가 받은 때",
        "posted": "보낸 사람",
        "gateway": "게이트웨이",
        "station": "담당 관서",
        "press": "시험으로 누른 신호",
        "results": "확인한 항목",
        "item": "항목",
        "verdict": "결과",
        "note": "설명",
        "rungs": "신호가 지나간 길",
        "rung": "구간",
        "ms": "걸린 시간(ms)",
        "ok": "정상",
        "failed": "이상",
        "not_proved": "확인 못 함",
        "lack.failed": "이상이 있는 항목",
        "lack.not_proved": "확인하지 못한 항목",
        "lack.press": "게이트웨이에 도착한 시험 신호",
        "lack.routing": "담당 관서",
        "lack.place": "등록된 주소와 위치",
        "number": "확인서 번호",
        "kit_key": "설치 도구 키 지문(SHA-256)",
        "qr": "이 코드를 찍으면 벨의 화면이 열립니다.",
        "seal": "서명된 원본은 게이트웨이에 JSON으로 보관되어 있습니다.",
    },
    "en": {
        "title": "Ansimbell: commissioning certificate",
        "complete": "This bell was proved where it hangs, in every point.",
        "incomplete": "Not proved yet: {lacks}",
        "bell": "Bell",
        "place": "Place",
        "position": "Position",
        "made": "Proved",
        "by": "By",
        "stored": "Received by the gateway",
        "posted": "Posted by",
        "gateway": "Gateway",
        "station": "Station",
        "press": "Press as a test",
        "results": "What was looked at",
        "item": "Item",
        "verdict": "Result",
        "note": "Note",
        "rungs": "The way of the press",
        "rung": "Hop",
        "ms": "Took (ms)",
        "ok": "ok",
        "failed": "wrong",
        "not_proved": "not proved",
        "lack.failed": "an item that is wrong",
        "lack.not_proved": "an item that was not looked at",
        "lack.press": "a press as a test at the gateway",
        "lack.routing": "the station",
        "lack.place": "address and position as they are registered",
        "number": "Certificate",
        "kit_key": "Fingerprint of the kit's key (SHA-256)",
        "qr": "This code opens the bell's page.",
        "seal": "The signed original is kept by the gateway, as JSON.",
    },
}


@frozen
class Sheet:
    """One page in one language. Each table: its heading, the heads of its columns, its rows."""

    language: str
    title: str
    said: str
    complete: bool
    facts: list[tuple[str, str]]
    tables: list[tuple[str, list[str], list[list[str]]]]
    foot: list[str]


def sheet(document: Mapping[str, Any], language: str) -> Sheet:
    """The page of a certificate that the gateway has signed (see `proving`)."""
    words, kit = WORDS[language], document["certificate"]
    lacks = document["lacks"]
    said = ", ".join(words[f"lack.{one}"] for one in lacks)
    position = "–" if kit["lat"] is None else f"{kit['lat']:.5f}, {kit['lon']:.5f}"
    press = "–" if kit["press"] is None else f"{kit['press']['boot']}/{kit['press']['seq']}"
    routing = document["checked"]["routing"]
    stations = ", ".join(routing["expected"] or kit["station"]) or "–"
    facts = [
        (words["bell"], f"{document['name']} · {document['bell_id']} ({kit['site']})"),
        (words["place"], kit["address"]),
        (words["position"], position),
        (words["station"], stations),
        (words["made"], moment(kit["made_ms"])),
        (words["by"], f"{kit['by']} ({kit['kit']})"),
        (words["stored"], moment(document["stored_ms"])),
        (words["posted"], document["posted_by"]),
        (words["gateway"], document["gateway"]),
        (words["press"], press),
        (words["number"], document["id"]),
        (words["kit_key"], document["kit_key"]),
    ]
    results = [[one["name"], words[one["verdict"]], one.get("text", "")] for one in kit["results"]]
    rungs = [[one["name"], "–" if one["ms"] is None else f"{one['ms']:g}"] for one in kit["rungs"]]
    return Sheet(
        language=language,
        title=words["title"],
        said=words["complete"] if not lacks else words["incomplete"].format(lacks=said),
        complete=not lacks,
        facts=facts,
        tables=[
            (words["results"], [words["item"], words["verdict"], words["note"]], results),
            (words["rungs"], [words["rung"], words["ms"]], rungs),
        ],
        foot=[words["qr"], words["seal"]],
    )


def moment(at_ms: int | None) -> str:
    """ "2026-11-22 23:15:00 KST"; a dash for what has not been: the kit prints before a gateway has stored it."""
    if at_ms is None:
        return "–"
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(KST).strftime("%Y-%m-%d %H:%M:%S KST")
