"""Draw docs/states.md, img/lamp.svg and the card for the wall, img/card.svg, from the tables in the code:
`python docs/draw_states.py [--check]`.

With --check nothing is written; exit 1 if the files are not what the tables say now.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bellgate.core import attendance, press_test
from bellgate.core.incident import DISPOSITIONS, STAGE_OF, TRANSITIONS
from bellnode import alarm, indicator

DOCS = Path(__file__).resolve().parent

# state: (English, Korean), every state of indicator.TABLE that has a lamp.
LAMP_WORDS = {
    "idle": ("ready, or an armed home set", "대기 중"),
    "sending": ("sending", "보내는 중"),
    "not_delivered": ("NOT delivered", "전달되지 않음"),
    "stored": ("stored", "접수됨"),
    "presented": ("on a screen", "관제 화면에 표시됨"),
    "acknowledged": ("seen by a person", "담당자가 확인함"),
    "dispatched": ("help is on the way", "출동함"),
    "closed": ("over", "종료됨"),
    "cancel_window": ("not sent yet: may be cancelled", "보내기 전: 취소 가능"),
    "test_mode": ("test mode", "점검 중"),
    "test_stored": ("the test has arrived", "시험 신호 도착"),
    "entry": ("a door is open: disarm", "문 열림: 해제하세요"),
    "exit": ("leave now", "지금 나가세요"),
    "reminder": ("are you all right?", "안부 확인"),
    "not_enrolled": ("not enrolled: no alarm is raised", "등록 전: 신호가 가지 않음"),
    "identify": ("here I am", "위치 찾기"),
}
# What is only heard.
SOUND_WORDS = {
    "exit_soon": ("the last 10 s to leave", "나갈 시간 10초 남음"),
    "entry_soon": ("the last 10 s to disarm", "해제 시간 10초 남음"),
    "siren": ("intrusion", "침입"),
    "set": ("armed", "경계 시작"),
    "disarmed": ("disarmed", "경계 해제"),
    "confirm": ("heard", "입력됨"),
    "refuse": ("refused", "거부됨"),
    "trouble": ("trouble", "이상 있음"),
}
assert set(LAMP_WORDS) | set(SOUND_WORDS) == set(indicator.TABLE)

# The card: state, colour and rhythm in words, what it means, what to do; Korean and English each.
CARD = (
    ("idle", "꺼짐", "평소 상태입니다.", "Dark", "Nothing is open."),
    (
        "sending",
        "주황색, 빠르게 깜박임",
        "신호를 보내고 있습니다. 잠시만 기다리세요.",
        "Amber, quick",
        "Your alarm is being sent. Wait a moment.",
    ),
    (
        "not_delivered",
        "빨간색, 매우 급하게 깜박임",
        "신호가 전달되지 않았습니다. 즉시 자리를 피하고 112에 신고하세요.",
        "Red, hectic",
        "NOT delivered. Nobody knows yet: get away and call 112.",
    ),
    (
        "stored",
        "흰색, 한 번씩 천천히",
        "신호가 접수되었습니다. 아직 담당자가 확인하기 전입니다.",
        "White, one flash",
        "Received. No person has seen it yet.",
    ),
    (
        "presented",
        "보라색, 두 번씩",
        "관제 화면에 표시되어 경보음이 울리고 있습니다.",
        "Violet, two flashes",
        "It is on the control room's screen and sounding.",
    ),
    (
        "acknowledged",
        "파란색, 세 번씩",
        "담당자가 확인하고 조치하고 있습니다.",
        "Blue, three flashes",
        "A person has seen it and is dealing with it.",
    ),
    ("dispatched", "초록색, 계속 켜짐", "출동했습니다. 도움이 오고 있습니다.", "Green, steady", "Help is on the way."),
    ("closed", "연두색, 천천히", "상황이 종료되었습니다.", "Pale green, slow", "It is over."),
    (
        "test_mode",
        "청록색, 짧게 두 번씩",
        "점검 중입니다. 짧게 누르면 시험 신호만 갑니다. 위급하면 3초 이상 누르세요.",
        "Turquoise, two short",
        "Test mode: a short press is a test. In danger, hold for 3 seconds.",
    ),
)

SPAN_MS = 3000
WIDTH_PX = 600
ROW_PX = 40
LABEL_PX = 400
CARD_PX = (1050, 1485)  # A5 upright, 7 pixels to the millimetre, near enough


def _mermaid(table: Iterable[tuple[tuple[str, str], str]]) -> list[str]:
    """A state diagram; signs that lead from and to the same states share one arrow, those that stay are left out."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (state, sign), after in table:
        if state != after:
            arrows[(state, after)].append(sign)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {state} --> {after}: {', '.join(signs)}" for (state, after), signs in arrows.items()]
    return [*lines, "```", ""]


def _rgb(colour: tuple[int, int, int]) -> str:
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"


def _spans(states_at: Callable[[int], tuple[str | None, int | None]]) -> Iterator[tuple[int, int, str]]:
    """(from_ms, ms, fill) of a strip of SPAN_MS, given what fills it at a moment (None: nothing) and until when."""
    shown_ms = 0
    while shown_ms < SPAN_MS:
        fill, left_ms = states_at(shown_ms)
        span_ms = min(left_ms or SPAN_MS, SPAN_MS - shown_ms)
        if fill is not None:
            yield shown_ms, span_ms, fill
        shown_ms += span_ms


def _strip(spans: Iterator[tuple[int, int, str]], left_px: int, top_px: int, width_px: int, high_px: int) -> list[str]:
    return [
        f'<rect x="{left_px + at_ms * width_px / SPAN_MS:.1f}" y="{top_px}" '
        f'width="{span_ms * width_px / SPAN_MS:.1f}" height="{high_px}" fill="{fill}"/>'
        for at_ms, span_ms, fill in spans
    ]


def _lamp_spans(state: str) -> Iterator[tuple[int, int, str]]:
    def at(ms: int) -> tuple[str, int | None]:
        colour, left_ms = indicator.colour(state, False, ms)
        return _rgb(colour), left_ms

    return _spans(at)


def _heard_spans(state: str, which: int, fill: str) -> Iterator[tuple[int, int, str]]:
    """which: 0 sounder, 1 strobe, 2 siren."""

    def at(ms: int) -> tuple[str | None, int | None]:
        if state in indicator.BEEPS and ms >= indicator.BEEP_MS:
            return None, None  # once, and no longer
        heard = indicator.sound(state, ms)
        return (fill if heard[which] else None), heard[3]

    return _spans(at)


HEARD = (("sounder · 알림음", "#9aa3ad"), ("strobe · 경광등", "#f2f2f2"), ("siren · 사이렌", "#e0873a"))


def lamp_svg() -> str:
    """Three seconds of each state, as strips: lamp, and under it sounder, strobe and siren."""
    words = LAMP_WORDS | SOUND_WORDS
    height_px = ROW_PX * len(words) + 70
    width_px = LABEL_PX + WIDTH_PX + 20
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" width="{width_px}" '
        f'height="{height_px}" font-family="sans-serif" font-size="14">',
        f'<rect width="100%" height="{height_px}" fill="#14171c"/>',
    ]
    for row, (state, (english, korean)) in enumerate(words.items()):
        top_px = 12 + row * ROW_PX
        out.append(f'<text x="12" y="{top_px + 17}" fill="#f2f2f2">{korean} · {english}</text>')
        if state in LAMP_WORDS:
            out += _strip(_lamp_spans(state), LABEL_PX, top_px, WIDTH_PX, 16)
        for which, (_, fill) in enumerate(HEARD):
            out += _strip(_heard_spans(state, which, fill), LABEL_PX, top_px + 18 + 5 * which, WIDTH_PX, 4)
    foot_px = height_px - 14
    out.append(f'<text x="{LABEL_PX}" y="{height_px - 42}" fill="#9aa3ad">0 s</text>')
    out.append(f'<text x="{LABEL_PX + WIDTH_PX - 22}" y="{height_px - 42}" fill="#9aa3ad">3 s</text>')
    for place, (name, fill) in enumerate(HEARD):
        left_px = LABEL_PX + 200 * place
        out.append(f'<rect x="{left_px}" y="{foot_px - 8}" width="30" height="4" fill="{fill}"/>')
        out.append(f'<text x="{left_px + 38}" y="{foot_px}" fill="#9aa3ad">{name}</text>')
    return "\n".join([*out, "</svg>", ""])


def card_svg() -> str:
    """What hangs beside the bell: what the lamp says and what to do when it is red."""
    width_px, height_px = CARD_PX
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" width="148mm" height="210mm" '
        'font-family="NanumGothic, Noto Sans CJK KR, Malgun Gothic, sans-serif">',
        f'<rect width="{width_px}" height="{height_px}" fill="#ffffff"/>',
        '<text x="50" y="92" font-size="52" font-weight="bold">안심벨 표시등 안내</text>',
        '<text x="50" y="138" font-size="28" fill="#444">What your bell tells you</text>',
    ]
    top_px = 172
    for state, seen, meaning, seen_en, meaning_en in CARD:
        urgent = state == "not_delivered"
        if urgent:
            out.append(
                f'<rect x="30" y="{top_px - 6}" width="{width_px - 60}" height="112" fill="#fde8e8" stroke="#c00" '
                'stroke-width="3"/>'
            )
        out.append(f'<rect x="50" y="{top_px + 8}" width="150" height="60" fill="#14171c" rx="8"/>')
        out += _strip(_lamp_spans(state), 58, top_px + 18, 134, 40)
        weight = ' font-weight="bold"' if urgent else ""
        out.append(f'<text x="224" y="{top_px + 26}" font-size="25" font-weight="bold">{seen}</text>')
        out.append(f'<text x="224" y="{top_px + 58}" font-size="23"{weight}>{meaning}</text>')
        out.append(f'<text x="224" y="{top_px + 88}" font-size="20" fill="#444">{seen_en}: {meaning_en}</text>')
        top_px += 118
    out += [
        f'<line x1="50" y1="{top_px}" x2="{width_px - 50}" y2="{top_px}" stroke="#999" stroke-width="2"/>',
        f'<text x="50" y="{top_px + 44}" font-size="27" font-weight="bold">위급하면 망설이지 말고 누르세요.</text>',
        f'<text x="50" y="{top_px + 80}" font-size="23">한 번만 눌러도 됩니다. 잘못 눌렀으면 담당자의 전화에 그대로 '
        "말씀하시면 됩니다.</text>",
        f'<text x="50" y="{top_px + 114}" font-size="23">조용히 알리도록 설치된 벨은 불빛이 아주 희미하고, 소리가 나지 '
        "않습니다.</text>",
        f'<text x="50" y="{top_px + 152}" font-size="20" fill="#444">In danger, press: once is enough. '
        "Pressed by mistake? Just say so when they call.</text>",
        f'<text x="50" y="{top_px + 182}" font-size="20" fill="#444">A bell set to be silent shows the same '
        "colours very faintly and makes no sound.</text>",
    ]
    return "\n".join([*out, "</svg>", ""])


def states_md() -> str:
    """The page: lamp, the bell's alarm table, the gateway's handling table, what the bell hears in each state."""
    lines = [
        "# States",
        "",
        "Drawn from the tables in the code by `python docs/draw_states.py`; a test compares. A transition that is not",
        "in the table raises an error and changes nothing.",
        "",
        "## The lamp",
        "",
        "![What the lamp shows](img/lamp.svg)",
        "",
        "Each state has its own colour and its own rhythm, so that colour is never the only sign. A silent alarm shows",
        "the same rungs faintly, with long pauses, and is never heard. An open alarm always has the lamp. Table:",
        "[indicator.py](../firmware/bellnode/indicator.py). For the wall beside a bell, in Korean and English, A5:",
        "[card.svg](img/card.svg).",
        "",
        "## A press, on the bell",
        "",
        "Each press has its own rung; only a receipt climbs. Table: [alarm.py](../firmware/bellnode/alarm.py).",
        "",
        *_mermaid(alarm.TABLE.pairs()),
        "## An incident, on the gateway",
        "",
        "What people do. Table: [incident.py](../gateway/bellgate/core/incident.py). `expire`: an acknowledgement",
        "without dispatch ran out, and the alarm sounds again. `merge`: it is the same emergency as another incident,",
        "which goes on and takes its signals (`absorb`). See [policies](policies.md).",
        "",
        *_mermaid(TRANSITIONS.items()),
        "| handling | the bell hears | possible from here |",
        "|---|---|---|",
    ]
    for handling, stage in STAGE_OF.items():
        actions = [action.replace("_", " ") for state, action in TRANSITIONS if state == handling]
        lines.append(f"| {handling.replace('_', ' ')} | `{stage}` | {', '.join(actions)} |")
    lines += ["", f"Dispositions: {', '.join(f'`{name}`' for name in DISPOSITIONS)}.", ""]
    lines += [
        "## A console, on the gateway",
        "",
        "Whether somebody is there. Table: [attendance.py](../gateway/bellgate/core/attendance.py). `proved`: the page",
        "is fresh, heard, seen, and a person is at it; `flawed`: one of that is not so; `lapsed`: it said nothing for",
        "10 s. Only *attended* counts. See [console](console.md#begin-the-watch).",
        "",
        *_mermaid(attendance.TRANSITIONS.items()),
        "## A press test, on the gateway",
        "",
        "Begun at a console. Table: [press_test.py](../gateway/bellgate/core/press_test.py). `confirm`, `refuse`: what",
        "the bell answers; `press`: as a test; `show`: a console has shown it; `over`: the state's time is over. A",
        "test of a bell that is not heard ends at once as *offline*, and as *busy* while an alarm is open there. See",
        "[console](console-pages.md#press-tests).",
        "",
        *_mermaid(press_test.TRANSITIONS.items()),
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the files, or compare them with --check."""
    stale = []
    drawn = {"states.md": states_md(), "img/lamp.svg": lamp_svg(), "img/card.svg": card_svg()}
    for path, text in ((DOCS / name, text) for name, text in drawn.items()):
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"not what the tables say now: {', '.join(stale)}; run: python docs/draw_states.py")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
