"""One seed as a picture: a lane for each who had a part in it, time to the right, what was broken in red.

Only the minutes in which something happened are drawn, one beside the other; between them nobody pressed anything.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bellsim.world.replay import clock, told
from bellsim.world.truth import Line
from bellsim.world.world import Outcome

LANE_PX, TOP_PX, LEFT_PX, GAP_PX, LEGEND_PX = 30, 46, 118, 14, 62
PX_A_MINUTE, STRETCH_PX = 60, (220, 900)
AFTER_MS = 90_000  # an episode's last faults end, and what waited arrives
FIRST_LANES = ("people", "gateway", "broker")

# kind of line -> (colour, radius); a lamp has the colour of its stage.
DOTS = {
    "press": ("#1d4ed8", 5.5),
    "event": ("#60a5fa", 3.0),
    "receipt": ("#94a3b8", 2.2),
    "incident": ("#7c3aed", 2.6),
    "told": ("#0d9488", 3.2),
    "person": ("#15803d", 4.5),
    "trouble": ("#d97706", 3.2),
}
LAMPS = {
    "sending": "#facc15",
    "not_delivered": "#dc2626",
    "stored": "#fb923c",
    "presented": "#a3e635",
    "acknowledged": "#22c55e",
    "dispatched": "#0ea5e9",
    "closed": "#cbd5e1",
}
# What lasts: kind, how far below the lane's middle it begins, how high it is. A lamp's has the colour of its stage.
BARS = (("fault", -11, 22), ("power", -3, 6), ("lamp", 8, 4))
COLOURS = {"fault": "#fca5a5", "power": "#475569"}
LEGEND = (
    ("#1d4ed8", "a press"),
    ("#60a5fa", "an event in the journal"),
    ("#94a3b8", "a receipt"),
    ("#7c3aed", "an incident changes"),
    ("#0d9488", "somebody is told"),
    ("#15803d", "a person acts"),
    ("#d97706", "trouble raised or cleared"),
    (COLOURS["fault"], "a fault"),
    (COLOURS["power"], "without power"),
    ("#e11d48", "a broken promise"),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of time, and where it is drawn."""

    from_ms: int
    until_ms: int
    left_px: float
    width_px: float

    def x_px(self, at_ms: int) -> float:
        """Where a moment of it lies; what is outside lies on its edge."""
        part = (min(max(at_ms, self.from_ms), self.until_ms) - self.from_ms) / (self.until_ms - self.from_ms)
        return round(self.left_px + part * self.width_px, 1)


def page(outcome: Outcome, command: str) -> str:
    """A page of HTML that needs nothing else: what was broken, the picture, and every line as text."""
    plan = outcome.plan
    wrong = "".join(f"<li><b>{html.escape(name)}</b> {html.escape(text)}</li>" for name, text in outcome.wrong)
    lines = "\n".join(html.escape(line) for line in told(outcome))
    head = f"seed {plan.seed}: {len(plan.happenings)} happenings, {plan.bells} bells, {plan.days:g} d of virtual time"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>bellsim replay {plan.seed}</title><style>{_STYLE}</style>"
        f"<h1>{head}</h1><p><code>{html.escape(command)}</code> · simulated, on this host</p>"
        + (f'<h2 class="bad">Broken</h2><ul>{wrong}</ul>' if wrong else '<p class="good">Every promise held.</p>')
        + f'<div class="wide">{svg(outcome)}</div>'
        + f"<details><summary>every line</summary><pre>{lines}</pre></details></html>\n"
    )


def svg(outcome: Outcome) -> str:
    """The picture alone."""
    stretches = _stretches(outcome)
    drawn = [line for line in outcome.trace if _within(line, stretches)]
    lanes = _lanes(drawn)
    width_px = round(stretches[-1].left_px + stretches[-1].width_px + GAP_PX) if stretches else 600
    bottom_px = TOP_PX + LANE_PX * len(lanes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{bottom_px + LEGEND_PX}" '
        f'viewBox="0 0 {width_px} {bottom_px + LEGEND_PX}" font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width_px}" height="{bottom_px + LEGEND_PX}" fill="#fff"/>',
    ]
    for stretch in stretches:
        parts += _frame(stretch, bottom_px)
    for place, lane in enumerate(lanes):
        y_px = TOP_PX + LANE_PX * place + LANE_PX // 2
        parts.append(f'<text x="8" y="{y_px + 4}" fill="#0f172a">{html.escape(lane)}</text>')
        mine = [line for line in outcome.trace if line.lane == lane]
        for stretch in stretches:
            parts.append(
                f'<line x1="{stretch.left_px}" x2="{stretch.left_px + stretch.width_px}" y1="{y_px}" y2="{y_px}" '
                'stroke="#e2e8f0"/>'
            )
            parts += _bars(mine, stretch, y_px)
            parts += _dots(mine, stretch, y_px)
    parts += _legend(bottom_px + 30)
    return "\n".join(parts) + "\n</svg>"


def _stretches(outcome: Outcome) -> list[Stretch]:
    found, left_px = [], float(LEFT_PX)
    last_ms = max((line.at_ms for line in outcome.trace), default=0)
    spans = [(begin_ms, end_ms + AFTER_MS) for begin_ms, end_ms in outcome.plan.episodes]
    wrong = [line.at_ms for line in outcome.trace if line.kind == "wrong"]
    if wrong and not any(begin_ms <= wrong[0] <= end_ms for begin_ms, end_ms in spans):
        spans.append((wrong[0] - AFTER_MS, min(wrong[0] + AFTER_MS, last_ms + 1)))
    for begin_ms, end_ms in sorted(spans):
        width_px = min(max((end_ms - begin_ms) / 60_000 * PX_A_MINUTE, STRETCH_PX[0]), STRETCH_PX[1])
        found.append(Stretch(begin_ms, end_ms, round(left_px, 1), round(width_px, 1)))
        left_px += width_px + GAP_PX
    return found


def _within(line: Line, stretches: Sequence[Stretch]) -> bool:
    return any(stretch.from_ms <= line.at_ms <= stretch.until_ms for stretch in stretches)


def _lanes(drawn: Sequence[Line]) -> list[str]:
    """People, gateway and broker; targets; bells that did more than live; at the end whoever judges."""
    there = {line.lane for line in drawn}
    bells = sorted(lane for lane in there if lane.startswith("b-"))
    targets = sorted(there.difference(bells, FIRST_LANES, ("checker",)))
    return [lane for lane in (*FIRST_LANES, *targets, *bells, "checker") if lane in there]


def _frame(stretch: Stretch, bottom_px: int) -> Iterator[str]:
    yield (
        f'<rect x="{stretch.left_px}" y="{TOP_PX - 8}" width="{stretch.width_px}" height="{bottom_px - TOP_PX + 8}" '
        'fill="#f8fafc" stroke="#e2e8f0"/>'
    )
    yield f'<text x="{stretch.left_px}" y="16" fill="#334155">{clock(stretch.from_ms)[:8]}</text>'
    minute_ms = -(-stretch.from_ms // 60_000) * 60_000
    while minute_ms < stretch.until_ms:
        x_px = stretch.x_px(minute_ms)
        yield f'<line x1="{x_px}" x2="{x_px}" y1="{TOP_PX - 8}" y2="{bottom_px}" stroke="#e2e8f0"/>'
        yield f'<text x="{x_px}" y="{TOP_PX - 14}" fill="#94a3b8" font-size="9">{minute_ms // 60_000 % 60:02}′</text>'
        minute_ms += 60_000


def _bars(lines: Sequence[Line], stretch: Stretch, y_px: int) -> Iterator[str]:
    """What lasts: faults, time without power, and what a lamp shows."""
    for kind, from_px, high_px in BARS:
        for begin_ms, end_ms, text in _spans(lines, kind):
            colour = COLOURS.get(kind) or LAMPS.get(text)
            if colour is not None and begin_ms < stretch.until_ms and end_ms > stretch.from_ms:
                said = f"lamp: {text}" if kind == "lamp" else text
                yield _bar(stretch, begin_ms, end_ms, y_px + from_px, high_px, colour, said)


def _spans(lines: Sequence[Line], kind: str) -> Iterator[tuple[int, int, str]]:
    """(from, until, what) of each thing of this kind that lasts."""
    end_ms = lines[-1].at_ms if lines else 0
    if kind == "lamp":
        shown = [line for line in lines if line.kind == "lamp"]
        ends_ms = [line.at_ms for line in shown[1:]] + [end_ms]
        for line, over_ms in zip(shown, ends_ms[: len(shown)], strict=True):
            yield line.at_ms, over_ms, line.text
    elif kind == "fault":
        for place, line in enumerate(lines):
            if line.kind == "fault":
                name = line.text.split()[0]
                over = next((one.at_ms for one in lines[place:] if one.kind == "over" and one.text == name), line.at_ms)
                yield line.at_ms, over, line.text
    else:
        off: Line | None = None
        for line in lines:
            if line.kind != "power":
                continue
            if line.text in ("on", "started"):
                if off is not None:
                    yield off.at_ms, line.at_ms, off.text
                off = None
            elif off is None:
                off = line


def _bar(stretch: Stretch, begin_ms: int, end_ms: int, y_px: int, high_px: int, colour: str, text: str) -> str:
    x_px = stretch.x_px(begin_ms)
    wide_px = round(max(stretch.x_px(end_ms) - x_px, 3), 1)
    return (
        f'<rect x="{x_px}" y="{y_px}" width="{wide_px}" height="{high_px}" rx="2" fill="{colour}">'
        f"<title>{html.escape(f'{clock(begin_ms)} {text}')}</title></rect>"
    )


def _dots(lines: Sequence[Line], stretch: Stretch, y_px: int) -> Iterator[str]:
    """What happens in a moment; a broken promise is a cross."""
    for line in lines:
        if not stretch.from_ms <= line.at_ms <= stretch.until_ms:
            continue
        x_px = stretch.x_px(line.at_ms)
        title = f"<title>{html.escape(f'{clock(line.at_ms)} {line.kind}: {line.text}')}</title>"
        if line.kind == "wrong":
            yield (
                f'<path d="M{x_px - 6} {y_px - 6}l12 12m0 -12l-12 12" stroke="#e11d48" stroke-width="3">{title}</path>'
            )
        elif line.kind in DOTS:
            colour, radius_px = DOTS[line.kind]
            yield f'<circle cx="{x_px}" cy="{y_px}" r="{radius_px}" fill="{colour}">{title}</circle>'


def _legend(y_px: int) -> Iterator[str]:
    x_px = 8
    for colour, text in LEGEND:
        yield f'<circle cx="{x_px + 5}" cy="{y_px - 4}" r="5" fill="{colour}"/>'
        yield f'<text x="{x_px + 14}" y="{y_px}" fill="#334155" font-size="11">{text}</text>'
        x_px += 26 + 6 * len(text)
    x_px = 8
    for stage, colour in LAMPS.items():
        text = f"lamp: {stage.replace('_', ' ')}"
        yield f'<rect x="{x_px}" y="{y_px + 14}" width="10" height="4" fill="{colour}"/>'
        yield f'<text x="{x_px + 14}" y="{y_px + 20}" fill="#334155" font-size="11">{text}</text>'
        x_px += 26 + 6 * len(text)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:24px;color:#0f172a}h1{font-size:20px}.bad{color:#be123c}"
    ".good{color:#15803d}.wide{overflow-x:auto;border:1px solid #e2e8f0}pre{font-size:12px}"
)
