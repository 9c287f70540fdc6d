// The two plots of the report: alarms per day as bars, and how many had reached each step as curves.

import { t } from "../common/texts.js";
import { duration, number, share, shortDay } from "../figures/format.js";
import { draw, picture, slanted, ticks } from "../figures/plot.js";

const WIDTH = 1080;
const LEFT = 56;
const RIGHT = 16;
const DAYS_PX = 260;
const CURVE_PX = 320;
const DAY_LABEL_PX = 62;
// Of a bar: the gap to the next one, and how narrow a bar may be and still have a gap.
const GAP = 2;
const GAP_FROM_PX = 6;
const MARKS_MS = [1_000, 3_000, 10_000, 30_000, 60_000, 180_000, 600_000, 1_800_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000];

export const midnight = (day) => new Date(`${day}T00:00:00`).getTime();

function axis(bottom, top, marks, label, y) {
  return marks.flatMap((mark) => [
    draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(mark), y2: y(mark), class: "grid" }),
    draw("text", { x: LEFT - 8, y: y(mark) + 4, "text-anchor": "end", text: label(mark) }),
  ]);
}

// days: [{day, real, genuine, false}]
export function perDay(days) {
  const highest = Math.max(1, ...days.map((one) => one.real));
  const marks = ticks(highest);
  const [top, bottom] = [14, DAYS_PX - 28];
  const y = (n) => bottom - ((bottom - top) * n) / marks.at(-1);
  const step = (WIDTH - LEFT - RIGHT) / days.length;
  const width = step >= GAP_FROM_PX ? Math.min(step - GAP, 46) : step;
  const every = Math.ceil(DAY_LABEL_PX / step);
  const parts = [slanted("slanted"), ...axis(bottom, top, marks, number, y)];
  days.forEach((one, index) => {
    const x = LEFT + step * index + (step - width) / 2;
    let base = 0;
    for (const [n, fill] of [[one.genuine, "fill-genuine"], [one.false, ""], [one.real - one.genuine - one.false, "fill-rest"]]) {
      if (!n) continue;
      const bar = draw("rect", { x: x.toFixed(2), y: y(base + n).toFixed(2), width: width.toFixed(2), height: (y(base) - y(base + n)).toFixed(2) });
      if (fill) bar.setAttribute("class", fill);
      else bar.setAttribute("fill", "url(#slanted)");
      parts.push(bar);
      base += n;
    }
    if (index % every === 0) parts.push(draw("text", { x: LEFT + step * (index + 0.5), y: DAYS_PX - 8, "text-anchor": "middle", text: shortDay(midnight(one.day)) }));
  });
  return picture(WIDTH, DAYS_PX, t("report.per_day"), ...parts);
}

// rows: [{step, total, reached, curve: [[ms, n], …]}]
export function reached(rows) {
  const longest = Math.max(10_000, ...rows.flatMap((one) => one.curve.map(([ms]) => ms)));
  const total = Math.max(1, ...rows.map((one) => one.total));
  const [top, bottom] = [14, CURVE_PX - 50];
  const bend = (ms) => Math.log1p(ms / 1_000);
  const x = (ms) => LEFT + ((WIDTH - LEFT - RIGHT) * bend(ms)) / bend(longest);
  const y = (n) => bottom - ((bottom - top) * n) / total;
  const parts = axis(bottom, top, [0, 0.25, 0.5, 0.75, 1], (part) => share(part, 0), (part) => y(part * total));
  let last = -Infinity;
  for (const ms of [0, ...MARKS_MS]) {
    if (ms > longest || x(ms) - last < 58) continue;
    last = x(ms);
    parts.push(draw("line", { x1: last, x2: last, y1: top, y2: bottom, class: "grid" }));
    parts.push(draw("text", { x: last, y: bottom + 17, "text-anchor": "middle", text: ms ? duration(ms) : "0" }));
  }
  parts.push(draw("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: CURVE_PX - 10, "text-anchor": "middle", text: t("report.curve_axis") }));
  for (const one of rows) {
    if (!one.curve.length) continue;
    let path = `M${x(0)},${y(0)}`;
    for (const [ms, n] of one.curve) path += `H${x(ms).toFixed(1)}V${y(n).toFixed(1)}`;
    parts.push(draw("path", { d: `${path}H${x(longest).toFixed(1)}`, class: `curve ${one.step}` }));
  }
  return picture(WIDTH, CURVE_PX, t("report.curve"), ...parts);
}
