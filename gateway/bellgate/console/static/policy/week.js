// Seven days of shifts as a picture: a row for each day, in it a bar for each shift, and a line for now.

import { t } from "../common/texts.js";
import { day } from "../figures/format.js";
import { draw, picture, textWidth } from "../figures/plot.js";

const WIDTH = 1080;
const LEFT = 150;
const RIGHT = 12;
const TOP = 26;
const BAR = 22;
const HOURS = [0, 3, 6, 9, 12, 15, 18, 21, 24];
const LOOKS = 4; // how many stations are told apart by colour; their names stand in the bars

export function week(policy) {
  const stations = [...new Set(policy.shifts.map((one) => one.station))].sort();
  const rows = Math.max(1, stations.length);
  const height = rows * BAR + 12;
  const parts = [];
  const bars = [];
  policy.week.forEach((one, index) => {
    const y = TOP + index * height;
    const length = one.until_ms - one.from_ms; // 23 or 25 hours when the clocks are changed
    const x = (ms) => LEFT + ((WIDTH - LEFT - RIGHT) * (ms - one.from_ms)) / length;
    if (one.holiday) parts.push(draw("rect", { x: 0, y, width: WIDTH, height, class: "holiday" }));
    parts.push(draw("line", { x1: 0, x2: WIDTH, y1: y, y2: y, class: "grid" }));
    parts.push(draw("text", { x: 8, y: y + height / 2 + (one.holiday ? -3 : 4), class: one.holiday ? "red" : "strong", text: day(one.from_ms) }));
    if (one.holiday) parts.push(draw("text", { x: 8, y: y + height / 2 + 13, class: "red", text: t("policy.holiday") }));
    for (const shift of policy.shifts) {
      const [from, until] = [Math.max(shift.from_ms, one.from_ms), Math.min(shift.until_ms, one.until_ms)];
      if (until <= from) continue;
      const place = stations.indexOf(shift.station);
      const [left, width] = [x(from), x(until) - x(from)];
      const top = y + 6 + place * BAR;
      const look = `s${place % LOOKS}`;
      bars.push(draw("rect", { x: left, y: top, width, height: BAR - 3, rx: 4, class: `shift ${look}` }));
      bars.push(draw("rect", { x: left + 1, y: top, width: Math.max(1, width - 2), height: BAR - 3, rx: 4, class: `edge ${look}` }));
      const text = [`${shift.station}: ${shift.who.join(", ")}`, shift.who.join(", "), shift.who[0]].find((words) => textWidth(words) + 14 < width);
      if (text) bars.push(draw("text", { x: left + 8, y: top + 14, class: "strong", text }));
    }
    if (policy.now_ms >= one.from_ms && policy.now_ms < one.until_ms) bars.push(draw("line", { x1: x(policy.now_ms), x2: x(policy.now_ms), y1: y, y2: y + height, class: "now" }));
  });
  const bottom = TOP + policy.week.length * height;
  for (const hour of HOURS) {
    const at = LEFT + ((WIDTH - LEFT - RIGHT) * hour) / 24;
    parts.push(draw("line", { x1: at, x2: at, y1: TOP, y2: bottom, class: "grid" }));
    parts.push(draw("text", { x: at, y: TOP - 8, "text-anchor": hour === 24 ? "end" : "middle", text: `${String(hour).padStart(2, "0")}:00` }));
  }
  return picture(WIDTH, bottom + 4, t("policy.picture"), ...parts, ...bars);
}
