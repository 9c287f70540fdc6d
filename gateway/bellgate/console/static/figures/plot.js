// Pieces of pictures. Every picture stands beside a table of the same values, so that nothing is said by it alone.

const SVG = "http://www.w3.org/2000/svg";
// Of 12 px letters: Hangul is square, Latin letters are about half as wide.
const WIDE_PX = 12;
const NARROW_PX = 6.9;

export function draw(tag, given = {}, ...children) {
  const { text, ...attributes } = given;
  const element = document.createElementNS(SVG, tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const textWidth = (text) => [...text].reduce((sum, char) => sum + (char.codePointAt(0) > 0x2e7f ? WIDE_PX : NARROW_PX), 0);

// A picture of this size; label: what a screen reader says of it.
export function picture(width, height, label, ...children) {
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "picture" });
  svg.append(...children);
  return svg;
}

// Round numbers from 0 to the first that is not below highest.
export function ticks(highest, wanted = 4) {
  const rough = Math.max(highest, 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= rough) * power);
  return Array.from({ length: Math.ceil(Math.max(highest, 1) / step) + 1 }, (_, index) => index * step);
}

// A slanted pattern: what is told apart by colour is told apart by it too.
export function slanted(id) {
  return draw("defs", {}, draw("pattern", { id, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    draw("rect", { width: 5, height: 5, class: "fill-false" }), draw("rect", { width: 2, height: 5, class: "fill-paper" })));
}

// A share as a bar in a table's cell; the number stands beside it.
export function bar(x, kind) {
  const svg = draw("svg", { viewBox: "0 0 100 10", class: "cell-bar", "aria-hidden": "true", preserveAspectRatio: "none" });
  svg.append(draw("rect", { width: 100, height: 10, class: "fill-track" }), draw("rect", { width: 100 * x, height: 10, class: kind }));
  return svg;
}
