// Numbers and moments as people read them.

import { language, t } from "../common/texts.js";

const MINUTE_MS = 60_000;
const LOCALES = { ko: "ko-KR", en: "en-GB" };
const locale = () => LOCALES[language];

const said = (options, ms) => new Intl.DateTimeFormat(locale(), { hourCycle: "h23", ...options }).format(new Date(ms));

export const moment = (ms) =>
  ms === null ? "" : said({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }, ms);
export const day = (ms) => said({ year: "numeric", month: "short", day: "numeric", weekday: "short" }, ms);
export const shortDay = (ms) => said({ month: "numeric", day: "numeric" }, ms);
export const hour = (ms) => said({ hour: "2-digit", minute: "2-digit" }, ms);
export const number = (n) => new Intl.NumberFormat(locale()).format(n);
export const share = (x, digits = 1) =>
  x === null ? "–" : new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: digits }).format(x);

// "0.4 s", "12.3 s", "3 min 05 s": a duration to the tenth of a second as long as that matters.
export function duration(ms) {
  if (ms === null) return "–";
  if (ms < MINUTE_MS) return t("span.s", { s: new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(ms / 1000) });
  const s = Math.round(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 3600) return t("span.m", { m: Math.floor(s / 60), s: two(s % 60) });
  if (s < 86_400) return t("span.h", { h: Math.floor(s / 3600), m: two(Math.floor(s / 60) % 60) });
  return t("span.d", { d: Math.floor(s / 86_400), h: Math.floor(s / 3600) % 24 });
}

// A day as a date field writes it, in the time of this computer.
export function dayValue(date) {
  const two = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

// {name: value} of a form's fields that say something.
export const filled = (form) => Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
