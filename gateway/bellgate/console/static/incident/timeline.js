// The incident as a picture: lanes for the bell, the gateway, people and each target. Time runs on a scale that is wide
// where it matters, in the first minutes, and narrow afterwards: an hour of help does not squeeze the first ten seconds.

import { byText, known, whatText } from "../common/elements.js";
import { t } from "../common/texts.js";
import { duration } from "../figures/format.js";
import { draw, picture, textWidth } from "../figures/plot.js";

const WIDTH = 1080;
const LEFT = 130;
const RIGHT = 30;
const TOP = 34;
const ROW = 18;
const MARK = 5;
// The scale is even up to about this time and logarithmic from there.
const KNEE_MS = 10_000;
const TICKS_MS = [0, 5_000, 15_000, 30_000, 60_000, 180_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 43_200_000, 172_800_000, 1_209_600_000];
// More is no picture any more; the tables below have all.
const EVENTS_MAX = 60;
const TARGETS_MAX = 8;
// A bar this narrow is still to be seen.
const BAR_MIN = 3;

function lanes(incident) {
  const bell = incident.signals.map((one) => ({
    at_ms: one.occurred.at_ms, from_ms: one.occurred.err_ms === null ? null : one.occurred.at_ms - one.occurred.err_ms,
    until_ms: one.occurred.at_ms + (one.occurred.err_ms ?? 0), text: `${whatText(one.what)} · ${t("mark.pressed")}`,
  }));
  const received = incident.signals.map((one) => ({ at_ms: one.received_ms, text: t("mark.received") }));
  const acts = incident.timeline.filter((one) => !one.by.startsWith("bell "));
  const named = (one) => known("act", one.act);
  const gateway = [...received, ...acts.filter((one) => one.by === "gateway").map((one) => ({ at_ms: one.at_ms, text: named(one) }))];
  const people = acts.filter((one) => one.by !== "gateway").map((one) => ({ at_ms: one.at_ms, text: `${named(one)} · ${byText(one.by)}` }));
  const found = [
    { kind: "bell", name: t("lane_of.bell"), marks: bell },
    { kind: "gateway", name: t("lane_of.gateway"), marks: gateway },
    { kind: "people", name: t("lane_of.people"), marks: people },
  ];
  const targets = [...new Set(incident.deliveries.map((one) => one.target))].slice(0, TARGETS_MAX);
  for (const target of targets) {
    const own = incident.deliveries.filter((one) => one.target === target);
    found.push({ kind: "target", name: t("lane_of.target", { target }), spans: own });
  }
  for (const lane of found) lane.marks = (lane.marks ?? []).sort((a, b) => a.at_ms - b.at_ms).slice(0, EVENTS_MAX);
  return found;
}

// Marks of one lane get rows, so that no label lies on another.
function laid(marks, x) {
  const ends = [];
  for (const mark of marks) {
    const place = x(mark.at_ms);
    const width = textWidth(mark.text) + 22;
    mark.left = place + width > WIDTH - 2; // no room on the right: the label stands on the left
    const [from, to] = mark.left ? [place - width, place + MARK] : [place - MARK, place + width];
    let row = ends.findIndex((spans) => spans.every(([a, b]) => to < a || from > b));
    if (row < 0) row = ends.push([]) - 1;
    ends[row].push([from, to]);
    mark.row = row;
  }
  return Math.max(1, ends.length);
}

export function timeline(incident) {
  const found = lanes(incident);
  const moments = found.flatMap(({ marks, spans = [] }) => [
    ...marks.flatMap((one) => [one.at_ms, one.from_ms ?? one.at_ms, one.until_ms ?? one.at_ms]),
    ...spans.flatMap((one) => [one.created_ms, one.ended_ms ?? one.created_ms]),
  ]);
  const first = Math.min(...moments);
  const span = Math.max(...moments) - first;
  const bend = (ms) => Math.log1p(Math.max(0, ms) / KNEE_MS);
  const whole = bend(Math.max(span, 1_000));
  const x = (at_ms) => LEFT + ((WIDTH - LEFT - RIGHT) * bend(at_ms - first)) / whole;

  let y = TOP;
  const parts = [];
  found.forEach((lane, index) => {
    const rows = laid(lane.marks, x);
    const height = rows * ROW + 14;
    if (index % 2 === 0) parts.push(draw("rect", { x: 0, y, width: WIDTH, height, class: "band" }));
    parts.push(draw("text", { x: 10, y: y + height / 2 + 4, class: "strong", text: lane.name }));
    for (const mark of lane.marks) {
      const middle = y + 7 + mark.row * ROW + ROW / 2;
      const at = x(mark.at_ms);
      if (mark.until_ms !== undefined) {
        const open = mark.from_ms === null;
        const from = open ? LEFT : x(mark.from_ms);
        const width = Math.max(BAR_MIN, x(mark.until_ms) - from);
        parts.push(draw("rect", { x: from, y: middle - 7, width, height: 14, rx: 3, class: `${lane.kind} unsure${open ? " open" : ""}` }));
      }
      parts.push(draw("circle", { cx: at, cy: middle, r: MARK, class: lane.kind }));
      parts.push(draw("text", { x: mark.left ? at - 10 : at + 10, y: middle + 4, "text-anchor": mark.left ? "end" : "start", class: "strong", text: mark.text }));
    }
    for (const one of lane.spans ?? []) {
      const [from, to] = [x(one.created_ms), x(one.ended_ms ?? first + span)];
      const bad = one.state === "dead" || one.state === "failed";
      parts.push(draw("rect", { x: from, y: y + height / 2 - 6, width: Math.max(BAR_MIN, to - from), height: 12, rx: 3, class: `target${bad ? " bad" : ""}` }));
    }
    y += height;
  });
  const axis = [];
  for (const ms of TICKS_MS) {
    const at = x(first + ms);
    if (ms > span || (axis.length && at - axis.at(-1).at < 58)) continue;
    axis.push({ at, ms });
  }
  const scale = axis.flatMap(({ at, ms }) => [
    draw("line", { x1: at, x2: at, y1: TOP - 8, y2: y, class: "grid" }),
    draw("text", { x: at, y: TOP - 14, "text-anchor": "middle", text: ms === 0 ? "0" : `+${duration(ms)}` }),
  ]);
  const bands = parts.filter((one) => one.classList.contains("band"));
  const rest = parts.filter((one) => !one.classList.contains("band"));
  return picture(WIDTH, y + 6, t("whole.picture"), ...bands, ...scale, ...rest);
}
