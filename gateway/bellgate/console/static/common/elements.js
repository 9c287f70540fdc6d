// Building blocks of every page. Text from a bell or a person goes in as text only, never as markup.

import { clock, has, t } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";

export function make(tag, given = {}, ...children) {
  const { class: names, text, ...attributes } = given;
  const element = document.createElement(tag);
  if (names) element.className = names;
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function symbol(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

export const known = (prefix, key) => (has(`${prefix}.${key}`) ? t(`${prefix}.${key}`) : key);
export const whatText = (what) => known("what", what);

// Who did it, in the page's language; the record calls machines "bell b-1234" and "gateway".
export function byText(by) {
  if (by === "gateway") return t("by.gateway");
  return by.startsWith("bell ") ? t("by.bell", { bell: by.slice(5) }) : by;
}

export function lineText(line) {
  const places = { by: byText(line.by), time: clock(line.at_ms), act: known("act", line.act) };
  return t("line", places);
}
