"""The timeline as SVG: one line for each event, and a bar as wide as its moment is uncertain."""

from html import escape

from bellgate.core.frozen import frozen

WIDTH, LEFT, ROW, TOP = 960, 300, 22, 34
_INNER = WIDTH - LEFT - 20
_BAR_MIN = 3.0  # a moment known to the millisecond is still to be seen
_STEPS_S = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 21_600, 86_400, 604_800)


@frozen
class Event:
    """kind: "signal", "received" or "act". err_ms: ± around at_ms; None: any time before it."""

    at_ms: int
    err_ms: int | None
    kind: str
    text: str


def draw(events: list[Event], axis: str) -> str:
    """axis: what stands under the scale. The scale begins at the earliest moment that is possible."""
    if not events:
        return ""
    first = min(one.at_ms - (one.err_ms or 0) for one in events)
    last = max(one.at_ms + (one.err_ms or 0) for one in events)
    span = max(last - first, 1_000)
    height = TOP + ROW * len(events) + 40

    def x(at_ms: float) -> float:
        return LEFT + (at_ms - first) * _INNER / span

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="sans-serif" font-size="12">'
    ]
    step_ms = next((one for one in _STEPS_S if span / 1000 / one <= 8), _STEPS_S[-1]) * 1000
    bottom = TOP + ROW * len(events)
    for number in range(int(span / step_ms) + 1):
        place = x(first + number * step_ms)
        out.append(f'<line class="grid" x1="{place:.1f}" y1="{TOP - 8}" x2="{place:.1f}" y2="{bottom}"/>')
        out.append(f'<text x="{place:.1f}" y="{TOP - 14}" text-anchor="middle">{_span(number * step_ms)}</text>')
    for number, one in enumerate(events):
        y = TOP + ROW * number + ROW / 2
        left = LEFT if one.err_ms is None else x(one.at_ms - one.err_ms)
        right = x(one.at_ms + (one.err_ms or 0))
        if right - left < _BAR_MIN:
            left, right = left - _BAR_MIN / 2, left + _BAR_MIN / 2
        out.append(f'<text x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(one.text)}</text>')
        name = f"{one.kind} unknown" if one.err_ms is None else one.kind
        out.append(
            f'<rect class="{name}" x="{left:.1f}" y="{y - 5:.1f}" width="{right - left:.1f}" height="10" rx="2"/>'
        )
        out.append(
            f'<line class="moment" x1="{x(one.at_ms):.1f}" y1="{y - 7:.1f}" x2="{x(one.at_ms):.1f}" y2="{y + 7:.1f}"/>'
        )
    out.append(f'<text x="{LEFT}" y="{bottom + 24}">{escape(axis)}</text></svg>')
    return "".join(out)


def _span(ms: float) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= size:
            return f"{ms / size:g} {unit}"
    return f"{ms / 1000:g} s"
