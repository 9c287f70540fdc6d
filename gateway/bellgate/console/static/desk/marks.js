// Small drawings: how much of a lease is left, and when a bell was pressed.

import { make } from "../common/elements.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A ring that empties. The words beside it say the same.
export function ring() {
  const rest = shape("circle", { class: "ring-rest", cx: 12, cy: 12, r: 9, pathLength: 100 });
  const svg = shape("svg", { viewBox: "0 0 24 24", class: "ring", "aria-hidden": "true" },
    shape("circle", { class: "ring-whole", cx: 12, cy: 12, r: 9 }), rest);
  let shown = -1;
  return {
    svg,
    set(part) {
      const percent = Math.round(100 * Math.min(1, Math.max(0, part)));
      if (percent === shown) return;
      shown = percent;
      rest.setAttribute("stroke-dasharray", `${percent} 100`);
    },
  };
}

// times: Unix ms, at least two. A stroke for each on one line from the first to the last.
export function drawn(times, label) {
  const first = times[0];
  const whole = Math.max(1, times.at(-1) - first);
  const strokes = times.map((at_ms) => {
    const x = 2 + (116 * (at_ms - first)) / whole;
    return shape("path", { d: `M${x.toFixed(1)} 2v12` });
  });
  const svg = shape("svg", { viewBox: "0 0 120 16", class: "strokes", "aria-hidden": "true" }, shape("path", { class: "base", d: "M2 14h116" }), ...strokes);
  return make("span", { class: "marks" }, svg, make("span", { class: "unseen", text: label }));
}
