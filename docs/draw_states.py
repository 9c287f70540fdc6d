"""Draw docs/states.md and docs/img/lamp.svg from the tables in the code: `python docs/draw_states.py [--check]`.

With --check nothing is written; exit 1 if the files are not what the tables say now.
"""

import sys
from collections import defaultdict
from pathlib import Path

from bellgate.core.incident import DISPOSITIONS, STAGE_OF, TRANSITIONS
from bellnode import alarm, indicator

DOCS = Path(__file__).resolve().parent

LAMP_WORDS = {
    "sending": ("sending", "보내는 중"),
    "not_delivered": ("NOT delivered", "전달되지 않음"),
    "stored": ("stored", "저장됨"),
    "presented": ("on a screen", "관제 화면에 표시됨"),
    "acknowledged": ("seen by a person", "사람이 확인함"),
    "dispatched": ("help is on the way", "출동 중"),
    "closed": ("over", "종료됨"),
}

SPAN_MS = 3000
WIDTH_PX = 600
ROW_PX = 34
LABEL_PX = 330


def _mermaid(table: dict[tuple[str, str], str]) -> list[str]:
    """A state diagram; signs that lead from and to the same states share one arrow, those that stay are left out."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (state, sign), after in table.items():
        if state != after:
            arrows[(state, after)].append(sign)
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    {state} --> {after}: {', '.join(signs)}" for (state, after), signs in arrows.items()]
    return [*lines, "```", ""]


def _rgb(colour: tuple[int, int, int]) -> str:
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"


def lamp_svg() -> str:
    """Three seconds of the lamp for each rung, as a strip: what a person sees."""
    height_px = ROW_PX * len(LAMP_WORDS) + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL_PX + WIDTH_PX + 20}" height="{height_px}" '
        'font-family="sans-serif" font-size="14">',
        f'<rect width="100%" height="{height_px}" fill="#14171c"/>',
    ]
    for row, (rung, (english, korean)) in enumerate(LAMP_WORDS.items()):
        top_px = 12 + row * ROW_PX
        out.append(f'<text x="12" y="{top_px + 18}" fill="#f2f2f2">{korean} · {english}</text>')
        shown_ms = 0
        while shown_ms < SPAN_MS:
            colour, left_ms = indicator.colour(rung, False, shown_ms)
            span_ms = min(left_ms or SPAN_MS, SPAN_MS - shown_ms)
            left_px = LABEL_PX + shown_ms * WIDTH_PX / SPAN_MS
            out.append(
                f'<rect x="{left_px:.1f}" y="{top_px}" width="{span_ms * WIDTH_PX / SPAN_MS:.1f}" '
                f'height="{ROW_PX - 10}" fill="{_rgb(colour)}"/>'
            )
            shown_ms += span_ms
    out.append(f'<text x="{LABEL_PX}" y="{height_px - 10}" fill="#9aa3ad">0 s</text>')
    out.append(f'<text x="{LABEL_PX + WIDTH_PX - 22}" y="{height_px - 10}" fill="#9aa3ad">3 s</text>')
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
        "Each rung has its own colour and its own rhythm, so that colour is never the only sign. A silent alarm shows",
        "the same rungs faintly, with long pauses. Table: [indicator.py](../firmware/bellnode/indicator.py).",
        "",
        "## A press, on the bell",
        "",
        "Each press has its own rung; only a receipt climbs. Table: [alarm.py](../firmware/bellnode/alarm.py).",
        "",
        *_mermaid(alarm.TABLE),
        "## An incident, on the gateway",
        "",
        "What people do. Table: [incident.py](../gateway/bellgate/core/incident.py). `expire`: an acknowledgement",
        "without dispatch ran out, and the alarm sounds again.",
        "",
        *_mermaid(TRANSITIONS),
        "| handling | the bell hears | possible from here |",
        "|---|---|---|",
    ]
    for handling, stage in STAGE_OF.items():
        actions = [action.replace("_", " ") for state, action in TRANSITIONS if state == handling]
        lines.append(f"| {handling.replace('_', ' ')} | `{stage}` | {', '.join(actions)} |")
    lines += ["", f"Dispositions: {', '.join(f'`{name}`' for name in DISPOSITIONS)}.", ""]
    return "\n".join(lines)


def main() -> int:
    """Write the files, or compare them with --check."""
    stale = []
    for path, text in ((DOCS / "states.md", states_md()), (DOCS / "img" / "lamp.svg", lamp_svg())):
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
