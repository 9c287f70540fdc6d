// What the page says, in one of two languages; switched in place, without a reload.

const catalogues = new Map();
let current = {};
export let language = document.documentElement.lang;

export async function use(wanted) {
  if (!catalogues.has(wanted)) {
    const answer = await fetch(`/texts/${wanted}.json`, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`texts: ${answer.status}`);
    catalogues.set(wanted, await answer.json());
  }
  current = catalogues.get(wanted);
  language = wanted;
  document.documentElement.lang = wanted;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
}

export function has(key) {
  return key in current;
}

// A text with its {places} filled in. A key without a text shows itself: visible, and nothing breaks.
export function t(key, places = {}) {
  return (current[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(places[name] ?? whole));
}

const two = (number) => String(number).padStart(2, "0");

// "12 s", "3 min 05 s", "1 h 12 min", "2 d 4 h": short enough to read at a glance.
export function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return t("span.s", { s });
  if (s < 3600) return t("span.m", { m: Math.floor(s / 60), s: two(s % 60) });
  if (s < 86_400) return t("span.h", { h: Math.floor(s / 3600), m: two(Math.floor(s / 60) % 60) });
  return t("span.d", { d: Math.floor(s / 86_400), h: Math.floor(s / 3600) % 24 });
}

export function clock(ms) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, options).format(new Date(ms));
}

// Day and time, for what did not happen just now.
export function moment(ms) {
  const options = { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" };
  return new Intl.DateTimeFormat(language, options).format(new Date(ms));
}
